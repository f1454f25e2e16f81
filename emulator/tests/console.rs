//! The console's pages and forms, without a browser: tests/browser/console.py visits them with one.

mod common;

use common::{Directory, Emulator};
use serde_json::{Value, json};

fn new_keypair<'a>(alias: &'a str, kind: &'a str) -> Vec<(&'a str, &'a str)> {
    vec![
        ("alias", alias),
        ("kind", kind),
        ("key_type", "TEST"),
        ("key_storage", "HSM"),
        ("status", "ONLINE"),
        ("certificate", "years"),
    ]
}

fn refusal(answer: &common::Answer) -> String {
    let text = answer.text();
    let (_, rest) =
        text.split_once("<p class=\"problem\" role=\"alert\">").unwrap_or_else(|| panic!("no reason: {text}"));
    rest.split("</p>").next().unwrap().replace("&quot;", "\"").replace("&lt;", "<").replace("&gt;", ">")
}

#[test]
fn a_browser_gets_pages_and_every_other_client_gets_json() {
    let directory = Directory::new();
    let emulator = Emulator::start(&directory, &["--seed", "empty"]);
    let accept = |value: &str| {
        let answer = emulator.curl(&["--header", &format!("accept: {value}"), &format!("{}/", emulator.admin)]);
        assert_eq!((answer.status, answer.header("vary")), (200, "accept".to_owned()));
        answer.header("content-type")
    };
    assert_eq!(accept("text/html,application/xhtml+xml,*/*;q=0.8"), "text/html; charset=utf-8");
    for json in ["application/json", "*/*", "", "application/json, text/html;q=0.9"] {
        assert_eq!(accept(json), "application/json", "{json}");
    }
    // The calls stay what they are, also for a browser.
    assert_eq!(emulator.page("/requests").json(), json!([]));
    assert_eq!(emulator.page("/console/nothing").status, 404);
    assert_eq!(emulator.form("/console/nothing", &[]).status, 404);
    assert_eq!(emulator.form("/", &[]).status, 405);
}

#[test]
fn secrets_are_in_no_page_before_the_form_that_asks_for_them() {
    let directory = Directory::new();
    let emulator = Emulator::with_ec(&directory, &[]);
    emulator.sign("ec", "SHA256WithECDSA", &[1; 32]);
    let record = emulator.admin("GET", "/signatures", None).json()[0].clone();
    let keypair = emulator.keypair("ec");
    let secrets = [emulator.setting("SM_API_KEY"), emulator.setting("SM_CLIENT_CERT_PASSWORD")];
    let of = |value: &Value| value["id"].as_str().unwrap().to_owned();
    let private = std::fs::read_to_string(emulator.state.join("client.pem")).unwrap();
    let private: Vec<&str> = private.lines().skip_while(|line| !line.contains("PRIVATE")).skip(2).take(3).collect();
    for path in [
        "/".to_owned(),
        "/console/keypairs".to_owned(),
        format!("/console/keypairs/{}", of(&keypair)),
        "/console/signatures".to_owned(),
        format!("/console/signatures/{}", of(&record)),
        "/console/requests".to_owned(),
        "/console/faults".to_owned(),
        "/console/secrets".to_owned(),
        "/requests".to_owned(),
    ] {
        let text = emulator.page(&path).text();
        for secret in secrets.iter().map(String::as_str).chain(private.iter().copied()) {
            assert!(!text.contains(secret), "{path}");
        }
    }
    let page = emulator.page("/").text();
    for name in ["SM_HOST", "SM_CLIENT_CERT_FILE", "SM_CA_FILE", "STM_EMULATOR_TSA"] {
        assert!(page.contains(&emulator.setting(name)), "{name}");
    }
    let shown = emulator.form("/console/secrets", &[]);
    assert_eq!((shown.status, shown.header("cache-control")), (200, "no-store".to_owned()));
    assert!(secrets.iter().all(|secret| shown.text().contains(secret)));
    assert!(private.iter().all(|line| !shown.text().contains(line)));
}

#[test]
fn a_keypair_is_created_switched_renewed_and_deleted_and_the_api_shows_it_at_once() {
    let directory = Directory::new();
    let emulator = Emulator::start(&directory, &["--seed", "empty"]);
    let page = emulator.submit("/console/keypairs", &new_keypair("mine", "p-256"));
    assert!(page.contains("The keypair exists.") && page.contains("mine-cert"));
    let id = emulator.keypair("mine")["id"].as_str().unwrap().to_owned();
    let form =
        |action: &str, fields: &[(&str, &str)]| emulator.submit(&format!("/console/keypairs/{id}/{action}"), fields);
    emulator.sign("mine", "SHA256WithECDSA", &[1; 32]);

    form("offline", &[]);
    let keypair = emulator.keypair("mine");
    assert_eq!((&keypair["key_status"], &keypair["is_signable_by_me"]), (&json!("OFFLINE"), &json!(false)));
    let refused = emulator.try_sign("mine", "SHA256WithECDSA", &[1; 32]);
    assert!(refused.status == 403 && refused.text().contains("OFFLINE state"), "{}", refused.text());
    form("online", &[]);
    emulator.sign("mine", "SHA256WithECDSA", &[1; 32]);

    let certificates = || emulator.keypair("mine")["certificates"].as_array().unwrap().clone();
    let defaults = || -> Vec<Value> {
        certificates().iter().filter(|one| one["default_cert"] == true).map(|one| one["alias"].clone()).collect()
    };
    form("renew", &[("certificate", "ending"), ("default", "on")]);
    assert_eq!(defaults(), ["mine-cert-2"]);
    assert!(emulator.keypair("mine")["number_of_active_certificates"] == 2);
    form("renew", &[("certificate", "years")]);
    assert_eq!((certificates().len(), defaults()), (3, vec![json!("mine-cert-2")]));
    let records: Vec<Value> = emulator.admin("GET", "/signatures", None).json().as_array().unwrap().clone();
    assert_eq!(records[1]["certificate_id"], certificates()[0]["id"], "signatures of before keep their certificate");
    emulator.sign("mine", "SHA256WithECDSA", &[1; 32]);
    let last = emulator.admin("GET", "/signatures", None).json()[2].clone();
    assert_eq!(last["certificate_id"], certificates()[1]["id"]);

    // Each certificate is for the same key, verifies with its chain, and is what its page offers.
    let root = emulator.state.join("signing-root.pem").display().to_string();
    let mut keys = Vec::new();
    for certificate in certificates() {
        let id = certificate["id"].as_str().unwrap();
        for name in ["certificate.pem", "chain.pem"] {
            let file = emulator.page(&format!("/console/certificates/{id}/{name}"));
            assert_eq!(file.header("content-disposition"), format!("attachment; filename=\"{name}\""));
            std::fs::write(directory.path(name), &file.body).unwrap();
        }
        let (leaf, chain) = (directory.path("certificate.pem"), directory.path("chain.pem"));
        let (leaf, chain) = (leaf.display().to_string(), chain.display().to_string());
        let verified = common::openssl(&["verify", "-CAfile", &root, "-untrusted", &chain, &leaf]);
        assert!(verified.status.success(), "{verified:?}");
        keys.push(common::openssl(&["x509", "-in", &leaf, "-noout", "-pubkey"]).stdout);
        let alone = emulator.get(&format!("/certificates/{id}")).json();
        assert_eq!(alone["cert"], certificate["cert"]);
    }
    assert!(keys.windows(2).all(|pair| pair[0] == pair[1] && !pair[0].is_empty()));

    let first = certificates()[0]["id"].as_str().unwrap().to_owned();
    emulator.submit(&format!("/console/certificates/{first}/default"), &[]);
    assert_eq!(defaults(), ["mine-cert"]);
    // The same after a restart.
    let before = emulator.keypair("mine");
    assert_eq!(emulator.end("-TERM"), Some(0));
    let emulator = Emulator::start(&directory, &["--seed", "empty"]);
    assert!(emulator.keypair("mine") == before, "a restart changed the keypair");

    let key = |state: &std::path::Path| std::fs::read_dir(state.join("keys")).unwrap().count();
    let keys_before = key(&emulator.state);
    assert!(emulator.state.join("certs/mine.pem").exists());
    assert!(emulator.page(&format!("/console/keypairs/{id}/delete")).text().contains("This cannot be undone"));
    let page = emulator.submit(&format!("/console/keypairs/{id}/delete"), &[]);
    assert!(page.contains("The keypair is deleted"));
    assert_eq!(emulator.get(&format!("/keypairs/{id}")).status, 404);
    assert_eq!(emulator.get(&format!("/certificates/{first}")).status, 404);
    assert_eq!(emulator.try_sign("mine", "SHA256WithECDSA", &[1; 32]).status, 404);
    assert_eq!(key(&emulator.state), keys_before - 1);
    assert!(!emulator.state.join("certs/mine.pem").exists());
    assert_eq!(emulator.admin("GET", "/signatures", None).json().as_array().unwrap().len(), 3);
    for action in ["online", "renew", "delete"] {
        let gone = emulator.form(&format!("/console/keypairs/{id}/{action}"), &[("certificate", "years")]);
        assert_eq!(gone.status, 404, "{action}");
    }
    assert_eq!(emulator.form(&format!("/console/certificates/{first}/default"), &[]).status, 400);
}

#[test]
fn a_key_that_keypairs_share_stays_until_the_last_of_them_is_deleted() {
    let directory = Directory::new();
    let emulator = Emulator::start(&directory, &["--seed", "empty"]);
    emulator.admin("POST", "/seed", Some(&json!({"keypairs": 2, "prefix": "twin-"})));
    let id = |alias: &str| emulator.keypair(alias)["id"].as_str().unwrap().to_owned();
    emulator.submit(&format!("/console/keypairs/{}/delete", id("twin-1")), &[]);
    assert_eq!(emulator.end("-TERM"), Some(0));
    let emulator = Emulator::start(&directory, &["--seed", "empty"]);
    emulator.sign("twin-2", "SHA256WithECDSA", &[1; 32]);
}

#[test]
fn a_form_that_is_not_accepted_says_why_and_changes_nothing() {
    let directory = Directory::new();
    let emulator = Emulator::start(&directory, &["--seed", "empty"]);
    emulator.submit("/console/keypairs", &new_keypair("mine", "ed25519"));
    let with = |name: &str, value: &str| -> Vec<(String, String)> {
        new_keypair("other", "p-256")
            .into_iter()
            .map(|(field, old)| (field.to_owned(), if field == name { value } else { old }.to_owned()))
            .collect()
    };
    for (name, value, status, reason) in [
        ("alias", " ", 400, "Alias is empty; enter a name"),
        ("alias", "mine", 400, "Alias is in use ('mine'); choose another one"),
        ("kind", "rsa-1024", 400, "Key is not a kind of this service ('rsa-1024'); choose one from the list"),
        ("status", "BUSY", 400, "status is not ONLINE or OFFLINE ('BUSY'); choose one of them"),
        ("certificate", "ever", 400, "Certificate is not one of the choices ('ever'); choose one from the list"),
    ] {
        let fields = with(name, value);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let answer = emulator.form("/console/keypairs", &fields);
        assert_eq!((answer.status, refusal(&answer).as_str()), (status, reason));
    }
    assert_eq!(emulator.get("/keypairs").json()["total"], 1);
    for (form, fields, reason) in [
        ("latency", [("all_ms", "-1"), ("sign_ms", "")], "Delay of every request is not a valid number ('-1')"),
        ("latency", [("all_ms", ""), ("sign_ms", "soon")], "Delay of a sign request is not a valid number ('soon')"),
        ("rate-limit", [("per_second", "0"), ("", "")], "Requests per second is not a valid number ('0')"),
        ("tsa", [("fault", "tired"), ("", "")], "Fault is not one of the choices ('tired')"),
        ("add", [("target", "sign"), ("effect", "x")], "the requests or the effect are not among the choices"),
        ("add", [("target", "sign"), ("effect", "slow")], "the fault makes no sense (the rule does nothing"),
        ("rules", [("json", "[{\"statuss\": 1}]"), ("", "")], "Rules are not valid (unknown field `statuss`"),
        (
            "rules",
            [("json", "[{\"status\": 500, \"headers\": {\"a\": \"b\\r\\nset-cookie: c\"}}]"), ("", "")],
            "Rules are not valid (rule 1: headers: 'a'",
        ),
    ] {
        let answer = emulator.form(&format!("/console/faults/{form}"), &fields);
        assert_eq!(answer.status, 400, "{form}");
        assert!(refusal(&answer).starts_with(reason), "{}", refusal(&answer));
    }
    assert!(!emulator.page("/").text().contains("class=\"badge\">on<"), "nothing is switched on");
}

#[test]
fn each_fault_that_the_form_offers_happens_and_ends_when_it_is_switched_off() {
    let directory = Directory::new();
    let emulator = Emulator::with_ec(&directory, &[]);
    let sign = || emulator.try_sign("ec", "SHA256WithECDSA", &[1; 32]);
    let made = || emulator.admin("GET", "/signatures", None).json().as_array().unwrap().len();
    let mut signatures = made();
    // What the client gets; whether a signature was made; a part of the response.
    for (effect, status, executed, part) in [
        ("401", 401, false, "invalid_api_key"),
        ("403", 403, false, "does not have rights to access the keypair"),
        ("403-factor", 403, false, "not multi-factor authenticated"),
        ("404", 404, false, "KEYPAIR_NOT_FOUND"),
        ("429", 429, false, "request_limit_exceeded"),
        ("500", 500, false, "Internal Server Error"),
        ("503", 503, false, "<!doctype html>"),
        ("page", 200, false, "<!doctype html>"),
        ("half", 200, true, ""),
        ("before", 0, false, ""),
        ("after", 0, true, ""),
        ("empty", 200, true, "{}"),
    ] {
        let page = emulator.submit("/console/faults/add", &[("target", "sign"), ("effect", effect)]);
        assert!(page.contains("The fault is switched on.") && page.contains("class=\"badge\">on<"), "{effect}");
        assert_eq!(emulator.get("/keypairs").status, 200, "{effect} is for sign requests only");
        let answer = sign();
        assert_eq!(answer.status, status, "{effect}");
        assert!(String::from_utf8_lossy(&answer.body).contains(part), "{effect}: {:?}", answer.body);
        assert_eq!(answer.complaint.is_empty(), !["half", "before", "after"].contains(&effect), "{effect}");
        assert_eq!(answer.header("retry-after"), if effect == "429" { "2" } else { "" });
        signatures += usize::from(executed);
        assert_eq!(made(), signatures, "{effect}");
        let (_, rest) = page.split_once("name=\"rule\" value=\"").unwrap();
        let page = emulator.submit("/console/faults/remove", &[("rule", rest.split('"').next().unwrap())]);
        assert!(page.contains("No fault rule.") && !page.contains("class=\"badge\">on<"), "{effect}");
        assert_eq!(sign().status, 200, "{effect} is over");
        signatures += 1;
    }
    // Every choice of the page is one of those.
    let page = emulator.page("/console/faults").text();
    let (_, effects) = page.split_once("id=\"effect\"").unwrap();
    assert_eq!(effects.split("</select>").next().unwrap().matches("<option").count(), 13, "12 and \"slow\"");

    emulator.submit("/console/faults/add", &[("target", "keypairs"), ("effect", "500"), ("times", "1")]);
    assert_eq!([emulator.get("/keypairs").status, emulator.get("/keypairs").status], [500, 200]);
    emulator.submit("/console/faults/add", &[("target", "all"), ("effect", "slow"), ("delay", "300")]);
    emulator.submit("/console/faults/latency", &[("all_ms", "100"), ("sign_ms", "200")]);
    assert_eq!(emulator.admin("GET", "/latency", None).json(), json!({"all_ms": 100, "sign_ms": 200}));
    let started = std::time::Instant::now();
    assert_eq!(sign().status, 200);
    assert!(started.elapsed().as_millis() >= 600);
    emulator.submit("/console/faults/tsa", &[("fault", "rejection"), ("delay_ms", "7")]);
    let tsa = emulator.admin("GET", "/tsa", None).json();
    assert_eq!((&tsa["fault"], &tsa["delay_ms"]), (&json!("rejection"), &json!(7)));
    emulator.submit("/console/faults/rate-limit", &[("per_second", "1")]);
    let statuses: Vec<u16> = (0..3).map(|_| emulator.get("/keypairs").status).collect();
    assert!(statuses.contains(&429), "{statuses:?}");
    emulator.submit("/console/faults/rules", &[("json", "[{\"path\": \"/x\", \"status\": 500}]")]);
    assert_eq!(emulator.admin("GET", "/faults", None).json(), json!([{"path": "/x", "status": 500}]));

    let page = emulator.submit("/console/faults/calm", &[]);
    assert!(page.contains("Everything is switched off") && !page.contains("class=\"badge\">on<"));
    assert_eq!(emulator.admin("GET", "/faults", None).json(), json!([]));
    assert_eq!(emulator.admin("GET", "/rate-limit", None).json(), json!({"per_second": null}));
    assert_eq!(emulator.admin("GET", "/latency", None).json(), json!({"all_ms": 0, "sign_ms": 0}));
    assert_eq!(emulator.admin("GET", "/tsa", None).json()["fault"], "none");
}

#[test]
fn the_rate_limit_is_set_by_the_command_line_and_by_a_call() {
    let directory = Directory::new();
    let emulator = Emulator::start(&directory, &["--seed", "empty", "--rate-limit", "7"]);
    assert_eq!(emulator.admin("GET", "/rate-limit", None).json(), json!({"per_second": 7}));
    let set = emulator.admin("PUT", "/rate-limit", Some(&json!({"per_second": null})));
    assert_eq!((set.status, set.json()), (200, json!({"per_second": null})));
    for wrong in [json!({"per_second": 0}), json!({"per_second": "1"}), json!({"second": 1}), json!([])] {
        assert_eq!(emulator.admin("PUT", "/rate-limit", Some(&wrong)).status, 400, "{wrong}");
    }
}

#[test]
fn the_log_is_searched_in_all_fields_and_shown_in_pages() {
    let directory = Directory::new();
    let emulator = Emulator::with_ec(&directory, &[]);
    for number in 0..120u8 {
        emulator.sign("ec", "SHA256WithECDSA", &[number; 32]);
    }
    emulator.submit("/console/keypairs", &new_keypair("other", "p-384"));
    emulator.sign("other", "SHA256WithECDSA", &[0xab; 32]);
    let rows = |path: &str| emulator.page(path).text().matches("<tr id=\"signature-").count();
    assert_eq!(
        [rows("/console/signatures"), rows("/console/signatures?page=2"), rows("/console/signatures?page=9")],
        [100, 21, 0]
    );
    assert_eq!(rows("/console/signatures?page=18446744073709551615"), 0);
    assert_eq!([rows("/console/signatures?page=0"), rows("/console/signatures?page=x")], [100, 100]);
    for (query, found) in
        [("OTHER", 1), ("sha256withecdsa", 100), (&"ab".repeat(32), 1), ("curl/", 100), ("nothing", 0)]
    {
        assert_eq!(rows(&format!("/console/signatures?q={query}")), found, "{query}");
    }
    let record = emulator.admin("GET", "/signatures", None).json()[120].clone();
    let page = emulator.page(&format!("/console/signatures/{}", record["id"].as_str().unwrap())).text();
    for (name, value) in record.as_object().unwrap() {
        let value = value.as_str().or_else(|| value[0].as_str()).unwrap();
        assert!(page.contains(&format!("<dt>{name}</dt>")) && page.contains(&format!("<bdi>{value}</bdi>")), "{name}");
    }
    assert_eq!(emulator.page("/console/signatures/none").status, 404);
}

#[test]
fn looking_at_a_signature_is_not_a_read_of_a_client() {
    let directory = Directory::new();
    let emulator = Emulator::with_ec(&directory, &["--asynchronous-signatures", "1"]);
    let answer = emulator.try_sign("ec", "SHA256WithECDSA", &[1; 32]).json();
    let id = answer["id"].as_str().unwrap();
    assert_eq!(emulator.page(&format!("/console/signatures/{id}")).status, 200);
    assert_eq!(emulator.get(&format!("/signatures/{id}")).json()["signing_status"], "IN_PROGRESS");
    assert_eq!(emulator.get(&format!("/signatures/{id}")).json()["signing_status"], "SUCCESS");
}

#[test]
fn text_of_others_is_text_in_every_page_and_header() {
    let directory = Directory::new();
    let emulator = Emulator::start(&directory, &["--seed", "empty"]);
    let hostile = "</td><script>ran()</script>\"'><img src=x onerror=ran()>\r\nset-cookie: a=b\r\n\r\n<b>";
    let mut body = common::eddsa(hostile);
    body["alias"] = json!(hostile);
    assert_eq!(emulator.post("/keypairs", &body).status, 201);
    let keypair = emulator.get("/keypairs").json()["items"][0].clone();
    let id = keypair["id"].as_str().unwrap();
    let agent = format!("user-agent: {}", hostile.replace("\r\n", " "));
    let sign = json!({"hash": common::base64(b"x"), "sig_alg": "Ed25519"}).to_string();
    let signed = emulator.call(&["--header", &agent, "--data", &sign, &emulator.api(&format!("/keypairs/{id}/sign"))]);
    assert_eq!(signed.status, 200);
    emulator.call(&["--header", &agent, &emulator.api("/<script>ran()</script>?\"'><img%20onerror=ran()>")]);
    let record = signed.json()["id"].as_str().unwrap().to_owned();
    let rule = json!([{"method": hostile, "path": hostile, "status": 500}]);
    assert_eq!(emulator.admin("PUT", "/faults", Some(&rule)).status, 200);
    let encoded: String = form_urlencoded::byte_serialize(hostile.as_bytes()).collect();
    for path in [
        "/".to_owned(),
        format!("/?done={encoded}"),
        "/console/keypairs".to_owned(),
        format!("/console/keypairs?q={encoded}&page=2&done={encoded}"),
        format!("/console/keypairs/{id}"),
        format!("/console/keypairs/{id}/delete"),
        "/console/signatures".to_owned(),
        format!("/console/signatures?q={encoded}&page=2"),
        format!("/console/signatures/{record}"),
        "/console/requests".to_owned(),
        "/console/faults".to_owned(),
        format!("/console/{encoded}"),
        format!("/console/keypairs/{encoded}"),
    ] {
        let page = emulator.page(&path);
        let text = page.text().replace("<script src=\"/console/console.js\" defer></script>", "");
        assert!(!text.contains("<script") && !text.contains("<img") && !text.contains("<b>"), "{path}: {text}");
        assert_eq!(page.header("set-cookie"), "", "{path}");
    }
    // What a form was sent with comes back as text, too, in the page and in no header.
    let mut fields = new_keypair(hostile, hostile);
    for field in &mut fields {
        field.1 = hostile;
    }
    for (path, fields) in [
        ("/console/keypairs", fields),
        ("/console/faults/rules", vec![("json", hostile)]),
        ("/console/faults/latency", vec![("all_ms", hostile)]),
        ("/console/faults/add", vec![("target", hostile), ("effect", hostile), ("times", hostile)]),
        ("/console/faults/tsa", vec![("fault", hostile)]),
        ("/console/faults/remove", vec![("rule", hostile)]),
    ] {
        let answer = emulator.form(path, &fields);
        let text = answer.text().replace("<script src=\"/console/console.js\" defer></script>", "");
        assert_eq!(answer.status, 400, "{path}");
        assert!(!text.contains("<script") && !text.contains("<img") && !text.contains("<b>"), "{path}: {text}");
        assert_eq!((answer.header("set-cookie"), answer.header("location")), (String::new(), String::new()), "{path}");
    }
    // A keypair whose alias has line breaks is created by form, and leads to its page by id.
    let created = emulator.form("/console/keypairs", &new_keypair("line\r\nset-cookie: a=b", "p-256"));
    assert_eq!((created.status, created.header("set-cookie")), (303, String::new()));
    assert!(created.header("location").starts_with("/console/keypairs/"), "{}", created.headers);
}
