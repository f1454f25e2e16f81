//! `docs/contract.md`, generated from the module's table and from the table of wrong assumptions.

use super::GROUPS;
use super::guess::{Ask, Guess, Outcome};
use cryptoki_sys::*;
use std::fmt::Write;

const HEAD: &str = "\
# The service's contract

This page lists what the module sends to the service, the fields of the responses that it reads, the source of each assumption, and what the
module does if the assumption is wrong. `UPDATE_DOCS=1 cargo test --test guesses` writes the page from the table in the code
(`src/service/contract.rs`) and from the tests (`tests/guesses/`). The tests fail if it is out of date.

Nobody has run the module against the real service yet. There is little public documentation of its API.
Assumptions marked *inferred* follow from other facts or from common practice, and may be wrong. A wrong one causes a log message or one more request, but
no failed signature. The second half of this page has a test for each wrong assumption.

";

const SOURCES: &str = "\
Sources: *tutorial* is DigiCert's
[Create a keypair and sign a file hash](https://dev.digicert.com/software-trust-api/tutorials/create-a-keypair-and-sign-a-file-hash.html);
*jsign* is its class `DigiCertOneSigningService`, with the responses recorded in its tests; *scitt-action* and the *Jenkins plugin* are
DigiCert's clients on GitHub; *smctl manual* and *errors and solutions* are pages of docs.digicert.com; *error handling* is the page
about errors and rate limits on dev.digicert.com.

";

const GUESSES: &str = "\
# Wrong assumptions

In each row the service behaves differently in one way. The module must find a key and sign, or fail with the right message. The last column counts the
HTTP requests of the whole run; without any difference there are two, one for the search and one for the signature.

";

/// The page.
pub fn page() -> String {
    let mut text = format!("{HEAD}{SOURCES}{}\n{GUESSES}", stm_pkcs11::service::contract_table());
    let rows: usize = GROUPS.iter().map(|group| group.rows.len()).sum();
    let sign = GROUPS.iter().flat_map(|group| group.rows).filter(|row| row.outcome == Outcome::Signs).count();
    let _ = writeln!(text, "The module signs in {sign} of {rows} rows.\n");
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
        Ask::Unknown => "finds by an unknown label",
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
