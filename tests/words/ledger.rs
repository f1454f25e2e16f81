//! Ledger, budget and reuse.

use super::entry::Call::*;
use super::entry::*;

const KEY: &str = "demo-ec-p256";
const RSA: &str = "demo-rsa-2048";
const DIARY: &[(&str, u32, &str)] = &[("ledger", 0o600, "my diary\n")];
const PATH: (&str, &str) = ("STM_PKCS11_LEDGER", "{folder}/ledger");
const PER_DAY: (&str, &str) = ("STM_PKCS11_BUDGET", "1/day");

pub const LEDGER: Group = Group {
    title: "Ledger, budget and reuse",
    entries: &[
        entry(
            "The budget of the process is spent",
            SignTwice(KEY),
            "STM_PKCS11_BUDGET=1 is spent",
            "`STM_PKCS11_BUDGET=1` limits one process, over all its runs of the library. The request was not sent, and no \
             signature is billed. If the job needs more signatures, set a higher number.",
        )
        .with(&[("STM_PKCS11_BUDGET", "1")]),
        entry(
            "The budget of the day is spent",
            SignTwice(KEY),
            "STM_PKCS11_BUDGET=1/day is spent",
            "All processes that share the ledger have spent the limit; months and years read alike. The message names those who \
             spent most, and `stm-pkcs11 ledger summary --by command` lists all of them. Periods begin at midnight UTC.",
        )
        .with(&[PATH, PER_DAY]),
        entry(
            "A budget that is not a number",
            Find(KEY),
            "STM_PKCS11_BUDGET",
            "Nothing is signed: a budget that cannot be read would be none. Periods are `day`, `month` and `year`.",
        )
        .with(&[("STM_PKCS11_BUDGET", "10/week")]),
        entry(
            "A budget without a ledger",
            Find(KEY),
            "STM_PKCS11_LEDGER is not set",
            "Signatures of a day, a month or a year are counted in the ledger, so that all processes see them. Only a budget of \
             the process needs none.",
        )
        .with(&[PER_DAY]),
        entry(
            "Reuse without a time",
            Find(KEY),
            "STM_PKCS11_REUSE",
            "A time has a unit: seconds, minutes, hours or days.",
        )
        .with(&[("STM_PKCS11_REUSE", "always")]),
        entry(
            "The ledger is another file",
            Sign(KEY),
            "signatures are made without a record",
            "The file is left as it is. Without `STM_PKCS11_BUDGET` the module signs all the same, and says so once in a process.",
        )
        .file(DIARY)
        .with(&[PATH])
        .warns(),
        entry(
            "The ledger is another file, and there is a budget",
            Sign(KEY),
            "STM_PKCS11_BUDGET requires a record of it",
            "A budget holds only if every request is counted, so nothing is sent.",
        )
        .file(DIARY)
        .with(&[PATH, PER_DAY]),
        entry(
            "The ledger cannot be created",
            Sign(KEY),
            "cannot be opened",
            "The directory does not exist and cannot be created, or this user may not write to it.",
        )
        .file(&[("file", 0o600, "")])
        .with(&[("STM_PKCS11_LEDGER", "{folder}/file/ledger"), PER_DAY]),
        entry(
            "The ledger is a directory",
            Sign(KEY),
            "is a directory",
            "Directories, devices, FIFOs and symbolic links are refused: the module renames and locks the file.",
        )
        .with(&[("STM_PKCS11_LEDGER", "{folder}"), PER_DAY]),
        entry(
            "The ledger breaks during a request",
            SpoilDuring(KEY),
            "stays unfinished",
            "The signature was made and is returned; only its second line is missing. `stm-pkcs11 ledger verify` lists such \
             requests as unfinished, and they count towards the budget.",
        )
        .when(r#"[{"method": "POST", "path": "/signingmanager/api/v1/keypairs/", "delay_ms": 800}]"#)
        .with(&[PATH])
        .warns(),
        entry(
            "A reused signature is not recorded",
            SpoilBetween(RSA),
            "reused signature is not recorded",
            "The stored signature is returned: it costs nothing and does not count. Only the ledger does not mention it.",
        )
        .with(&[PATH, ("STM_PKCS11_REUSE", "1h")])
        .warns(),
    ],
};
