//! Random number generation functions (PKCS#11 3.2, 5.21): the operating system's generator.

use super::boundary::with_session;
use super::pointer::{bytes, length, wanted};
use crate::error::Error;
use cryptoki_sys::*;

/// `C_SeedRandom`: the operating system's generator takes no seed from applications.
///
/// # Safety
/// `seed` is null or points to `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_SeedRandom(session: CK_SESSION_HANDLE, seed: *mut CK_BYTE, len: CK_ULONG) -> CK_RV {
    with_session("C_SeedRandom", session, |_| {
        // SAFETY: the application's promise.
        unsafe { bytes(seed, len) }?;
        Err(CKR_RANDOM_SEED_NOT_SUPPORTED.into())
    })
}

/// `C_GenerateRandom`
///
/// # Safety
/// `random` is null or has room for `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GenerateRandom(session: CK_SESSION_HANDLE, random: *mut CK_BYTE, len: CK_ULONG) -> CK_RV {
    with_session("C_GenerateRandom", session, |_| {
        let len = length(len)?;
        if len == 0 {
            return Ok(());
        }
        wanted(random)?;
        let mut piece = [0u8; 256];
        for start in (0..len).step_by(piece.len()) {
            let part = &mut piece[..(len - start).min(256)];
            getrandom::fill(part).map_err(|error| {
                Error::loud(CKR_DEVICE_ERROR, format!("the operating system gives no random numbers: {error}"))
            })?;
            // SAFETY: `start + part.len()` is within the `len` bytes that the application vouches for.
            unsafe { std::ptr::copy_nonoverlapping(part.as_ptr(), random.add(start), part.len()) };
        }
        Ok(())
    })
}
