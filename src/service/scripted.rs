//! A service that gives the answers of a test, one after another, over HTTP on this machine; and what that shows about requests.

use super::Service;
use super::failure::Failure;
use super::model::{Keypair, NewKeypair};
use crate::config::{CacheMode, ClientCert, Secret, TokenSettings};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::JoinHandle;

/// Statuses of answers that break off: without a word, and after the head.
const SILENCE: u16 = 0;
const BROKEN: u16 = 1;

/// A status, headers with their line ends, and a body.
struct Answer(u16, &'static str, Value);

/// What was asked: the first line, the API key and the body.
#[derive(Debug)]
struct Asked {
    line: String,
    key: String,
    body: Value,
}

/// Of this machine alone: nothing is kept, or shared with other processes.
fn settings(change: impl FnOnce(&mut TokenSettings)) -> Arc<TokenSettings> {
    TokenSettings::sample(|settings| {
        settings.cache = CacheMode::Off;
        settings.shared_pace = false;
        settings.timeout = std::time::Duration::from_secs(20);
        change(settings);
    })
}

/// A service whose answers are these, and the requests that it got, once all are given.
fn answering(answers: Vec<Answer>, change: impl FnOnce(&mut TokenSettings)) -> (Service, JoinHandle<Vec<Asked>>) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let host = format!("http://{}", listener.local_addr().expect("an address"));
    let settings = settings(|settings| {
        settings.host = Some(host);
        change(settings);
    });
    let serve = move || answers.iter().map(|answer| one(&listener, answer)).collect();
    (Service::new(settings), std::thread::spawn(serve))
}

fn one(listener: &TcpListener, Answer(status, headers, body): &Answer) -> Asked {
    let (stream, _) = listener.accept().expect("a connection");
    let mut reader = BufReader::new(stream);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).expect("a line");
        if line.trim().is_empty() {
            break;
        }
        head.push(line.trim().to_owned());
    }
    let header = |name: &str| {
        let found =
            head.iter().filter_map(|line| line.split_once(": ")).find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map_or(String::new(), |(_, value)| value.to_owned())
    };
    let mut content = vec![0; header("content-length").parse().unwrap_or(0)];
    reader.read_exact(&mut content).expect("a body");
    let body = body.to_string();
    let (status, promised) = if *status == BROKEN { (200, body.len() + 1) } else { (*status, body.len()) };
    if status != SILENCE {
        write!(
            reader.get_mut(),
            "HTTP/1.1 {status} -\r\nContent-Type: application/json\r\nContent-Length: {promised}\r\nConnection: close\r\n{headers}\r\n{body}"
        )
        .expect("an answer is sent");
    }
    Asked {
        line: head[0].clone(),
        key: header("x-api-key"),
        body: serde_json::from_slice(&content).unwrap_or_default(),
    }
}

fn words(asked: JoinHandle<Vec<Asked>>) -> Vec<String> {
    asked.join().expect("the service").iter().map(|asked| asked.line.replace(" HTTP/1.1", "")).collect()
}

fn error(text: &str) -> Value {
    json!({"error": {"status": "x", "message": text}})
}

fn refusal<T: std::fmt::Debug>(result: Result<T, Failure>) -> String {
    result.expect_err("a refusal").to_string()
}

fn listed(id: &str, alias: &str) -> Value {
    let spki = include_bytes!("../../tests/data/pss/key.der");
    let key = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, spki);
    json!({"id": id, "alias": alias, "public_key": key, "certificates": [], "number_of_active_certificates": 0})
}

fn new_keypair() -> NewKeypair {
    NewKeypair {
        alias: "new".into(),
        key_alg: "RSA".into(),
        properties: Vec::new(),
        key_storage: "HSM".into(),
        key_type: "TEST".into(),
        status: "ONLINE".into(),
    }
}

#[test]
fn a_connection_that_breaks_is_told_with_the_moment_and_nothing_is_asked_again() {
    for (status, expected) in [(SILENCE, "broke before the answer"), (BROKEN, "broke in the middle of the answer")] {
        let (service, asked) = answering(vec![Answer(status, "", json!({"id": "7"}))], |_| ());
        let refused = refusal(service.create_keypair(&new_keypair()));
        assert!(refused.contains(expected), "{refused}");
        assert_eq!(words(asked), ["POST /signingmanager/api/v1/keypairs"]);
    }
}

#[test]
fn the_id_that_a_support_team_asks_for_is_in_the_message_whatever_its_header_is_called() {
    for header in ["X-Request-Id: r-7\r\n", "X-Correlation-Id: r-7\r\n", "X-Amzn-RequestId: r-7\r\n"] {
        let (service, asked) = answering(vec![Answer(403, header, error("not yours"))], |_| ());
        let refused = refusal(service.check());
        assert!(refused.contains("r-7"), "{refused}");
        words(asked);
    }
}

#[test]
fn the_client_certificate_of_the_settings_is_read() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/pkcs12/aes.p12");
    let with = settings(|settings| {
        settings.client_cert = Some(ClientCert::File(file.into()));
        settings.client_cert_password = Some(Secret::new("seed"));
    });
    assert!(Service::new(with).client_certificate().expect("it is read").is_some());
    assert!(Service::new(settings(|_| ())).client_certificate().expect("none is set").is_none());
}

#[test]
fn a_check_returns_the_clock_of_the_service() {
    let date = "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    let (service, asked) = answering(vec![Answer(200, date, json!({"items": []}))], |_| ());
    let clock = service.check().expect("it works").expect("a clock");
    assert_eq!(httpdate::fmt_http_date(clock), "Sun, 06 Nov 1994 08:49:37 GMT");
    assert_eq!(words(asked), ["GET /signingmanager/api/v1/keypairs?limit=1"]);
}

#[test]
fn a_refusal_that_may_pass_is_asked_again_and_the_message_says_so() {
    let late = "Retry-After: 100000\r\n";
    for (answers, expected) in [
        (vec![Answer(429, late, error("slow"))], "(retry after 100000 s);"),
        (
            vec![Answer(503, "", error("busy")), Answer(429, late, error("slow"))],
            "(retry after 100000 s) (tried again);",
        ),
        // The last refusal counts, if it is another.
        (vec![Answer(503, "", error("busy")), Answer(403, "", error("not yours"))], "not yours"),
    ] {
        let count = answers.len();
        let (service, asked) = answering(answers, |_| ());
        let refused = refusal(service.signature("s-1", service.deadline()));
        assert!(refused.contains(expected), "{refused}");
        assert_eq!(words(asked), vec!["GET /signingmanager/api/v1/signatures/s-1"; count]);
    }
}

#[test]
fn a_signature_of_the_log_is_read() {
    let (service, asked) = answering(vec![Answer(200, "", json!({"id": "s-1", "signature": "AAEC"}))], |_| ());
    let record = service.signature("s-1", service.deadline()).expect("a record");
    assert_eq!(record.signature.as_deref(), Some(&[0, 1, 2][..]));
    assert_eq!(words(asked).len(), 1);
    assert!(refusal(service.signature("..", service.deadline())).contains("'..' is not a valid signature ID"));
}

#[test]
fn a_list_shorter_than_its_count_is_known_as_that() {
    for (total, expected) in [(1, false), (3, true)] {
        let list = Answer(200, "", json!({"items": [listed("1", "Release")], "total": total}));
        let mut answers = vec![list];
        answers.extend(expected.then(|| Answer(200, "", json!({"items": [], "total": total}))));
        let (service, asked) = answering(answers, |settings| settings.certificates = vec!["none".into()]);
        let found = service.keypairs(super::Wanted::All, service.deadline()).expect("a list");
        assert_eq!((found.len(), service.list_is_short()), (1, expected));
        assert_eq!(service.unmatched_certificates(&found), ["none"]);
        words(asked);
    }
}

#[test]
fn a_refused_page_is_told_unless_its_offset_was_refused() {
    let page = |offset| format!("GET /signingmanager/api/v1/keypairs?limit=1&offset={offset}");
    let first = || Answer(200, "", json!({"items": [listed("1", "a")], "total": 2}));
    let (service, asked) = answering(vec![first(), Answer(403, "", error("not yours"))], |_| ());
    let refused = refusal(service.keypairs(super::Wanted::All, service.deadline()));
    assert!(refused.contains("not yours"), "{refused}");
    assert_eq!(words(asked)[1], page(1));
    let whole = json!({"items": [listed("1", "a"), listed("2", "b")], "total": 2});
    let (service, asked) =
        answering(vec![first(), Answer(400, "", error("unknown parameter offset")), Answer(200, "", whole)], |_| ());
    assert_eq!(service.keypairs(super::Wanted::All, service.deadline()).expect("a list").len(), 2);
    assert_eq!(words(asked)[1], page(1));
}

#[test]
fn a_check_asks_without_a_limit_if_the_limit_is_refused() {
    let plain = "GET /signingmanager/api/v1/keypairs";
    let limit = || Answer(400, "", error("unknown parameter limit"));
    let (service, asked) = answering(vec![limit(), Answer(200, "", json!({"items": []}))], |_| ());
    service.check().expect("it works");
    assert_eq!(words(asked), [format!("{plain}?limit=1"), plain.to_owned()]);
    let (service, asked) = answering(vec![Answer(403, "", error("not yours"))], |_| ());
    assert!(refusal(service.check()).contains("not yours"));
    assert_eq!(words(asked), [format!("{plain}?limit=1")]);
}

#[test]
fn a_name_in_another_case_is_remembered_for_the_message() {
    let list = || json!({"items": [listed("1", "Release")], "total": 1, "limit": 100});
    let (service, asked) = answering(vec![Answer(200, "", list())], |_| ());
    let found = service.keypairs(super::Wanted::Alias("release"), service.deadline()).expect("an answer");
    assert!(found.is_empty());
    assert_eq!(service.similar("release").as_deref(), Some("Release"));
    words(asked);
}

#[test]
fn a_keypair_that_was_made_is_looked_for_by_its_id_or_else_by_its_name() {
    for (id, then) in
        [("7", "GET /signingmanager/api/v1/keypairs/7"), ("", "GET /signingmanager/api/v1/keypairs?alias=new")]
    {
        let found = if id.is_empty() { json!({"items": [listed("7", "new")], "total": 1}) } else { listed("7", "new") };
        let answers = vec![Answer(201, "", json!({"id": id, "alias": "new"})), Answer(200, "", found)];
        let (service, asked) = answering(answers, |_| ());
        let made: Arc<Keypair> = service.create_keypair(&new_keypair()).expect("a keypair");
        assert_eq!((&*made.id, &*made.alias), ("7", "new"));
        let asked = asked.join().expect("the service");
        assert_eq!(asked[0].body["alias"], "new");
        assert!(asked[1].line.starts_with(then), "{}", asked[1].line);
    }
}

#[test]
fn a_pin_that_is_the_api_key_is_sent_until_the_logout() {
    let empty = || Answer(200, "", json!({"items": []}));
    let change = |settings: &mut TokenSettings| {
        settings.login = crate::config::Login::ApiKey;
        settings.api_key = None;
    };
    let (service, asked) = answering(vec![empty(), empty(), Answer(401, "", error("who are you"))], change);
    assert!(!service.log_in(b"1234").expect("it is accepted"), "the first PIN differs from none");
    service.check().expect("it works");
    service.log_out();
    assert!(refusal(service.check()).contains("who are you"));
    let keys: Vec<_> = asked.join().expect("the service").into_iter().map(|asked| asked.key).collect();
    assert_eq!(keys, ["1234", "1234", ""], "no PIN is left");
}

#[test]
fn an_observer_sees_a_path_that_is_read_and_an_error_is_told() {
    let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
    let (service, asked) =
        answering(vec![Answer(200, "", json!({"items": []})), Answer(404, "", error("no such path"))], |_| ());
    let sees = Arc::clone(&seen);
    service.observe(Box::new(move |exchange| {
        sees.lock().unwrap().push((exchange.path_and_query.to_owned(), exchange.status))
    }));
    service.read("/certificates", &[("limit", "2")]).expect("it is read");
    assert!(refusal(service.read("/certificates", &[])).contains("no such path"));
    words(asked);
    let seen = seen.lock().unwrap();
    assert!(seen[0].0.contains("/certificates") && seen[0].0.contains("limit=2"), "{seen:?}");
    assert_eq!(seen.iter().map(|(_, status)| *status).collect::<Vec<_>>(), [200, 404]);
}
