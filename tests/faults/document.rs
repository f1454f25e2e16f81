//! `docs/faults.md`, generated from the tables.

use super::GROUPS;
use super::fault::{Bound, Call, Fault, Requests, TIMEOUT};
use cryptoki_sys::*;
use std::fmt::Write;

const HEAD: &str = "\
# Faults

What the module does when the network or the service fails. `UPDATE_DOCS=1 cargo test --test faults` writes this page from the tables that the
tests run (`tests/faults/`). In each row, a server between the module and the emulator causes the fault while an application calls one function. The
test compares the result, the message, the time, the number of requests and the number of signatures with the row. The fault is then removed, and the
same session must find its key and sign.

Every row checks three promises:

- **Nothing is signed twice.** A sign request is retried only if it is certain that it was not executed: nothing of it was sent, or the service said so
  (429, or 503 with `Retry-After`). The test compares the service's signature log with the application's results.
- **The deadline holds.** No call takes longer than `STM_PKCS11_TIMEOUT` and one second, including name resolution, connections, responses, pauses
  between attempts, pages of lists, and lookups by another thread.
- **There is one message.** It says what failed, what the service replied, and how to fix it.

";

/// The tests that are more than a row, by their names, which state the promises.
fn promises() -> impl Iterator<Item = String> {
    let names = [include_str!("../network.rs"), include_str!("../faults.rs")].into_iter().flat_map(|source| {
        let calls = source.split("service_test!(").skip(1);
        calls.filter_map(|call| call.trim_start().split([',', '\n']).next())
    });
    names.filter(|name| name.contains('_')).map(|name| name.replace('_', " "))
}

/// The page.
pub fn page() -> String {
    let mut text = HEAD.to_owned();
    let rows: Vec<&Fault> = GROUPS.iter().flat_map(|group| group.rows).collect();
    let (signs, works) =
        (rows.iter().filter(|row| row.call == Call::Sign).count(), rows.iter().filter(|row| row.rv == CKR_OK).count());
    let _ = writeln!(
        text,
        "{} faults, {signs} of them during a signature; in {works} the call succeeds nevertheless. {} more tests are listed below \
         the tables.\n",
        rows.len(),
        promises().count()
    );
    let _ = writeln!(
        text,
        "Time: *at once* is less than a second; *deadline* is at most `STM_PKCS11_TIMEOUT` ({TIMEOUT} s in these tests) and one \
         second.\n"
    );
    for group in GROUPS {
        let _ = writeln!(text, "## {}\n", group.title);
        text.push_str("| fault | call | result | message | time | requests | signatures made |\n");
        text.push_str("| --- | --- | --- | --- | --- | --- | --- |\n");
        for row in group.rows {
            line(&mut text, row);
        }
        text.push('\n');
    }
    text.push_str("## More tests\n\n");
    text.push_str("Tests in `tests/network.rs` and `tests/faults.rs`:\n\n");
    for promise in promises() {
        let _ = writeln!(text, "- {promise}");
    }
    text.push_str("\n## When a request is retried\n\n");
    text.push_str(&stm_pkcs11::service::retry_table());
    text
}

fn line(text: &mut String, row: &Fault) {
    let time = match row.bound {
        Bound::AtOnce => "at once",
        Bound::Deadline if row.rv == CKR_OK => "within the deadline",
        Bound::Deadline => "deadline",
    };
    let requests = match row.requests {
        Requests::Exactly(number) => number.to_string(),
        Requests::Several => "several".into(),
        Requests::UpTo(number) => format!("at most {number}"),
    };
    let call = match row.call {
        Call::Find | Call::List => "`C_FindObjectsInit`",
        Call::Sign => "`C_Sign`",
        Call::Generate => "`C_GenerateKeyPair`",
    };
    let says = if row.line.is_empty() { String::from("(no message)") } else { row.line.replace('|', "\\|") };
    let settings: Vec<String> = row.settings.iter().map(|(name, _)| format!("`{name}`")).collect();
    let what = if settings.is_empty() { row.what.into() } else { format!("{} ({})", row.what, settings.join(", ")) };
    let made = if row.call == Call::Sign { row.executed.to_string() } else { String::from("-") };
    let what = what.replace('|', "\\|");
    let _ = writeln!(text, "| {what} | {call} | `{}` | {says} | {time} | {requests} | {made} |", name(row.rv));
}

/// The standard's name of a code.
pub fn name(rv: CK_RV) -> &'static str {
    match rv {
        CKR_OK => "CKR_OK",
        CKR_DEVICE_ERROR => "CKR_DEVICE_ERROR",
        CKR_FUNCTION_FAILED => "CKR_FUNCTION_FAILED",
        CKR_FUNCTION_REJECTED => "CKR_FUNCTION_REJECTED",
        CKR_DATA_LEN_RANGE => "CKR_DATA_LEN_RANGE",
        other => panic!("{other:#x} has no name here"),
    }
}
