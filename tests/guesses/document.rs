//! `docs/contract.md`, made from the module's table and from the table of wrong guesses.

use super::GROUPS;
use super::guess::{Ask, Guess, Outcome};
use cryptoki_sys::*;
use std::fmt::Write;

const HEAD: &str = "\
# The service's contract

What the module sends to the service, which fields of the answers it reads, where each is documented, and what the module does
if it is otherwise. `UPDATE_DOCS=1 cargo test --test guesses` writes this page from the table in the code
(`src/service/contract.rs`) and from the tests (`tests/guesses/`), and the tests fail when it is out of date.

Nobody has run the module against the real service yet. The public record of its API is thin: what is *inferred* below follows
from other facts or from custom, and may be wrong. Then it costs a log message or one more request, never the signature: the
second half of this page has a test for each wrong guess.

";

const SOURCES: &str = "\
Sources: *tutorial* is DigiCert's
[Create a keypair and sign a file hash](https://dev.digicert.com/software-trust-api/tutorials/create-a-keypair-and-sign-a-file-hash.html);
*jsign* is its class `DigiCertOneSigningService` with the answers recorded in its tests; *scitt-action* and the *Jenkins plugin* are
DigiCert's clients on GitHub; *smctl manual* and *errors and solutions* are pages of docs.digicert.com; *error handling* is the page
of dev.digicert.com about errors and rate limits.

";

const GUESSES: &str = "\
# Wrong guesses

Each row is a service that does something differently. The module finds a key and signs (or fails for the reason it should);
the requests of the whole run are counted. A run without any difference makes two: one search, one signature.

";

/// The page.
pub fn page() -> String {
    let mut text = format!("{HEAD}{SOURCES}{}\n{GUESSES}", stm_pkcs11::service::contract_table());
    let rows: usize = GROUPS.iter().map(|group| group.rows.len()).sum();
    let sign = GROUPS.iter().flat_map(|group| group.rows).filter(|row| row.outcome == Outcome::Signs).count();
    let _ = writeln!(text, "{rows} rows; in {sign} the module signs.\n");
    for group in GROUPS {
        let _ = writeln!(text, "## {}\n", group.title);
        text.push_str(
            "| the service | the application | outcome | message | requests |\n| --- | --- | --- | --- | --- |\n",
        );
        group.rows.iter().for_each(|row| line(&mut text, row));
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

fn line(text: &mut String, row: &Guess) {
    let ask = match row.ask {
        Ask::Label => "finds by label, signs",
        Ask::Rsa => "finds by label, signs (RSA)",
        Ask::Unknown => "finds by a label that is not there",
        Ask::List => "lists private keys, signs",
        Ask::Certificates => "lists certificates, signs",
        Ask::Id => "finds by id, signs",
        Ask::Twice => "finds and signs twice",
    };
    let outcome = match row.outcome {
        Outcome::Signs => "signs".to_owned(),
        Outcome::FindsNothing => "finds nothing".to_owned(),
        Outcome::SearchFails(rv) => format!("`C_FindObjectsInit`: `{}`", name(rv)),
        Outcome::SignFails(rv) => format!("`C_Sign`: `{}`", name(rv)),
    };
    let says = if row.says.is_empty() { "-" } else { row.says };
    let _ = writeln!(text, "| {} | {ask} | {outcome} | {says} | {} |", row.what, row.requests);
}

fn name(rv: CK_RV) -> &'static str {
    match rv {
        CKR_DEVICE_ERROR => "CKR_DEVICE_ERROR",
        CKR_FUNCTION_FAILED => "CKR_FUNCTION_FAILED",
        CKR_FUNCTION_REJECTED => "CKR_FUNCTION_REJECTED",
        other => panic!("{other:#x} has no name here"),
    }
}
