//! Every function with a session: without a run, without a session, and in a new session.

use super::arguments::{Memory, Row};
use super::support::{Emulator, P11};
use super::{GARBAGE, HUGE};
use crate::{ck, service_test};
use cryptoki_sys::*;
use std::ptr::null_mut;

/// Every function with a session; all other arguments are valid.
fn session_functions() -> Vec<Row<'static>> {
    rows! { m;
        C_CloseSession();
        C_GetSessionInfo(m.info);
        C_GetOperationState(m.bytes, m.len);
        C_SetOperationState(m.bytes, 4, 0, 0);
        C_Login(CKU_USER, m.bytes, 4);
        C_LoginUser(CKU_USER, m.bytes, 4, m.bytes, 0);
        C_Logout();
        C_InitPIN(m.bytes, 4);
        C_SetPIN(m.bytes, 4, m.bytes, 4);
        C_CreateObject(m.attributes, 1, m.handle);
        C_CopyObject(1, m.attributes, 1, m.handle);
        C_DestroyObject(GARBAGE);
        C_GetObjectSize(GARBAGE, m.len);
        C_GetAttributeValue(GARBAGE, m.attributes, 1);
        C_SetAttributeValue(GARBAGE, m.attributes, 1);
        C_FindObjectsInit(m.attributes, 1);
        C_FindObjects(m.handle, 1, m.len);
        C_FindObjectsFinal();
        C_EncryptInit(m.mechanism, 1);
        C_Encrypt(m.bytes, 4, m.bytes, m.len);
        C_EncryptUpdate(m.bytes, 4, m.bytes, m.len);
        C_EncryptFinal(m.bytes, m.len);
        C_DecryptInit(m.mechanism, 1);
        C_Decrypt(m.bytes, 4, m.bytes, m.len);
        C_DecryptUpdate(m.bytes, 4, m.bytes, m.len);
        C_DecryptFinal(m.bytes, m.len);
        C_DigestInit(m.mechanism);
        C_Digest(m.bytes, 4, m.bytes, m.len);
        C_DigestUpdate(m.bytes, 4);
        C_DigestKey(GARBAGE);
        C_DigestFinal(m.bytes, m.len);
        C_SignInit(m.mechanism, GARBAGE);
        C_Sign(m.bytes, 4, m.bytes, m.len);
        C_SignUpdate(m.bytes, 4);
        C_SignFinal(m.bytes, m.len);
        C_SignRecoverInit(m.mechanism, 1);
        C_SignRecover(m.bytes, 4, m.bytes, m.len);
        C_VerifyInit(m.mechanism, GARBAGE);
        C_Verify(m.bytes, 4, m.bytes, 4);
        C_VerifyUpdate(m.bytes, 4);
        C_VerifyFinal(m.bytes, 4);
        C_VerifyRecoverInit(m.mechanism, 1);
        C_VerifyRecover(m.bytes, 4, m.bytes, m.len);
        C_DigestEncryptUpdate(m.bytes, 4, m.bytes, m.len);
        C_DecryptDigestUpdate(m.bytes, 4, m.bytes, m.len);
        C_SignEncryptUpdate(m.bytes, 4, m.bytes, m.len);
        C_DecryptVerifyUpdate(m.bytes, 4, m.bytes, m.len);
        C_GenerateKey(m.mechanism, m.attributes, 1, m.handle);
        C_GenerateKeyPair(m.mechanism, m.attributes, 1, m.attributes, 1, m.handle, m.handle);
        C_WrapKey(m.mechanism, 1, 1, m.bytes, m.len);
        C_UnwrapKey(m.mechanism, 1, m.bytes, 4, m.attributes, 1, m.handle);
        C_DeriveKey(m.mechanism, 1, m.attributes, 1, m.handle);
        C_SeedRandom(m.bytes, 4);
        C_GenerateRandom(m.bytes, 4);
        C_GetFunctionStatus();
        C_CancelFunction();
        C_SessionCancel(0);
        C_MessageEncryptInit(m.mechanism, 1);
        C_EncryptMessage(null_mut(), 0, m.bytes, 0, m.bytes, 4, m.bytes, m.len);
        C_EncryptMessageBegin(null_mut(), 0, m.bytes, 0);
        C_EncryptMessageNext(null_mut(), 0, m.bytes, 4, m.bytes, m.len, 0);
        C_MessageEncryptFinal();
        C_MessageDecryptInit(m.mechanism, 1);
        C_DecryptMessage(null_mut(), 0, m.bytes, 0, m.bytes, 4, m.bytes, m.len);
        C_DecryptMessageBegin(null_mut(), 0, m.bytes, 0);
        C_DecryptMessageNext(null_mut(), 0, m.bytes, 4, m.bytes, m.len, 0);
        C_MessageDecryptFinal();
        C_MessageSignInit(m.mechanism, GARBAGE);
        C_SignMessage(null_mut(), 0, m.bytes, 4, m.bytes, m.len);
        C_SignMessageBegin(null_mut(), 0);
        C_SignMessageNext(null_mut(), 0, m.bytes, 4, m.bytes, m.len);
        C_MessageSignFinal();
        C_MessageVerifyInit(m.mechanism, GARBAGE);
        C_VerifyMessage(null_mut(), 0, m.bytes, 4, m.bytes, 4);
        C_VerifyMessageBegin(null_mut(), 0);
        C_VerifyMessageNext(null_mut(), 0, m.bytes, 4, m.bytes, 4);
        C_MessageVerifyFinal();
        C_EncapsulateKey(m.mechanism, 1, m.attributes, 1, m.bytes, m.len, m.handle);
        C_DecapsulateKey(m.mechanism, 1, m.attributes, 1, m.bytes, 4, m.handle);
        C_VerifySignatureInit(m.mechanism, GARBAGE, m.bytes, 4);
        C_VerifySignature(m.bytes, 4);
        C_VerifySignatureUpdate(m.bytes, 4);
        C_VerifySignatureFinal();
        C_GetSessionValidationFlags(CKS_LAST_VALIDATION_OK, m.handle);
        C_AsyncComplete(m.bytes, null_mut());
        C_AsyncGetID(m.bytes, m.len);
        C_AsyncJoin(m.bytes, 1, m.bytes, 4);
        C_WrapKeyAuthenticated(m.mechanism, 1, 1, m.bytes, 4, m.bytes, m.len);
        C_UnwrapKeyAuthenticated(m.mechanism, 1, m.bytes, 4, m.attributes, 1, m.bytes, 4, m.handle);
    }
}

/// Functions that a signing token does not support.
const UNSUPPORTED: &[&str] = &[
    "C_GetOperationState",
    "C_SetOperationState",
    "C_InitPIN",
    "C_SetPIN",
    "C_EncryptInit",
    "C_Encrypt",
    "C_EncryptUpdate",
    "C_EncryptFinal",
    "C_DecryptInit",
    "C_Decrypt",
    "C_DecryptUpdate",
    "C_DecryptFinal",
    "C_SignRecoverInit",
    "C_SignRecover",
    "C_VerifyRecoverInit",
    "C_VerifyRecover",
    "C_DigestEncryptUpdate",
    "C_DecryptDigestUpdate",
    "C_SignEncryptUpdate",
    "C_DecryptVerifyUpdate",
    "C_GenerateKey",
    "C_WrapKey",
    "C_UnwrapKey",
    "C_DeriveKey",
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
    "C_EncapsulateKey",
    "C_DecapsulateKey",
    "C_AsyncComplete",
    "C_AsyncGetID",
    "C_AsyncJoin",
    "C_WrapKeyAuthenticated",
    "C_UnwrapKeyAuthenticated",
];

/// The return codes of the others in a new read-only session, with the arguments above.
const FRESH: &[(&str, &[CK_RV])] = &[
    ("C_CloseSession", &[CKR_OK]),
    ("C_GetSessionInfo", &[CKR_OK]),
    ("C_Login", &[CKR_OK]),
    ("C_LoginUser", &[CKR_OK]),
    ("C_Logout", &[CKR_USER_NOT_LOGGED_IN]),
    ("C_CreateObject", &[CKR_TEMPLATE_INCOMPLETE]),
    ("C_CopyObject", &[CKR_OBJECT_HANDLE_INVALID, CKR_ACTION_PROHIBITED]),
    ("C_DestroyObject", &[CKR_OBJECT_HANDLE_INVALID]),
    ("C_GetObjectSize", &[CKR_OBJECT_HANDLE_INVALID]),
    ("C_GetAttributeValue", &[CKR_OBJECT_HANDLE_INVALID]),
    ("C_SetAttributeValue", &[CKR_OBJECT_HANDLE_INVALID, CKR_SESSION_READ_ONLY]),
    ("C_FindObjectsInit", &[CKR_OK]),
    ("C_FindObjects", &[CKR_OPERATION_NOT_INITIALIZED]),
    ("C_FindObjectsFinal", &[CKR_OPERATION_NOT_INITIALIZED]),
    ("C_DigestInit", &[CKR_MECHANISM_INVALID]),
    ("C_Digest", &[CKR_OPERATION_NOT_INITIALIZED]),
    ("C_DigestUpdate", &[CKR_OPERATION_NOT_INITIALIZED]),
    ("C_DigestKey", &[CKR_OPERATION_NOT_INITIALIZED]),
    ("C_DigestFinal", &[CKR_OPERATION_NOT_INITIALIZED]),
    ("C_SignInit", &[CKR_KEY_HANDLE_INVALID]),
    ("C_Sign", &[CKR_OPERATION_NOT_INITIALIZED]),
    ("C_SignUpdate", &[CKR_OPERATION_NOT_INITIALIZED]),
    ("C_SignFinal", &[CKR_OPERATION_NOT_INITIALIZED]),
    ("C_VerifyInit", &[CKR_KEY_HANDLE_INVALID]),
    ("C_Verify", &[CKR_OPERATION_NOT_INITIALIZED]),
    ("C_VerifyUpdate", &[CKR_OPERATION_NOT_INITIALIZED]),
    ("C_VerifyFinal", &[CKR_OPERATION_NOT_INITIALIZED]),
    ("C_GenerateKeyPair", &[CKR_MECHANISM_INVALID]),
    ("C_SeedRandom", &[CKR_OK]),
    ("C_GenerateRandom", &[CKR_OK]),
    ("C_GetFunctionStatus", &[CKR_FUNCTION_NOT_PARALLEL]),
    ("C_CancelFunction", &[CKR_FUNCTION_NOT_PARALLEL]),
    ("C_SessionCancel", &[CKR_OK]),
    ("C_MessageSignInit", &[CKR_KEY_HANDLE_INVALID]),
    ("C_SignMessage", &[CKR_OPERATION_NOT_INITIALIZED]),
    ("C_SignMessageBegin", &[CKR_OPERATION_NOT_INITIALIZED]),
    ("C_SignMessageNext", &[CKR_OPERATION_NOT_INITIALIZED]),
    ("C_MessageSignFinal", &[CKR_OPERATION_NOT_INITIALIZED]),
    ("C_MessageVerifyInit", &[CKR_KEY_HANDLE_INVALID]),
    ("C_VerifyMessage", &[CKR_OPERATION_NOT_INITIALIZED]),
    ("C_VerifyMessageBegin", &[CKR_OPERATION_NOT_INITIALIZED]),
    ("C_VerifyMessageNext", &[CKR_OPERATION_NOT_INITIALIZED]),
    ("C_MessageVerifyFinal", &[CKR_OPERATION_NOT_INITIALIZED]),
    ("C_VerifySignatureInit", &[CKR_KEY_HANDLE_INVALID]),
    ("C_VerifySignature", &[CKR_OPERATION_NOT_INITIALIZED]),
    ("C_VerifySignatureUpdate", &[CKR_OPERATION_NOT_INITIALIZED]),
    ("C_VerifySignatureFinal", &[CKR_OPERATION_NOT_INITIALIZED]),
    ("C_GetSessionValidationFlags", &[CKR_OK]),
];

service_test!(every_session_function_wants_a_run_and_a_session_first, |emulator: &Emulator| {
    let p11 = P11::load();
    let functions = session_functions();
    assert_eq!(functions.len(), 89);
    for (name, function) in &functions {
        assert_eq!(function(&p11, 1), CKR_CRYPTOKI_NOT_INITIALIZED, "{name} before C_Initialize");
    }
    assert_eq!(ck!(p11, C_Initialize(null_mut())), CKR_OK);
    let closed = p11.open(0);
    assert_eq!(ck!(p11, C_CloseSession(closed)), CKR_OK);
    for (name, function) in &functions {
        for session in [0, GARBAGE, HUGE, closed] {
            assert_eq!(function(&p11, session), CKR_SESSION_HANDLE_INVALID, "{name} in session {session:#x}");
        }
    }
    p11.finish();
    for (name, function) in &functions {
        assert_eq!(function(&p11, 1), CKR_CRYPTOKI_NOT_INITIALIZED, "{name} after C_Finalize");
    }
    assert_eq!(emulator.requests().len(), 0);
});

service_test!(every_session_function_answers_in_a_fresh_session_as_the_standard_says, |_: &Emulator| {
    let p11 = P11::start();
    for (name, function) in &session_functions() {
        let session = p11.open(0);
        let rv = function(&p11, session);
        match FRESH.iter().find(|(known, _)| known == name) {
            Some((_, allowed)) => assert!(allowed.contains(&rv), "{name}: {rv:#x}"),
            None => {
                assert!(UNSUPPORTED.contains(name), "{name} stands in no table");
                assert_eq!(rv, CKR_FUNCTION_NOT_SUPPORTED, "{name}");
            }
        }
        ck!(p11, C_CloseAllSessions(0));
    }
});
