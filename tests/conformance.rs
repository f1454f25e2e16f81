//! Generates `docs/conformance.md` from the code's own tables; `tests/errors.rs` calls each function.
//!
//! `UPDATE_DOCS=1 cargo test --test conformance` writes the page.

#![allow(clippy::macro_metavars_in_unsafe, reason = "calling C functions is what these tests are for")]

mod support;

use std::fmt::Write;
use std::path::Path;
use stm_pkcs11::config::setting::{self, Scope};

/// Every function of the 3.2 list, and how far this token supports it.
const FUNCTIONS: &[(&str, &str, &[&str])] = &[
    (
        "General (5.4)",
        "works",
        &["C_Initialize", "C_Finalize", "C_GetInfo", "C_GetFunctionList", "C_GetInterfaceList", "C_GetInterface"],
    ),
    (
        "Slots and tokens (5.5)",
        "works",
        &["C_GetSlotList", "C_GetSlotInfo", "C_GetTokenInfo", "C_GetMechanismList", "C_GetMechanismInfo"],
    ),
    (
        "Slots and tokens (5.5)",
        "`CKR_NO_EVENT` with `CKF_DONT_BLOCK`, otherwise not supported: tokens never come or go",
        &["C_WaitForSlotEvent"],
    ),
    (
        "Slots and tokens (5.5)",
        "not supported: the service manages accounts and PINs",
        &["C_InitToken", "C_InitPIN", "C_SetPIN"],
    ),
    (
        "Sessions (5.6)",
        "works",
        &[
            "C_OpenSession",
            "C_CloseSession",
            "C_CloseAllSessions",
            "C_GetSessionInfo",
            "C_SessionCancel",
            "C_Login",
            "C_LoginUser",
            "C_Logout",
            "C_GetSessionValidationFlags",
        ],
    ),
    (
        "Sessions (5.6)",
        "not supported: an operation is a few bytes of digest",
        &["C_GetOperationState", "C_SetOperationState"],
    ),
    (
        "Objects (5.7)",
        "works",
        &["C_FindObjectsInit", "C_FindObjects", "C_FindObjectsFinal", "C_GetAttributeValue", "C_GetObjectSize"],
    ),
    (
        "Objects (5.7)",
        "works on session objects: public keys and certificates",
        &["C_CreateObject", "C_CopyObject", "C_DestroyObject", "C_SetAttributeValue"],
    ),
    (
        "Encryption (5.8 to 5.11)",
        "not supported: this token only signs",
        &[
            "C_EncryptInit",
            "C_Encrypt",
            "C_EncryptUpdate",
            "C_EncryptFinal",
            "C_DecryptInit",
            "C_Decrypt",
            "C_DecryptUpdate",
            "C_DecryptFinal",
            "C_MessageEncryptInit",
            "C_EncryptMessage",
            "C_EncryptMessageBegin",
            "C_EncryptMessageNext",
            "C_MessageEncryptFinal",
            "C_MessageDecryptInit",
            "C_DecryptMessage",
            "C_DecryptMessageBegin",
            "C_DecryptMessageNext",
            "C_MessageDecryptFinal",
        ],
    ),
    ("Digests (5.12)", "works, without a request", &["C_DigestInit", "C_Digest", "C_DigestUpdate", "C_DigestFinal"]),
    ("Digests (5.12)", "`CKR_KEY_INDIGESTIBLE`: there are no secret keys", &["C_DigestKey"]),
    (
        "Signing (5.13, 5.14)",
        "works, with one request for each signature",
        &[
            "C_SignInit",
            "C_Sign",
            "C_SignUpdate",
            "C_SignFinal",
            "C_MessageSignInit",
            "C_SignMessage",
            "C_SignMessageBegin",
            "C_SignMessageNext",
            "C_MessageSignFinal",
        ],
    ),
    (
        "Verifying (5.15, 5.16)",
        "works, without a request",
        &[
            "C_VerifyInit",
            "C_Verify",
            "C_VerifyUpdate",
            "C_VerifyFinal",
            "C_MessageVerifyInit",
            "C_VerifyMessage",
            "C_VerifyMessageBegin",
            "C_VerifyMessageNext",
            "C_MessageVerifyFinal",
            "C_VerifySignatureInit",
            "C_VerifySignature",
            "C_VerifySignatureUpdate",
            "C_VerifySignatureFinal",
        ],
    ),
    (
        "Signing and verifying",
        "not supported: no mechanism recovers data",
        &["C_SignRecoverInit", "C_SignRecover", "C_VerifyRecoverInit", "C_VerifyRecover"],
    ),
    (
        "Dual-function (5.17)",
        "not supported: this token only signs",
        &["C_DigestEncryptUpdate", "C_DecryptDigestUpdate", "C_SignEncryptUpdate", "C_DecryptVerifyUpdate"],
    ),
    ("Keys (5.18)", "works, through `POST /keypairs`", &["C_GenerateKeyPair"]),
    (
        "Keys (5.18)",
        "not supported: private keys never leave the HSM, and there are no secret keys",
        &[
            "C_GenerateKey",
            "C_WrapKey",
            "C_UnwrapKey",
            "C_DeriveKey",
            "C_EncapsulateKey",
            "C_DecapsulateKey",
            "C_WrapKeyAuthenticated",
            "C_UnwrapKeyAuthenticated",
        ],
    ),
    ("Random numbers (5.21)", "works, with the operating system's generator", &["C_GenerateRandom"]),
    ("Random numbers (5.21)", "works: mixes the seed into the operating system's numbers", &["C_SeedRandom"]),
    ("Parallel functions (5.22)", "`CKR_FUNCTION_NOT_PARALLEL`", &["C_GetFunctionStatus", "C_CancelFunction"]),
    (
        "Asynchronous functions",
        "not supported: there are no asynchronous sessions",
        &["C_AsyncComplete", "C_AsyncGetID", "C_AsyncJoin"],
    ),
];

fn page() -> String {
    let mut page = String::from(
        "# Conformance\n\nWhat the module implements of PKCS#11 2.40, 3.0 and 3.2. `UPDATE_DOCS=1 cargo test --test conformance` generates this page from the code.\n\
         \"Not supported\" means `CKR_FUNCTION_NOT_SUPPORTED`, returned after the checks that the standard puts first.\n\n## Functions\n\n\
         | function | chapter | support |\n| --- | --- | --- |\n",
    );
    for (chapter, here, functions) in FUNCTIONS {
        for function in *functions {
            let _ = writeln!(page, "| `{function}` | {chapter} | {here} |");
        }
    }
    page += "\n## Mechanisms\n\nIn listing order. The first slot has RSA and ECDSA, the second EdDSA and the post-quantum families; both have digests.\n\n";
    page += &stm_pkcs11::mechanism::markdown();
    page += "\n## Attributes\n\nThe result for all others is `CKR_ATTRIBUTE_TYPE_INVALID`, and for the secret parts of private keys `CKR_ATTRIBUTE_SENSITIVE`. \
             `CKA_WRAP_TEMPLATE`, `CKA_UNWRAP_TEMPLATE`, `CKA_DERIVE_TEMPLATE` and similar attributes are missing, because no key here can wrap or derive.\n\n";
    page += &stm_pkcs11::token::attribute_table();
    page += "\n## Templates of new keypairs\n\n`C_GenerateKeyPair` creates exactly the keypair of the templates, or refuses them before any request, with a message. \
             The result for any other attribute is `CKR_ATTRIBUTE_TYPE_INVALID`.\n\n";
    page += &stm_pkcs11::token::generation_table();
    page += "\n## Retries\n\n";
    page += &stm_pkcs11::service::retry_table();
    page += "\n## Suites of others\n\nMade by `tests/suites/run --write`; [suites.md](suites.md) has the reason for each test that does not pass, \
             and the suites that cannot be had.\n\n";
    let suites = include_str!("../docs/suites.md");
    suites.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|')).for_each(
        |line| {
            let _ = writeln!(page, "{line}");
        },
    );
    page
}

#[test]
fn the_page_is_what_the_code_does() {
    check("docs/conformance.md", &page());
}

/// The sections of the page: the settings, their heading, and their place.
const SECTIONS: &[(Scope, &str, &str)] = &[
    (Scope::Token, "Account", "In the settings file: keys of a `[[token]]`."),
    (Scope::Log, "Log", "In the settings file: keys of `[log]`."),
    (
        Scope::Ledger,
        "Ledger",
        "In `[ledger]` of the settings file; one ledger for all accounts. [cost.md](cost.md) explains them.",
    ),
    (Scope::File, "Process", "In the settings file: keys at the top."),
    (Scope::Process, "Loading", "Not available in the settings file."),
];

const TAIL: &str = "
## Values

- Whitespace and one pair of quotes around a value are removed. Whitespace within the quotes stays, so quote a password that ends with a space,
  or contains quotes.
- An invalid value is an error before any request. An empty value counts as unset, with one exception: `SM_API_KEY` and `SM_CLIENT_CERT_FILE` must not
  be empty, or a pipeline's placeholder (`***`, `$(NAME)`, `${{ ... }}`). A job without its secrets should fail with a clear message.
- Secrets in the settings file are given literally or by reference: `env:NAME`, `file:PATH`, `command:PROGRAM ARGUMENTS`.
- Text files may be UTF-8 or UTF-16, with or without a byte order mark, with any line endings. In the properties file, `export NAME=value`
  sets NAME.

## Files

The module reads a file with settings, certificates, keys or secrets only if it is a regular file of at most 1 MiB that belongs to
root or to the user that runs the program, and that its group and others cannot write to (`chmod go-w FILE`). It follows a symbolic
link only if root or that user created it. If others can read a file with a key or a secret, it warns at every log level
(`chmod 600 FILE`). On Windows the module does not look for a machine-wide file,
because any user could create one. Instead, an administrator can set `STM_PKCS11_CONFIG` in the machine's environment.

In a program with rights that its caller does not have (set-uid, set-gid, file capabilities), the module ignores the environment and the
home directory. It reads only `/etc/stm-pkcs11/stm-pkcs11.toml`, and files beside it that belong to root. It runs no `command:`, and writes no cache,
no log file and no ledger.
";

fn settings() -> String {
    let mut page = String::from(
        "# Settings\n\n`UPDATE_DOCS=1 cargo test --test conformance` generates this page from the code. \
         [config/stm-pkcs11.toml](../config/stm-pkcs11.toml) is a settings file with every key.\n\n\
         ## Sources\n\nThe module looks for a setting in this order, and uses the first value:\n\n",
    );
    for (number, (source, meaning)) in (1..).zip(stm_pkcs11::config::ORDER) {
        let _ = writeln!(page, "{number}. {source}: {meaning}");
    }
    for (scope, title, place) in SECTIONS {
        let keys = scope.table().is_some();
        let _ = writeln!(
            page,
            "\n## {title}\n\n{place}\n\n| setting |{} default | meaning |",
            if keys { " key |" } else { "" }
        );
        let _ = writeln!(page, "| --- |{} --- | --- |", if keys { " --- |" } else { "" });
        for setting in setting::of(*scope) {
            let key = if keys { format!(" `{}` |", setting.key) } else { String::new() };
            let default = setting.default.map(|default| format!(" `{default}`")).unwrap_or_default();
            let secret = if setting.secret { " (secret: never shown)" } else { "" };
            let _ = writeln!(page, "| `{}` |{key}{default} | {}{secret} |", setting.name, setting.meaning);
        }
    }
    page + TAIL
}

/// The settings that most users need, in the order of the README.
const FIRST: &[&str] = &[
    "SM_HOST",
    "SM_API_KEY",
    "SM_CLIENT_CERT_FILE",
    "SM_CLIENT_KEY_FILE",
    "SM_CLIENT_CERT_PASSWORD",
    "SM_CA_FILE",
    "STM_PKCS11_KEYPAIRS",
    "STM_PKCS11_CERTIFICATE",
    "STM_PKCS11_CACHE",
    "STM_PKCS11_LEDGER",
    "STM_PKCS11_BUDGET",
    "STM_PKCS11_REUSE",
    "HTTPS_PROXY",
    "NO_PROXY",
    "SM_LOG_LEVEL",
    "SM_LOG_OUTPUT",
];

/// The marks around their table in the README.
const MARKS: [&str; 2] =
    ["<!-- settings: written by UPDATE_DOCS=1 cargo test --test conformance -->\n", "<!-- settings: end -->\n"];

/// The README with the generated table.
fn readme() -> String {
    let written = include_str!("../README.md");
    let (before, rest) = written.split_once(MARKS[0]).expect("the first mark");
    let (_, after) = rest.split_once(MARKS[1]).expect("the last mark");
    let mut table = String::from("| variable | default | what |\n| --- | --- | --- |\n");
    for name in FIRST {
        let setting = setting::SETTINGS.iter().find(|setting| setting.name == *name).expect(name);
        let default = setting.default.map(|default| format!(" `{default}`")).unwrap_or_default();
        let _ = writeln!(table, "| `{name}` |{default} | {} |", setting.meaning);
    }
    [before, MARKS[0], &table, MARKS[1], after].concat()
}

#[test]
fn the_table_of_settings_in_the_readme_is_what_the_code_reads() {
    check("README.md", &readme());
}

/// Compares a page with the generated one, or writes it.
fn check(name: &str, page: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, page).expect("the page is written");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page, "{name} is out of date: UPDATE_DOCS=1 cargo test --test conformance");
}

#[test]
fn the_settings_page_is_what_the_code_reads() {
    check("docs/settings.md", &settings());
}

#[test]
fn the_example_settings_file_has_every_setting() {
    check("config/stm-pkcs11.toml", &stm_pkcs11::config::example());
}

#[test]
fn the_vendor_header_names_the_attributes_that_the_code_has() {
    let header = include_str!("../include/stm_pkcs11.h");
    use stm_pkcs11::token::vendor::*;
    for (name, value) in [
        ("CKA_STM_KEYPAIR_ID", CKA_STM_KEYPAIR_ID),
        ("CKA_STM_ALIAS", CKA_STM_ALIAS),
        ("CKA_STM_KEY_STATUS", CKA_STM_KEY_STATUS),
        ("CKA_STM_KEY_TYPE", CKA_STM_KEY_TYPE),
        ("CKA_STM_KEY_STORAGE", CKA_STM_KEY_STORAGE),
        ("CKA_STM_CERTIFICATE_ID", CKA_STM_CERTIFICATE_ID),
        ("CKA_STM_CERTIFICATE_STATUS", CKA_STM_CERTIFICATE_STATUS),
        ("CKA_STM_SIGNABLE", CKA_STM_SIGNABLE),
        ("CKA_STM_LAST_SIGNATURE_ID", CKA_STM_LAST_SIGNATURE_ID),
    ] {
        let line = header.lines().find(|line| line.starts_with(&format!("#define {name} "))).expect(name);
        assert!(line.contains(&format!("0x{:02X}UL", value & 0xff)), "{line}");
        assert_eq!(value & !0xff, cryptoki_sys::CKA_VENDOR_DEFINED | 0x0053_5400);
    }
}

#[test]
fn every_exported_function_has_its_row() {
    let p11 = support::P11::load();
    let mut rows: Vec<&str> = FUNCTIONS.iter().flat_map(|(_, _, functions)| functions.iter().copied()).collect();
    rows.sort_unstable();
    let count = rows.len();
    rows.dedup();
    assert_eq!((rows.len(), count), (104, 104), "each of the 3.2 list's functions stands once");
    for function in rows {
        assert!(p11.exports(&format!("{function}\0")), "{function} is not exported");
    }
}
