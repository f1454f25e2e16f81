//! Message digesting functions (PKCS#11 3.2, 5.12).

use super::boundary::with_session;
use super::pointer::{bytes, deliver, mechanism, room};
use cryptoki_sys::*;

/// `C_DigestInit`
///
/// # Safety
/// `mechanism_` is null or points to a mechanism with a parameter as its type wants it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_DigestInit(session: CK_SESSION_HANDLE, mechanism_: *mut CK_MECHANISM) -> CK_RV {
    with_session("C_DigestInit", session, |module, session| {
        // SAFETY: the application's promise.
        let mechanism = unsafe { mechanism(mechanism_) }?;
        module.digest_init(session, mechanism)
    })
}

/// `C_Digest`
///
/// # Safety
/// `data` is null or points to `len` bytes; `digest_len` is null or points to a `CK_ULONG`; `digest` is null or has that much room.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_Digest(
    session: CK_SESSION_HANDLE,
    data: *mut CK_BYTE,
    len: CK_ULONG,
    digest: *mut CK_BYTE,
    digest_len: *mut CK_ULONG,
) -> CK_RV {
    with_session("C_Digest", session, |module, session| {
        // SAFETY: the application's promise.
        unsafe {
            let produced = module.digest(session, bytes(data, len), room(digest, digest_len))?;
            deliver(digest, digest_len, produced)
        }
    })
}

/// `C_DigestUpdate`
///
/// # Safety
/// `part` is null or points to `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_DigestUpdate(session: CK_SESSION_HANDLE, part: *mut CK_BYTE, len: CK_ULONG) -> CK_RV {
    with_session("C_DigestUpdate", session, |module, session| {
        // SAFETY: the application's promise.
        module.digest_update(session, unsafe { bytes(part, len) })
    })
}

/// `C_DigestKey`
#[unsafe(no_mangle)]
pub extern "C" fn C_DigestKey(session: CK_SESSION_HANDLE, key: CK_OBJECT_HANDLE) -> CK_RV {
    with_session("C_DigestKey", session, |module, session| module.digest_key(session, key))
}

/// `C_DigestFinal`
///
/// # Safety
/// `digest_len` is null or points to a `CK_ULONG`; `digest` is null or has that much room.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_DigestFinal(
    session: CK_SESSION_HANDLE,
    digest: *mut CK_BYTE,
    digest_len: *mut CK_ULONG,
) -> CK_RV {
    with_session("C_DigestFinal", session, |module, session| {
        // SAFETY: the application's promise.
        unsafe {
            let produced = module.digest_final(session, room(digest, digest_len))?;
            deliver(digest, digest_len, produced)
        }
    })
}
