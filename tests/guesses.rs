//! What is believed of the service without proof, turned round: each row is a service that does otherwise. `docs/contract.md` is
//! made from these tables and from the module's own.

#![allow(clippy::macro_metavars_in_unsafe, reason = "calling C functions is what these tests are for")]

mod front;
mod support;

#[path = "guesses/mod.rs"]
mod table;

use cryptoki_sys::*;
use front::reply::{Asked, Reply};
use front::{Front, Greeting, Plan, Step};
use std::time::{Duration, Instant};
use support::template::Attributes;
use support::{Emulator, P11};
use table::{GROUPS, contract, run};

service_test!(parameters, |emulator: &Emulator| contract::knows(&run::rows(emulator, GROUPS[0].rows)));
service_test!(pages, |emulator: &Emulator| contract::knows(&run::rows(emulator, GROUPS[1].rows)));
service_test!(certificates, |emulator: &Emulator| contract::knows(&run::rows(emulator, GROUPS[2].rows)));
service_test!(keys, |emulator: &Emulator| contract::knows(&run::rows(emulator, GROUPS[3].rows)));
service_test!(signatures, |emulator: &Emulator| contract::knows(&run::rows(emulator, GROUPS[4].rows)));
service_test!(refusals, |emulator: &Emulator| contract::knows(&run::rows(emulator, GROUPS[5].rows)));

service_test!(an_account_that_refuses_is_asked_once_for_a_few_seconds_whatever_the_slot, |emulator: &Emulator| {
    let p11 = P11::start();
    let (classic, modern) = (p11.open(0), p11.open(1));
    let wanted = Attributes::new().class(CKO_PRIVATE_KEY);
    let labelled = Attributes::new().class(CKO_PRIVATE_KEY).label("demo-ec-p256");
    emulator.faults(r#"[{"path": "/signingmanager", "status": 401, "body": {"errors": [{"code": "invalid_api_key", "message": "no"}]}}]"#);
    for _ in 0..2 {
        for session in [classic, modern] {
            assert_eq!(p11.try_find(session, &wanted), Err(CKR_DEVICE_ERROR));
            assert_eq!(p11.try_find(session, &labelled), Err(CKR_DEVICE_ERROR));
        }
    }
    assert_eq!(emulator.requests().len(), 1);
    emulator.faults("[]");
    std::thread::sleep(Duration::from_millis(3100));
    assert_eq!(p11.find(classic, &labelled).len(), 1);
    assert_eq!(emulator.requests().len(), 2);
});

service_test!(
    a_service_that_cannot_be_reached_is_waited_for_once_for_a_few_seconds,
    [("STM_PKCS11_TIMEOUT", "2"), ("STM_PKCS11_CACHE", "off")],
    [],
    |_: &Emulator| {
        let p11 = P11::load();
        p11.begin("SM_HOST=https://127.0.0.1:9");
        let wanted = Attributes::new().class(CKO_PRIVATE_KEY);
        let took = |slot| {
            let begun = Instant::now();
            assert_eq!(p11.try_find(p11.open(slot), &wanted), Err(CKR_DEVICE_ERROR));
            begun.elapsed()
        };
        assert!(took(0) > Duration::from_millis(500), "it is tried again before it is given up");
        for slot in [1, 0, 1] {
            assert!(took(slot) < Duration::from_millis(300));
        }
    }
);

service_test!(
    a_host_that_never_answers_is_asked_once_for_a_few_seconds_and_an_unanswered_signature_holds_nothing_up,
    [("STM_PKCS11_TIMEOUT", "2"), ("STM_PKCS11_CACHE", "off")],
    [],
    |emulator: &Emulator| {
        let greeted = |greeting| Plan { greeting, ..Plan::FAIR };
        let reads = |steps| Plan { on: "GET", steps, ..Plan::FAIR };
        let (front, p11) = (Front::start(emulator), P11::load());
        let all = Attributes::new().class(CKO_PRIVATE_KEY);
        let labelled = |label| Attributes::new().class(CKO_PRIVATE_KEY).label(label);
        for (plan, asked) in [
            (greeted(Greeting::Silence), 0),
            (greeted(Greeting::SilenceAfterHello), 0),
            (reads(&[Step::Silence]), 1),
            (reads(&[Step::Forward, Step::Part(5), Step::Silence]), 1),
        ] {
            front.set(plan);
            p11.begin(&format!("SM_HOST={}", front.host));
            let (classic, modern) = (p11.open(0), p11.open(1));
            let fails = |session, wanted: &Attributes| {
                let begun = Instant::now();
                assert_eq!(p11.try_find(session, wanted), Err(CKR_DEVICE_ERROR), "{plan:?}");
                begun.elapsed()
            };
            assert!(fails(classic, &labelled("demo-ec-p256")) > Duration::from_millis(1500), "{plan:?}");
            for session in [classic, modern] {
                for wanted in [&labelled("demo-ec-p256"), &labelled("demo-rsa-3072"), &all] {
                    assert!(fails(session, wanted) < Duration::from_millis(300), "{plan:?}");
                }
            }
            assert_eq!(front.seen().len(), asked, "{plan:?}");
            front.set(Plan::FAIR);
            std::thread::sleep(Duration::from_millis(3100));
            assert!(!p11.find(modern, &all).is_empty(), "{plan:?}");
            p11.finish();
        }
        // A signature without an answer may have been made: nothing is concluded from it for searches.
        p11.begin(&format!("SM_HOST={}", front.host));
        let session = p11.open(0);
        let key = p11.private_key(session, "demo-ec-p256");
        front.set(Plan { on: "POST", steps: &[Step::Forward, Step::Silence], ..Plan::FAIR });
        let signatures = emulator.signs();
        assert_eq!(p11.sign(session, CKM_ECDSA, key, &[7; 32]), Err(CKR_DEVICE_ERROR));
        assert_eq!(emulator.signs() - signatures, 1, "it was made once, and not asked for again");
        front.set(Plan::FAIR);
        assert_eq!(p11.find(session, &labelled("demo-rsa-3072")).len(), 1);
    }
);

service_test!(what_was_learnt_of_the_service_is_kept_for_the_next_process, |emulator: &Emulator| {
    let front = Front::start(emulator);
    let p11 = P11::load();
    let asked = |label: &str, found: usize| {
        p11.begin(&format!("SM_HOST={}", front.host));
        let refuses =
            |asked: &Asked| match asked.lists() && (asked.query("alias").is_some() || asked.number("limit") > 20) {
                true => Reply::Json(400, serde_json::json!({"errors": [{"code": "invalid_request", "message": "no"}]})),
                false => Reply::Forward,
            };
        front.set(Plan { service: Some(refuses), ..Plan::FAIR });
        let session = p11.open(0);
        assert_eq!(p11.find(session, &Attributes::new().class(CKO_PRIVATE_KEY).label(label)).len(), found);
        p11.finish();
        front.seen().iter().map(|seen| seen.line.clone()).collect::<Vec<_>>()
    };
    assert_eq!(asked("demo-ec-p256", 1).len(), 3, "by alias, with limit=100, with limit=20");
    assert_eq!(asked("demo-ec-p256", 1).len(), 0, "the list is in the cache");
    let lines = asked("release-1", 0);
    assert_eq!(lines, ["GET /signingmanager/api/v1/keypairs?limit=20 HTTP/1.1"]);
});

/// `UPDATE_DOCS=1 cargo test --test guesses` writes it.
#[test]
fn the_page_of_the_contract_is_what_the_module_has_and_the_tests_run() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/contract.md");
    let page = table::document::page();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &page).expect("docs/contract.md is written");
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(there == page, "docs/contract.md is out of date: UPDATE_DOCS=1 cargo test --test guesses");
    assert!(GROUPS.iter().map(|group| group.rows.len()).sum::<usize>() >= 40);
}
