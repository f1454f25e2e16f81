//! Complete responses with wrong content.

use super::DIGEST;
use super::fault::*;
use crate::front::Plan;
use crate::front::Step::{self, *};
use Call::*;
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::Value;

const JSON: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json";
const HTML: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/html";

const fn sign(steps: &'static [Step]) -> Plan {
    on("POST", steps)
}

const fn find(steps: &'static [Step]) -> Plan {
    on("GET", steps)
}

/// The service made the signature, and its response differs.
const fn signed(what: &'static str, steps: &'static [Step], line: &'static str) -> Fault {
    fails(what, Sign, sign(steps), line).executed()
}

/// Responses to a sign request.
pub const SIGNATURES: &[Fault] = &[
    fails("a web page with status 200", Sign, sign(&[Own(HTML, page)]), "a web page and not the service's answer"),
    fails("an empty answer", Sign, sign(&[Own(JSON, Vec::new)]), "the answer is empty"),
    fails("204 without an answer", Sign, sign(&[Raw("HTTP/1.1 204 No Content\r\n\r\n")]), "the answer is empty"),
    fails("null", Sign, sign(&[Own(JSON, || b"null".into())]), "without a signature"),
    fails("a number", Sign, sign(&[Own(JSON, || b"7".into())]), "without a signature"),
    fails("a list", Sign, sign(&[Own(JSON, || b"[]".into())]), "without a signature"),
    fails("an object with nothing in it", Sign, sign(&[Own(JSON, || b"{}".into())]), "without a signature"),
    fails(
        "JSON that is cut off",
        Sign,
        sign(&[Own(JSON, || b"{\"signature\": \"MEU".into())]),
        "the response is not valid JSON",
    ),
    fails("JSON that is 100,000 deep", Sign, sign(&[Own(JSON, deep)]), "the response is not valid JSON"),
    fails(
        "bytes that are not UTF-8",
        Sign,
        sign(&[Own(JSON, || b"{\"signature\": \"\xff\xfe\"}".into())]),
        "the response is not valid JSON",
    ),
    fails(
        "100 MB, announced",
        Sign,
        sign(&[Raw("HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n"), Flood(100 << 20)]),
        "longer than",
    ),
    fails("100 MB, not announced", Sign, sign(&[Raw("HTTP/1.1 200 OK\r\n\r\n"), Flood(100 << 20)]), "longer than"),
    works("the right answer with a wrong media type", Sign, sign(&[Forward, Edited(same)]), 1),
    works(
        "base64 without padding",
        Sign,
        sign(&[Forward, Edited(|body| signature(body, |s| STANDARD.encode(s).trim_end_matches('=').to_owned()))]),
        1,
    ),
    works("base64 for URLs", Sign, sign(&[Forward, Edited(|body| signature(body, |s| URL_SAFE_NO_PAD.encode(s)))]), 1),
    works("base64 in lines", Sign, sign(&[Forward, Edited(|body| signature(body, in_lines))]), 1),
    works("base64 that is not canonical", Sign, sign(&[Forward, Edited(|body| signature(body, untidy))]), 1),
    works("a field twice, the last right", Sign, sign(&[Forward, Edited(twice)]), 1),
    works("fields that are new, and null where they are not needed", Sign, sign(&[Forward, Edited(strange)]), 1),
    works(
        "an ECDSA signature as r || s",
        Sign,
        sign(&[Forward, Edited(|body| signature(body, |s| STANDARD.encode(raw(s))))]),
        1,
    ),
    works("no signature, but the record has it", Sign, sign(&[Forward, Edited(|body| without(body, "signature"))]), 2),
    works(
        "a signature that is null, but the record has it",
        Sign,
        sign(&[Forward, Edited(|body| set(body, "signature", Value::Null))]),
        2,
    ),
    works(
        "a signature that is a number, but the record has it",
        Sign,
        sign(&[Forward, Edited(|body| set(body, "signature", 7.into()))]),
        2,
    ),
    works(
        "a signature that is not base64, but the record has it",
        Sign,
        sign(&[Forward, Edited(|body| set(body, "signature", "%%%".into()))]),
        2,
    ),
    signed(
        "no signature and no id",
        &[Forward, Edited(|body| without(&without(body, "signature"), "id"))],
        "without a signature",
    ),
    fails(
        "no signature, and the record has none either",
        Sign,
        on("", &[Forward, Edited(|body| without(body, "signature"))]),
        "without a signature",
    )
    .requests(Requests::Exactly(2))
    .executed(),
    signed(
        "the signature of another key",
        &[Forward, Edited(|body| signature(body, |_| STANDARD.encode(forged())))],
        "verif",
    ),
    signed("a signature with one bit changed", &[Forward, Edited(|body| signature(body, flipped))], "verif"),
    signed(
        "a signature that is cut off",
        &[Forward, Edited(|body| signature(body, |s| STANDARD.encode(&s[..s.len() - 1])))],
        "signature",
    ),
    signed(
        "a signature with a byte too many",
        &[Forward, Edited(|body| signature(body, |s| STANDARD.encode([s, &[0]].concat())))],
        "signature",
    ),
    signed(
        "an RSA signature for an EC key",
        &[Forward, Edited(|body| signature(body, |_| STANDARD.encode([0x41; 256])))],
        "signature",
    ),
    signed(
        "a signature that is empty",
        &[Forward, Edited(|body| set(&without(body, "id"), "signature", "".into()))],
        "without a signature",
    ),
];

/// Responses to a search.
pub const KEYPAIRS: &[Fault] = &[
    fails("a web page with status 200", Find, find(&[Own(HTML, page)]), "a web page and not the service's answer"),
    fails("an empty answer", Find, find(&[Own(JSON, Vec::new)]), "the answer is empty"),
    fails("null", Find, find(&[Own(JSON, || b"null".into())]), "the answer holds no list"),
    fails("a number", Find, find(&[Own(JSON, || b"7".into())]), "the answer holds no list"),
    fails("an object without items", Find, find(&[Own(JSON, || b"{\"total\": 5}".into())]), "the answer holds no list"),
    fails(
        "items that are text",
        Find,
        find(&[Own(JSON, || b"{\"items\": \"none\"}".into())]),
        "the answer holds no list",
    ),
    fails("JSON that is 100,000 deep", Find, find(&[Own(JSON, deep)]), "holds no list"),
    fails(
        "100 MB, announced",
        Find,
        find(&[Raw("HTTP/1.1 200 OK\r\nContent-Length: 104857600\r\n\r\n"), Flood(100 << 20)]),
        "longer than",
    )
    .requests(Requests::Exactly(2)),
    fails("100 MB, not announced", Find, find(&[Raw("HTTP/1.1 200 OK\r\n\r\n"), Flood(100 << 20)]), "longer than")
        .requests(Requests::Exactly(2))
        .until_deadline(),
    works("a bare list", Find, find(&[Forward, Edited(bare)]), 1),
    works("items of every wrong type beside the right one", Find, find(&[Forward, Edited(beside)]), 1),
    works("a total that is text", Find, find(&[Forward, Edited(|body| set(body, "total", "1".into()))]), 1),
];

fn page() -> Vec<u8> {
    b"<html><body><h1>Welcome to the guest network</h1>Please log in</body></html>".into()
}

fn deep() -> Vec<u8> {
    [b"[".repeat(100_000), b"]".repeat(100_000)].concat()
}

fn same(body: &[u8]) -> Vec<u8> {
    body.to_vec()
}

fn edit(body: &[u8], change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut json = serde_json::from_slice(body).expect("the service answers in JSON");
    change(&mut json);
    json.to_string().into_bytes()
}

fn without(body: &[u8], name: &str) -> Vec<u8> {
    edit(body, |json| drop(json.as_object_mut().expect("an object").remove(name)))
}

fn set(body: &[u8], name: &str, value: Value) -> Vec<u8> {
    edit(body, |json| json[name] = value)
}

/// The response with a different signature.
fn signature(body: &[u8], change: impl FnOnce(&[u8]) -> String) -> Vec<u8> {
    edit(body, |json| {
        let bytes = STANDARD.decode(json["signature"].as_str().expect("a signature")).expect("base64");
        json["signature"] = change(&bytes).into();
    })
}

fn in_lines(bytes: &[u8]) -> String {
    let text = STANDARD.encode(bytes);
    text.as_bytes().chunks(20).map(|line| format!("{}\r\n", String::from_utf8_lossy(line))).collect()
}

/// With unused bits set, if there are any.
fn untidy(bytes: &[u8]) -> String {
    let mut text = STANDARD.encode(bytes);
    if !bytes.len().is_multiple_of(3) {
        let place = text.find('=').expect("padding") - 1;
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let last = alphabet.iter().position(|c| *c == text.as_bytes()[place]).expect("base64");
        text.replace_range(place..=place, std::str::from_utf8(&alphabet[last + 1..last + 2]).expect("ASCII"));
    }
    text
}

fn twice(body: &[u8]) -> Vec<u8> {
    [b"{\"signature\": \"AAAA\", ", &body[1..]].concat()
}

fn strange(body: &[u8]) -> Vec<u8> {
    edit(body, |json| {
        json["created_on"] = Value::Null;
        json["new"] = serde_json::json!({"deep": [1, {"deeper": null}]});
    })
}

/// `r || s` of a DER signature on P-256.
fn raw(der: &[u8]) -> Vec<u8> {
    p256::ecdsa::Signature::from_der(der).expect("DER").to_bytes().to_vec()
}

/// A valid signature by another key.
fn forged() -> Vec<u8> {
    use p256::ecdsa::signature::hazmat::PrehashSigner;
    let key = p256::ecdsa::SigningKey::from_slice(&[9; 32]).expect("a key");
    let signature: p256::ecdsa::Signature = key.sign_prehash(&DIGEST).expect("a signature");
    signature.to_der().as_bytes().to_vec()
}

fn flipped(bytes: &[u8]) -> String {
    let mut bytes = bytes.to_vec();
    bytes[12] ^= 1;
    STANDARD.encode(bytes)
}

fn bare(body: &[u8]) -> Vec<u8> {
    edit(body, |json| *json = json["items"].take())
}

fn beside(body: &[u8]) -> Vec<u8> {
    edit(body, |json| {
        let items = json["items"].as_array_mut().expect("items");
        let right = items[0].clone();
        let wrong = |name: &str, value: Value| {
            let mut item = right.clone();
            item["id"] = format!("id-{name}").into();
            item["alias"] = format!("wrong-{name}").into();
            item[name] = value;
            item
        };
        let mut all = vec![Value::Null, 7.into(), "text".into(), serde_json::json!([]), serde_json::json!({})];
        for name in ["id", "alias", "public_key", "certificates", "key_alg", "key_status"] {
            all.extend(
                [Value::Null, 7.into(), "%%%".into(), serde_json::json!([1]), serde_json::json!({"a": 1})]
                    .map(|value| wrong(name, value)),
            );
        }
        all.push(right.clone());
        json["items"] = all.into();
        json.as_object_mut().expect("an object").remove("total");
    })
}
