//! The switches: each changes the one thing that it names.

mod common;

use common::{Directory, Emulator};
use serde_json::{Value, json};

fn with(options: &[&str], test: impl FnOnce(&Emulator)) {
    let directory = Directory::new();
    test(&Emulator::start(&directory, options));
}

/// Status and message.
fn refusal(answer: &common::Answer) -> (u16, String) {
    (answer.status, answer.json()["error"]["message"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn a_limit_beyond_the_largest_is_refused_clamped_ignored_or_fails() {
    with(&["--over-limit", "refuse"], |emulator| {
        let refused = refusal(&emulator.get("/keypairs?limit=101"));
        assert_eq!(refused, (400, "limit must be at most 100; it is '101'.".to_owned()));
        assert_eq!(refusal(&emulator.get("/certificates?limit=1000")).0, 400);
        assert_eq!(emulator.get("/keypairs?limit=100").json()["limit"], 100);
    });
    for (way, limit) in [("clamp", 3), ("ignore", 3)] {
        with(&["--page-limit", "3", "--over-limit", way], |emulator| {
            let page = emulator.get("/keypairs?limit=4").json();
            assert_eq!((&page["limit"], page["items"].as_array().unwrap().len()), (&json!(limit), 3), "{way}");
        });
    }
    with(&["--over-limit", "fail"], |emulator| {
        let answer = emulator.get("/keypairs?limit=101");
        assert_eq!((answer.status, &answer.json()["error"]), (500, &json!("Internal Server Error")));
    });
}

#[test]
fn an_unknown_parameter_is_refused_everywhere_or_ignored() {
    with(&[], |emulator| {
        for path in
            ["/keypairs?sort=alias", "/certificates?sort=alias", "/signatures/x?sort=alias", "/keypairs/x?limit=1"]
        {
            let (status, message) = refusal(&emulator.get(path));
            assert_eq!(status, 400, "{path}");
            assert!(message.starts_with("Unknown query parameter '"), "{path}: {message}");
        }
        // A parameter of certificates is not one of keypairs.
        assert_eq!(refusal(&emulator.get("/keypairs?certificate_status=ACTIVE")).0, 400);
        assert_eq!(refusal(&emulator.get("/certificates?certificate_status=active")).0, 400);
    });
    with(&["--unknown-parameter", "ignore"], |emulator| {
        assert_eq!(emulator.get("/keypairs?sort=alias").json()["total"], 9);
    });
}

#[test]
fn the_alias_filter_can_be_ignored_or_refused() {
    with(&["--alias-match", "ignore"], |emulator| {
        assert_eq!(emulator.get("/keypairs?alias=demo-bare").json()["total"], 9);
    });
    with(&["--alias-match", "refuse"], |emulator| {
        let refused = refusal(&emulator.get("/keypairs?alias=demo-bare"));
        assert_eq!(refused, (400, "Unknown query parameter 'alias'.".to_owned()));
        assert_eq!(emulator.get("/keypairs?limit=50").json()["total"], 9);
    });
}

#[test]
fn total_can_be_of_the_page_or_missing() {
    with(&["--total", "page"], |emulator| {
        assert_eq!(emulator.get("/keypairs?limit=4").json()["total"], 4);
        assert_eq!(emulator.get("/keypairs?limit=4&offset=8").json()["total"], 1);
    });
    with(&["--total", "missing"], |emulator| {
        let page = emulator.get("/keypairs?limit=4").json();
        assert_eq!((page.get("total"), &page["offset"]), (None, &json!(0)));
    });
}

#[test]
fn lists_can_show_less_than_a_keypair_alone() {
    with(&["--listed-certificates", "stubs", "--no-listed-public-key"], |emulator| {
        let listed = emulator.keypair("demo-ec-p256");
        let alone = emulator.get(&format!("/keypairs/{}", listed["id"].as_str().unwrap())).json();
        assert_eq!(listed.get("public_key"), None);
        assert!(alone["public_key"].is_string());
        let whole = &alone["certificates"][0];
        assert_eq!(listed["certificates"], json!([{"id": whole["id"], "alias": whole["alias"]}]));
        assert!(whole["cert"].is_string());
        assert_eq!(listed["number_of_active_certificates"], 1);
        // The list of certificates is whole.
        assert_eq!(emulator.get("/certificates?alias=demo-ec-p256-cert").json()["items"][0], *whole);
    });
    with(&["--listed-certificates", "none"], |emulator| {
        assert_eq!(emulator.keypair("demo-ec-p256")["certificates"], json!([]));
    });
}

#[test]
fn one_object_can_be_inside_another() {
    for (way, pointer) in [("data", "/data"), ("list", "/0")] {
        with(&["--wrapped-answers", way], |emulator| {
            let id = emulator.keypair("demo-ec-p256")["id"].as_str().unwrap().to_owned();
            let signed = emulator.try_sign("demo-ec-p256", "SHA256WithECDSA", &[1; 32]).json();
            let signed = signed.pointer(pointer).unwrap();
            assert!(signed["signature"].is_string());
            let record = emulator.get(&format!("/signatures/{}", signed["id"].as_str().unwrap())).json();
            assert_eq!(record.pointer(pointer).unwrap()["signature"], signed["signature"]);
            let keypair = emulator.get(&format!("/keypairs/{id}")).json();
            assert_eq!(keypair.pointer(pointer).unwrap()["id"], json!(id));
            let made = emulator.post("/keypairs", &common::eddsa("mine"));
            assert_eq!((made.status, &made.json().pointer(pointer).unwrap()["alias"]), (201, &json!("mine")));
        });
    }
}

#[test]
fn records_can_be_late_and_signatures_asynchronous() {
    with(&["--late-records", "2", "--asynchronous-signatures", "1"], |emulator| {
        let signed = emulator.try_sign("demo-ec-p256", "SHA256WithECDSA", &[1; 32]);
        assert_eq!((signed.status, signed.json().as_object().unwrap().len()), (200, 1));
        let path = format!("/signatures/{}", signed.json()["id"].as_str().unwrap());
        assert_eq!([emulator.get(&path).status, emulator.get(&path).status], [404, 404]);
        let early = emulator.get(&path).json();
        assert_eq!((&early["signing_status"], &early["signature"]), (&json!("IN_PROGRESS"), &Value::Null));
        let done = emulator.get(&path).json();
        assert_eq!(done["signing_status"], "SUCCESS");
        assert!(done["signature"].is_string());
        // The admin port shows what is, not what is told.
        assert_eq!(emulator.admin("GET", "/signatures", None).json()[0], done);
    });
}

#[test]
fn an_unknown_path_can_be_the_web_application_for_whoever_asks() {
    with(&["--unknown-path", "web-page"], |emulator| {
        for url in [emulator.api("//keypairs/x"), emulator.api("/nothing"), format!("{}/", emulator.url)] {
            let answer = emulator.curl(&["--path-as-is", &url]);
            assert_eq!(answer.status, 200, "{url}");
            assert!(answer.headers.contains("content-type: text/html"), "{url}");
            assert!(answer.body.starts_with(b"<!doctype html>"), "{url}");
        }
        assert_eq!(emulator.get("/keypairs").json()["total"], 9);
        assert_eq!(emulator.curl(&[&emulator.api("/keypairs")]).status, 401);
    });
}
