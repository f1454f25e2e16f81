//! The admin port: what came in, what goes wrong on demand, and keypairs by the thousand.

mod common;

use common::{BASE, Directory, Emulator};
use serde_json::{Value, json};
use std::time::Instant;

fn faults(emulator: &Emulator, rules: Value) {
    let answer = emulator.admin("PUT", "/faults", Some(&rules));
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
}

fn signatures(emulator: &Emulator) -> usize {
    emulator.admin("GET", "/signatures", None).json().as_array().unwrap().len()
}

fn sign(emulator: &Emulator) -> common::Answer {
    emulator.try_sign("demo-ec-p256", "SHA256WithECDSA", &[1; 32])
}

#[test]
fn the_log_says_what_came_in_on_which_connection() {
    let directory = Directory::new();
    let emulator = Emulator::start(&directory, &[]);
    let url = emulator.api("/keypairs?limit=1");
    assert_eq!(emulator.call(&[&url, "--output", "/dev/null", &url, "--output", "/dev/null"]).status, 200);
    assert_eq!(sign(&emulator).status, 200);
    let log = emulator.log();
    let told: Vec<_> = log.iter().map(|entry| (entry["method"].as_str().unwrap(), &entry["connection"])).collect();
    assert_eq!(told, [("GET", &json!(1)), ("GET", &json!(1)), ("POST", &json!(2))]);
    assert_eq!(log[0]["path"], format!("{BASE}/keypairs?limit=1"));
    assert_eq!(log[2]["status"], 200);
    assert!(log[2]["duration_ms"].as_f64().unwrap() > 0.0);
    assert!(log[2]["start"].as_str().unwrap().ends_with('Z'));
    let stats = emulator.admin("GET", "/stats", None).json();
    assert_eq!(stats["requests"], json!({"GET /keypairs": 2, "POST /keypairs/{id}/sign": 1}));
    assert_eq!((&stats["connections"], &stats["tls_handshakes"]), (&json!(2), &json!(2)));
    assert_eq!((&stats["keypairs"], &stats["signatures"]), (&json!(9), &json!(1)));
    assert_eq!(emulator.admin("DELETE", "/requests", None).status, 200);
    assert_eq!(emulator.log().len(), 0);
}

#[test]
fn a_rule_answers_in_the_place_of_the_service_so_many_times() {
    let directory = Directory::new();
    let emulator = Emulator::start(&directory, &[]);
    faults(
        &emulator,
        json!([{"method": "POST", "path": format!("{BASE}/keypairs/"), "times": 2, "status": 503,
                "headers": {"Retry-After": "7"}, "body": "<html>maintenance</html>"}]),
    );
    assert_eq!(emulator.get("/keypairs").status, 200);
    for _ in 0..2 {
        let answer = sign(&emulator);
        assert_eq!((answer.status, &answer.body[..]), (503, &b"<html>maintenance</html>"[..]));
        assert!(answer.headers.contains("retry-after: 7"));
    }
    assert_eq!(signatures(&emulator), 0);
    assert_eq!(sign(&emulator).status, 200);
    assert_eq!(emulator.admin("GET", "/faults", None).json(), json!([]));
    let faulty: Vec<bool> = emulator.log().iter().map(|entry| entry["fault"] == true).collect();
    assert!(faulty.ends_with(&[true, true, false]));
}

#[test]
fn a_connection_drops_before_or_after_the_signature_is_made() {
    let directory = Directory::new();
    let emulator = Emulator::start(&directory, &[]);
    for http in ["--http1.1", "--http2"] {
        let before = signatures(&emulator);
        let url = emulator.api("/keypairs/demo-ec-p256/sign");
        let body = json!({"hash": common::base64(&[1; 32]), "sig_alg": "SHA256WithECDSA"}).to_string();
        for (drop, made) in [("before_execution", 0), ("after_execution", 1)] {
            faults(&emulator, json!([{"method": "POST", "drop": drop}]));
            let started = Instant::now();
            let answer = emulator.call(&[http, "--data", &body, &url]);
            assert_eq!(answer.status, 0, "{http} {drop}");
            assert!(!answer.complaint.is_empty());
            assert!(started.elapsed().as_secs_f64() < 0.9, "dropped at once");
            assert_eq!(signatures(&emulator), before + made, "{http} {drop}");
            let entry = emulator.log().last().unwrap().clone();
            assert_eq!((&entry["status"], &entry["fault"]), (&Value::Null, &json!(true)));
        }
        faults(&emulator, json!([]));
        assert_eq!(emulator.call(&[http, "--data", &body, &url]).status, 200);
    }
}

#[test]
fn half_a_body_is_half_a_body() {
    let directory = Directory::new();
    let emulator = Emulator::start(&directory, &[]);
    let whole = emulator.get("/keypairs").body;
    faults(&emulator, json!([{"half_body": true}]));
    for http in ["--http1.1", "--http2"] {
        let answer = emulator.call(&[http, &emulator.api("/keypairs")]);
        assert_eq!(answer.body, whole[..whole.len() / 2], "{http}");
        assert!(answer.headers.contains(&format!("content-length: {}", whole.len())));
        assert!(answer.complaint.starts_with("curl:"), "{http}");
    }
}

#[test]
fn a_body_can_be_replaced_after_the_signature_was_made() {
    let directory = Directory::new();
    let emulator = Emulator::start(&directory, &[]);
    faults(&emulator, json!([{"method": "POST", "times": 1, "body": {"id": "only an id"}}]));
    let answer = sign(&emulator);
    assert_eq!((answer.status, answer.json()), (200, json!({"id": "only an id"})));
    assert_eq!(signatures(&emulator), 1);
}

#[test]
fn a_delay_holds_back_what_it_matches_and_a_client_that_gives_up_gets_its_signature_made_all_the_same() {
    let directory = Directory::new();
    let emulator = Emulator::start(&directory, &[]);
    assert_eq!(emulator.admin("PUT", "/latency", Some(&json!({"sign_ms": 700}))).status, 200);
    assert_eq!(emulator.admin("GET", "/latency", None).json(), json!({"all_ms": 0, "sign_ms": 700}));
    let started = Instant::now();
    assert_eq!(emulator.get("/keypairs").status, 200);
    assert!(started.elapsed().as_millis() < 600);
    assert_eq!(sign(&emulator).status, 200);
    assert!(started.elapsed().as_millis() >= 700);

    let body = json!({"hash": common::base64(&[1; 32]), "sig_alg": "SHA256WithECDSA"}).to_string();
    let url = emulator.api("/keypairs/demo-ec-p256/sign");
    assert_eq!(emulator.call(&["--max-time", "0.3", "--data", &body, &url]).status, 0);
    for _ in 0..100 {
        if signatures(&emulator) == 2 {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    assert_eq!(signatures(&emulator), 2);
}

#[test]
fn more_requests_than_allowed_are_told_when_to_come_back() {
    let directory = Directory::new();
    let emulator = Emulator::start(&directory, &["--rate-limit", "3"]);
    let url = emulator.api("/keypairs?limit=1");
    let mut burst = Vec::new();
    for _ in 0..30 {
        burst.extend([url.as_str(), "--output", "/dev/null"]);
    }
    emulator.call(&burst);
    let log = emulator.log();
    let count = |status: u16| log.iter().filter(|entry| entry["status"] == status).count();
    assert_eq!(count(200) + count(429), 30);
    assert!((3..10).contains(&count(200)), "{} came through", count(200));
    let refused = loop {
        let answer = emulator.get("/keypairs");
        if answer.status == 429 {
            break answer;
        }
    };
    assert!(refused.headers.contains("retry-after: 1"));
    assert_eq!(refused.json()["errors"][0]["code"], "request_limit_exceeded");
}

#[test]
fn ten_thousand_keypairs_are_there_in_no_time_and_each_can_be_found_and_used() {
    let directory = Directory::new();
    let emulator = Emulator::start(&directory, &[]);
    let started = Instant::now();
    let answer = emulator.admin("POST", "/seed", Some(&json!({"keypairs": 10_000, "prefix": "bulk-"})));
    assert_eq!((answer.status, answer.json()), (201, json!({"added": 10_000, "keypairs": 10_009})));
    assert!(started.elapsed().as_secs() < 30, "{:?}", started.elapsed());
    let page = emulator.get("/keypairs?limit=100&offset=10000").json();
    assert_eq!((&page["total"], page["items"].as_array().unwrap().len()), (&json!(10_009), 9));
    let keypair = emulator.keypair("bulk-9876");
    assert_eq!(keypair["certificates"][0]["alias"], "bulk-9876-cert");
    emulator.sign("bulk-9876", "SHA256WithECDSA", &[1; 32]);
    let again = emulator.admin("POST", "/seed", Some(&json!({"keypairs": 3, "prefix": "bulk-"})));
    assert_eq!(again.status, 400);
    assert!(again.json()["error"].as_str().unwrap().contains("bulk-1"));
}

#[test]
fn a_call_that_is_not_understood_is_refused_with_the_reason() {
    let directory = Directory::new();
    let emulator = Emulator::start(&directory, &["--seed", "empty"]);
    for (method, path, body, reason) in [
        ("PUT", "/latency", json!({"sign_msec": 5}), "sign_msec"),
        ("PUT", "/faults", json!([{"statuss": 500}]), "statuss"),
        ("PUT", "/faults", json!([{"status": 500}, {}]), "rule 2"),
        ("PUT", "/faults", json!({"status": 500}), "sequence"),
        ("POST", "/seed", json!({"keypair": 5}), "keypair"),
        ("POST", "/seed", json!({"keypairs": 0}), "between"),
    ] {
        let answer = emulator.admin(method, path, Some(&body));
        assert_eq!(answer.status, 400, "{method} {path} {body}");
        let text = answer.json()["error"].as_str().unwrap().to_owned();
        assert!(text.contains(reason), "{text}");
    }
    assert_eq!(emulator.admin("GET", "/nothing", None).status, 404);
    assert_eq!(emulator.admin("PUT", "/requests", Some(&json!([]))).status, 405);
    let index = emulator.admin("GET", "/", None).json();
    let calls: Vec<&str> =
        index["calls"].as_array().unwrap().iter().map(|call| call["call"].as_str().unwrap()).collect();
    for call in ["GET /requests", "DELETE /requests", "PUT /faults", "PUT /latency", "POST /seed", "GET /signatures"] {
        assert!(calls.contains(&call), "{call}");
    }
}
