//! The messages that users read. `docs/errors.md` is generated from them: the module wrote each message on that page
//! during these tests.

#![allow(clippy::macro_metavars_in_unsafe, reason = "calling C functions is what these tests are for")]

mod support;

#[path = "words/mod.rs"]
mod catalogue;

use support::Emulator;

service_test!(
    every_failure_says_in_one_line_what_is_wrong_and_what_to_do,
    [("STM_PKCS11_LOGIN", "none")],
    [],
    |emulator: &Emulator| {
        let page = catalogue::page(emulator);
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/errors.md");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&path, &page).expect("docs/errors.md is written");
        }
        let there = std::fs::read_to_string(&path).unwrap_or_default();
        for (number, (line, old)) in page.lines().zip(there.lines()).enumerate() {
            assert_eq!(
                line,
                old,
                "docs/errors.md line {} is out of date: UPDATE_DOCS=1 cargo test --test words",
                number + 1
            );
        }
        assert_eq!(page.len(), there.len(), "docs/errors.md is out of date: UPDATE_DOCS=1 cargo test --test words");
    }
);
