//! Refusals of the service.

use super::entry::Call::*;
use super::entry::*;

const KEY: &str = "demo-ec-p256";

pub const ACCOUNT: Group = Group {
    title: "Account and permissions",
    entries: &[
        entry(
            "API key not accepted (401)",
            Find(KEY),
            "check SM_API_KEY",
            "API keys expire, are deleted with their user, and are valid for one host only. The service shows a key once, when you create it.",
        )
        .with(&[("SM_API_KEY", "01_not-the-api-key")]),
        entry(
            "User is not multi-factor authenticated",
            Sign(KEY),
            "clientauth.",
            "The service received no client certificate: `SM_HOST` lacks the `clientauth.` prefix, `SM_CLIENT_CERT_FILE` is not set, or a firewall inspects TLS and drops the certificate.",
        )
        .when(
            r#"[{"method": "POST", "path": "/signingmanager", "status": 403, "body": {"error": {"status": "access_denied",
                 "message": "User is not multi-factor authenticated. As per compliance rules, multi-factor authentication is mandatory."}}}]"#,
        ),
        entry(
            "No permission to use the keypair (403)",
            Sign("demo-not-mine"),
            "does not have rights",
            "The user of the API key can see the keypair, but may not sign with it. Ask an administrator of the account to add the user to the keypair's users, groups or teams.",
        ),
        entry(
            "Signature quota used up",
            Sign(KEY),
            "wait for the quota to reset",
            "Each signature counts towards the quota; this failed call does not. [cost.md](cost.md) says how many signatures each kind of file needs.",
        )
        .when(
            r#"[{"method": "POST", "path": "/signingmanager", "status": 403, "body": {"error": {"status": "quota_exceeded",
                 "message": "Signature quota exceeded for this keypair"}}}]"#,
        ),
        entry(
            "Licence expired",
            Sign(KEY),
            "check the account's licence",
            "The account's licence has expired, or does not cover this kind of keypair. An administrator can check it in the service's web console. The module does not retry, whatever the HTTP status is.",
        )
        .when(
            r#"[{"method": "POST", "path": "/signingmanager", "status": 401, "body": {"error": {"status": "access_denied",
                 "message": "The license of this account has expired"}}}]"#,
        ),
        entry(
            "No open release window",
            Sign(KEY),
            "open a release window",
            "The keypair signs only within a release window. None is open, or the open one does not cover this keypair, this user or a further signature.",
        )
        .when(
            r#"[{"method": "POST", "path": "/signingmanager", "status": 403, "body": {"error": {"status": "access_denied",
                 "message": "There is no open release window for this keypair"}}}]"#,
        ),
        entry(
            "Rate limited (429)",
            Sign(KEY),
            "the service limits requests",
            "The module waits as long as the service asks, and retries within the timeout. You see this message only if that was not enough. Run fewer jobs at once, or raise `STM_PKCS11_TIMEOUT`.",
        )
        .when(
            r#"[{"method": "POST", "path": "/signingmanager", "status": 429, "headers": {"Retry-After": "30"},
                 "body": {"errors": [{"code": "too_many_requests", "message": "Too many requests"}]}}]"#,
        ),
        entry(
            "Internal server error (500)",
            Sign(KEY),
            "HTTP 500",
            "The module does not retry the sign request, because the service may already have signed. If the message contains a request id, include it in your report to the service's support.",
        )
        .when(
            r#"[{"method": "POST", "path": "/signingmanager", "status": 500,
                 "body": {"status": "500", "error": "Internal Server Error", "path": "/signingmanager"}}]"#,
        ),
        entry(
            "Service unavailable (503)",
            Find(KEY),
            "maintenance",
            "The module retries lookups within the timeout. It retries a sign request only if the response has `Retry-After`.",
        )
        .when(r#"[{"path": "/signingmanager", "status": 503, "body": "Service Unavailable"}]"#),
        entry(
            "Wrong PIN",
            Login("not-the-password"),
            "wrong password for",
            "With `STM_PKCS11_LOGIN=password` or `api-key`, the PIN is that secret. By default, any PIN is accepted.",
        )
        .with(&[("STM_PKCS11_LOGIN", "password")]),
    ],
};
