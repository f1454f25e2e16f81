//! Shared by both entry points: the run of the library, the handling of calls, the caller's memory.

use super::status;
use crate::boundary;
use crate::error::{Error, Result};
use crate::lock::Mutex;
use crate::token::{DirectKey, Module};
use cryptoki_sys::*;
use std::collections::HashMap;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// How long a missing alias is not requested again: signtool looks a key up in four ways, one after the other.
const MISS_LIFETIME: Duration = Duration::from_secs(5);

/// The run of these entry points, begun by the first call that needs it. A host that also uses PKCS#11 has a separate
/// run there.
pub fn module() -> &'static Module {
    static RUN: OnceLock<Module> = OnceLock::new();
    RUN.get_or_init(|| boundary::start(None, true).0)
}

/// The body of an exported function: no panic leaves it, a failure becomes a status, and its reason is logged.
pub fn call(name: &'static str, body: impl FnOnce() -> Result<()>) -> i32 {
    boundary::pin();
    status::of(boundary::call(name, body))
}

/// The key with this alias, or `CKR_KEY_HANDLE_INVALID`.
pub fn key(alias: &str, token: Option<&str>) -> Result<DirectKey> {
    type Wanted = (String, Option<String>);
    static MISSES: Mutex<Option<HashMap<Wanted, Instant>>> = Mutex::new(None);
    let wanted: Wanted = (alias.to_owned(), token.map(str::to_owned));
    let missed = MISSES.lock().as_ref().and_then(|misses| misses.get(&wanted).copied());
    if missed.is_some_and(|at| at.elapsed() < MISS_LIFETIME) {
        return Err(CKR_KEY_HANDLE_INVALID.into());
    }
    if let Some(key) = module().key_named(alias, token)? {
        return Ok(key);
    }
    MISSES.lock().get_or_insert_default().insert(wanted, Instant::now());
    Err(CKR_KEY_HANDLE_INVALID.into())
}

/// The longest name, in UTF-16 units.
const LONGEST_NAME: usize = 4096;

/// A text of the caller: UTF-16 with a terminator. Text that is too long, or not UTF-16, is refused.
///
/// # Safety
/// `text` is null or points to such text.
pub unsafe fn text(text: *const u16) -> Result<String> {
    if text.is_null() {
        return Err(Error::new(CKR_ARGUMENTS_BAD, "a name is a null pointer"));
    }
    let mut units = Vec::new();
    // SAFETY: not null, and the caller vouches for a terminator; reading stops at the length of the longest name.
    unsafe {
        let mut at = text;
        while at.read_unaligned() != 0 {
            if units.len() == LONGEST_NAME {
                return Err(Error::new(CKR_ARGUMENTS_BAD, "a name is longer than 4096 UTF-16 units"));
            }
            units.push(at.read_unaligned());
            at = at.add(1);
        }
    }
    String::from_utf16(&units).map_err(|_| Error::new(CKR_ARGUMENTS_BAD, "a name is not valid UTF-16"))
}

/// Bytes of the caller.
///
/// # Safety
/// `bytes` is null or points to `len` bytes, for as long as the result is used.
pub unsafe fn bytes<'a>(bytes: *const u8, len: u32) -> Result<&'a [u8]> {
    if bytes.is_null() {
        return if len == 0 { Ok(&[]) } else { Err(Error::new(CKR_ARGUMENTS_BAD, "data is a null pointer")) };
    }
    // SAFETY: not null, and the caller vouches for `len` bytes.
    Ok(unsafe { std::slice::from_raw_parts(bytes, len as usize) })
}

/// Writes a value to the caller's memory.
///
/// # Safety
/// `place` is null or can be written to.
pub unsafe fn put<T>(place: *mut T, value: T) -> Result<()> {
    if place.is_null() {
        return Err(Error::new(CKR_ARGUMENTS_BAD, "an output is a null pointer"));
    }
    // SAFETY: not null, and the caller vouches for room for a T; the write needs no alignment.
    unsafe { place.write_unaligned(value) };
    Ok(())
}

/// Returns bytes by CNG's convention: always the length, the bytes if there is a buffer, and `NTE_BUFFER_TOO_SMALL` if
/// it is too short.
///
/// # Safety
/// `out` is null or has `room` bytes; `needed` can be written to.
pub unsafe fn deliver(answer: &[u8], out: *mut u8, room: u32, needed: *mut u32) -> Result<()> {
    // SAFETY: `needed` can be written to; `out` is not null and has `room` bytes, which are enough.
    unsafe {
        put(needed, answer.len() as u32)?;
        if out.is_null() {
            return Ok(());
        }
        if (room as usize) < answer.len() {
            return Err(CKR_BUFFER_TOO_SMALL.into());
        }
        out.copy_from_nonoverlapping(answer.as_ptr(), answer.len());
    }
    Ok(())
}
