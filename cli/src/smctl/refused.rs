//! Commands of the vendor's program that are not here: refused by name, with where to do it instead.

use crate::print::{Exit, Failure};
use stm_pkcs11::nearest::nearest;

struct Row {
    /// The words before the name.
    below: &'static [&'static str],
    names: &'static [&'static str],
    /// What to do, as an instruction.
    instead: &'static str,
}

const fn row(below: &'static [&'static str], names: &'static [&'static str], instead: &'static str) -> Row {
    Row { below, names, instead }
}

const KEYPAIR: &[&str] = &["keypair"];
const CERTIFICATE: &[&str] = &["certificate"];
const WEB: &str = "use the service's web page";

const ROWS: &[Row] = &[
    row(&[], &["gpg"], "use gpg with gnupg-pkcs11-scd: docs/clients/gnupg.md"),
    row(&[], &["hsm", "user"], "use the service's web page, Account"),
    row(&[], &["logs"], "use the service's web page, Logs; stm-pkcs11 signature show ID shows one record"),
    row(&[], &["manual"], "run stm-pkcs11 man DIRECTORY"),
    row(&[], &["completion"], "run stm-pkcs11 completions SHELL"),
    row(&[], &["notarization"], "use Apple's notarytool"),
    row(&[], &["release", "rel"], "use the service's web page, Releases"),
    row(&[], &["scan", "sc"], "use the service's web page, Threat detection"),
    row(&[], &["config", "setup"], "run stm-pkcs11 config CLIENT"),
    row(KEYPAIR, &["generate", "gen"], "run stm-pkcs11 keypair create ALIAS"),
    row(
        KEYPAIR,
        &[
            "generate-cert",
            "gen-cert",
            "import",
            "profile",
            "refresh",
            "rotate",
            "suspend",
            "unsuspend",
            "update",
            "update-access",
        ],
        WEB,
    ),
    row(CERTIFICATE, &["describe", "desc"], "run smctl certificate list"),
    row(CERTIFICATE, &["import", "profile"], WEB),
    row(&["sign"], &["in-toto"], "sign the statement with smctl sign sign-hash, or use cosign with this module"),
];

/// What is to be said of `words`, of which the first is not a command below `below`.
pub fn failure(below: &[&str], words: &[String]) -> Failure {
    let name = words.first().map(String::as_str).unwrap_or_default();
    let path = [&["smctl"], below, &[name]].concat().join(" ");
    let beside = || ROWS.iter().filter(|row| row.below == below);
    let found = beside().find(|row| row.names.contains(&name));
    let (why, remedy) = match found {
        Some(row) => ("stm-pkcs11 does not have this command".to_owned(), row.instead.to_owned()),
        None => {
            let near = nearest(name, beside().flat_map(|row| row.names.iter().copied()));
            let remedy = match near {
                Some(near) => format!("did you mean {near}? Run it with --help to see the commands"),
                None => "see the commands with --help".to_owned(),
            };
            (format!("Error: unknown command \"{name}\" for \"{}\"", [&["smctl"], below].concat().join(" ")), remedy)
        }
    };
    Failure::new(format!("run {path}"), why, remedy).exit(Exit::Usage)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(below: &[&str], word: &str) -> String {
        failure(below, &[word.to_owned()]).to_string()
    }

    #[test]
    fn what_is_not_here_is_refused_by_name_with_what_to_do_instead() {
        let text = said(&["keypair"], "gen");
        assert_eq!(
            text,
            "failed: run smctl keypair gen\n   why: stm-pkcs11 does not have this command\n to do: run stm-pkcs11 \
             keypair create ALIAS"
        );
        assert!(said(&[], "helthcheck").contains("unknown command \"helthcheck\" for \"smctl\""));
        for row in ROWS {
            for name in row.names {
                let text = said(row.below, name);
                assert!(text.contains(name) && text.ends_with(row.instead), "{text}");
            }
        }
    }
}
