//! Lists that never end, repeat themselves, or state a wrong length.

use super::fault::*;
use crate::front::Step::*;
use Call::*;
use std::sync::atomic::{AtomicU64, Ordering};

const JSON: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json";
const PAGES: &str = "GET /signingmanager/api/v1/keypairs?";

/// Pages of a list.
pub const LISTS: &[Fault] = &[
    works("a total of a thousand million, and always the same page", List, on(PAGES, &[Own(JSON, repeating)]), 0)
        .requests(Requests::UpTo(16)),
    works("pages without end, each with new keypairs", List, on(PAGES, &[Own(JSON, endless)]), 0)
        .requests(Requests::UpTo(2001))
        // Two thousand requests take a busy machine longer than two seconds.
        .with(&[("STM_PKCS11_TIMEOUT", "30")]),
    fails("pages without end, each late", List, on(PAGES, &[Wait(700), Own(JSON, endless)]), "within 2 s")
        .again_and_again(),
    works(
        "a total that is too large, and then empty pages",
        List,
        on(PAGES, &[Until(1, &[Own(JSON, || list(0, "3000", 3))], &[Own(JSON, || list(0, "3000", 0))])]),
        0,
    )
    .requests(Requests::UpTo(16)),
    works("a total of nothing beside items", List, on(PAGES, &[Own(JSON, || list(0, "0", 3))]), 2),
    works("a total below nothing", List, on(PAGES, &[Own(JSON, || list(0, "-1", 3))]), 2),
    works("a total beyond all numbers", List, on(PAGES, &[Own(JSON, || list(0, "1e999", 3))]), 2),
    works("no items at all", List, on(PAGES, &[Own(JSON, || list(0, "0", 0))]), 1),
    fails(
        "the second page is refused",
        List,
        on(
            PAGES,
            &[Until(
                1,
                &[Own(JSON, || list(0, "9", 3))],
                &[Own("HTTP/1.1 500 Internal Server Error", || b"broken".into())],
            )],
        ),
        "HTTP 500",
    )
    .requests(Requests::UpTo(8)),
];

static PAGE: AtomicU64 = AtomicU64::new(0);

fn list(first: u64, total: &str, count: u64) -> Vec<u8> {
    let items: Vec<String> = (first..first + count)
        .map(|number| {
            format!(r#"{{"id":"id-{number}","alias":"endless-{number}","certificates":[],"number_of_active_certificates":0,"public_key":"{KEY}"}}"#)
        })
        .collect();
    format!(r#"{{"total":{total},"limit":{},"items":[{}]}}"#, count.max(1), items.join(",")).into_bytes()
}

/// A public key on P-256.
const KEY: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==";

fn repeating() -> Vec<u8> {
    list(0, "1000000000", 3)
}

fn endless() -> Vec<u8> {
    list(PAGE.fetch_add(3, Ordering::Relaxed), "1000000000", 3)
}
