//! The ledger, through the built library: what it records, what a budget permits, and what is reused.

#![allow(clippy::macro_metavars_in_unsafe, reason = "calling C functions is what these tests are for")]

mod support;

use cryptoki_sys::*;
use std::path::PathBuf;
use std::process::Child;
use stm_pkcs11::config::LedgerSettings;
use stm_pkcs11::ledger::{Entry, Findings, Ledger, Outcome};
use support::crowd::{REJECTED, is_one, one, sign_once};
use support::{Emulator, P11};

const RSA: &str = "demo-rsa-2048";
const EC: &str = "demo-ec-p256";

/// In the test's own home, which the harness searches for secrets.
fn path() -> PathBuf {
    PathBuf::from(std::env::var_os("HOME").expect("a home")).join("ledger")
}

fn ledger() -> Ledger {
    Ledger::new(&LedgerSettings { path: Some(path()), ..LedgerSettings::default() })
}

fn entries() -> Vec<Entry> {
    ledger().entries().expect("a ledger")
}

fn outcomes() -> Vec<&'static str> {
    entries().iter().map(Entry::outcome_name).collect()
}

fn verified() -> Findings {
    let findings = ledger().verify(None).expect("a ledger").expect("a path");
    assert_eq!(findings.problems, [""; 0]);
    findings
}

fn log() -> String {
    let home = PathBuf::from(std::env::var_os("HOME").expect("a home"));
    std::fs::read_to_string(home.join(".signingmanager/logs/smpkcs11.log")).unwrap_or_default()
}

/// A fault of the next so many sign requests.
fn fault(emulator: &Emulator, rule: &str, times: u32) {
    emulator.faults(&format!(
        r#"[{{"method": "POST", "path": "/signingmanager/api/v1/keypairs/", "times": {times}, {rule}}}]"#
    ));
}

service_test!(
    a_signature_is_written_down_with_who_made_it_and_what_came_of_it,
    [("STM_PKCS11_LEDGER", "~/ledger")],
    [],
    |emulator: &Emulator| {
        let p11 = P11::start();
        let session = p11.open(0);
        let key = p11.private_key(session, RSA);
        assert!(!path().exists(), "nothing is made before the first signature");
        let signature = p11.sign(session, CKM_SHA256_RSA_PKCS, key, b"data").unwrap();
        let all = entries();
        let entry = &all[0];
        assert_eq!((all.len(), entry.outcome, emulator.signs()), (1, Some(Outcome::Signed), 1));
        assert_eq!((&*entry.keypair, &*entry.sig_alg, entry.bytes), (RSA, "SHA256WithRSA", Some(256)));
        // SHA-256 of "data".
        assert_eq!(entry.digest, "3a6eb0790f39ac87c94f3856b2dd2c5d110e6811602261a9a923d3bb23adc8b7");
        assert_eq!((entry.pid, entry.attempts), (std::process::id(), Some(1)));
        assert!(entry.process.starts_with("ledger-") && entry.command.starts_with("ledger-"), "{entry:?}");
        assert!(entry.host != "unknown" && entry.user != "unknown" && entry.ms.is_some(), "{entry:?}");
        let records = emulator.call("GET", "/signatures", "");
        let id = entry.signature_id.as_deref().expect("an id");
        assert!(records.contains(id), "{id} is none of {records}");
        assert_eq!(signature.len(), 256);
        p11.finish();
        verified();
    }
);

service_test!(
    each_end_of_a_request_is_written_down_and_what_was_not_executed_is_given_back,
    [("STM_PKCS11_LEDGER", "~/ledger"), ("STM_PKCS11_BUDGET", "100,100/day"), ("STM_PKCS11_TIMEOUT", "5")],
    [],
    |emulator: &Emulator| {
        let p11 = P11::start();
        let session = p11.open(0);
        let key = p11.private_key(session, EC);
        let sign = || p11.sign(session, CKM_ECDSA_SHA256, key, b"data");
        let again = r#""status": 429, "headers": {"Retry-After": "0"}, "body": {"error": {"code": "slow_down"}}"#;
        for (rule, times, outcome, attempts, works) in [
            (again, 2, "signed", 3, true),
            (
                r#""status": 403, "body": {"error": {"status": "quota_exceeded", "message": "Signature quota exceeded"}}"#,
                1,
                "refused",
                1,
                false,
            ),
            (r#""status": 400, "body": {"error": {"message": "bad"}}"#, 1, "refused", 1, false),
            (r#""status": 500, "body": {"error": "Internal Server Error"}"#, 1, "unknown", 1, false),
            (r#""drop": "after_execution""#, 1, "unknown", 1, false),
            (r#""body": "no JSON""#, 1, "unknown", 1, false),
            (r#""delay_ms": 8000"#, 1, "unknown", 1, false),
        ] {
            let before = verified_total();
            fault(emulator, rule, times);
            assert_eq!(sign().is_ok(), works, "{rule}");
            let all = entries();
            let last = all.last().expect("an entry");
            assert_eq!((last.outcome_name(), last.attempts), (outcome, Some(attempts)), "{rule}");
            assert_eq!(verified_total() - before, u64::from(outcome != "refused"), "{rule}");
        }
        emulator.faults("[]");
        assert!(sign().is_ok());
        p11.finish();
        assert_eq!(verified().unfinished.len(), 0);
    }
);

fn verified_total() -> u64 {
    if path().exists() { verified().spent.total } else { 0 }
}

service_test!(
    a_service_that_is_not_there_costs_nothing,
    [("STM_PKCS11_LEDGER", "~/ledger"), ("STM_PKCS11_BUDGET", "1/day"), ("STM_PKCS11_TIMEOUT", "3")],
    [],
    |emulator: &Emulator| {
        let p11 = P11::start();
        let session = p11.open(0);
        let key = p11.private_key(session, EC);
        let again = r#"[{"method": "POST", "path": "/signingmanager/api/v1/keypairs/", "status": 503, "headers": {"Retry-After": "60"}, "body": {}}]"#;
        emulator.faults(again);
        assert!(p11.sign(session, CKM_ECDSA_SHA256, key, b"data").is_err());
        emulator.faults("[]");
        assert_eq!((outcomes(), verified().spent.total), (vec!["refused"], 0));
        assert!(p11.sign(session, CKM_ECDSA_SHA256, key, b"data").is_ok(), "the one of the budget is there still");
        assert_eq!(p11.sign(session, CKM_ECDSA_SHA256, key, b"data"), Err(CKR_FUNCTION_REJECTED));
        p11.finish();
    }
);

service_test!(
    a_budget_of_the_process_holds_over_all_its_runs_and_needs_no_ledger,
    [("STM_PKCS11_BUDGET", "2"), ("SM_LOG_OUTPUT", "file")],
    [],
    |emulator: &Emulator| {
        let p11 = P11::start();
        let session = p11.open(0);
        let key = p11.private_key(session, EC);
        assert!(p11.sign(session, CKM_ECDSA_SHA256, key, b"data").is_ok());
        p11.finish();
        p11.begin("");
        let session = p11.open(0);
        let key = p11.private_key(session, EC);
        assert!(p11.sign(session, CKM_ECDSA_SHA256, key, b"data").is_ok());
        assert_eq!(p11.sign(session, CKM_ECDSA_SHA256, key, b"data"), Err(CKR_FUNCTION_REJECTED));
        assert_eq!(p11.sign_parts(session, CKM_ECDSA_SHA256, key, b"data", 2), Err(CKR_FUNCTION_REJECTED));
        p11.finish();
        assert_eq!(emulator.signs(), 2);
        let log = log();
        assert!(
            log.contains("STM_PKCS11_BUDGET=2 is spent, so the request was not sent (this process, ledger-"),
            "{log}"
        );
        assert!(log.contains("1 signature spent, 0 reused, 2 refused, budget 2: 2 spent"), "{log}");
        assert_eq!(log.matches(", 1 signature, ").count(), 2, "the cost of each run: {log}");
    }
);

service_test!(
    without_a_budget_a_ledger_that_cannot_be_written_is_one_line_and_with_one_no_request_is_sent,
    [("SM_LOG_OUTPUT", "file")],
    [],
    |emulator: &Emulator| {
        std::fs::write(path(), "my diary\n").expect("a file");
        let p11 = P11::load();
        for (settings, works) in [("", true), (";STM_PKCS11_BUDGET=9/day", false), (";STM_PKCS11_BUDGET=9", false)] {
            emulator.clear();
            p11.begin(&format!("STM_PKCS11_LEDGER=~/ledger{settings}"));
            let session = p11.open(0);
            let key = p11.private_key(session, EC);
            for _ in 0..3 {
                let signed = p11.sign(session, CKM_ECDSA_SHA256, key, b"data");
                assert_eq!(signed.err(), if works { None } else { Some(CKR_FUNCTION_REJECTED) }, "{settings}");
            }
            assert_eq!(emulator.signs(), if works { 3 } else { 0 }, "{settings}");
            p11.finish();
        }
        let log = log();
        let said = |text: &str| log.lines().filter(|line| line.contains(" ERROR ") && line.contains(text)).count();
        assert_eq!(said("was left unchanged, so signatures are made without a record"), 1, "{log}");
        assert_eq!(said("was left unchanged, so the request was not sent"), 6, "{log}");
        assert_eq!(std::fs::read(path()).expect("the diary"), b"my diary\n");
    }
);

service_test!(
    a_full_disk_refuses_before_the_request_where_there_is_a_budget,
    [("STM_PKCS11_LEDGER", "/dev/full"), ("STM_PKCS11_BUDGET", "9/day"), ("SM_LOG_OUTPUT", "file")],
    [],
    |emulator: &Emulator| {
        let p11 = P11::start();
        let session = p11.open(0);
        let key = p11.private_key(session, EC);
        assert_eq!(p11.sign(session, CKM_ECDSA_SHA256, key, b"data"), Err(CKR_FUNCTION_REJECTED));
        assert_eq!(emulator.signs(), 0);
        p11.finish();
        let log = log();
        assert!(
            log.contains("/dev/full is not a regular file, so the request was not sent: STM_PKCS11_BUDGET requires a record of it"),
            "{log}"
        );
        let _ = std::fs::remove_file("/dev/full.lock");
    }
);

service_test!(
    a_budget_that_is_not_understood_signs_nothing,
    [("STM_PKCS11_BUDGET", "plenty"), ("SM_LOG_OUTPUT", "file")],
    [],
    |emulator: &Emulator| {
        let p11 = P11::start();
        let session = p11.open(0);
        let label = support::template::Attributes::new().class(CKO_PRIVATE_KEY).label(EC);
        assert!(p11.try_find(session, &label).is_err());
        assert_eq!(emulator.requests().len(), 0);
        p11.finish();
        assert!(log().contains("STM_PKCS11_BUDGET"), "{}", log());
    }
);

service_test!(
    deterministic_signatures_are_given_out_again_and_others_never,
    [("STM_PKCS11_LEDGER", "~/ledger"), ("STM_PKCS11_REUSE", "1h"), ("STM_PKCS11_BUDGET", "7/day")],
    [],
    |emulator: &Emulator| {
        let p11 = P11::load();
        let mut first = Vec::new();
        for run in 0..2 {
            p11.begin("");
            emulator.clear();
            let classic = p11.open(0);
            let modern = p11.open(1);
            let (rsa, ec) = (p11.private_key(classic, RSA), p11.private_key(classic, EC));
            let edwards = p11.private_key(modern, "demo-ed25519");
            let pss = || support::Mechanism::pss(CKM_SHA256_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, 32);
            let made = [
                p11.sign(classic, CKM_SHA256_RSA_PKCS, rsa, b"data").expect("PKCS#1"),
                p11.sign(modern, CKM_EDDSA, edwards, b"data").expect("Ed25519"),
            ];
            assert_ne!(p11.sign(classic, pss(), rsa, b"data").expect("PSS"), made[0]);
            assert!(p11.sign(classic, CKM_ECDSA_SHA256, ec, b"data").is_ok());
            if run == 0 {
                assert_eq!(emulator.signs(), 4);
                first = made.to_vec();
            } else {
                assert_eq!((emulator.signs(), &made[..]), (2, &first[..]), "the same bytes");
                assert!(p11.sign(classic, CKM_SHA256_RSA_PKCS, rsa, b"other data").is_ok());
                assert_eq!(emulator.signs(), 3, "other data is another signature");
                // The service no longer knows the keypair: the stored signature is not used.
                let rule =
                    r#"[{"method": "GET", "path": "/signingmanager/api/v1/keypairs/", "status": 404, "body": {}}]"#;
                emulator.faults(rule);
                assert_eq!(
                    p11.sign(classic, CKM_SHA256_RSA_PKCS, rsa, b"data"),
                    Err(CKR_FUNCTION_REJECTED),
                    "the budget is spent"
                );
                emulator.faults("[]");
                assert!(
                    p11.sign(classic, CKM_SHA256_RSA_PKCS, rsa, b"data").is_ok(),
                    "and a kept signature costs nothing"
                );
            }
            p11.finish();
        }
        let reused = entries().iter().filter(|entry| entry.outcome == Some(Outcome::Reused)).count();
        assert_eq!((reused, verified().spent.total), (3, 7));
    }
);

/// Two hundred processes at once that run the test `name` again.
fn crowd(name: &str) -> Vec<Child> {
    (0..200).map(|_| one(name, "ERROR")).collect()
}

service_test!(
    two_hundred_processes_at_once_spend_exactly_the_budget,
    [("STM_PKCS11_LEDGER", "~/ledger"), ("STM_PKCS11_BUDGET", "150/day"), ("STM_PKCS11_TIMEOUT", "300")],
    [],
    |emulator: &Emulator| {
        if is_one() {
            sign_once();
        }
        let ended: Vec<_> = crowd("two_hundred_processes_at_once_spend_exactly_the_budget")
            .into_iter()
            .map(|child| child.wait_with_output().expect("its end"))
            .collect();
        let count = |status| ended.iter().filter(|output| output.status.code() == Some(status)).count();
        let odd: Vec<_> = ended
            .iter()
            .filter(|output| !matches!(output.status.code(), Some(0 | REJECTED)))
            .map(|output| String::from_utf8_lossy(&output.stderr))
            .collect();
        assert_eq!((count(0), count(REJECTED)), (150, 50), "{odd:?}");
        assert_eq!(emulator.signs(), 150);
        let said = |output: &&std::process::Output| {
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            text.contains("STM_PKCS11_BUDGET=150/day is spent, so the request was not sent (150 signatures in ")
                && text.contains(": 150 by ")
        };
        assert_eq!(ended.iter().filter(said).count(), 50);
        let findings = verified();
        assert_eq!((outcomes(), findings.unfinished.len()), (vec!["signed"; 150], 0));
        assert_eq!((findings.spent.total, findings.lines), (150, 301));
    }
);

service_test!(
    of_processes_that_are_killed_at_random_nothing_is_lost_and_what_is_unfinished_is_told,
    [("STM_PKCS11_LEDGER", "~/ledger"), ("STM_PKCS11_BUDGET", "150/day"), ("STM_PKCS11_TIMEOUT", "300")],
    [],
    |emulator: &Emulator| {
        if is_one() {
            sign_once();
        }
        emulator.call("PUT", "/latency", r#"{"sign_ms": 2500}"#);
        let name = "of_processes_that_are_killed_at_random_nothing_is_lost_and_what_is_unfinished_is_told";
        let (mut children, mut killed, mut dice) = (Vec::new(), Vec::new(), std::process::id() as usize);
        for number in 0..200 {
            children.push(one(name, "ERROR"));
            // On a busy machine, all would otherwise be started before the first has a line.
            while !path().exists() {
                assert_eq!(children[0].try_wait().expect("its state"), None, "the first one ended without a line");
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
            // One of five is killed while they start: anyone, or one that has a line, between append and answer.
            if number % 5 != 4 {
                continue;
            }
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let unfinished = entries().into_iter().filter(|entry| entry.outcome.is_none());
            let open: Vec<u32> = unfinished.map(|entry| entry.pid).collect();
            let chosen = children.iter().position(|child: &Child| open.contains(&child.id()));
            // Of the younger ones: the others may have ended.
            let any = children.len() - 1 - (dice >> 33) % children.len().min(20);
            let place = if number % 2 == 0 { any } else { chosen.unwrap_or(any) };
            if let Ok(None) = children[place].try_wait() {
                let mut child = children.swap_remove(place);
                killed.push(child.id());
                child.kill().and_then(|()| child.wait()).expect("it is killed");
            }
        }
        assert!(killed.len() >= 10, "{} were killed", killed.len());
        let ended: Vec<_> =
            children.into_iter().map(|child| (child.id(), child.wait_with_output().expect("its end"))).collect();
        let all = entries();
        let findings = verified();
        for (id, output) in &ended {
            let own: Vec<_> = all.iter().filter(|entry| entry.pid == *id).map(Entry::outcome_name).collect();
            match output.status.code() {
                Some(0) => assert_eq!(own, ["signed"]),
                Some(REJECTED) => assert_eq!(own, [""; 0]),
                status => panic!("{status:?}: {}", String::from_utf8_lossy(&output.stderr)),
            }
        }
        // Every request that the service saw is in the ledger, and none is there that was not paid by the budget.
        assert_eq!(findings.spent.total, 150, "160 processes were left to spend it");
        assert_eq!(all.len(), 150);
        assert!(emulator.signs() <= 150, "{}", emulator.signs());
        assert!(!findings.unfinished.is_empty(), "some were killed between append and answer");
        assert!(findings.unfinished.iter().all(|entry| killed.contains(&entry.pid)), "{:?}", findings.unfinished);
    }
);
