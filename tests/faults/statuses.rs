//! Refusals of the service, in all its formats, and requests to retry.

use super::fault::*;
use crate::front::Step::{Own, Raw};
use Call::*;
use cryptoki_sys::*;

macro_rules! head {
    ($status:literal) => {
        concat!("HTTP/1.1 ", $status, "\r\nContent-Type: application/json")
    };
    ($status:literal, $header:literal) => {
        concat!("HTTP/1.1 ", $status, "\r\nContent-Type: application/json\r\n", $header)
    };
}

/// A body in each of the service's error formats.
macro_rules! says {
    ($text:literal) => {
        || concat!(r#"{"error":{"status":"code_word","message":""#, $text, r#""}}"#).into()
    };
    (list $text:literal) => {
        || concat!(r#"{"errors":[{"code":"code_word","message":""#, $text, r#""}]}"#).into()
    };
    (plain $text:literal) => {
        || concat!(r#"{"timestamp":"2024","status":500,"error":""#, $text, r#"","path":"/x"}"#).into()
    };
    (text $text:literal) => {
        || $text.into()
    };
}

/// Statuses that end a call.
pub const REFUSALS: &[Fault] = &[
    fails(
        "400",
        Sign,
        on("POST", &[Own(head!("400 Bad Request"), says!("the hash has a wrong length"))]),
        "the hash has a wrong length",
    )
    .rv(CKR_FUNCTION_FAILED),
    fails(
        "401",
        Sign,
        on("POST", &[Own(head!("401 Unauthorized"), says!(list "API key is invalid"))]),
        "check SM_API_KEY",
    ),
    fails(
        "401",
        Find,
        on("GET", &[Own(head!("401 Unauthorized"), says!(list "API key is invalid"))]),
        "check SM_API_KEY",
    ),
    fails(
        "403: no second factor",
        Sign,
        on("POST", &[Own(head!("403 Forbidden"), says!("User is not multi-factor authenticated"))]),
        "SM_CLIENT_CERT_FILE must contain",
    )
    .rv(CKR_FUNCTION_REJECTED),
    fails(
        "403: the keypair is offline",
        Sign,
        on("POST", &[Own(head!("403 Forbidden"), says!("Provided keypair is in OFFLINE state"))]),
        "set the keypair ONLINE",
    )
    .rv(CKR_FUNCTION_REJECTED),
    fails(
        "403: no rights",
        Sign,
        on("POST", &[Own(head!("403 Forbidden"), says!("User does not have rights to access the keypair"))]),
        "ask for access to the keypair",
    )
    .rv(CKR_FUNCTION_REJECTED),
    fails(
        "403: no signatures are left",
        Sign,
        on("POST", &[Own(head!("403 Forbidden"), says!("Signature quota exceeded"))]),
        "wait for the quota to reset",
    )
    .rv(CKR_FUNCTION_REJECTED),
    fails(
        "402: no signatures are left",
        Sign,
        on("POST", &[Own(head!("402 Payment Required"), says!("Payment required"))]),
        "check the account's licence",
    )
    .rv(CKR_FUNCTION_REJECTED),
    fails(
        "429: no signatures are left, which no waiting changes",
        Sign,
        on("POST", &[Own(head!("429 Too Many Requests"), says!("The maximum number of signatures is reached"))]),
        "wait for the quota to reset",
    )
    .rv(CKR_FUNCTION_REJECTED),
    fails(
        "401: the licence has ended",
        Sign,
        on("POST", &[Own(head!("401 Unauthorized"), says!("The license of this account has expired"))]),
        "check the account's licence",
    )
    .rv(CKR_FUNCTION_REJECTED),
    fails(
        "403: no release window is open",
        Sign,
        on("POST", &[Own(head!("403 Forbidden"), says!("No open release window for this keypair"))]),
        "open a release window",
    )
    .rv(CKR_FUNCTION_REJECTED),
    fails(
        "403 of a gateway in plain text",
        Sign,
        on("POST", &[Own("HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain", says!(text "Invalid CORS request"))]),
        "Invalid CORS request",
    )
    .rv(CKR_FUNCTION_REJECTED),
    fails(
        "403 of a proxy as a web page",
        Find,
        on(
            "GET",
            &[Own(
                "HTTP/1.1 403 Forbidden\r\nContent-Type: text/html",
                says!(text "<html><body>Blocked by policy</body></html>"),
            )],
        ),
        "this is a web page and not the service's answer",
    ),
    fails("404", Sign, on("POST", &[Own(head!("404 Not Found"), says!("Keypair not present"))]), "Keypair not present"),
    fails(
        "407",
        Find,
        on("GET", &[Raw("HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")]),
        "the proxy requires authentication",
    ),
    fails("409", Sign, on("POST", &[Own(head!("409 Conflict"), says!("busy"))]), "busy").rv(CKR_FUNCTION_REJECTED),
    fails("413", Sign, on("POST", &[Own(head!("413 Content Too Large"), says!("too large"))]), "too large")
        .rv(CKR_DATA_LEN_RANGE),
    fails(
        "418, which nobody expects",
        Sign,
        on("POST", &[Own(head!("418 I'm a teapot"), says!(text ""))]),
        "HTTP 418: (no message)",
    ),
    fails("422", Sign, on("POST", &[Own(head!("422 Unprocessable Content"), says!("cannot be"))]), "cannot be")
        .rv(CKR_FUNCTION_FAILED),
    fails(
        "500",
        Sign,
        on("POST", &[Own(head!("500 Internal Server Error"), says!(plain "Internal Server Error"))]),
        "Internal Server Error",
    ),
    fails(
        "500",
        Find,
        on("GET", &[Own(head!("500 Internal Server Error"), says!(plain "Internal Server Error"))]),
        "Internal Server Error (plainer requests fail as well)",
    )
    .requests(Requests::Exactly(4)),
    fails(
        "a redirect to another host (301)",
        Find,
        on(
            "GET",
            &[Raw("HTTP/1.1 301 Moved Permanently\r\nLocation: https://127.0.0.1:1/x\r\nContent-Length: 0\r\n\r\n")],
        ),
        "follows no redirect",
    ),
    fails(
        "a redirect on the same host (302)",
        Find,
        on(
            "GET",
            &[Raw("HTTP/1.1 302 Found\r\nLocation: /signingmanager/api/v1/keypairs\r\nContent-Length: 0\r\n\r\n")],
        ),
        "follows no redirect",
    ),
    fails(
        "a redirect of a sign (307)",
        Sign,
        on("POST", &[Raw("HTTP/1.1 307 Temporary Redirect\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n")]),
        "follows no redirect",
    ),
    fails(
        "a redirect of a sign (308)",
        Sign,
        on("POST", &[Raw("HTTP/1.1 308 Permanent Redirect\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n")]),
        "follows no redirect",
    ),
];

/// Statuses after which the module retries, or does not.
pub const LATER: &[Fault] = &[
    works("408 once", Find, first(1, "GET", &[Own(head!("408 Request Timeout"), says!("slow"))]), 2),
    fails("408", Sign, on("POST", &[Own(head!("408 Request Timeout"), says!("slow"))]), "slow"),
    works("429 once", Find, first(1, "GET", &[Own(head!("429 Too Many Requests"), says!("slow down"))]), 2),
    works("429 once", Sign, first(1, "POST", &[Own(head!("429 Too Many Requests"), says!("slow down"))]), 2),
    works("429 three times", Sign, first(3, "POST", &[Own(head!("429 Too Many Requests"), says!("slow down"))]), 4),
    works(
        "429 once, retry in a second",
        Sign,
        first(1, "POST", &[Own(head!("429 Too Many Requests", "Retry-After: 1"), says!("slow down"))]),
        2,
    ),
    works(
        "429 once, retry on a date that has passed",
        Sign,
        first(
            1,
            "POST",
            &[Own(head!("429 Too Many Requests", "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT"), says!("slow down"))],
        ),
        2,
    ),
    works(
        "429 once, with a Retry-After that is not a time",
        Sign,
        first(1, "POST", &[Own(head!("429 Too Many Requests", "Retry-After: soon"), says!("slow down"))]),
        2,
    ),
    fails(
        "429, retry in an hour",
        Sign,
        on("POST", &[Own(head!("429 Too Many Requests", "Retry-After: 3600"), says!("slow down"))]),
        "(retry after 3600 s)",
    ),
    fails(
        "429, retry in the year 2199",
        Sign,
        on(
            "POST",
            &[Own(head!("429 Too Many Requests", "Retry-After: Tue, 01 Jan 2199 00:00:00 GMT"), says!("slow down"))],
        ),
        "retry after",
    ),
    fails(
        "429 for ever",
        Sign,
        on("POST", &[Own(head!("429 Too Many Requests"), says!("slow down"))]),
        "the service limits requests",
    )
    .again_and_again(),
    fails(
        "429 for ever",
        Find,
        on("GET", &[Own(head!("429 Too Many Requests"), says!("slow down"))]),
        "the service limits requests",
    )
    .again_and_again(),
    works(
        "502 once",
        Find,
        first(1, "GET", &[Own("HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html", says!(text "<html>502</html>"))]),
        2,
    ),
    fails(
        "502",
        Sign,
        on("POST", &[Own("HTTP/1.1 502 Bad Gateway\r\nContent-Type: text/html", says!(text "<html>502</html>"))]),
        "HTTP 502",
    ),
    works("503 once", Find, first(1, "GET", &[Own(head!("503 Service Unavailable"), says!("maintenance"))]), 2),
    fails("503", Sign, on("POST", &[Own(head!("503 Service Unavailable"), says!("maintenance"))]), "maintenance"),
    works(
        "503 once, retry in a second",
        Sign,
        first(1, "POST", &[Own(head!("503 Service Unavailable", "Retry-After: 1"), says!("maintenance"))]),
        2,
    ),
    fails(
        "503 for ever, retry at once",
        Sign,
        on("POST", &[Own(head!("503 Service Unavailable", "Retry-After: 0"), says!("maintenance"))]),
        "maintenance",
    )
    .again_and_again(),
    works("504 once", Find, first(1, "GET", &[Own(head!("504 Gateway Timeout"), says!("upstream"))]), 2),
    fails("504", Sign, on("POST", &[Own(head!("504 Gateway Timeout"), says!("upstream"))]), "upstream"),
    fails(
        "503 for ever",
        Find,
        on("GET", &[Own(head!("503 Service Unavailable"), says!("maintenance"))]),
        "maintenance",
    )
    .again_and_again(),
];
