//! Refusals whose words say more than their status, and forms of errors.

use super::guess::Ask::*;
use super::guess::*;
use crate::front::reply::Reply;
use cryptoki_sys::*;
use serde_json::json;

const REJECTED: Outcome = Outcome::SignFails(CKR_FUNCTION_REJECTED);

/// What is refused.
pub const REFUSALS: &[Guess] = &[
    fails("the quota is used up: 429", Label, REJECTED, "wait for the quota to reset", 2, |a| {
        unless(a.signs(), || refuse(429, "limit", "The maximum number of signatures for this keypair is reached"))
    }),
    fails("the quota is used up: 402", Label, REJECTED, "wait for the quota to reset", 2, |a| {
        unless(a.signs(), || refuse(402, "limit", "No signature units are left"))
    }),
    fails("the quota is used up: 401", Label, REJECTED, "wait for the quota to reset", 2, |a| {
        unless(a.signs(), || refuse(401, "limit", "Signature quota exceeded"))
    }),
    fails("the licence has ended: 403", Label, REJECTED, "check the account's licence", 2, |a| {
        unless(a.signs(), || refuse(403, "access_denied", "Your license does not allow this operation"))
    }),
    fails("no release window is open: 403", Label, REJECTED, "open a release window", 2, |a| {
        unless(a.signs(), || refuse(403, "access_denied", "There is no open release window for this keypair"))
    }),
    fails("the keypair is OFFLINE", Label, REJECTED, "set the keypair ONLINE", 2, |a| {
        unless(a.signs(), || refuse(403, "access_denied", "Provided keypair is in OFFLINE state and cannot be used"))
    }),
    fails(
        "the keypair was deleted: 404 in the recorded form",
        Label,
        Outcome::SignFails(CKR_DEVICE_ERROR),
        "check the alias",
        2,
        |a| {
            unless(a.signs(), || {
                let said = "Keypair not present for given keypairId";
                Reply::Json(404, json!({"error": {"status": "invalid_input_field", "message": said}}))
            })
        },
    ),
    fails(
        "the algorithm is refused",
        Label,
        Outcome::SignFails(CKR_FUNCTION_FAILED),
        "(sig_alg SHA256WithECDSA, a hash of 32 bytes, key_alg ECDSA)",
        2,
        |a| unless(a.signs(), || refuse(400, "INVALID_SIG_ALG", "Signature algorithm is not valid")),
    ),
    fails(
        "errors are `application/problem+json` (RFC 7807)",
        Label,
        Outcome::SignFails(CKR_FUNCTION_FAILED),
        "HTTP 400: Bad Request: hash is too long",
        2,
        |a| {
            unless(a.signs(), || {
                Reply::Json(
                    400,
                    json!({"type": "about:blank", "title": "Bad Request", "status": 400, "detail": "hash is too long"}),
                )
            })
        },
    ),
    fails(
        "errors name fields, as Spring does",
        Label,
        Outcome::SignFails(CKR_FUNCTION_FAILED),
        "hash: must not be longer",
        2,
        |a| {
            unless(a.signs(), || {
                Reply::Json(
                    400,
                    json!({"status": 400, "error": "Bad Request",
                                        "errors": [{"field": "hash", "defaultMessage": "must not be longer"}]}),
                )
            })
        },
    ),
    fails(
        "the credentials have expired: 401",
        Label,
        Outcome::SearchFails(CKR_DEVICE_ERROR),
        "the client certificate (SM_CLIENT_CERT_FILE) and the service user have not expired",
        1,
        |_| refuse(401, "invalid_api_key", "Missing or invalid x-api-key"),
    ),
    fails(
        "this user may not list keypairs: 403",
        Label,
        Outcome::SearchFails(CKR_DEVICE_ERROR),
        "check that this user has the role",
        1,
        |a| unless(a.lists(), || refuse(403, "access_denied", "Access is denied")),
    ),
    fails(
        "an unknown path returns status 200 and a web page",
        Label,
        Outcome::SearchFails(CKR_DEVICE_ERROR),
        "check SM_HOST",
        1,
        |a| unless(a.lists(), || Reply::Text(200, "text/html", "<html><body>DigiCert ONE</body></html>")),
    ),
];
