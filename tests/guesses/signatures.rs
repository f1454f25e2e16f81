//! Answers to a sign, and records of signatures.

use super::guess::Ask::*;
use super::guess::*;
use crate::front::reply::{Asked, Reply};
use cryptoki_sys::*;
use serde_json::json;

/// Where the signature is, and when.
pub const SIGNATURES: &[Guess] = &[
    signs("the signature is in `data`", Label, 2, |a| {
        unless(a.signs(), || Reply::edited(|body| *body = json!({"data": body.take()})))
    }),
    signs("the signature is in a list of one", Label, 2, |a| {
        unless(a.signs(), || Reply::edited(|body| *body = json!([body.take()])))
    }),
    signs("the response has `signature_id` instead of `id`, and no signature", Label, 3, |a| {
        unless(a.signs(), || Reply::edited(|body| *body = json!({"signature_id": body["id"].take()})))
    }),
    signs("the response has only an `id`, and the log entry is in `data`", Label, 3, |a| match a.record() {
        true => Reply::edited(|body| *body = json!({"data": body.take()})),
        false => unless(a.signs(), || Reply::edited(|body| without(body, "signature"))),
    }),
    signs("the log entry is late: 404 twice", Label, 5, |a| {
        if a.record() && a.before < 2 {
            return refuse(404, "invalid_input_field", "Signature not present");
        }
        unless(a.signs(), || Reply::edited(|body| without(body, "signature")))
    }),
    signs("the signature is made later: IN_PROGRESS twice", Label, 5, |a| {
        if a.record() && a.before < 2 {
            return Reply::edited(|body| {
                without(body, "signature");
                body["signing_status"] = "IN_PROGRESS".into();
            });
        }
        unless(a.signs(), || Reply::edited(|body| without(body, "signature")))
    }),
    fails(
        "the signature is made later, and fails",
        Label,
        Outcome::SignFails(CKR_DEVICE_ERROR),
        "has the status FAILED: the HSM is not available",
        3,
        |a| match a.record() {
            true => Reply::edited(|body| {
                without(body, "signature");
                body["signing_status"] = "FAILED".into();
                body["failure_reason"] = "the HSM is not available".into();
            }),
            false => unless(a.signs(), || Reply::edited(|body| without(body, "signature"))),
        },
    ),
    fails(
        "the log entry says SUCCESS, but has no signature",
        Label,
        Outcome::SignFails(CKR_DEVICE_ERROR),
        "without a signature (record ",
        3,
        |a| unless(a.record() || a.signs(), || Reply::edited(|body| without(body, "signature"))),
    ),
    fails(
        "the response has neither signature nor id",
        Label,
        Outcome::SignFails(CKR_DEVICE_ERROR),
        "the answer is an object with queued, ticket",
        2,
        |a| unless(a.signs(), || Reply::Executed(202, json!({"ticket": "7", "queued": true}))),
    ),
    signs("a sign request must name the `account`", Label, 3, |a| unless(a.signs(), || account_first(a))),
    signs("a sign request must name the `account`, each time", Twice, 4, |a| unless(a.signs(), || account_first(a))),
    signs("a sign request must name the `account`, and lists do not show it", Label, 4, |a| match a.signs() {
        true => account_first(a),
        false => in_lists(a, |k| without(k, "account")),
    }),
    fails(
        "every `account` is refused",
        Label,
        Outcome::SignFails(CKR_FUNCTION_FAILED),
        "account is required",
        3,
        |a| unless(a.signs(), || refuse(400, "invalid_input_field", "account is required")),
    ),
];

fn account_first(asked: &Asked) -> Reply {
    let named = asked.body["account"]["id"].is_string();
    if named { Reply::Forward } else { refuse(400, "invalid_input_field", "account is required") }
}
