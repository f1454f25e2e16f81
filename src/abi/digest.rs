//! Message digesting functions (PKCS#11 3.2, 5.12).

use super::body::with_session;
use super::pointer::{bytes, deliver, mechanism, room};
use cryptoki_sys::*;

/// `C_DigestInit`
///
/// # Safety
/// `mechanism_` is null or points to a mechanism with the parameter that its type requires.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_DigestInit(session: CK_SESSION_HANDLE, mechanism_: *mut CK_MECHANISM) -> CK_RV {
    with_session("C_DigestInit", session, |session| {
        // SAFETY: by the contract above, `mechanism_` is null or points to a mechanism with the parameter of its type.
        let mechanism = unsafe { mechanism(mechanism_) }?;
        session.digest_init(mechanism)
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
    with_session("C_Digest", session, |session| {
        // SAFETY: by the contract above, `data` is null or points to `len` bytes and `digest` is null or has room for
        // as many bytes as `digest_len` says.
        unsafe {
            let produced = session.digest(bytes(data, len), room(digest, digest_len))?;
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
    with_session("C_DigestUpdate", session, |session| {
        // SAFETY: by the contract above, `part` is null or points to `len` bytes.
        session.digest_update(unsafe { bytes(part, len) })
    })
}

/// `CKR_KEY_INDIGESTIBLE`: the service has no secret keys (PKCS#11 3.2, 5.12).
#[unsafe(no_mangle)]
pub extern "C" fn C_DigestKey(session: CK_SESSION_HANDLE, key: CK_OBJECT_HANDLE) -> CK_RV {
    with_session("C_DigestKey", session, |session| session.digest_key(key))
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
    with_session("C_DigestFinal", session, |session| {
        // SAFETY: by the contract above, `digest` is null or has room for as many bytes as `digest_len` says.
        unsafe {
            let produced = session.digest_final(room(digest, digest_len))?;
            deliver(digest, digest_len, produced)
        }
    })
}
