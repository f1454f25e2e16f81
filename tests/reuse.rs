//! Signatures that are returned again (`STM_PKCS11_REUSE`): in forked children, and never where the keypair is not as it was.

#![allow(clippy::macro_metavars_in_unsafe, reason = "calling C functions is what these tests are for")]

mod support;

use cryptoki_sys::*;
use std::path::PathBuf;
use stm_pkcs11::config::LedgerSettings;
use stm_pkcs11::ledger::{Entry, Ledger, Outcome};
use support::{Emulator, P11};

const RSA: &str = "demo-rsa-2048";

fn home(name: &str) -> PathBuf {
    PathBuf::from(std::env::var_os("HOME").expect("a home")).join(name)
}

fn entries() -> Vec<Entry> {
    let ledger = Ledger::new(&LedgerSettings { path: Some(home("ledger")), ..LedgerSettings::default() });
    let findings = ledger.verify(None).expect("a ledger").expect("a path");
    assert_eq!(findings.problems, [""; 0]);
    ledger.entries().expect("a ledger")
}

fn outcomes() -> Vec<(u32, &'static str)> {
    entries().iter().map(|entry| (entry.pid, entry.outcome_name())).collect()
}

/// Signs `data` in a run of its own, which knows nothing but what is on the disk.
fn job(alias: &str, data: &[u8]) -> Result<Vec<u8>, CK_RV> {
    let p11 = P11::start();
    let session = p11.open(0);
    let key = p11.private_key(session, alias);
    let signed = p11.sign(session, CKM_SHA256_RSA_PKCS, key, data);
    p11.finish();
    signed
}

/// Runs `body` in a forked child; whether it was true.
fn in_child(body: impl FnOnce() -> bool) -> bool {
    let child = unsafe { libc::fork() };
    assert!(child >= 0);
    if child == 0 {
        // A panic must not unwind into the harness a second time.
        let fine = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)).unwrap_or(false);
        unsafe { libc::_exit(i32::from(!fine)) };
    }
    let mut status = 0;
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    status == 0
}

service_test!(
    a_child_that_goes_on_after_fork_is_given_its_parents_signatures_and_its_parent_the_childs,
    [
        ("STM_PKCS11_FORK", "lenient"),
        ("STM_PKCS11_LEDGER", "~/ledger"),
        ("STM_PKCS11_REUSE", "1h"),
        ("STM_PKCS11_BUDGET", "9,9/day")
    ],
    [],
    |emulator: &Emulator| {
        let p11 = P11::start();
        let session = p11.open(0);
        let key = p11.private_key(session, RSA);
        let sign = |data: &[u8]| p11.sign(session, CKM_SHA256_RSA_PKCS, key, data);
        let first = sign(b"of the parent").expect("a signature");
        let mut children = Vec::new();
        for child in 0..2 {
            assert!(in_child(|| {
                std::fs::write(home(&format!("child-{child}")), std::process::id().to_string()).expect("a file");
                sign(b"of the parent").as_ref() == Ok(&first) && sign(b"of a child").is_ok()
            }));
            let text = std::fs::read_to_string(home(&format!("child-{child}"))).expect("a file");
            children.push(text.parse::<u32>().expect("a number"));
        }
        assert!(sign(b"of a child").is_ok());
        assert_eq!(emulator.signs(), 2, "one of the parent, one of the first child");
        let (parent, one, other) = (std::process::id(), children[0], children[1]);
        let all = [
            (parent, "signed"),
            (one, "reused"),
            (one, "signed"),
            (other, "reused"),
            (other, "reused"),
            (parent, "reused"),
        ];
        assert_eq!(outcomes(), all);
        p11.finish();
    }
);

service_test!(
    a_keypair_whose_certificate_has_expired_gets_no_stored_signature,
    [("STM_PKCS11_LEDGER", "~/ledger"), ("STM_PKCS11_REUSE", "1h")],
    [],
    |emulator: &Emulator| {
        let first = job("demo-expired", b"data").expect("the service signs with it");
        assert_eq!(job("demo-expired", b"data"), Ok(first), "PKCS#1 v1.5 gives the same bytes");
        assert_eq!(emulator.signs(), 2, "and the second ones were paid");
        assert!(job(RSA, b"data").is_ok() && job(RSA, b"data").is_ok());
        assert_eq!(emulator.signs(), 3, "a keypair of the same account with a valid certificate");
        let outcomes: Vec<_> = entries().iter().map(|entry| entry.outcome).collect();
        assert_eq!(outcomes, [Outcome::Signed, Outcome::Signed, Outcome::Signed, Outcome::Reused].map(Some));
    }
);

service_test!(
    a_stored_signature_that_was_changed_is_not_returned_and_not_kept,
    [("STM_PKCS11_REUSE", "1h")],
    [],
    |emulator: &Emulator| {
        let first = job(RSA, b"data").expect("a signature");
        let stored = stored();
        let text = std::fs::read_to_string(&stored).expect("what is stored");
        let begin = text.find(r#""signature":""#).expect("the signature") + r#""signature":""#.len();
        // Base64 of zeros: the right length, and no signature.
        let zeros = "A".repeat(20);
        std::fs::write(&stored, format!("{}{zeros}{}", &text[..begin], &text[begin + 20..])).expect("a file");
        assert_eq!(job(RSA, b"data").as_ref(), Ok(&first));
        assert_eq!(emulator.signs(), 2, "the changed one does not verify");
        assert_eq!(std::fs::read_to_string(&stored).expect("the new one").len(), text.len());
        assert_eq!(job(RSA, b"data").as_ref(), Ok(&first));
        assert_eq!(emulator.signs(), 2, "the new one does");
    }
);

/// The only file with a stored signature.
fn stored() -> PathBuf {
    let mut left = vec![home("")];
    let mut found = Vec::new();
    while let Some(folder) = left.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                left.push(path);
            } else if path.components().any(|part| part.as_os_str() == "signatures") {
                found.push(path);
            }
        }
    }
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}
