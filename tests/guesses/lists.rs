//! Lists: parameters, pages, totals.

use super::guess::Ask::*;
use super::guess::*;
use crate::front::reply::Reply::{self, Forward, Text};
use cryptoki_sys::*;
use serde_json::{Value, json};

/// Parameters that a service may not accept.
pub const PARAMETERS: &[Guess] = &[
    signs("as in the public record", Label, 2, |_| Forward),
    signs("as in the public record", List, 2, |_| Forward),
    signs("`limit` above 100 is refused (400)", Label, 2, |a| unless(a.number("limit") > 100, || no("limit"))),
    signs("`limit` above 100 is refused (400)", List, 2, |a| unless(a.number("limit") > 100, || no("limit"))),
    signs("every `limit` is refused (400)", Label, 2, |a| unless(a.query("limit").is_some(), || no("limit"))),
    signs("every `limit` is refused (400)", List, 4, |a| unless(a.query("limit").is_some(), || no("limit"))),
    signs("every `limit` is refused (422)", List, 4, |a| unless(a.query("limit").is_some(), || refuse(422, "x", "no"))),
    signs("`limit` above 20 is refused (400)", List, 3, |a| unless(a.number("limit") > 20, || no("limit"))),
    signs("`limit` above 20 causes a 500", List, 3, |a| unless(a.number("limit") > 20, broken)),
    signs("`limit` above 20 causes a 413", List, 3, |a| {
        unless(a.number("limit") > 20, || refuse(413, "too_large", "the answer is too large"))
    }),
    signs("`limit` above 20 causes a 504 (gateway timeout)", List, 3, |a| {
        unless(a.number("limit") > 20, || Text(504, "text/plain", "upstream request timeout"))
    }),
    signs("`limit` above 20 causes a timeout", List, 3, |a| {
        unless(a.number("limit") > 20, || Reply::Late(2500, Box::new(Forward)))
    }),
    signs("`alias` is refused as unknown (400)", Label, 3, |a| unless(a.query("alias").is_some(), || no("alias"))),
    signs("`alias` is refused as unknown (400)", Twice, 4, |a| unless(a.query("alias").is_some(), || no("alias"))),
    signs("`alias` is refused (405)", Label, 3, |a| unless(a.query("alias").is_some(), || refuse(405, "x", "no"))),
    signs("`alias` causes a 500", Label, 3, |a| unless(a.query("alias").is_some(), broken)),
    signs("`alias` and every `limit` above 20 are refused", Label, 4, |a| {
        unless(a.query("alias").is_some() || a.number("limit") > 20, || no("alias"))
    }),
    signs("`alias` and every `limit` are refused, so only requests without parameters work", Label, 5, |a| {
        unless(a.lists() && !a.query.is_empty(), || no("anything"))
    }),
    fails(
        "every list request is refused (400)",
        Label,
        Outcome::SearchFails(CKR_FUNCTION_FAILED),
        "plainer requests fail as well",
        4,
        |a| unless(a.lists(), || no("lists")),
    ),
    fails("an unknown alias causes a 404", Unknown, Outcome::FindsNothing, "there is no keypair", 1, |a| {
        unless(a.query("alias").is_some(), || refuse(404, "resource_not_found", "No keypair found for the given alias"))
    }),
    fails(
        "the response to an unknown alias is `items: null`",
        Unknown,
        Outcome::FindsNothing,
        "there is no keypair",
        1,
        |a| unless(a.query("alias").is_some(), || Reply::edited(|body| body["items"] = Value::Null)),
    ),
    signs("`alias` is ignored: the response has every keypair", Label, 2, |a| {
        unless(a.query("alias").is_some(), || Reply::ForwardAs("/keypairs?limit=20"))
    }),
    signs("`alias` is ignored, and the first page does not contain the keypair", Label, 3, |a| {
        unless(a.query("alias").is_some(), page_of_others)
    }),
    signs("`alias` matches parts of aliases, and the keypair is on a later page", Label, 3, |a| {
        unless(a.query("alias").is_some(), || Reply::Json(200, others(KEY)))
    }),
    signs("`GET /keypairs/{id}` returns a list of one", Id, 2, |a| {
        unless(a.keypair(), || Reply::edited(|body| *body = json!([body.take()])))
    }),
    signs("`GET /keypairs/{id}` returns the keypair in `data`", Id, 2, |a| {
        unless(a.keypair(), || Reply::edited(|body| *body = json!({"data": body.take()})))
    }),
];

/// Pages of other sizes, and totals that are none.
pub const PAGES: &[Guess] = &[
    signs("a page has at most 5 items, and says so", List, 5, |a| {
        unless(a.lists(), || {
            Reply::edited(|body| {
                clamp(body, 5);
                body["limit"] = 5.into();
            })
        })
    }),
    signs("a page has at most 5 items, and states the requested `limit`", List, 5, |a| {
        unless(a.lists(), || {
            Reply::edited(|body| {
                clamp(body, 5);
                body["limit"] = 100.into();
            })
        })
    }),
    signs("a page has at most 5 items, without `limit` and `total`", List, 5, |a| {
        unless(a.lists(), || {
            Reply::edited(|body| {
                clamp(body, 5);
                without(body, "limit");
                without(body, "total");
            })
        })
    }),
    signs("`total` counts the page, not the list", List, 5, |a| {
        unless(a.lists(), || {
            Reply::edited(|body| {
                clamp(body, 5);
                body["limit"] = 5.into();
                body["total"] = 5.into();
            })
        })
    })
    .warns("the service counts 5 keypairs and lists 16"),
    signs("`total` is missing", List, 2, |a| unless(a.lists(), || Reply::edited(|body| without(body, "total")))),
    signs("`total` is a string", List, 2, |a| unless(a.lists(), || Reply::edited(|body| body["total"] = "16".into()))),
    signs("`total` is too large", List, 3, |a| unless(a.lists(), || Reply::edited(|body| body["total"] = 17.into())))
        .warns("the service counts 17 keypairs and lists 16"),
    signs("the response is a bare list", List, 3, |a| {
        unless(a.lists(), || Reply::edited(|body| *body = body["items"].take()))
    }),
    signs("a page after the end is `items: null`", List, 9, |a| {
        unless(a.lists(), || {
            Reply::edited(|body| {
                clamp(body, 4);
                body["limit"] = 4.into();
                without(body, "total");
                if body["items"].as_array().is_some_and(Vec::is_empty) {
                    body["items"] = Value::Null;
                }
            })
        })
    }),
    signs("a page inside the list is short, because this user may not see all items", List, 5, |a| {
        let size = if a.number("offset") == 5 { 4 } else { 5 };
        unless(a.lists(), || {
            Reply::edited(move |body| {
                clamp(body, size);
                body["limit"] = 5.into();
            })
        })
    })
    .warns("the service counts 16 keypairs and lists 15"),
    signs("`offset` is ignored: each page is the first", List, 3, |a| {
        unless(a.lists(), || Reply::ForwardAs("/keypairs?limit=5"))
    })
    .warns("the service counts 16 keypairs and lists 5"),
    signs("`offset` is refused, but one larger page is accepted", List, 4, |a| {
        if a.query("offset").is_some() {
            return no("offset");
        }
        unless(a.number("limit") == 100, || {
            Reply::edited(|body| {
                clamp(body, 5);
                body["limit"] = 5.into();
            })
        })
    }),
    fails(
        "`offset` and a larger page are both refused",
        List,
        Outcome::SearchFails(CKR_FUNCTION_FAILED),
        "find keypairs by alias",
        3,
        |a| {
            if a.query("offset").is_some() {
                return no("offset");
            }
            unless(a.lists(), || {
                Reply::edited(|body| {
                    clamp(body, 5);
                    body["limit"] = 5.into();
                })
            })
        },
    ),
];

fn no(what: &str) -> Reply {
    refuse(400, "invalid_request", &format!("{what}: unknown or not allowed"))
}

fn broken() -> Reply {
    Reply::Json(500, json!({"status": "500", "error": "Internal Server Error", "path": "/x"}))
}

/// A public key on P-256 that no keypair of the emulated service has.
const OTHER: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==";

/// A full page of keypairs whose aliases contain a text.
fn others(part: &str) -> Value {
    let item = |number: usize| {
        json!({"id": format!("other-{number}"), "alias": format!("{part}-{number}"), "public_key": OTHER,
               "certificates": [], "number_of_active_certificates": 0})
    };
    json!({"total": 300, "limit": 20, "items": (0..20).map(item).collect::<Vec<_>>()})
}

fn page_of_others() -> Reply {
    Reply::Json(200, others("another"))
}
