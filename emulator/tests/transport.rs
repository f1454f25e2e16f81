//! TLS, the two factors, and the files that clients are pointed at.

mod common;

use common::{Directory, Emulator, openssl};
use std::os::unix::fs::PermissionsExt;

#[test]
fn both_tls_versions_and_both_http_versions_are_spoken() {
    let directory = Directory::new();
    let emulator = Emulator::start(&directory, &["--seed", "empty"]);
    let url = emulator.api("/keypairs");
    for (tls, most) in [("--tlsv1.2", "1.2"), ("--tlsv1.3", "1.3")] {
        for (http, version) in [("--http1.1", "HTTP/1.1"), ("--http2", "HTTP/2.0")] {
            assert_eq!(emulator.call(&[tls, "--tls-max", most, http, &url]).status, 200, "{tls} {http}");
            assert_eq!(emulator.log().last().unwrap()["version"], version);
        }
    }
}

#[test]
fn without_a_client_certificate_one_may_read_but_neither_sign_nor_generate() {
    let directory = Directory::new();
    let emulator = Emulator::start(&directory, &[]);
    let key = format!("x-api-key: {}", emulator.setting("SM_API_KEY"));
    assert_eq!(emulator.curl(&["--header", &key, &emulator.api("/keypairs")]).status, 200);
    assert_eq!(emulator.log().last().unwrap()["client_certificate"], false);
    for (path, operation) in [("/keypairs", "generate"), ("/keypairs/demo-rsa-2048/sign", "sign")] {
        let answer = emulator.curl(&["--header", &key, "--data", "{}", &emulator.api(path)]);
        assert_eq!(answer.status, 403);
        let error = &answer.json()["error"];
        assert_eq!(error["status"], "access_denied");
        let message = error["message"].as_str().unwrap();
        assert!(message.starts_with("User is not multi-factor authenticated."), "{message}");
        assert!(message.contains(operation), "{message}");
    }
}

#[test]
fn a_client_certificate_stands_for_the_api_key_unless_the_account_is_strict() {
    for strict in [false, true] {
        let directory = Directory::new();
        let options: &[&str] = if strict { &["--seed", "empty", "--require-api-key"] } else { &["--seed", "empty"] };
        let emulator = Emulator::start(&directory, options);
        let certificate = emulator.state.join("client.pem").display().to_string();
        let url = emulator.api("/keypairs");
        let alone = emulator.curl(&["--cert", &certificate, &url]);
        assert_eq!(alone.status, if strict { 401 } else { 200 });
        let neither = emulator.curl(&[&url]);
        assert_eq!((neither.status, &neither.json()["error"]["code"]), (401, &"invalid_api_key".into()));
        for header in ["x-api-key: wrong", "x-api-key;"] {
            for path in ["/keypairs", "/nothing"] {
                let answer = emulator.curl(&["--cert", &certificate, "--header", header, &emulator.api(path)]);
                assert_eq!(answer.status, 401, "{header}");
                assert_eq!(answer.json()["error"]["code"], "invalid_api_key");
            }
        }
        let key = format!("X-API-Key: {}", emulator.setting("SM_API_KEY"));
        assert_eq!(emulator.curl(&["--cert", &certificate, "--header", &key, &url]).status, 200);
    }
}

#[test]
fn every_pkcs12_file_opens_and_only_the_good_ones_connect() {
    let directory = Directory::new();
    let emulator = Emulator::start(&directory, &["--seed", "empty"]);
    let password = emulator.setting("SM_CLIENT_CERT_PASSWORD");
    let key = format!("x-api-key: {}", emulator.setting("SM_API_KEY"));
    for (file, scheme, good) in [
        ("client", "PBES2", true),
        ("client-legacy", "pbeWithSHA1And3-KeyTripleDES-CBC", true),
        ("client-rc2", "pbeWithSHA1And40BitRC2-CBC", true),
        ("client-expired", "PBES2", false),
        ("client-other", "PBES2", false),
    ] {
        let path = emulator.state.join(format!("{file}.p12")).display().to_string();
        let pem = directory.path("opened").display().to_string();
        let secret = format!("pass:{password}");
        let out = openssl(&["pkcs12", "-legacy", "-info", "-in", &path, "-passin", &secret, "-nodes", "-out", &pem]);
        assert!(out.status.success(), "{file}: {}", String::from_utf8_lossy(&out.stderr));
        assert!(String::from_utf8_lossy(&out.stderr).contains(scheme), "{file}");
        let url = emulator.api("/keypairs");
        // HTTP/1.1, where a client certificate that TLS 1.3 rejects late shows as a failed request.
        let answer = emulator.curl(&["--http1.1", "--cert", &pem, "--header", &key, &url]);
        assert_eq!(answer.status == 200, good, "{file}: {}", answer.complaint);
        let wrong = openssl(&["pkcs12", "-legacy", "-in", &path, "-passin", "pass:wrong", "-nodes", "-out", &pem]);
        assert!(!wrong.status.success(), "{file}");
    }
    let stats = emulator.admin("GET", "/stats", None).json();
    assert_eq!((&stats["tls_handshakes"], &stats["tls_failures"]), (&3.into(), &2.into()));
}

#[test]
fn a_client_that_trusts_another_ca_does_not_connect() {
    let directory = Directory::new();
    let emulator = Emulator::start(&directory, &["--seed", "empty"]);
    let other = emulator.state.join("other-ca.pem").display().to_string();
    let answer = emulator.curl(&["--cacert", &other, &emulator.api("/keypairs")]);
    assert_eq!(answer.status, 0);
    assert!(answer.complaint.contains("certificate"), "{}", answer.complaint);
    let by_name = emulator.api("/keypairs").replace("127.0.0.1", "localhost");
    assert_eq!(emulator.call(&[&by_name]).status, 200);
}

#[test]
fn secrets_are_readable_by_their_owner_alone() {
    let directory = Directory::new();
    let _emulator = Emulator::start(&directory, &[]);
    let mode = |name: &str| std::fs::metadata(directory.path(name)).unwrap().permissions().mode() & 0o777;
    for file in ["client.env", "client.p12", "client.pem", "credentials.json", "keypairs.jsonl", "signatures.jsonl"] {
        assert_eq!(mode(&format!("state/{file}")), 0o600, "{file}");
    }
    for key in std::fs::read_dir(directory.path("state/keys")).unwrap() {
        let name = key.unwrap().file_name().into_string().unwrap();
        assert_eq!(mode(&format!("state/keys/{name}")), 0o600, "{name}");
    }
    assert_eq!(mode("state"), 0o700);
    assert_eq!(mode("state/tls-ca.pem"), 0o644);
}

#[test]
fn the_settings_in_client_env_are_enough_to_list() {
    let directory = Directory::new();
    let emulator = Emulator::start(&directory, &["--seed", "empty"]);
    let script = format!(
        ". '{}' && curl -sS --cacert \"$SM_CA_FILE\" --cert-type P12 --cert \"$SM_CLIENT_CERT_FILE:$SM_CLIENT_CERT_PASSWORD\" \
         -H \"x-api-key: $SM_API_KEY\" \"$SM_HOST/signingmanager/api/v1/keypairs\"",
        emulator.state.join("client.env").display()
    );
    let out = std::process::Command::new("sh").arg("-c").arg(script).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&out.stdout), r#"{"total":0,"offset":0,"limit":20,"items":[]}"#);
}
