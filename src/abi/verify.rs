//! Verifying functions (PKCS#11 3.2, 5.15), and those that take the signature first (`C_VerifySignature*`).

use super::body::with_session;
use super::pointer::{bytes, mechanism, wanted};
use cryptoki_sys::*;

/// `C_VerifyInit`
///
/// # Safety
/// `mechanism_` is null or points to a mechanism with the parameter that its type requires.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_VerifyInit(
    session: CK_SESSION_HANDLE,
    mechanism_: *mut CK_MECHANISM,
    key: CK_OBJECT_HANDLE,
) -> CK_RV {
    with_session("C_VerifyInit", session, |session| {
        // SAFETY: by the contract above, `mechanism_` is null or points to a mechanism with the parameter of its type.
        let mechanism = unsafe { mechanism(mechanism_) }?;
        session.verify_init(mechanism, key, None)
    })
}

/// `C_Verify`
///
/// # Safety
/// `data` and `signature` are null or point to as many bytes as their lengths say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_Verify(
    session: CK_SESSION_HANDLE,
    data: *mut CK_BYTE,
    len: CK_ULONG,
    signature: *mut CK_BYTE,
    signature_len: CK_ULONG,
) -> CK_RV {
    with_session("C_Verify", session, |session| {
        // SAFETY: by the contract above, `data` is null or points to `len` bytes and `signature` is null or points to
        // `signature_len` bytes.
        let (data, signature) = unsafe { (bytes(data, len), bytes(signature, signature_len)) };
        session.verify(data, Some(signature))
    })
}

/// `C_VerifyUpdate`
///
/// # Safety
/// `part` is null or points to `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_VerifyUpdate(session: CK_SESSION_HANDLE, part: *mut CK_BYTE, len: CK_ULONG) -> CK_RV {
    with_session("C_VerifyUpdate", session, |session| {
        // SAFETY: by the contract above, `part` is null or points to `len` bytes.
        session.verify_update(unsafe { bytes(part, len) }, false)
    })
}

/// `C_VerifyFinal`
///
/// # Safety
/// `signature` is null or points to `signature_len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_VerifyFinal(
    session: CK_SESSION_HANDLE,
    signature: *mut CK_BYTE,
    signature_len: CK_ULONG,
) -> CK_RV {
    with_session("C_VerifyFinal", session, |session| {
        // SAFETY: by the contract above, `signature` is null or points to `signature_len` bytes.
        session.verify_final(Some(unsafe { bytes(signature, signature_len) }))
    })
}

/// `C_VerifySignatureInit`
///
/// # Safety
/// As for [`C_VerifyInit`]; `signature` is null or points to `signature_len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_VerifySignatureInit(
    session: CK_SESSION_HANDLE,
    mechanism_: *mut CK_MECHANISM,
    key: CK_OBJECT_HANDLE,
    signature: *mut CK_BYTE,
    signature_len: CK_ULONG,
) -> CK_RV {
    with_session("C_VerifySignatureInit", session, |session| {
        // SAFETY: by the contract above, `mechanism_` is null or points to a mechanism with the parameter of its type.
        let mechanism = unsafe { mechanism(mechanism_) }?;
        if mechanism.is_some() {
            wanted(signature)?;
        }
        // SAFETY: by the contract above, `signature` is null or points to `signature_len` bytes.
        let signature = unsafe { bytes(signature, signature_len) }?;
        session.verify_init(mechanism, key, Some(signature))
    })
}

/// `C_VerifySignature`
///
/// # Safety
/// `data` is null or points to `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_VerifySignature(session: CK_SESSION_HANDLE, data: *mut CK_BYTE, len: CK_ULONG) -> CK_RV {
    with_session("C_VerifySignature", session, |session| {
        // SAFETY: by the contract above, `data` is null or points to `len` bytes.
        session.verify(unsafe { bytes(data, len) }, None)
    })
}

/// `C_VerifySignatureUpdate`
///
/// # Safety
/// `part` is null or points to `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_VerifySignatureUpdate(
    session: CK_SESSION_HANDLE,
    part: *mut CK_BYTE,
    len: CK_ULONG,
) -> CK_RV {
    with_session("C_VerifySignatureUpdate", session, |session| {
        // SAFETY: by the contract above, `part` is null or points to `len` bytes.
        session.verify_update(unsafe { bytes(part, len) }, true)
    })
}

/// Compares with the signature that was passed to `C_VerifySignatureInit`; always ends the operation (5.15).
#[unsafe(no_mangle)]
pub extern "C" fn C_VerifySignatureFinal(session: CK_SESSION_HANDLE) -> CK_RV {
    with_session("C_VerifySignatureFinal", session, |session| session.verify_final(None))
}
