//! `docs/conformance.md` is what the code does: the tables come from it, and each function is really called.
//!
//! `UPDATE_DOCS=1 cargo test --test conformance` writes the page anew.

#![allow(clippy::macro_metavars_in_unsafe, reason = "calling C functions is what these tests are for")]

mod support;

use std::fmt::Write;
use std::path::Path;

/// Every function of the 3.2 list and what this token does with it. `tests/errors.rs` calls each of them.
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
        "tokens never come or go: `CKR_NO_EVENT` with `CKF_DONT_BLOCK`, else not supported",
        &["C_WaitForSlotEvent"],
    ),
    (
        "Slots and tokens (5.5)",
        "not supported: accounts and PINs are the service's",
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
        "not supported: a signing token",
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
        "works; one request a signature",
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
        "not supported: a signing token",
        &["C_DigestEncryptUpdate", "C_DecryptDigestUpdate", "C_SignEncryptUpdate", "C_DecryptVerifyUpdate"],
    ),
    ("Keys (5.18)", "works: `POST /keypairs`", &["C_GenerateKeyPair"]),
    (
        "Keys (5.18)",
        "not supported: private keys do not leave the HSM, and there are no secret ones",
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
    ("Random numbers (5.21)", "works: the operating system's", &["C_GenerateRandom"]),
    ("Random numbers (5.21)", "`CKR_RANDOM_SEED_NOT_SUPPORTED`", &["C_SeedRandom"]),
    ("Parallel functions (5.22)", "`CKR_FUNCTION_NOT_PARALLEL`", &["C_GetFunctionStatus", "C_CancelFunction"]),
    (
        "Asynchronous functions",
        "not supported: there are no asynchronous sessions",
        &["C_AsyncComplete", "C_AsyncGetID", "C_AsyncJoin"],
    ),
];

fn page() -> String {
    let mut page = String::from(
        "# Conformance\n\nWhat the module does of PKCS#11 2.40, 3.0 and 3.2. Generated from the code: `UPDATE_DOCS=1 cargo test --test conformance`.\n\
         \"Not supported\" is `CKR_FUNCTION_NOT_SUPPORTED`, after the checks that the standard puts first.\n\n## Functions\n\n\
         | function | chapter | here |\n| --- | --- | --- |\n",
    );
    for (chapter, here, functions) in FUNCTIONS {
        for function in *functions {
            let _ = writeln!(page, "| `{function}` | {chapter} | {here} |");
        }
    }
    page += "\n## Mechanisms\n\nIn listing order. RSA and ECDSA stand in the first slot, EdDSA and the post-quantum families in the second; digests in both.\n\n";
    page += &stm_pkcs11::mechanism::markdown();
    page += "\n## Attributes\n\nAll others answer `CKR_ATTRIBUTE_TYPE_INVALID`. The secret parts of private keys answer `CKR_ATTRIBUTE_SENSITIVE`. \
             `CKA_WRAP_TEMPLATE`, `CKA_UNWRAP_TEMPLATE`, `CKA_DERIVE_TEMPLATE` and their kin are for keys that wrap or derive, and none here does.\n\n";
    page += &stm_pkcs11::token::attribute_table();
    page += "\n## Requests that are sent again\n\n";
    page += &stm_pkcs11::service::retry_table();
    page
}

#[test]
fn the_page_is_what_the_code_does() {
    check("conformance.md", &page());
}

fn settings() -> String {
    let mut page = String::from(
        "# Settings\n\nGenerated from the code: `UPDATE_DOCS=1 cargo test --test conformance`.\n\n\
         Each is looked for in the initialise arguments (`pReserved`: text of `NAME=value` pairs, separated by `;` or lines), in the \
         environment, and in `~/.signingmanager/ssm-config.properties`. Blanks and quotes around a value do no harm.\n\n\
         | setting | meaning |\n| --- | --- |\n",
    );
    for variable in stm_pkcs11::config::VARIABLES {
        let secret = if variable.secret { " (secret: never shown)" } else { "" };
        let _ = writeln!(page, "| `{}` | {}{secret} |", variable.name, variable.meaning);
    }
    page
}

/// Compares a page with what it has to be, or writes it.
fn check(name: &str, page: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, page).expect("the page is written");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page, "docs/{name} is out of date: UPDATE_DOCS=1 cargo test --test conformance");
}

#[test]
fn the_settings_page_is_what_the_code_reads() {
    check("settings.md", &settings());
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
