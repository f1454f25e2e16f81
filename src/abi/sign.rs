//! Signing functions (PKCS#11 3.2, 5.13).

use super::body::with_session;
use super::pointer::{bytes, deliver, mechanism, room};
use cryptoki_sys::*;

/// `C_SignInit`
///
/// # Safety
/// `mechanism_` is null or points to a mechanism with the parameter that its type requires.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_SignInit(
    session: CK_SESSION_HANDLE,
    mechanism_: *mut CK_MECHANISM,
    key: CK_OBJECT_HANDLE,
) -> CK_RV {
    with_session("C_SignInit", session, |session| {
        // SAFETY: by the contract above, `mechanism_` is null or points to a mechanism with the parameter of its type.
        let mechanism = unsafe { mechanism(mechanism_) }?;
        session.sign_init(mechanism, key)
    })
}

/// `C_Sign`: requests one signature from the service, and only if the buffer is large enough.
///
/// # Safety
/// `data` is null or points to `len` bytes; `signature_len` is null or points to a `CK_ULONG`; `signature` is null or
/// has that much room.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_Sign(
    session: CK_SESSION_HANDLE,
    data: *mut CK_BYTE,
    len: CK_ULONG,
    signature: *mut CK_BYTE,
    signature_len: *mut CK_ULONG,
) -> CK_RV {
    with_session("C_Sign", session, |session| {
        // SAFETY: by the contract above, `data` is null or points to `len` bytes and `signature` is null or has room
        // for as many bytes as `signature_len` says.
        unsafe {
            let produced = session.sign(bytes(data, len), room(signature, signature_len))?;
            deliver(signature, signature_len, produced)
        }
    })
}

/// `C_SignUpdate`
///
/// # Safety
/// `part` is null or points to `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_SignUpdate(session: CK_SESSION_HANDLE, part: *mut CK_BYTE, len: CK_ULONG) -> CK_RV {
    with_session("C_SignUpdate", session, |session| {
        // SAFETY: by the contract above, `part` is null or points to `len` bytes.
        session.sign_update(unsafe { bytes(part, len) })
    })
}

/// `C_SignFinal`: requests one signature from the service, and only if the buffer is large enough.
///
/// # Safety
/// `signature_len` is null or points to a `CK_ULONG`; `signature` is null or has that much room.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_SignFinal(
    session: CK_SESSION_HANDLE,
    signature: *mut CK_BYTE,
    signature_len: *mut CK_ULONG,
) -> CK_RV {
    with_session("C_SignFinal", session, |session| {
        // SAFETY: by the contract above, `signature` is null or has room for as many bytes as `signature_len` says.
        unsafe {
            let produced = session.sign_final(room(signature, signature_len))?;
            deliver(signature, signature_len, produced)
        }
    })
}
