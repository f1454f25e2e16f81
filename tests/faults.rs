//! Faults of the network and the service. `docs/faults.md` is generated from these tables.

#![allow(clippy::macro_metavars_in_unsafe, reason = "calling C functions is what these tests are for")]

mod front;
mod support;

#[path = "faults/mod.rs"]
mod table;

use support::Emulator;
use table::{GROUPS, run};

service_test!(connecting, |emulator: &Emulator| run::rows(emulator, GROUPS[0].rows));
service_test!(tls, |emulator: &Emulator| run::rows(emulator, GROUPS[1].rows));
service_test!(signing, |emulator: &Emulator| run::rows(emulator, GROUPS[2].rows));
service_test!(reading, |emulator: &Emulator| run::rows(emulator, GROUPS[3].rows));
service_test!(making, |emulator: &Emulator| run::rows(emulator, GROUPS[4].rows));
service_test!(signatures, |emulator: &Emulator| run::rows(emulator, GROUPS[5].rows));
service_test!(keypairs, |emulator: &Emulator| run::rows(emulator, GROUPS[6].rows));
service_test!(refusals, |emulator: &Emulator| run::rows(emulator, GROUPS[7].rows));
service_test!(later, |emulator: &Emulator| run::rows(emulator, GROUPS[8].rows));
service_test!(lists, |emulator: &Emulator| run::rows(emulator, GROUPS[9].rows));

service_test!(a_hundred_megabytes_of_answer_are_not_kept_in_memory, |emulator: &Emulator| {
    let floods: Vec<table::fault::Fault> =
        GROUPS[5].rows.iter().filter(|row| row.what.starts_with("100 MB")).copied().collect();
    assert_eq!(floods.len(), 2);
    let before = peak();
    run::rows(emulator, &floods);
    let grown = peak() - before;
    assert!(grown < 32 << 10, "{grown} kB, and the server is in this process, too");
});

/// The peak memory of this process, in kB.
fn peak() -> i64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("/proc");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("VmHWM");
    line.trim().trim_end_matches(" kB").parse().expect("a number")
}

/// `UPDATE_DOCS=1 cargo test --test faults` writes it.
#[test]
fn the_page_of_faults_is_what_the_tests_run() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/faults.md");
    let page = table::document::page();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &page).expect("docs/faults.md is written");
    }
    let there = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(there == page, "docs/faults.md is out of date: UPDATE_DOCS=1 cargo test --test faults");
}
