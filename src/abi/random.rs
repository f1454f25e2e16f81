//! Random number generation functions (PKCS#11 3.2, 5.21).

use super::body::with_session;
use super::pointer::{bytes, length, wanted};
use cryptoki_sys::*;
use zeroize::Zeroizing;

/// `C_SeedRandom`: mixes the seed into the output of the operating system's generator, and never replaces that output.
///
/// # Safety
/// `seed` is null or points to `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_SeedRandom(session: CK_SESSION_HANDLE, seed: *mut CK_BYTE, len: CK_ULONG) -> CK_RV {
    with_session("C_SeedRandom", session, |session| {
        // SAFETY: by the contract above, `seed` is null or points to `len` bytes.
        session.slot.random.seed(unsafe { bytes(seed, len) }?);
        Ok(())
    })
}

/// `C_GenerateRandom`
///
/// # Safety
/// `random` is null or has room for `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GenerateRandom(session: CK_SESSION_HANDLE, random: *mut CK_BYTE, len: CK_ULONG) -> CK_RV {
    with_session("C_GenerateRandom", session, |session| {
        let len = length(len)?;
        if len == 0 {
            return Ok(());
        }
        wanted(random)?;
        let mut piece = Zeroizing::new([0u8; 256]);
        for start in (0..len).step_by(piece.len()) {
            let part = &mut piece[..(len - start).min(256)];
            session.slot.random.fill(part)?;
            // SAFETY: `start + part.len()` is within the `len` bytes that the application vouches for.
            unsafe { std::ptr::copy_nonoverlapping(part.as_ptr(), random.add(start), part.len()) };
        }
        Ok(())
    })
}
