//! The time-stamping server, judged by OpenSSL.

mod common;

use common::{Directory, Emulator, openssl};
use serde_json::{Value, json};

/// A query of OpenSSL's for a file, in the directory.
fn query(directory: &Directory, digest: &str) -> String {
    let (file, query) = (directory.path("file").display().to_string(), directory.path("query").display().to_string());
    std::fs::write(&file, "stamped").unwrap();
    let out = openssl(&["ts", "-query", "-data", &file, digest, "-cert", "-out", &query]);
    assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
    query
}

fn ask(emulator: &Emulator, query: &str) -> common::Answer {
    let body = format!("@{query}");
    let header = "content-type: application/timestamp-query";
    emulator.curl(&["--header", header, "--data-binary", &body, &emulator.setting("STM_EMULATOR_TSA")])
}

/// Whether OpenSSL takes the reply for the query, and what it said.
fn verdict(directory: &Directory, emulator: &Emulator, query: &str, reply: &[u8]) -> (bool, String) {
    let file = directory.path("reply").display().to_string();
    std::fs::write(&file, reply).unwrap();
    let root = emulator.state.join("signing-root.pem").display().to_string();
    let out = openssl(&["ts", "-verify", "-in", &file, "-queryfile", query, "-CAfile", &root]);
    (out.status.success(), String::from_utf8_lossy(&[out.stdout, out.stderr].concat()).into_owned())
}

#[test]
fn openssl_verifies_the_stamp_of_every_digest() {
    let directory = Directory::new();
    let emulator = Emulator::start(&directory, &["--seed", "empty"]);
    for digest in ["-sha1", "-sha224", "-sha256", "-sha384", "-sha512"] {
        let query = query(&directory, digest);
        let answer = ask(&emulator, &query);
        assert_eq!(answer.status, 200);
        assert!(answer.headers.contains("content-type: application/timestamp-reply"), "{}", answer.headers);
        let (good, said) = verdict(&directory, &emulator, &query, &answer.body);
        assert!(good, "{digest}: {said}");
    }
    assert_eq!(emulator.admin("GET", "/tsa", None).json()["queries"], 5);
}

#[test]
fn every_fault_is_what_it_says_and_ends_when_it_is_cleared() {
    let directory = Directory::new();
    let emulator = Emulator::start(&directory, &["--seed", "empty"]);
    let query = query(&directory, "-sha256");
    let set = |fault: Value| assert_eq!(emulator.admin("PUT", "/tsa", Some(&fault)).status, 200);
    set(json!({"fault": "down"}));
    assert_eq!(ask(&emulator, &query).status, 0);
    for (fault, said) in
        [("wrong_digest", "message imprint mismatch"), ("rejection", "no time stamp token"), ("garbage", "asn1")]
    {
        set(json!({"fault": fault}));
        let (good, text) = verdict(&directory, &emulator, &query, &ask(&emulator, &query).body);
        assert!(!good && text.to_lowercase().contains(said), "{fault}: {text}");
    }
    set(json!({"delay_ms": 300}));
    let begun = std::time::Instant::now();
    assert_eq!(ask(&emulator, &query).status, 200);
    assert!(begun.elapsed().as_millis() >= 300);
    set(json!({}));
    assert!(verdict(&directory, &emulator, &query, &ask(&emulator, &query).body).0);
    let unknown = emulator.admin("PUT", "/tsa", Some(&json!({"fault": "moody"})));
    assert!(unknown.status == 400 && String::from_utf8_lossy(&unknown.body).contains("moody"));
    // Another media type, another method, another size.
    let url = emulator.setting("STM_EMULATOR_TSA");
    assert_eq!(emulator.curl(&["--data", "x", &url]).status, 415);
    assert_eq!(emulator.curl(&[&url]).status, 405);
}

#[test]
fn the_same_server_stamps_after_a_restart() {
    let directory = Directory::new();
    let emulator = Emulator::start(&directory, &["--seed", "empty"]);
    let query = query(&directory, "-sha256");
    let before = ask(&emulator, &query).body;
    drop(emulator);
    let emulator = Emulator::start(&directory, &["--seed", "empty"]);
    assert!(verdict(&directory, &emulator, &query, &before).0);
    assert!(verdict(&directory, &emulator, &query, &ask(&emulator, &query).body).0);
}
