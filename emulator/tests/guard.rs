//! Pages of other sites, and names that lead to this machine: they change nothing and read nothing.

mod common;

use common::{Answer, Directory, Emulator};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::Duration;

/// Everything that another site could change or learn.
fn picture(emulator: &Emulator) -> Vec<Value> {
    let mut calls: Vec<Value> = ["/faults", "/latency", "/rate-limit", "/tsa", "/signatures"]
        .map(|path| emulator.admin("GET", path, None).json())
        .into();
    calls.push(emulator.get("/keypairs?limit=100").json());
    calls
}

/// Every call of the admin port and every page and form of the console, as method and path.
fn targets(emulator: &Emulator) -> Vec<(String, String)> {
    let index = emulator.admin("GET", "/", None).json();
    let calls = index["calls"].as_array().unwrap().iter().map(|call| call["call"].as_str().unwrap().to_owned());
    let keypair = emulator.keypair("ec");
    let (id, certificate) = (keypair["id"].as_str().unwrap(), keypair["certificates"][0]["id"].as_str().unwrap());
    let console = [
        "GET /console/keypairs".to_owned(),
        format!("GET /console/keypairs/{id}"),
        format!("GET /console/keypairs/{id}/delete"),
        format!("GET /console/certificates/{certificate}/chain.pem"),
        "GET /console/signatures".to_owned(),
        "GET /console/requests".to_owned(),
        "GET /console/faults".to_owned(),
        "GET /console/events".to_owned(),
        "GET /console/console.js".to_owned(),
        "POST /console/secrets".to_owned(),
        "POST /console/keypairs".to_owned(),
        format!("POST /console/keypairs/{id}/offline"),
        format!("POST /console/keypairs/{id}/renew"),
        format!("POST /console/keypairs/{id}/delete"),
        format!("POST /console/certificates/{certificate}/default"),
        "POST /console/requests/clear".to_owned(),
        "POST /console/faults/add".to_owned(),
        "POST /console/faults/rules".to_owned(),
        "POST /console/faults/latency".to_owned(),
        "POST /console/faults/rate-limit".to_owned(),
        "POST /console/faults/tsa".to_owned(),
        "POST /console/faults/calm".to_owned(),
        "OPTIONS /faults".to_owned(),
        "OPTIONS /console/faults/add".to_owned(),
        "GET /nothing".to_owned(),
    ];
    let all = calls.chain(console).map(|call| call.split_once(' ').map(|(m, p)| (m.to_owned(), p.to_owned())).unwrap());
    all.collect()
}

/// A body that would have an effect on as many targets as possible: a form with a good token, or JSON of the call.
fn body(path: &str, token: &str) -> String {
    match path {
        "/faults" => json!([{"status": 500}]).to_string(),
        "/latency" => json!({"all_ms": 1}).to_string(),
        "/rate-limit" => json!({"per_second": 1}).to_string(),
        "/tsa" => json!({"fault": "down"}).to_string(),
        "/seed" => json!({"keypairs": 1}).to_string(),
        _ => format!(
            "token={token}&alias=stranger&kind=p-256&key_type=TEST&key_storage=HSM&status=ONLINE&certificate=years&target=all\
             &effect=500&all_ms=1&per_second=1&fault=down&json=[{{\"status\":500}}]"
        ),
    }
}

fn send(emulator: &Emulator, method: &str, path: &str, headers: &[&str], body: &str) -> Answer {
    let url = format!("{}{path}", emulator.admin);
    let mut arguments = vec!["--request", method, "--max-time", "5"];
    headers.iter().for_each(|header| arguments.extend(["--header", *header]));
    if method != "GET" {
        arguments.extend(["--data", body]);
    }
    arguments.push(&url);
    emulator.curl(&arguments)
}

#[test]
fn a_page_of_another_site_changes_nothing_and_reads_nothing_on_any_path() {
    let directory = Directory::new();
    let emulator = Emulator::with_ec(&directory, &[]);
    emulator.sign("ec", "SHA256WithECDSA", &[1; 32]);
    let (targets, token) = (targets(&emulator), emulator.token());
    let before = picture(&emulator);
    let port = emulator.admin.rsplit(':').next().unwrap().to_owned();
    let name = emulator.keypair("ec")["id"].as_str().unwrap().to_owned();
    let name = &name[..13];
    let secrets = [emulator.setting("SM_API_KEY"), emulator.setting("SM_CLIENT_CERT_PASSWORD"), token.clone()];
    let form = "content-type: application/x-www-form-urlencoded";
    let log = emulator.log();
    assert!(!log.is_empty());
    let attacks: [(&str, Vec<String>); 9] = [
        (
            "a form on another site",
            vec!["origin: http://evil.example".into(), "sec-fetch-site: cross-site".into(), form.into()],
        ),
        ("the same in an old browser", vec!["origin: http://evil.example".into(), form.into()]),
        (
            "a fetch with a simple content type",
            vec!["origin: http://evil.example".into(), "content-type: text/plain".into()],
        ),
        ("a frame without an origin", vec!["origin: null".into(), form.into()]),
        ("another port of this machine", vec!["origin: http://127.0.0.1:1".into(), "sec-fetch-site: same-site".into()]),
        ("an image, or a link that is followed", vec!["sec-fetch-site: cross-site".into()]),
        ("a link in an old browser", vec!["referer: http://evil.example/page".into()]),
        (
            "a name that was rebound",
            vec![
                format!("host: evil.example:{port}"),
                "sec-fetch-site: same-origin".into(),
                format!("origin: http://evil.example:{port}"),
            ],
        ),
        ("a rebound name in an old browser", vec![format!("host: evil.example:{port}")]),
    ];
    for (attack, headers) in &attacks {
        let headers: Vec<&str> = headers.iter().map(String::as_str).chain(["accept: text/html"]).collect();
        for (method, path) in &targets {
            let answer = send(&emulator, method, path, &headers, &body(path, &token));
            assert_eq!(answer.status, 403, "{attack}: {method} {path}");
            let reason = if headers[0].starts_with("host") {
                "Host is not a name of the admin port"
            } else {
                "sent by a page of another site"
            };
            assert!(answer.json()["error"].as_str().unwrap().contains(reason), "{attack}: {}", answer.text());
            assert!(!answer.headers.contains("access-control-"), "{attack}: {method} {path}");
            for secret in secrets.iter().map(String::as_str).chain([name]) {
                assert!(!answer.text().contains(secret), "{attack}: {method} {path}");
            }
        }
    }
    assert_eq!(emulator.log(), log);
    assert!(picture(&emulator) == before, "something was changed");
    // The same requests without those headers have an effect, so the attack was worth trying.
    for (path, method) in
        [("/faults", "PUT"), ("/latency", "PUT"), ("/rate-limit", "PUT"), ("/tsa", "PUT"), ("/seed", "POST")]
    {
        assert!([200, 201].contains(&send(&emulator, method, path, &[], &body(path, &token)).status), "{path}");
    }
    assert_eq!(send(&emulator, "POST", "/console/faults/calm", &[form], &body("", &token)).status, 303);
    assert!(picture(&emulator) != before);
}

#[test]
fn a_form_needs_the_token_of_this_run() {
    let directory = Directory::new();
    let emulator = Emulator::start(&directory, &["--seed", "empty"]);
    let token = emulator.token();
    assert_eq!(emulator.token(), token, "one token for all pages of a run");
    let (shorter, longer) = (&token[1..], format!("{token}0"));
    let other = token.replace(&token[..1], if token.starts_with('0') { "1" } else { "0" });
    let fields = [("target", "all"), ("effect", "500")];
    for wrong in ["", shorter, &longer, &other, &token.to_uppercase()] {
        if wrong == token {
            continue;
        }
        let answer = emulator.form_with("/console/faults/add", &fields, wrong, &[]);
        assert_eq!(answer.status, 403, "{wrong}");
        assert!(answer.text().contains("The form is not from a page of this console since its start"), "{wrong}");
    }
    // Another kind of body cannot carry it: a page of another site could send that without a preflight.
    for media_type in ["text/plain", "application/json", "multipart/form-data"] {
        let header = format!("content-type: {media_type}");
        assert_eq!(emulator.form_with("/console/faults/add", &fields, &token, &[&header]).status, 403, "{media_type}");
    }
    // In the query it does not count.
    assert_eq!(emulator.form_with(&format!("/console/faults/add?token={token}"), &fields, "", &[]).status, 403);
    assert_eq!(emulator.admin("GET", "/faults", None).json(), json!([]));
    assert_eq!(emulator.form_with("/console/faults/add", &fields, &token, &[]).status, 303);
    assert_eq!(emulator.admin("GET", "/faults", None).json()[0]["status"], 500);
    assert_eq!(emulator.end("-TERM"), Some(0));

    let emulator = Emulator::start(&directory, &["--seed", "empty"]);
    assert_ne!(emulator.token(), token);
    assert_eq!(emulator.form_with("/console/faults/add", &fields, &token, &[]).status, 403, "the token of another run");
}

#[test]
fn every_response_forbids_frames_foreign_content_and_caches() {
    let directory = Directory::new();
    let emulator = Emulator::start(&directory, &["--seed", "empty"]);
    let foreign = emulator.curl(&["--header", "origin: http://evil.example", &emulator.admin]);
    let stream = emulator.curl(&["--max-time", "0.5", &format!("{}/console/events", emulator.admin)]);
    assert!(stream.headers.contains("text/event-stream"));
    let paths = ["/", "/console/keypairs", "/console/console.js", "/console/icon.svg", "/console/nothing"];
    let answers = paths.map(|path| emulator.page(path)).into_iter();
    let calls = ["/", "/requests", "/nothing"].map(|path| emulator.admin("GET", path, None)).into_iter();
    for answer in answers.chain(calls).chain([foreign, stream]) {
        let policy = answer.header("content-security-policy");
        for part in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "connect-src 'self'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "require-trusted-types-for 'script'",
        ] {
            assert!(policy.split("; ").any(|other| other == part), "{part}: {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains("http"), "{policy}");
        for (name, value) in [
            ("x-frame-options", "deny"),
            ("x-content-type-options", "nosniff"),
            ("cross-origin-resource-policy", "same-origin"),
            ("referrer-policy", "same-origin"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(answer.header(name), value, "{name}: {}", answer.headers);
        }
    }
}

#[test]
fn a_request_that_no_browser_sends_gets_past_no_check() {
    let directory = Directory::new();
    let emulator = Emulator::start(&directory, &["--seed", "empty"]);
    let address = emulator.admin.strip_prefix("http://").unwrap().to_owned();
    let status = |head: &str| {
        let mut stream = TcpStream::connect(&address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        stream.write_all(format!("{head}\r\nConnection: close\r\n\r\n").as_bytes()).unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        text.split(' ').nth(1).unwrap_or_default().to_owned()
    };
    assert_eq!(status(&format!("GET /stats HTTP/1.1\r\nHost: {address}")), "200");
    for head in [
        "GET /stats HTTP/1.1".to_owned(),
        "GET /stats HTTP/1.0".to_owned(),
        "GET /stats HTTP/1.1\r\nHost:".to_owned(),
        format!("GET /stats HTTP/1.1\r\nHost: {address}\r\nHost: evil.example"),
        format!("GET http://evil.example/stats HTTP/1.1\r\nHost: {address}"),
        format!("GET /stats HTTP/1.1\r\nHost: evil.example\r\nX-Forwarded-Host: {address}"),
        format!("GET /stats HTTP/1.1\r\nHost: {address}\r\nOrigin: http://{address}\r\nOrigin: http://evil.example"),
        format!("GET /stats HTTP/1.1\r\nHost: {address}\r\nOrigin:"),
    ] {
        assert!(["400", "403"].contains(&status(&head).as_str()), "{head}: {}", status(&head));
    }
}

#[test]
fn the_admin_port_leaves_loopback_only_with_the_name_of_its_host() {
    let directory = Directory::new();
    let state = directory.path("state").display().to_string();
    let refused = Command::new(env!("CARGO_BIN_EXE_stm-emulator"))
        .args(["--state", &state, "--admin", "0.0.0.0:0"])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&refused.stderr);
    assert_eq!(refused.status.code(), Some(2));
    assert!(text.contains("--admin is not on loopback (0.0.0.0:0)") && text.contains("--admin-host"), "{text}");
    assert!(!directory.path("state").exists());

    let emulator =
        Emulator::start(&directory, &["--seed", "empty", "--admin", "0.0.0.0:0", "--admin-host", "build.example"]);
    let port = emulator.admin.rsplit(':').next().unwrap().to_owned();
    assert_eq!(emulator.admin, format!("http://build.example:{port}"));
    assert_eq!(emulator.setting("STM_EMULATOR_ADMIN"), emulator.admin);
    let status = |host: &str| {
        let to_here = format!("::127.0.0.1:{port}");
        emulator.curl(&["--connect-to", &to_here, &format!("http://{host}:{port}/stats")]).status
    };
    assert_eq!([status("build.example"), status("BUILD.example"), status("127.0.0.1")], [200, 200, 200]);
    assert_eq!([status("evil.example"), status("0.0.0.0"), status("192.0.2.1")], [403, 403, 403]);
}
