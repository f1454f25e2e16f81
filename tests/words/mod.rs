//! Provokes each entry of the table, and generates a page of the messages.

mod account;
mod entry;
mod keypairs;
mod ledger;
mod network;
mod run;
mod settings;

use crate::support::{Emulator, P11};
use entry::{Entry, Group};
use std::fmt::Write;

const GROUPS: &[Group] = &[
    settings::SETTINGS,
    settings::IDENTITY,
    network::NETWORK,
    account::ACCOUNT,
    keypairs::KEYPAIRS,
    keypairs::CALLS,
    ledger::LEDGER,
];

const HEAD: &str = "\
# Error messages

The module writes one message on stderr for each failed call. It says what failed, what the service replied, and how to fix it, and ends with the
function and the code that the client program got. Client programs themselves say little: \"keystore load failed\", `CKR_DEVICE_ERROR`,
\"key not found\". If a client hides stderr, set `SM_LOG_OUTPUT=file`, and look in `~/.signingmanager/logs`.

Run `stm-pkcs11 doctor` first: it checks for these problems in order, and does not use up a signature.

A test (`tests/words/`) produces every message on this page; `UPDATE_DOCS=1 cargo test --test words` writes the page. `HOST`, `PORT`, `FOLDER`,
`DATE` and ids are placeholders. [faults.md](faults.md) says what the module does about broken connections and responses.

@TOC@
## How client tools report it

| code | meaning | message of the client program |
| --- | --- | --- |
| `CKR_FUNCTION_FAILED` | a setting or a file is invalid; no request was sent | jarsigner: \"keystore load: load failed\"; OpenSSL's engine: \"Unable to enumerate private keys\" |
| `CKR_DEVICE_ERROR` | no connection, no response in time, or the service refuses the credentials | the same |
| `CKR_FUNCTION_REJECTED` | this user cannot sign with this keypair now: permissions, OFFLINE, release window, quota, `STM_PKCS11_BUDGET` | jarsigner: \"unable to sign jar\"; openssl: \"function rejected\" |
| `CKR_PIN_INCORRECT` | with `STM_PKCS11_LOGIN` set: the PIN is not the password or the API key | \"PIN incorrect\" |
| `CKR_OK`, and no object | no keypair has the alias; the module can report it only if the program searches by label | OpenSSL's engine: \"The private key was not found at: ...\"; jarsigner: \"Certificate chain not found for: ALIAS\" |

";

/// The page.
pub fn page(emulator: &Emulator) -> String {
    let p11 = P11::load();
    let mut text = HEAD.replace("@TOC@", &contents());
    let mut wrong = Vec::new();
    for group in GROUPS {
        let _ = writeln!(text, "## {}\n", group.title);
        for entry in group.entries {
            match run::said(emulator, &p11, entry) {
                Ok(line) => text.push_str(&section(entry, &line)),
                Err(what) => wrong.push(what),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// The table of contents.
fn contents() -> String {
    let mut text = String::from("- [How client tools report it](#how-client-tools-report-it)\n");
    for group in GROUPS {
        let _ = writeln!(text, "- {}", link(group.title));
        for entry in group.entries {
            let _ = writeln!(text, "  - {}", link(entry.title));
        }
    }
    text
}

/// A link to a heading, by the name that Markdown gives it.
fn link(heading: &str) -> String {
    let anchor = heading.to_lowercase().replace(' ', "-");
    let anchor = anchor.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect::<String>();
    format!("[{heading}](#{anchor})")
}

fn section(entry: &Entry, line: &str) -> String {
    format!("### {}\n\n```\n{line}\n```\n\n{}\n\n", entry.title, entry.meaning)
}
