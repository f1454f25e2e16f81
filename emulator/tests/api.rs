//! The REST API as a client sees it: lists, keypairs, certificates, signatures and every refusal.

mod common;

use common::{Directory, Emulator, openssl, unbase64};
use serde_json::{Value, json};

const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

fn hash() -> String {
    common::base64(&[7; 32])
}

#[test]
fn the_demo_seed_is_what_it_says() {
    let directory = Directory::new();
    let emulator = Emulator::start(&directory, &[]);
    let list = emulator.get("/keypairs").json();
    assert_eq!((&list["total"], &list["offset"], &list["limit"]), (&json!(9), &json!(0), &json!(20)));
    let shown: Vec<(&str, &str, &str, usize)> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| {
            let text = |name: &str| item[name].as_str().unwrap();
            (text("alias"), text("key_alg"), text("key_status"), item["certificates"].as_array().unwrap().len())
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("demo-rsa-2048", "RSA", "ONLINE", 1),
            ("demo-rsa-3072", "RSA", "ONLINE", 1),
            ("demo-rsa-4096", "RSA", "ONLINE", 1),
            ("demo-ec-p256", "ECDSA", "ONLINE", 1),
            ("demo-ec-p384", "ECDSA", "ONLINE", 1),
            ("demo-ec-p521", "ECDSA", "ONLINE", 1),
            ("demo-ed25519", "EdDSA", "ONLINE", 1),
            ("demo-offline", "ECDSA", "OFFLINE", 1),
            ("demo-bare", "ECDSA", "ONLINE", 0),
        ]
    );
}

#[test]
fn a_keypair_shows_the_documented_members_alone_and_in_a_list() {
    let directory = Directory::new();
    let emulator = Emulator::start(&directory, &[]);
    let listed = emulator.keypair("demo-rsa-3072");
    let alone = emulator.get(&format!("/keypairs/{}", listed["id"].as_str().unwrap())).json();
    assert_eq!(listed, alone);
    assert_eq!(alone["key_size"], 3072);
    assert_eq!(alone["key_type"], "PRODUCTION");
    assert_eq!(alone["key_storage"], "HSM");
    assert_eq!(alone["key_modal_type"], "STATIC");
    assert_eq!(alone["is_signable_by_me"], true);
    assert_eq!(alone["number_of_active_certificates"], 1);
    assert_eq!(unbase64(alone["public_key"].as_str().unwrap()).len(), 422);
    let certificate = &alone["certificates"][0];
    assert_eq!(certificate["default_cert"], true);
    assert_eq!(certificate["certificate_status"], "ACTIVE");
    assert_eq!(certificate["keypair"]["id"], alone["id"]);
    let der = unbase64(certificate["cert"].as_str().unwrap());
    use sha2::Digest as _;
    let fingerprint = common::base64(&sha2::Sha256::digest(&der));
    assert_eq!(certificate["certificate_fingerprint"], fingerprint);
    let kinds: Vec<&str> =
        certificate["chain"].as_array().unwrap().iter().map(|link| link["cert_type"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["intermediate", "root"]);
}

#[test]
fn every_certificate_chains_to_the_root_and_is_for_code_signing() {
    let directory = Directory::new();
    let emulator = Emulator::start(&directory, &["--seed", "full"]);
    let list = emulator.get("/keypairs?limit=100").json();
    for keypair in list["items"].as_array().unwrap() {
        let alias = keypair["alias"].as_str().unwrap();
        let Some(certificate) = keypair["certificates"].get(0) else { continue };
        let mut files = Vec::new();
        let links = certificate["chain"].as_array().unwrap();
        let ders = [&certificate["cert"], &links[0]["blob"], &links[1]["blob"]];
        for (name, der) in ["leaf", "intermediate", "root"].iter().zip(ders) {
            let (from, to) = (directory.path("der"), directory.path(name));
            std::fs::write(&from, unbase64(der.as_str().unwrap())).unwrap();
            let (from, to) = (from.display().to_string(), to.display().to_string());
            assert!(openssl(&["x509", "-inform", "DER", "-in", &from, "-out", &to]).status.success());
            files.push(to);
        }
        // The OpenSSL of today's distributions cannot read the keys of these; their chain is made by the same lines.
        let readable = !alias.starts_with("demo-ml-dsa");
        let time = if alias == "demo-expired" { "-no_check_time" } else { "-x509_strict" };
        let verified =
            openssl(&["verify", time, "-CAfile", &files[2], "-untrusted", &files[1], "-purpose", "any", &files[0]]);
        assert!(verified.status.success() || !readable, "{alias}: {}", String::from_utf8_lossy(&verified.stderr));
        for (file, wanted) in
            [(&files[0], "Digital Signature"), (&files[0], "Code Signing"), (&files[1], "Code Signing")]
        {
            let text = String::from_utf8(openssl(&["x509", "-noout", "-text", "-in", file]).stdout).unwrap();
            assert!(text.contains(wanted), "{alias}: {wanted}");
            assert!(text.contains("Subject Key Identifier") && text.contains("Authority Key Identifier"), "{alias}");
            // As public CAs write it: SHA-1 of the public key's bits, which end the SubjectPublicKeyInfo.
            let spki = unbase64(keypair["public_key"].as_str().unwrap());
            if file == &files[0] {
                use sha1::Digest as _;
                let identifier = common::subject_key_identifier(&text);
                let found = (0..spki.len()).any(|start| sha1::Sha1::digest(&spki[start..])[..] == identifier[..]);
                assert!(found && identifier.len() == 20, "{alias}: {identifier:02x?}");
            }
        }
        let chain = directory.text(&format!("state/certs/{alias}-chain.pem"));
        assert_eq!(chain.matches("BEGIN CERTIFICATE").count(), 3);
        assert!(chain.contains(directory.text("state/signing-root.pem").trim()));
        assert!(chain.starts_with(directory.text(&format!("state/certs/{alias}.pem")).trim()));
    }
    let expired = emulator.get("/certificates?alias=demo-expired-cert").json();
    assert_eq!(expired["items"][0]["certificate_status"], "EXPIRED");
}

#[test]
fn lists_come_in_pages_and_say_which_limit_was_in_force() {
    let directory = Directory::new();
    let emulator = Emulator::start(&directory, &["--page-limit", "4"]);
    let mut seen = Vec::new();
    while seen.len() < 9 {
        let page = emulator.get(&format!("/keypairs?limit=4&offset={}", seen.len())).json();
        assert_eq!((&page["limit"], &page["offset"], &page["total"]), (&json!(4), &json!(seen.len()), &json!(9)));
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| item["alias"].as_str().unwrap().to_owned()));
    }
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 9);
    assert_eq!(emulator.get("/keypairs?offset=50").json()["items"], json!([]));
    assert_eq!(emulator.get("/keypairs").json()["limit"], 4);
    let refused = emulator.get("/keypairs?limit=few");
    assert_eq!((refused.status, &refused.json()["error"]["status"]), (400, &json!("invalid_input_field")));
}

#[test]
fn filters_select_by_alias_and_id() {
    let directory = Directory::new();
    let emulator = Emulator::start(&directory, &[]);
    let id = emulator.keypair("demo-ec-p256")["id"].as_str().unwrap().to_owned();
    assert_eq!(emulator.get(&format!("/keypairs?id={id}")).json()["items"][0]["alias"], "demo-ec-p256");
    assert_eq!(emulator.get(&format!("/keypairs?id={id}&alias=demo-bare")).json()["total"], 0);
    assert_eq!(emulator.get(&format!("/keypairs?id={NOBODY}")).json()["total"], 0);
    assert_eq!(emulator.get("/keypairs?alias=demo-ec").json()["total"], 0);
    assert_eq!(emulator.get("/keypairs?alias=DEMO-EC-P256").json()["total"], 0);
    let certificates = emulator.get(&format!("/certificates?keypair_id={id}&certificate_status=ACTIVE")).json();
    assert_eq!((&certificates["total"], &certificates["items"][0]["alias"]), (&json!(1), &json!("demo-ec-p256-cert")));
    let certificate = &certificates["items"][0];
    assert_eq!(emulator.get(&format!("/certificates/{}", certificate["id"].as_str().unwrap())).json(), *certificate);
    assert_eq!(emulator.get("/certificates?certificate_status=REVOKED").json()["total"], 0);
    assert_eq!(emulator.get("/certificates").json()["total"], 8);
}

#[test]
fn an_alias_filter_can_be_told_to_match_parts() {
    let directory = Directory::new();
    let emulator = Emulator::start(&directory, &["--alias-match", "contains"]);
    assert_eq!(emulator.get("/keypairs?alias=EC-P").json()["total"], 3);
    assert_eq!(emulator.get("/keypairs?alias=demo-rsa-2048").json()["total"], 1);
    assert_eq!(emulator.get("/certificates?alias=ec-p").json()["total"], 3);
}

#[test]
fn a_signature_is_answered_and_recorded_with_who_what_and_when() {
    let directory = Directory::new();
    let emulator = Emulator::start(&directory, &[]);
    let keypair = emulator.keypair("demo-ec-p256");
    let id = keypair["id"].as_str().unwrap();
    let body = json!({"hash": hash(), "sig_alg": "SHA256WithECDSA", "account": keypair["account"]}).to_string();
    let url = emulator.api(&format!("/keypairs/{id}/sign"));
    let answer = emulator.call(&["--user-agent", "some-client/1.2 (linux; amd64)", "--data", &body, &url]);
    assert_eq!(answer.status, 200);
    let answer = answer.json();
    assert_eq!(unbase64(answer["signature"].as_str().unwrap())[0], 0x30, "ECDSA answers DER");
    let record = emulator.get(&format!("/signatures/{}", answer["id"].as_str().unwrap())).json();
    assert_eq!(record["signature"], answer["signature"]);
    assert_eq!(record["hash"], hash());
    assert_eq!(record["sig_alg"], "SHA256WithECDSA");
    assert_eq!(record["keypair_id"], id);
    assert_eq!(record["certificate_id"], keypair["certificates"][0]["id"]);
    assert_eq!(record["client_type"], "some-client/1.2 (linux; amd64)");
    assert_eq!(record["client_ip"], "127.0.0.1");
    assert_eq!(record["signing_status"], "SUCCESS");
    assert!(record["created_on"].as_str().unwrap().ends_with('Z'));
    assert_eq!(emulator.admin("GET", "/signatures", None).json(), json!([record]));
}

/// Status, then the machine-readable word wherever the shape has it, then the text.
fn refusal(answer: &common::Answer) -> (u16, String, String) {
    let body = answer.json();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (word, message) = match (&body["error"], &body["errors"][0]) {
        (Value::Object(error), _) => (error.get("status").or(error.get("code")), error.get("message")),
        (_, Value::Object(error)) => (error.get("code"), error.get("message")),
        _ => (body.get("error"), body.get("path")),
    };
    (answer.status, text(word.unwrap()), text(message.unwrap()))
}

#[test]
fn every_refusal_has_the_status_and_the_words_of_the_service() {
    let directory = Directory::new();
    let emulator = Emulator::start(&directory, &["--seed", "full"]);
    let sign = |who: &str| {
        refusal(
            &emulator.post(&format!("/keypairs/{who}/sign"), &json!({"hash": hash(), "sig_alg": "SHA256WithECDSA"})),
        )
    };

    let (status, word, text) = sign("demo-offline");
    assert_eq!((status, &*word), (403, "access_denied"));
    assert!(text.starts_with("Provided keypair is in OFFLINE state"));

    let (status, word, text) = sign("demo-not-mine");
    assert_eq!((status, &*word), (403, "access_denied"));
    assert!(text.starts_with("User - ") && text.contains("does not have rights to access the keypair - "));
    assert_eq!(emulator.keypair("demo-not-mine")["is_signable_by_me"], false);

    let (status, word, text) = sign(NOBODY);
    assert_eq!((status, &*word), (404, "KEYPAIR_NOT_FOUND"));
    assert_eq!(text, "Keypair not found or you do not have access");
    for (sig_alg, known) in [("SHA256WithRSA", true), ("SHA256WithDSA", false)] {
        let (status, word, text) = refusal(&emulator.try_sign("demo-ec-p256", sig_alg, &[7; 32]));
        assert_eq!((status, &*word), (400, "INVALID_SIG_ALG"), "{sig_alg}, {known}");
        assert_eq!(text, "Signature algorithm is not compatible with keypair algorithm");
    }

    let (status, word, text) = refusal(&emulator.get(&format!("/keypairs/{NOBODY}")));
    assert_eq!((status, &*word), (404, "invalid_input_field"));
    assert_eq!(text, format!("Keypair not present for given keypairId {NOBODY}. Please provide correct keypairId."));

    for path in [format!("/signatures/{NOBODY}"), format!("/certificates/{NOBODY}")] {
        assert_eq!(refusal(&emulator.get(&path)).0, 404);
    }
    for path in ["/nothing", "/keypairs/", "/keypairs/a/b/c", "/releases"] {
        let (status, word, text) = refusal(&emulator.get(path));
        assert_eq!((status, &*word, &*text), (404, "INTERNAL_SERVER_ERROR", "Path not found"), "{path}");
    }
    let answer = emulator.call(&["--request", "DELETE", &emulator.api("/keypairs")]);
    assert_eq!(refusal(&answer), (405, "Method Not Allowed".to_owned(), format!("{}/keypairs", common::BASE)));
    assert!(answer.headers.contains("allow: get, post"));
    assert_eq!(answer.json()["status"], "405");

    let url = emulator.api("/keypairs/demo-ec-p256/sign");
    let wrong = [
        "{",
        "[]",
        "\"hash\"",
        r#"{"hash": 5, "sig_alg": "SHA256WithECDSA"}"#,
        r#"{"hash": "Bw==", "sig_alg": "SHA256WithECDSA", "account": "mine"}"#,
        r#"{"hash": "Bw==", "sig_alg": "SHA256WithECDSA", "digest": "Bw=="}"#,
    ];
    for body in wrong {
        let (status, word, _) = refusal(&emulator.call(&["--data", body, &url]));
        assert_eq!((status, &*word), (400, "invalid_request"), "{body}");
    }
    for body in ["{}", r#"{"hash": "", "sig_alg": "x"}"#, r#"{"hash": "%%", "sig_alg": "SHA256WithECDSA"}"#] {
        let (status, word, _) = refusal(&emulator.call(&["--data", body, &url]));
        assert_eq!((status, &*word), (400, "invalid_input_field"), "{body}");
    }
    let big = directory.path("big");
    std::fs::write(&big, vec![b' '; 2 << 20]).unwrap();
    let answer = emulator.call(&["--header", "expect:", "--data-binary", &format!("@{}", big.display()), &url]);
    assert_eq!(answer.status, 413);
}

#[test]
fn a_keypair_is_created_listed_and_signs() {
    let directory = Directory::new();
    let emulator = Emulator::start(&directory, &["--seed", "empty"]);
    assert_eq!(emulator.get("/keypairs").json(), json!({"total": 0, "offset": 0, "limit": 20, "items": []}));
    let body = json!({"alias": "mine", "key_alg": "RSA", "key_storage": "HSM", "key_type": "PRODUCTION",
                      "properties": {"key_size": 2048}, "status": "ONLINE"});
    let answer = emulator.post("/keypairs", &body);
    assert_eq!(answer.status, 201);
    let created = answer.json();
    assert_eq!(created["certificates"], json!([]));
    assert_eq!(created, emulator.keypair("mine"));
    assert_eq!(emulator.sign("mine", "SHA256WithRSA", &[1; 32]).len(), 256);
    let record = &emulator.admin("GET", "/signatures", None).json()[0];
    assert_eq!(record["certificate_id"], Value::Null);

    let again = emulator.post("/keypairs", &body);
    assert_eq!(refusal(&again).0, 409);
    assert_eq!(refusal(&again).1, "duplicate_error");

    for (alias, key_alg, properties) in [
        ("e", "ECDSA", json!({"curve": "P-384"})),
        ("d", "EdDSA", json!({"curve": "Ed25519"})),
        ("m", "MLDSA", json!({"security_level": "MLDSA65"})),
        ("s", "SLHDSA", json!({})),
    ] {
        let body = json!({"alias": alias, "key_alg": key_alg, "properties": properties, "generate_cert": true,
                          "key_type": "TEST", "key_storage": "DISK", "status": "ONLINE"});
        let answer = emulator.post("/keypairs", &body);
        assert_eq!(answer.status, 201, "{key_alg}: {}", String::from_utf8_lossy(&answer.body));
        let created = answer.json();
        assert_eq!((&created["key_type"], &created["key_storage"]), (&json!("TEST"), &json!("DISK")));
        let certificates = if key_alg == "SLHDSA" { 0 } else { 1 };
        assert_eq!(created["certificates"].as_array().unwrap().len(), certificates, "{key_alg}");
    }
    let changed = |name: &str, value: Value| {
        let mut changed = body.clone();
        (changed["alias"], changed[name]) = (json!("x"), value);
        refusal(&emulator.post("/keypairs", &changed))
    };
    let listed = |code: &str, message: &str| (400, code.to_owned(), message.to_owned());
    assert_eq!(changed("key_alg", json!("DSA")), listed("INVALID_KEY_ALG", "Invalid key algorithm specified"));
    let needed = listed("INVALID_PROPERTIES", "Key properties are required for the specified algorithm");
    assert_eq!(changed("properties", json!({})), needed);
    assert_eq!(changed("status", json!("BUSY")).1, "invalid_input_field");
    let (_, word, text) = changed("colour", json!("red"));
    assert_eq!((&*word, &*text), ("invalid_request", "Unknown member 'colour' in the request body."));
}

#[test]
fn an_alias_with_odd_characters_signs_when_it_is_escaped() {
    let directory = Directory::new();
    let emulator = Emulator::start(&directory, &["--seed", "empty"]);
    let alias = "Ünïcode / & release #1";
    let body = common::eddsa(alias);
    assert_eq!(emulator.post("/keypairs", &body).status, 201);
    let escaped = "%C3%9Cn%C3%AFcode%20%2F%20%26%20release%20%231";
    assert_eq!(emulator.keypair(escaped)["alias"], alias);
    assert_eq!(emulator.sign(escaped, "Ed25519", b"x").len(), 64);
}

#[test]
fn a_dynamic_keypair_is_another_one_after_every_signature() {
    let directory = Directory::new();
    let emulator = Emulator::start(&directory, &["--seed", "full"]);
    let before = emulator.keypair("demo-dynamic");
    assert_eq!(before["key_modal_type"], "DYNAMIC");
    emulator.sign("demo-dynamic", "SHA256WithECDSA", &[1; 32]);
    let after = emulator.keypair("demo-dynamic");
    for member in ["id", "public_key"] {
        assert_ne!(before[member], after[member], "{member}");
    }
    assert_ne!(before["certificates"][0]["cert"], after["certificates"][0]["cert"]);
    assert_eq!(emulator.get(&format!("/keypairs/{}", before["id"].as_str().unwrap())).status, 404);
}
