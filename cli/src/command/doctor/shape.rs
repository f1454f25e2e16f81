//! `stm-pkcs11 doctor --shape`: the structure of the service's responses, without their values.
//!
//! The report turns assumptions about the service into facts, so it must be safe to paste into a public issue. It
//! prints no value of a member, except page numbers and words of the service itself (`RSA`, `ONLINE`) from a fixed
//! list.

use crate::account::{Choice, refused};
use crate::print::{self, Failure};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use stm_pkcs11::config::CacheMode;
use stm_pkcs11::mechanism::PublicKey;
use stm_pkcs11::plural::counted;
use stm_pkcs11::service::{self, Exchange, Service, Wanted};
use stm_pkcs11::x509::Certificate;

/// Words of the service that are printed; for any other text, only its kind and length are printed.
const WORDS: &[&str] = &[
    "ACTIVE",
    "BASIC",
    "DISK",
    "DYNAMIC",
    "ECDSA",
    "EXPIRED",
    "EdDSA",
    "FAILED",
    "HASH",
    "HSM",
    "IN_PROGRESS",
    "MLDSA",
    "OFFLINE",
    "ONLINE",
    "P-256",
    "P-384",
    "P-521",
    "Ed25519",
    "PENDING",
    "PRIVATE",
    "PRODUCTION",
    "PUBLIC",
    "REVOKED",
    "RSA",
    "SLHDSA",
    "STANDARD",
    "STATIC",
    "SUCCESS",
    "TEST",
    "intermediate",
    "root",
];

/// Media types that are printed.
const MEDIA_TYPES: &[&str] = &["application/json", "application/problem+json", "text/html", "text/plain"];

/// Members of the envelope of a list whose numbers are printed.
const PAGE_NUMBERS: &[&str] = &["total", "offset", "limit"];

/// Sends the requests that the module would send, all of them reads, and prints the structure of the responses.
///
/// # Errors
/// The keypairs cannot be listed, or the log entry of the signature cannot be read. Everything before that is printed.
pub fn run(account: &Choice, signature: Option<&str>) -> Result<(), Failure> {
    let (_, settings) = account.settings()?;
    let Some(mut settings) = Arc::into_inner(settings) else { unreachable!("the configuration is dropped") };
    settings.cache = CacheMode::Off;
    let service = Service::new(Arc::new(settings));
    print::line(&format!("{}, doctor --shape: no values, only what the answers are made of", service::user_agent()));
    let seen: Mutex<HashSet<String>> = Mutex::default();
    service.observe(Box::new(move |exchange| {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        // For further pages of a list, the head is enough.
        let whole = seen.insert(format!("{} {} {}", exchange.method, unnumbered(exchange), exchange.status));
        print::text(&describe(exchange, whole));
    }));
    let result = requests(&service, signature);
    service.finish();
    result
}

fn requests(service: &Service, signature: Option<&str>) -> Result<(), Failure> {
    let failed = |what: &'static str| move |failure: service::Failure| refused(what, &failure);
    let all = service.keypairs(Wanted::All, service.deadline()).map_err(failed("list the keypairs"))?;
    let mut results = Vec::new();
    if let Some(first) = all.first() {
        let by_alias = service.keypairs(Wanted::Alias(&first.alias), service.deadline());
        results.push(by_alias.map(drop).map_err(failed("find a keypair by its alias")));
        let by_id = service.keypairs(Wanted::Id(&first.id), service.deadline());
        results.push(by_id.map(drop).map_err(failed("read a keypair")));
    }
    let certificates = service.read("/certificates", &[("limit", "100"), ("offset", "0")]);
    results.push(certificates.map_err(failed("list the certificates")));
    if let Some(id) = signature {
        let record = service.signature(id, service.deadline());
        results.push(record.map(drop).map_err(failed("read the record of the signature")));
    }
    results.into_iter().collect()
}

/// The path and query without page numbers.
fn unnumbered(exchange: &Exchange<'_>) -> String {
    place(exchange.path_and_query).chars().filter(|c| !c.is_ascii_digit()).collect()
}

/// One request and its response, as lines; `whole` adds the tree of the body.
fn describe(exchange: &Exchange<'_>, whole: bool) -> String {
    let mut text = format!("\n{} {}\n", exchange.method, place(exchange.path_and_query));
    let media_type = exchange.content_type.split(';').next().unwrap_or_default().trim();
    let media_type = match MEDIA_TYPES.contains(&media_type) {
        true => media_type,
        false if media_type.is_empty() => "none",
        false => "another",
    };
    let _ = writeln!(text, "  status {}, media type {media_type}", exchange.status);
    let _ = writeln!(text, "  headers: {}", exchange.header_names.join(", "));
    match serde_json::from_slice::<Value>(exchange.body) {
        Ok(body) => {
            if let Some(numbers) = page_numbers(&body) {
                let _ = writeln!(text, "  page: {numbers}");
            }
            if whole {
                let mut shape = Shape::default();
                shape.add(&body);
                shape.write(&mut text, "body", 2, 1);
            }
        }
        Err(_) => {
            let _ = writeln!(
                text,
                "  body: not JSON, {}{}",
                counted(exchange.body.len(), "byte"),
                looks_like(exchange.body)
            );
        }
    }
    text
}

/// Path and query without ids and values, which could identify an account; page numbers are kept.
fn place(path_and_query: &str) -> String {
    let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
    let path: Vec<&str> = path.split('/').collect();
    let known = ["", "signingmanager", "api", "v1", "keypairs", "certificates", "signatures", "sign"];
    let path: Vec<&str> = path.into_iter().map(|part| if known.contains(&part) { part } else { "{id}" }).collect();
    let parameters: Vec<String> = query
        .split('&')
        .filter_map(|parameter| parameter.split_once('='))
        .map(|(name, value)| match name {
            "limit" | "offset" if value.parse::<u32>().is_ok() => format!("{name}={value}"),
            _ => format!("{}={{value}}", plain(name)),
        })
        .collect();
    let separator = if parameters.is_empty() { "" } else { "?" };
    format!("{}{separator}{}", path.join("/"), parameters.join("&"))
}

fn page_numbers(body: &Value) -> Option<String> {
    let items = body.get("items")?;
    let mut numbers: Vec<String> =
        PAGE_NUMBERS.iter().filter_map(|name| Some(format!("{name} {}", body.get(*name)?.as_u64()?))).collect();
    numbers.extend(items.as_array().map(|items| format!("items {}", items.len())));
    Some(numbers.join(", "))
}

/// Describes the beginning of a text that is not JSON.
fn looks_like(body: &[u8]) -> &'static str {
    let start: String = String::from_utf8_lossy(&body[..body.len().min(200)]).trim_start().to_ascii_lowercase();
    match start {
        start if start.starts_with("<!doctype html") || start.starts_with("<html") => ", a web page",
        start if start.starts_with('<') => ", XML",
        start if start.is_empty() => "",
        _ => ", text",
    }
}

/// A member's name, unless it looks like the name of a person or a thing.
fn plain(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphabetic() || c == '_';
    let digits = name.chars().filter(char::is_ascii_digit).count();
    match !name.is_empty() && name.len() <= 40 && digits <= 2 && name.chars().all(|c| plain(c) || c.is_ascii_digit()) {
        true => name.to_owned(),
        false => format!("{{name of {}}}", counted(name.chars().count(), "character")),
    }
}

/// The common properties of all values at one place of the tree.
#[derive(Default)]
struct Shape {
    /// The number of values.
    seen: usize,
    /// The shortest and longest length, for each kind.
    kinds: BTreeMap<String, Option<(usize, usize)>>,
    /// Members of objects, in the order in which they were first seen.
    members: Vec<(String, Shape)>,
    /// Elements of arrays.
    elements: Option<Box<Shape>>,
}

impl Shape {
    fn add(&mut self, value: &Value) {
        self.seen += 1;
        let (kind, length) = kind(value);
        let lengths = self.kinds.entry(kind).or_insert(length.map(|length| (length, length)));
        if let (Some((shortest, longest)), Some(length)) = (lengths, length) {
            (*shortest, *longest) = ((*shortest).min(length), (*longest).max(length));
        }
        match value {
            Value::Object(members) => self.add_members(members),
            Value::Array(elements) => elements.iter().for_each(|one| self.elements.get_or_insert_default().add(one)),
            _ => {}
        }
    }

    fn add_members(&mut self, members: &Map<String, Value>) {
        for (name, value) in members {
            let name = plain(name);
            let place = match self.members.iter().position(|(known, _)| *known == name) {
                Some(place) => place,
                None => {
                    self.members.push((name, Shape::default()));
                    self.members.len() - 1
                }
            };
            self.members[place].1.add(value);
        }
    }

    /// A line for this place and lines for those below. `of` is how many values there could have been.
    fn write(&self, text: &mut String, name: &str, depth: usize, of: usize) {
        let kinds: Vec<String> = self
            .kinds
            .iter()
            .map(|(kind, lengths)| match lengths {
                None => kind.clone(),
                Some((shortest, longest)) if shortest == longest => format!("{kind} of {shortest}"),
                Some((shortest, longest)) => format!("{kind} of {shortest} to {longest}"),
            })
            .collect();
        let share = if self.seen < of { format!(" (in {} of {of})", self.seen) } else { String::new() };
        let _ = writeln!(text, "{:1$}{name}: {2}{share}", "", depth, kinds.join(" | "));
        for (name, member) in &self.members {
            member.write(text, name, depth + 2, self.seen);
        }
        if let Some(elements) = &self.elements {
            elements.write(text, "each", depth + 2, elements.seen);
        }
    }
}

/// What a value is, and how long: characters of a string, bytes of what base64 holds, elements of an array.
fn kind(value: &Value) -> (String, Option<usize>) {
    match value {
        Value::Null => ("null".to_owned(), None),
        Value::Bool(_) => ("boolean".to_owned(), None),
        Value::Number(number) if number.is_f64() => ("number with a fraction".to_owned(), None),
        Value::Number(_) => ("number".to_owned(), None),
        Value::Object(members) if members.is_empty() => ("empty object".to_owned(), None),
        Value::Object(_) => ("object".to_owned(), None),
        Value::Array(elements) => ("array".to_owned(), Some(elements.len())),
        Value::String(text) => text_kind(text),
    }
}

fn text_kind(text: &str) -> (String, Option<usize>) {
    let characters = text.chars().count();
    if WORDS.contains(&text) {
        return (format!("\"{text}\""), None);
    }
    let hex = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if characters == 36 && text.split('-').map(str::len).eq([8, 4, 4, 4, 12]) && text.split('-').all(hex) {
        return ("UUID".to_owned(), None);
    }
    if is_date(text) {
        return ("date".to_owned(), Some(characters));
    }
    if let Some(rest) = text.trim_start().strip_prefix("-----BEGIN ") {
        let label = rest.split("-----").next().unwrap_or_default();
        let known = ["CERTIFICATE", "PUBLIC KEY"].contains(&label);
        return (format!("PEM {}", if known { label } else { "of something else" }), Some(characters));
    }
    // A short word or number can be read as base64 or hexadecimal by accident.
    let squeezed: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    if squeezed.len() >= 16 && hex(&squeezed) {
        return ("hexadecimal".to_owned(), Some(characters));
    }
    match BASE64_STANDARD.decode(&squeezed) {
        Ok(bytes) if squeezed.len() >= 24 => {
            let broken = if squeezed.len() < text.len() { " with white space" } else { "" };
            (format!("base64{broken} of {}", contents(&bytes)), Some(bytes.len()))
        }
        _ => ("string".to_owned(), Some(characters)),
    }
}

/// `2026-01-31T...`, or what begins so.
fn is_date(text: &str) -> bool {
    let bytes = text.as_bytes();
    let digit = |place: usize| bytes[place].is_ascii_digit();
    (10..=35).contains(&bytes.len())
        && [0, 1, 2, 3, 5, 6, 8, 9].into_iter().all(digit)
        && (bytes[4], bytes[7]) == (b'-', b'-')
        && (bytes.len() == 10 || matches!(bytes[10], b'T' | b' '))
        && bytes[10.min(bytes.len())..].iter().all(|byte| byte.is_ascii_digit() || b"T Z:.+-".contains(byte))
}

fn contents(bytes: &[u8]) -> &'static str {
    if Certificate::parse(bytes.to_vec()).is_ok() {
        "a certificate"
    } else if PublicKey::from_spki(bytes).is_ok() {
        "a public key (SPKI)"
    } else if is_der_sequence(bytes) {
        "DER"
    } else if bytes.starts_with(b"-----BEGIN ") {
        "PEM"
    } else {
        "bytes"
    }
}

/// One SEQUENCE that is as long as it says.
fn is_der_sequence(bytes: &[u8]) -> bool {
    let [0x30, first, rest @ ..] = bytes else { return false };
    if *first < 0x80 {
        return rest.len() == usize::from(*first);
    }
    let count = usize::from(*first & 0x7f);
    if count == 0 || count > 4 || rest.len() < count {
        return false;
    }
    let length = rest[..count].iter().fold(0usize, |length, byte| length << 8 | usize::from(*byte));
    rest.len() - count == length
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn shown(path_and_query: &str, body: &[u8]) -> String {
        let headers = ["content-type", "x-request-id"];
        let exchange = Exchange {
            method: "GET",
            path_and_query,
            status: 200,
            content_type: "application/json; boundary=CANARY",
            header_names: &headers,
            body,
        };
        describe(&exchange, true)
    }

    #[test]
    fn a_body_is_described_by_members_kinds_and_lengths() {
        let pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let body = json!({"total": 2, "offset": 0, "limit": 100, "items": [
            {"id": "01234567-89ab-4cde-8f01-23456789abcd", "alias": "release", "key_alg": "RSA", "key_size": 3072,
             "created_on": "2026-01-02T03:04:05Z", "flag": true, "cert": pem, "chain": []},
            {"id": "01234567-89ab-4cde-8f01-23456789abcd", "alias": "nightly-2", "key_alg": "ECDSA", "none": null},
        ]});
        let text = shown("/signingmanager/api/v1/keypairs?limit=100&offset=0", body.to_string().as_bytes());
        for line in [
            "GET /signingmanager/api/v1/keypairs?limit=100&offset=0",
            "  status 200, media type application/json",
            "  headers: content-type, x-request-id",
            "  page: total 2, offset 0, limit 100, items 2",
            "    items: array of 2",
            "      each: object",
            "        alias: string of 7 to 9",
            "        id: UUID",
            "        key_alg: \"ECDSA\" | \"RSA\"",
            "        key_size: number (in 1 of 2)",
            "        created_on: date of 20 (in 1 of 2)",
            "        flag: boolean (in 1 of 2)",
            "        none: null (in 1 of 2)",
            "        chain: array of 0 (in 1 of 2)",
        ] {
            assert!(text.lines().any(|one| one == line), "{line}\n{text}");
        }
        assert!(text.contains("cert: PEM CERTIFICATE of "), "{text}");
    }

    #[test]
    fn base64_is_told_by_what_it_holds() {
        let kind = |bytes: &[u8]| text_kind(&BASE64_STANDARD.encode(bytes));
        let der: Vec<u8> = [0x30, 30].into_iter().chain([2; 30]).collect();
        assert_eq!(kind(&der), ("base64 of DER".to_owned(), Some(32)));
        assert_eq!(kind(&[7; 32]), ("base64 of bytes".to_owned(), Some(32)));
        assert_eq!(kind(b"-----BEGIN PUBLIC KEY-----").0, "base64 of PEM");
        assert_eq!(text_kind(&"0a".repeat(16)).0, "hexadecimal");
        assert_eq!(text_kind("release"), ("string".to_owned(), Some(7)));
    }

    #[test]
    fn what_is_not_json_is_told_by_its_beginning() {
        assert!(shown("/x", b"<!doctype html><title>CANARY").ends_with("body: not JSON, 28 bytes, a web page\n"));
        assert!(shown("/x", b"CANARY").ends_with("body: not JSON, 6 bytes, text\n"));
    }

    /// A value of every kind for every member, also as names of members, in path and query, with a word in it that
    /// must not come out.
    #[test]
    fn no_value_of_any_field_comes_out() {
        const CANARY: &str = "CANARY";
        let values = [
            json!("CANARY"),
            json!("canary@example.com CANARY"),
            json!("2026-01-02T03:04:05Z CANARY"),
            json!("CA9A2111-89ab-4cde-8f01-23456789abcd"),
            json!("-----BEGIN CANARY-----"),
            json!(BASE64_STANDARD.encode("CANARY CANARY CANARY CANARY")),
            json!("ca9a2111".repeat(4)),
            json!(92_771_113_u64),
            json!(["CANARY", 92_771_113_u64]),
            json!({"CANARY 1": "CANARY"}),
            json!({"canary-2111": 92_771_113_u64}),
            json!({"11111111-2222-4333-8444-555555555555": "CANARY"}),
        ];
        let names = [
            "id",
            "alias",
            "public_key",
            "cert",
            "certificate_fingerprint",
            "account",
            "name",
            "created_by",
            "users",
            "email",
            "message",
            "error",
            "signature",
            "hash",
            "client_ip",
            "key_size",
            "valid_from",
        ];
        for value in &values {
            let item: Map<String, Value> = names.iter().map(|name| ((*name).to_owned(), value.clone())).collect();
            for body in
                [json!(item), json!({"items": [item.clone(), item], "total": value, "limit": value}), value.clone()]
            {
                let path = "/CANARY/signingmanager/api/v1/keypairs/CANARY/sign?alias=CANARY&CANARY%20=1&limit=CANARY";
                let text = shown(path, body.to_string().as_bytes());
                let leaks = ["canary@", "9a2111", "BEGIN", "11111111", "Q0FOQVJZ", "2026-01"];
                assert!(!text.contains(CANARY) && !leaks.iter().any(|leak| text.contains(leak)), "{value}: {text}");
                // A page's numbers are shown, where they are numbers of pages.
                let number = text.contains("92771113");
                assert_eq!(number, value.is_u64() && body.get("items").is_some(), "{text}");
            }
        }
    }
}
