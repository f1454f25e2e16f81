//! The return codes that each function may return: the lists of "Return values" in PKCS#11 3.2, 5.4 to 5.22, compared
//! with its public text function by function. `CKR_PENDING` is missing because there are no asynchronous sessions.
//!
//! Builds with debug assertions check every code before it is returned, so every test, walk and fuzz run checks them.

use cryptoki_sys::*;
use once_cell::race::OnceBool;
use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};

/// A function, and the codes that its list has in addition to those of its [`Kind`].
type Row = (&'static str, Kind, &'static [&'static [CK_RV]]);

/// What a function works on, which decides most of its list (5.1.1 to 5.1.3).
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The library before `C_Initialize`: no `CKR_CRYPTOKI_NOT_INITIALIZED`.
    Library,
    Run,
    /// A slot and its token.
    Slot,
    Session,
    /// A session, without `CKR_OPERATION_ACTIVE`: `C_VerifySignature` and the functions that end or continue it.
    Verification,
    /// A function that is only a stub: `CKR_FUNCTION_NOT_SUPPORTED` (5.1.6) if its arguments are valid.
    Stub,
}

/// 5.1.1: "any Cryptoki function can return".
const ALWAYS: &[CK_RV] =
    &[CKR_OK, CKR_GENERAL_ERROR, CKR_HOST_MEMORY, CKR_FUNCTION_FAILED, CKR_OPERATION_NOT_VALIDATED];
const RUN: &[CK_RV] = &[CKR_CRYPTOKI_NOT_INITIALIZED];
/// 5.1.3: functions that use a token.
const SLOT: &[CK_RV] = &[
    CKR_SLOT_ID_INVALID,
    CKR_DEVICE_ERROR,
    CKR_DEVICE_MEMORY,
    CKR_DEVICE_REMOVED,
    CKR_TOKEN_NOT_PRESENT,
    CKR_TOKEN_NOT_RECOGNIZED,
];
/// 5.1.2 and 5.1.3: functions that use a session, and through it a token.
const SESSION: &[CK_RV] =
    &[CKR_SESSION_HANDLE_INVALID, CKR_SESSION_CLOSED, CKR_DEVICE_ERROR, CKR_DEVICE_MEMORY, CKR_DEVICE_REMOVED];
/// Every function with a session, except those of [`Verification`].
const ACTIVE: &[CK_RV] = &[CKR_OPERATION_ACTIVE];

const ARGUMENTS: &[CK_RV] = &[CKR_ARGUMENTS_BAD];
/// A result of variable length (5.2).
const OUTPUT: &[CK_RV] = &[CKR_ARGUMENTS_BAD, CKR_BUFFER_TOO_SMALL];
const CANCELED: &[CK_RV] = &[CKR_FUNCTION_CANCELED];
/// `...Init` of an operation.
const INIT: &[CK_RV] = &[
    CKR_ARGUMENTS_BAD,
    CKR_FUNCTION_CANCELED,
    CKR_MECHANISM_INVALID,
    CKR_MECHANISM_PARAM_INVALID,
    CKR_PIN_EXPIRED,
    CKR_USER_NOT_LOGGED_IN,
];
/// `...Init` that can also cancel.
const CANCELS: &[CK_RV] = &[CKR_OPERATION_CANCEL_FAILED];
/// The key of an `...Init`.
const KEY: &[CK_RV] =
    &[CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_HANDLE_INVALID, CKR_KEY_SIZE_RANGE, CKR_KEY_TYPE_INCONSISTENT];
/// Continues or ends an operation.
const GOES_ON: &[CK_RV] = &[CKR_FUNCTION_CANCELED, CKR_OPERATION_NOT_INITIALIZED];
const SIGNS: &[CK_RV] = &[CKR_USER_NOT_LOGGED_IN, CKR_FUNCTION_REJECTED, CKR_TOKEN_RESOURCE_EXCEEDED];
const TAKES_DATA: &[CK_RV] = &[CKR_DATA_LEN_RANGE, CKR_TOKEN_RESOURCE_EXCEEDED];
const WHOLE_DATA: &[CK_RV] = &[CKR_DATA_INVALID];
const SIGNATURE: &[CK_RV] = &[CKR_SIGNATURE_INVALID, CKR_SIGNATURE_LEN_RANGE];
const MESSAGE: &[CK_RV] = &[CKR_MECHANISM_PARAM_INVALID];
const OBJECT: &[CK_RV] = &[CKR_OBJECT_HANDLE_INVALID];
/// A template of attributes with values.
const TEMPLATE: &[CK_RV] = &[
    CKR_ARGUMENTS_BAD,
    CKR_ATTRIBUTE_READ_ONLY,
    CKR_ATTRIBUTE_TYPE_INVALID,
    CKR_ATTRIBUTE_VALUE_INVALID,
    CKR_TEMPLATE_INCONSISTENT,
    CKR_SESSION_READ_ONLY,
    CKR_TOKEN_WRITE_PROTECTED,
    CKR_USER_NOT_LOGGED_IN,
];
/// The template of a new object.
const NEW_OBJECT: &[CK_RV] = &[
    CKR_TEMPLATE_INCOMPLETE,
    CKR_CURVE_NOT_SUPPORTED,
    CKR_DOMAIN_PARAMS_INVALID,
    CKR_PARAMETER_SET_NOT_SUPPORTED,
    CKR_PIN_EXPIRED,
];
const LOGIN: &[CK_RV] = &[
    CKR_ARGUMENTS_BAD,
    CKR_FUNCTION_CANCELED,
    CKR_OPERATION_NOT_INITIALIZED,
    CKR_PIN_INCORRECT,
    CKR_PIN_LOCKED,
    CKR_SESSION_READ_ONLY_EXISTS,
    CKR_USER_ALREADY_LOGGED_IN,
    CKR_USER_ANOTHER_ALREADY_LOGGED_IN,
    CKR_USER_PIN_NOT_INITIALIZED,
    CKR_USER_TOO_MANY_TYPES,
    CKR_USER_TYPE_INVALID,
];
const RANDOM: &[CK_RV] = &[CKR_ARGUMENTS_BAD, CKR_FUNCTION_CANCELED, CKR_RANDOM_NO_RNG, CKR_USER_NOT_LOGGED_IN];

use Kind::*;

const TABLE: &[Row] = &[
    (
        "C_Initialize",
        Library,
        &[ARGUMENTS, &[CKR_CANT_LOCK, CKR_CRYPTOKI_ALREADY_INITIALIZED, CKR_NEED_TO_CREATE_THREADS]],
    ),
    ("C_Finalize", Run, &[ARGUMENTS]),
    ("C_GetInfo", Run, &[ARGUMENTS]),
    ("C_GetFunctionList", Library, &[ARGUMENTS]),
    ("C_GetInterfaceList", Library, &[OUTPUT]),
    ("C_GetInterface", Library, &[OUTPUT]),
    ("C_GetSlotList", Run, &[OUTPUT]),
    // It needs no token: `CKR_TOKEN_NOT_PRESENT` and the other token errors are not in its list.
    ("C_GetSlotInfo", Run, &[ARGUMENTS, &[CKR_SLOT_ID_INVALID, CKR_DEVICE_ERROR]]),
    ("C_GetTokenInfo", Slot, &[ARGUMENTS]),
    ("C_WaitForSlotEvent", Run, &[ARGUMENTS, &[CKR_NO_EVENT, CKR_FUNCTION_NOT_SUPPORTED]]),
    ("C_GetMechanismList", Slot, &[OUTPUT]),
    ("C_GetMechanismInfo", Slot, &[ARGUMENTS, &[CKR_MECHANISM_INVALID]]),
    (
        "C_OpenSession",
        Slot,
        &[
            ARGUMENTS,
            &[
                CKR_SESSION_ASYNC_NOT_SUPPORTED,
                CKR_SESSION_COUNT,
                CKR_SESSION_PARALLEL_NOT_SUPPORTED,
                CKR_SESSION_READ_WRITE_SO_EXISTS,
                CKR_TOKEN_WRITE_PROTECTED,
            ],
        ],
    ),
    ("C_CloseSession", Session, &[]),
    ("C_CloseAllSessions", Slot, &[]),
    ("C_GetSessionInfo", Session, &[ARGUMENTS]),
    ("C_SessionCancel", Session, &[CANCELS]),
    ("C_Login", Session, &[LOGIN]),
    ("C_LoginUser", Session, &[LOGIN]),
    ("C_Logout", Session, &[&[CKR_USER_NOT_LOGGED_IN]]),
    // Its list omits `CKR_ARGUMENTS_BAD`, but no other code reports a null pointer for the flags. 5.1 expects such
    // gaps: "a particular error code which might apply ... is unfortunately not actually listed".
    ("C_GetSessionValidationFlags", Session, &[ARGUMENTS]),
    ("C_CreateObject", Session, &[TEMPLATE, NEW_OBJECT]),
    ("C_CopyObject", Session, &[TEMPLATE, OBJECT, &[CKR_ACTION_PROHIBITED, CKR_PIN_EXPIRED]]),
    (
        "C_DestroyObject",
        Session,
        &[OBJECT, &[CKR_ACTION_PROHIBITED, CKR_PIN_EXPIRED, CKR_SESSION_READ_ONLY, CKR_TOKEN_WRITE_PROTECTED]],
    ),
    ("C_GetObjectSize", Session, &[ARGUMENTS, OBJECT, &[CKR_INFORMATION_SENSITIVE]]),
    ("C_GetAttributeValue", Session, &[OUTPUT, OBJECT, &[CKR_ATTRIBUTE_SENSITIVE, CKR_ATTRIBUTE_TYPE_INVALID]]),
    ("C_SetAttributeValue", Session, &[TEMPLATE, OBJECT, &[CKR_ACTION_PROHIBITED]]),
    (
        "C_FindObjectsInit",
        Session,
        &[ARGUMENTS, &[CKR_ATTRIBUTE_TYPE_INVALID, CKR_ATTRIBUTE_VALUE_INVALID, CKR_PIN_EXPIRED]],
    ),
    ("C_FindObjects", Session, &[ARGUMENTS, &[CKR_OPERATION_NOT_INITIALIZED]]),
    ("C_FindObjectsFinal", Session, &[&[CKR_OPERATION_NOT_INITIALIZED]]),
    ("C_DigestInit", Session, &[INIT, CANCELS]),
    ("C_Digest", Session, &[OUTPUT, GOES_ON]),
    ("C_DigestUpdate", Session, &[ARGUMENTS, GOES_ON]),
    ("C_DigestKey", Session, &[GOES_ON, &[CKR_KEY_HANDLE_INVALID, CKR_KEY_INDIGESTIBLE, CKR_KEY_SIZE_RANGE]]),
    ("C_DigestFinal", Session, &[OUTPUT, GOES_ON]),
    ("C_SignInit", Session, &[INIT, CANCELS, KEY]),
    ("C_Sign", Session, &[OUTPUT, GOES_ON, SIGNS, TAKES_DATA, WHOLE_DATA]),
    ("C_SignUpdate", Session, &[ARGUMENTS, GOES_ON, TAKES_DATA, &[CKR_USER_NOT_LOGGED_IN]]),
    ("C_SignFinal", Session, &[OUTPUT, GOES_ON, SIGNS, TAKES_DATA]),
    ("C_MessageSignInit", Session, &[INIT, KEY]),
    ("C_SignMessage", Session, &[OUTPUT, GOES_ON, SIGNS, TAKES_DATA, WHOLE_DATA, MESSAGE]),
    (
        "C_SignMessageBegin",
        Session,
        &[ARGUMENTS, GOES_ON, MESSAGE, &[CKR_PIN_EXPIRED, CKR_USER_NOT_LOGGED_IN, CKR_TOKEN_RESOURCE_EXCEEDED]],
    ),
    ("C_SignMessageNext", Session, &[OUTPUT, GOES_ON, SIGNS, TAKES_DATA, MESSAGE]),
    ("C_MessageSignFinal", Session, &[ARGUMENTS, GOES_ON, SIGNS]),
    ("C_VerifyInit", Session, &[INIT, CANCELS, KEY]),
    ("C_Verify", Session, &[ARGUMENTS, GOES_ON, TAKES_DATA, WHOLE_DATA, SIGNATURE]),
    ("C_VerifyUpdate", Session, &[ARGUMENTS, GOES_ON, TAKES_DATA]),
    ("C_VerifyFinal", Session, &[ARGUMENTS, GOES_ON, TAKES_DATA, SIGNATURE]),
    ("C_MessageVerifyInit", Session, &[INIT, KEY]),
    ("C_VerifyMessage", Session, &[ARGUMENTS, GOES_ON, TAKES_DATA, WHOLE_DATA, SIGNATURE, MESSAGE]),
    ("C_VerifyMessageBegin", Session, &[ARGUMENTS, GOES_ON, MESSAGE, &[CKR_PIN_EXPIRED, CKR_USER_NOT_LOGGED_IN]]),
    ("C_VerifyMessageNext", Session, &[ARGUMENTS, GOES_ON, TAKES_DATA, SIGNATURE, MESSAGE]),
    ("C_MessageVerifyFinal", Session, &[ARGUMENTS, GOES_ON, TAKES_DATA]),
    // A signature of the wrong length is reported at the end: `CKR_SIGNATURE_LEN_RANGE` is not in this list.
    ("C_VerifySignatureInit", Session, &[INIT, CANCELS, KEY]),
    ("C_VerifySignature", Verification, &[ARGUMENTS, GOES_ON, TAKES_DATA, WHOLE_DATA, SIGNATURE]),
    ("C_VerifySignatureUpdate", Verification, &[ARGUMENTS, GOES_ON, TAKES_DATA]),
    ("C_VerifySignatureFinal", Verification, &[ARGUMENTS, GOES_ON, TAKES_DATA, SIGNATURE]),
    (
        "C_GenerateKeyPair",
        Session,
        &[TEMPLATE, NEW_OBJECT, CANCELED, &[CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID]],
    ),
    ("C_SeedRandom", Session, &[RANDOM, &[CKR_RANDOM_SEED_NOT_SUPPORTED]]),
    ("C_GenerateRandom", Session, &[RANDOM, &[CKR_SEED_RANDOM_REQUIRED]]),
    ("C_GetFunctionStatus", Session, &[&[CKR_FUNCTION_NOT_PARALLEL]]),
    ("C_CancelFunction", Session, &[&[CKR_FUNCTION_NOT_PARALLEL]]),
    ("C_InitToken", Slot, &[ARGUMENTS, &[CKR_FUNCTION_NOT_SUPPORTED]]),
    ("C_InitPIN", Stub, &[ARGUMENTS]),
    ("C_SetPIN", Stub, &[ARGUMENTS]),
    ("C_GetOperationState", Stub, &[ARGUMENTS]),
    ("C_SetOperationState", Stub, &[ARGUMENTS]),
    ("C_EncryptInit", Stub, &[]),
    ("C_Encrypt", Stub, &[]),
    ("C_EncryptUpdate", Stub, &[]),
    ("C_EncryptFinal", Stub, &[]),
    ("C_DecryptInit", Stub, &[]),
    ("C_Decrypt", Stub, &[]),
    ("C_DecryptUpdate", Stub, &[]),
    ("C_DecryptFinal", Stub, &[]),
    ("C_SignRecoverInit", Stub, &[]),
    ("C_SignRecover", Stub, &[]),
    ("C_VerifyRecoverInit", Stub, &[]),
    ("C_VerifyRecover", Stub, &[]),
    ("C_DigestEncryptUpdate", Stub, &[]),
    ("C_DecryptDigestUpdate", Stub, &[]),
    ("C_SignEncryptUpdate", Stub, &[]),
    ("C_DecryptVerifyUpdate", Stub, &[]),
    ("C_GenerateKey", Stub, &[]),
    ("C_WrapKey", Stub, &[]),
    ("C_UnwrapKey", Stub, &[]),
    ("C_DeriveKey", Stub, &[]),
    ("C_MessageEncryptInit", Stub, &[]),
    ("C_EncryptMessage", Stub, &[]),
    ("C_EncryptMessageBegin", Stub, &[]),
    ("C_EncryptMessageNext", Stub, &[]),
    ("C_MessageEncryptFinal", Stub, &[]),
    ("C_MessageDecryptInit", Stub, &[]),
    ("C_DecryptMessage", Stub, &[]),
    ("C_DecryptMessageBegin", Stub, &[]),
    ("C_DecryptMessageNext", Stub, &[]),
    ("C_MessageDecryptFinal", Stub, &[]),
    ("C_EncapsulateKey", Stub, &[]),
    ("C_DecapsulateKey", Stub, &[]),
    ("C_AsyncComplete", Stub, &[]),
    ("C_AsyncGetID", Stub, &[]),
    ("C_AsyncJoin", Stub, &[]),
    ("C_WrapKeyAuthenticated", Stub, &[]),
    ("C_UnwrapKeyAuthenticated", Stub, &[]),
];

/// Whether the function's list has the code. Functions outside the standard (the Windows-only entry points) have no
/// list.
fn allowed(function: &str, rv: CK_RV) -> bool {
    if !function.starts_with("C_") {
        return true;
    }
    let Some((_, kind, own)) = TABLE.iter().find(|(name, ..)| *name == function) else { return false };
    let of_kind: &[&[CK_RV]] = match kind {
        Library => &[ALWAYS],
        Run => &[ALWAYS, RUN],
        Slot => &[ALWAYS, RUN, SLOT],
        Session => &[ALWAYS, RUN, SESSION, ACTIVE],
        Verification => &[ALWAYS, RUN, SESSION],
        Stub => &[RUN, SESSION, &[CKR_FUNCTION_NOT_SUPPORTED, CKR_GENERAL_ERROR]],
    };
    of_kind.iter().chain(*own).any(|list| list.contains(&rv))
}

/// Counts the call. With `STM_TEST_CODES=strict`, ends the process with a message if the code is not in its function's
/// list. A panic would not help, because the caller is C.
pub(super) fn check(function: &str, rv: CK_RV) {
    static STRICT: OnceBool = OnceBool::new();
    CHECKED.fetch_add(1, Ordering::Relaxed);
    if allowed(function, rv)
        || !STRICT.get_or_init(|| std::env::var("STM_TEST_CODES").is_ok_and(|value| value == "strict"))
    {
        return;
    }
    eprintln!("{function} returns {} ({rv:#x}), which is not in its list", super::codes::code_name(rv));
    std::process::abort();
}

static CHECKED: AtomicU64 = AtomicU64::new(0);

/// At the end of a run: appends the number of checked calls as a line to the file that `STM_TEST_CHECKED_CALLS` names,
/// if it is set.
pub fn report() {
    let Some(path) = std::env::var_os("STM_TEST_CHECKED_CALLS") else { return };
    let count = CHECKED.swap(0, Ordering::Relaxed);
    if let Ok(mut file) = std::fs::OpenOptions::new().create(true).append(true).open(path) {
        let _ = file.write_all(format!("{count}\n").as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_function_stands_once_and_all_of_them_do() {
        for (place, (name, ..)) in TABLE.iter().enumerate() {
            assert!(TABLE[place + 1..].iter().all(|(other, ..)| other != name), "{name}");
        }
        // The members of the 3.2 list are pointers of one size, so the size gives the number of functions.
        let functions = (size_of::<CK_FUNCTION_LIST_3_2>() - size_of::<CK_FUNCTION_LIST_3_2>() % size_of::<usize>())
            / size_of::<usize>()
            - 1;
        assert_eq!(TABLE.len(), functions);
    }

    #[test]
    fn a_code_that_is_not_in_the_list_ends_the_process_of_a_test_that_asks_for_that() {
        const CHILD: &str = "STM_TEST_CODES_CHILD";
        let path =
            concat!(module_path!(), "::a_code_that_is_not_in_the_list_ends_the_process_of_a_test_that_asks_for_that");
        if std::env::var_os(CHILD).is_some() {
            check("C_Sign", CKR_OK);
            return check("C_Sign", CKR_KEY_HANDLE_INVALID);
        }
        let run = |codes: &str| {
            let mut command = std::process::Command::new(std::env::current_exe().unwrap());
            command.args([path.split_once("::").unwrap().1, "--exact", "--nocapture"]);
            command.env(CHILD, "yes").env("STM_TEST_CODES", codes).output().unwrap()
        };
        assert!(run("no").status.success());
        let strict = run("strict");
        assert!(!strict.status.success());
        let said = String::from_utf8_lossy(&strict.stderr);
        assert!(said.contains("C_Sign returns CKR_KEY_HANDLE_INVALID (0x60), which is not in its list"), "{said}");
    }

    #[test]
    fn codes_that_are_not_in_the_list_are_found() {
        for (function, rv) in [
            ("C_Sign", CKR_KEY_FUNCTION_NOT_PERMITTED),
            ("C_Sign", CKR_KEY_HANDLE_INVALID),
            ("C_Sign", CKR_FUNCTION_NOT_SUPPORTED),
            ("C_SignUpdate", CKR_DATA_INVALID),
            ("C_CopyObject", CKR_TEMPLATE_INCOMPLETE),
            ("C_FindObjectsInit", CKR_FUNCTION_REJECTED),
            ("C_GenerateKeyPair", CKR_KEY_SIZE_RANGE),
            ("C_DestroyObject", CKR_USER_NOT_LOGGED_IN),
            ("C_GetFunctionList", CKR_CRYPTOKI_NOT_INITIALIZED),
            ("C_Unknown", CKR_OK),
            ("C_GetInfo", 0x8000_0001),
            ("C_GetSlotInfo", CKR_TOKEN_NOT_PRESENT),
            ("C_SignInit", CKR_TOKEN_RESOURCE_EXCEEDED),
            ("C_VerifySignature", CKR_OPERATION_ACTIVE),
            ("C_VerifySignatureInit", CKR_SIGNATURE_LEN_RANGE),
            ("C_VerifyMessageBegin", CKR_TOKEN_RESOURCE_EXCEEDED),
        ] {
            assert!(!allowed(function, rv), "{function} {rv:#x}");
        }
        for (function, rv) in [
            ("C_Sign", CKR_FUNCTION_REJECTED),
            ("C_Sign", CKR_OK),
            ("C_EncryptInit", CKR_FUNCTION_NOT_SUPPORTED),
            ("GetKeyStorageInterface", CKR_KEY_HANDLE_INVALID),
        ] {
            assert!(allowed(function, rv), "{function} {rv:#x}");
        }
    }
}
