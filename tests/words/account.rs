//! What the service refuses.

use super::entry::Call::*;
use super::entry::*;

const KEY: &str = "demo-ec-p256";

pub const ACCOUNT: Group = Group {
    title: "The account",
    entries: &[
        entry(
            "The API key is not accepted",
            Find(KEY),
            "check SM_API_KEY",
            "API keys end, are deleted with their user, and belong to one host. They are shown once, when they are made.",
        )
        .with(&[("SM_API_KEY", "01_not-the-api-key")]),
        entry(
            "The second factor is missing",
            Sign(KEY),
            "clientauth.",
            "The service saw no client certificate: `SM_HOST` is the host without `clientauth.` in its name, \
             `SM_CLIENT_CERT_FILE` is not set, or a firewall between inspects TLS and drops the certificate.",
        )
        .when(
            r#"[{"method": "POST", "path": "/signingmanager", "status": 403, "body": {"error": {"status": "access_denied",
                 "message": "User is not multi-factor authenticated. As per compliance rules, multi-factor authentication is mandatory."}}}]"#,
        ),
        entry(
            "No rights",
            Sign("demo-not-mine"),
            "does not have rights",
            "The user of the API key sees the keypair and may not sign with it. Keypairs belong to users, groups and teams; \
             an administrator of the account adds this user.",
        ),
        entry(
            "No signatures are left",
            Sign(KEY),
            "buy signatures",
            "Each signature counts; a failed call of this kind does not. [clients](clients/README.md) says what each client costs.",
        )
        .when(
            r#"[{"method": "POST", "path": "/signingmanager", "status": 403, "body": {"error": {"status": "quota_exceeded",
                 "message": "Signature quota exceeded for this keypair"}}}]"#,
        ),
        entry(
            "The licence has ended",
            Sign(KEY),
            "check the account's licence",
            "The account's licence has ended, or does not cover this kind of keypair. An administrator sees it in the service's \
             web page. The module does not retry such a refusal, whatever status it comes with.",
        )
        .when(
            r#"[{"method": "POST", "path": "/signingmanager", "status": 401, "body": {"error": {"status": "access_denied",
                 "message": "The license of this account has expired"}}}]"#,
        ),
        entry(
            "No release window is open",
            Sign(KEY),
            "open a release window",
            "The keypair signs only in a release window: none is open, or the open one does not include this keypair, this user \
             or a further signature.",
        )
        .when(
            r#"[{"method": "POST", "path": "/signingmanager", "status": 403, "body": {"error": {"status": "access_denied",
                 "message": "There is no open release window for this keypair"}}}]"#,
        ),
        entry(
            "Too many requests",
            Sign(KEY),
            "the service limits requests",
            "Waited for and tried again, as long as the service asks for and the time of the operation allows; the line comes \
             only when that was not enough. `STM_PKCS11_TIMEOUT` gives it more.",
        )
        .when(
            r#"[{"method": "POST", "path": "/signingmanager", "status": 429, "headers": {"Retry-After": "30"},
                 "body": {"errors": [{"code": "too_many_requests", "message": "Too many requests"}]}}]"#,
        ),
        entry(
            "The service has a fault",
            Sign(KEY),
            "HTTP 500",
            "A sign is not sent again after it: it may have been executed. The service's operators want the request's id, if the \
             line has one.",
        )
        .when(
            r#"[{"method": "POST", "path": "/signingmanager", "status": 500,
                 "body": {"status": "500", "error": "Internal Server Error", "path": "/signingmanager"}}]"#,
        ),
        entry(
            "The service is in maintenance",
            Find(KEY),
            "maintenance",
            "Look-ups are tried again until the time of the operation is over. A sign is, too, if the service says when to come again.",
        )
        .when(r#"[{"path": "/signingmanager", "status": 503, "body": "Service Unavailable"}]"#),
        entry(
            "A PIN that is not the password",
            Login("not-the-password"),
            "does not open",
            "Only with `STM_PKCS11_LOGIN=password` or `api-key`: then the PIN is that secret. Without, any PIN is taken.",
        )
        .with(&[("STM_PKCS11_LOGIN", "password")]),
    ],
};
