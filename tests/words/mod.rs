//! Provokes each entry of the table, and makes a page of what the module said.

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
# Errors

What goes wrong, and the line that the module writes when it does. Client programs say little: \"keystore load failed\",
`CKR_DEVICE_ERROR`, \"key not found\". The module's own line is on standard error, before the client's; where a client hides
that, `SM_LOG_OUTPUT=file` keeps it in `~/.signingmanager/logs`. A line names what was tried, what was wrong, in the service's
own words where it said something, what to do, and at its end the function and the code that the client was given.

`stm-pkcs11 doctor` looks for all of them in order, and spends no signature.

Each line below was written by the module in a test (`tests/words/`): `UPDATE_DOCS=1 cargo test --test words` makes this page,
and the tests fail when it is out of date. `HOST`, `PORT`, `FOLDER`, `DATE` and ids stand for what differs from place to place.
[faults.md](faults.md) says what is done about broken connections and answers, with times and numbers of requests.

## What clients make of it

| code | what it means here | what the client may say |
| --- | --- | --- |
| `CKR_FUNCTION_FAILED` | a setting or a file is wrong: nothing was sent | jarsigner: \"keystore load: load failed\"; OpenSSL's engine: \"Unable to enumerate private keys\" |
| `CKR_DEVICE_ERROR` | no connection, no answer in time, or the service refuses the credentials | the same |
| `CKR_FUNCTION_REJECTED` | the service does not let this user sign with this keypair now: rights, OFFLINE, release window, quota, `STM_PKCS11_BUDGET` | jarsigner: \"unable to sign jar\"; openssl: \"function rejected\" |
| `CKR_PIN_INCORRECT` | with `STM_PKCS11_LOGIN` set: the PIN is not the password or the API key | \"PIN incorrect\" |
| no code, and nothing found | no keypair of this account has the alias | OpenSSL's engine: \"The private key was not found at: ...\"; jarsigner: \"Certificate chain not found for: ALIAS\" |

";

/// The page.
pub fn page(emulator: &Emulator) -> String {
    let p11 = P11::load();
    let mut text = HEAD.to_owned();
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

fn section(entry: &Entry, line: &str) -> String {
    format!("### {}\n\n```\n{line}\n```\n\n{}\n\n", entry.title, entry.meaning)
}
