//! The cache on disk: its owner, the files that it must not touch, and the effect of one failing keypair on the others.

#![allow(clippy::macro_metavars_in_unsafe, reason = "calling C functions is what these tests are for")]

mod support;

use cryptoki_sys::*;
use std::path::{Path, PathBuf};
use std::process::Command;
use support::template::Attributes;
use support::{Emulator, P11};

const DIGEST: [u8; 32] = [7; 32];
/// Keypairs that may be cached: a list with a dynamic one is not.
const NAMES: &str = "STM_PKCS11_KEYPAIRS=demo-ec-p256,demo-rsa-2048,demo-offline";
/// The beginning of such a file.
const SQLITE: &[u8] = b"SQLite format 3\0the vendor's module keeps its keypairs here";

/// The number of private keys that a run with these settings lists in the first slot.
fn listed(p11: &P11, settings: &str) -> usize {
    p11.begin(&format!("{settings};{NAMES}"));
    let session = p11.open(0);
    let found = p11.find(session, &Attributes::new().class(CKO_PRIVATE_KEY));
    p11.finish();
    found.len()
}

fn home() -> PathBuf {
    std::env::var_os("HOME").expect("a home").into()
}

fn gets(emulator: &Emulator) -> usize {
    emulator.requests().iter().filter(|request| request.method == "GET").count()
}

service_test!(
    a_database_of_another_program_is_neither_overwritten_nor_removed,
    [("SM_LOG_LEVEL", "WARN"), ("SM_LOG_OUTPUT", "file")],
    [],
    |emulator: &Emulator| {
        let database = home().join("pk.db");
        std::fs::write(&database, SQLITE).expect("room");
        let p11 = P11::load();
        for dsn in ["", "?cache=shared&mode=rwc"].map(|query| format!("file:{}{query}", database.display())) {
            let settings = format!("SM_PKCS11_DB_DSN={dsn}");
            assert_eq!(listed(&p11, &settings), 3);
            p11.begin(&format!("{settings};{NAMES}"));
            let session = p11.open(0);
            let key = p11.private_key(session, "demo-offline");
            assert!(p11.sign(session, CKM_ECDSA, key, &DIGEST).is_err(), "what is known of it is dropped");
            p11.finish();
            assert_eq!(std::fs::read(&database).expect("it is there"), SQLITE);
        }
        let names: Vec<_> = std::fs::read_dir(home()).expect("the home").flatten().map(|e| e.file_name()).collect();
        assert!(names.iter().all(|name| !name.to_string_lossy().starts_with("pk.db") || name == "pk.db"), "{names:?}");
        // The next process still has a cache, but requests the keypair that failed.
        let plain = format!("SM_PKCS11_DB_DSN={}", database.display());
        assert_eq!(listed(&p11, &plain), 3);
        emulator.clear();
        assert_eq!(listed(&p11, &plain), 3);
        assert!(gets(emulator) == 0, "{:?}", emulator.requests());
        let log = home().join(".signingmanager/logs/smpkcs11.log");
        let log = std::fs::read_to_string(log).expect("the log");
        assert!(log.contains("pk.db is not a cache file of this module"), "{log}");
    }
);

service_test!(a_named_file_shows_an_account_nothing_of_another, |emulator: &Emulator| {
    let file = home().join("shared-cache");
    let settings = format!("SM_PKCS11_DB_DSN={};SM_PKCS11_OFFLINE_MODE=TRUE", file.display());
    let p11 = P11::load();
    let all = listed(&p11, &settings);
    assert!(all > 0 && file.is_file());
    emulator.clear();
    assert_eq!(listed(&p11, &settings), all);
    assert_eq!(gets(emulator), 0, "it is in the file");
    p11.begin(&format!("{settings};{NAMES};SM_API_KEY=another"));
    let session = p11.open(0);
    let found = p11.try_find(session, &Attributes::new().class(CKO_PRIVATE_KEY));
    assert!(found.is_err(), "the service is asked, and does not know this key: {found:?}");
    p11.finish();
    assert!(gets(emulator) > 0);
    // The failure has replaced nothing in the cache.
    emulator.clear();
    assert_eq!((listed(&p11, &settings), gets(emulator)), (all, 0));
});

service_test!(one_failing_keypair_costs_one_small_request_and_not_the_list, |emulator: &Emulator| {
    let p11 = P11::load();
    let all = listed(&p11, "");
    p11.begin(NAMES);
    let session = p11.open(0);
    let key = p11.private_key(session, "demo-offline");
    assert!(p11.sign(session, CKM_ECDSA, key, &DIGEST).is_err());
    p11.finish();
    emulator.clear();
    assert_eq!(listed(&p11, ""), all);
    let asked: Vec<_> = emulator.requests().into_iter().map(|request| request.path).collect();
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert!(asked[0].contains("/keypairs/"), "{asked:?}");
    emulator.clear();
    assert_eq!((listed(&p11, ""), gets(emulator)), (all, 0), "and that answer is kept");
});

service_test!(a_link_in_place_of_the_cache_file_is_not_followed, |_: &Emulator| {
    let target = home().join("target");
    std::fs::write(&target, "stm-pkcs11 cache 1\nvaluable").expect("room");
    let link = home().join("link");
    std::os::unix::fs::symlink(&target, &link).expect("a link");
    let p11 = P11::load();
    assert!(listed(&p11, &format!("SM_PKCS11_DB_DSN={}", link.display())) > 0);
    assert_eq!(std::fs::read_to_string(&target).expect("it is there"), "stm-pkcs11 cache 1\nvaluable");
    assert!(link.is_symlink());
});

/// Set by the test in a process without `/proc`.
const HIDDEN: &str = "STM_PKCS11_TEST_PROC_HIDDEN";

service_test!(the_cache_works_without_proc, |emulator: &Emulator| {
    if std::env::var_os(HIDDEN).is_none() {
        let script = "mount -t tmpfs none /proc && exec \"$0\" \"$@\"";
        let own = std::env::current_exe().expect("the test knows its own path");
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--mount", "sh", "-c", script]).arg(own).env(HIDDEN, "1");
        // A process without /proc does not know the path of its own program.
        command.env("STM_PKCS11_MODULE", support::module_path());
        let output =
            command.args(["the_cache_works_without_proc", "--exact", "--nocapture"]).output().expect("unshare");
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
        return;
    }
    assert!(!Path::new("/proc/self").exists());
    let p11 = P11::load();
    let all = listed(&p11, "");
    emulator.clear();
    assert_eq!((listed(&p11, ""), gets(emulator)), (all, 0));
});
