//! The lists of the key storage provider: algorithms and keys.

use super::blob::{self, KINDS};
use super::entry::{call, module, put, text};
use super::ksp_handles::provider as opened;
use super::{process_heap, property};
use crate::error::Result;
use crate::lock::Mutex;
use cryptoki_sys::*;
use std::collections::HashMap;
use std::ffi::c_void;
use windows_sys::Win32::Security::Cryptography::*;
use windows_sys::core::PCWSTR;

/// `NCRYPT_SIGNATURE_OPERATION`
const SIGNATURE: u32 = 0x10;
/// `NCRYPT_ASYMMETRIC_ENCRYPTION_INTERFACE`, which RSA belongs to, and `NCRYPT_SIGNATURE_INTERFACE`.
const INTERFACES: (u32, u32) = (3, 5);

/// Alias and algorithm of the keys that an enumeration has not returned yet.
type Left = Vec<(String, &'static str)>;

/// The active enumerations, by the address of their state.
static UNDER_WAY: Mutex<Option<HashMap<usize, Left>>> = Mutex::new(None);

pub(super) unsafe extern "system" fn is_alg_supported(provider: NCRYPT_PROV_HANDLE, name: PCWSTR, _: u32) -> i32 {
    call("NCryptIsAlgSupported", || {
        opened(provider)?;
        // SAFETY: by CNG's contract, `name` is null or UTF-16 with a zero at its end.
        let name = unsafe { text(name) }?;
        let known = KINDS.iter().any(|kind| kind.name == name || kind.group == name);
        if known { Ok(()) } else { Err(CKR_MECHANISM_INVALID.into()) }
    })
}

pub(super) unsafe extern "system" fn enum_algorithms(
    provider: NCRYPT_PROV_HANDLE,
    operations: u32,
    count: *mut u32,
    list: *mut *mut NCryptAlgorithmName,
    _: u32,
) -> i32 {
    call("NCryptEnumAlgorithms", || {
        opened(provider)?;
        let kinds = if operations == 0 || operations & SIGNATURE != 0 { &KINDS[..] } else { &[] };
        let head = size_of::<NCryptAlgorithmName>() * kinds.len();
        let names: Vec<Vec<u8>> = kinds.iter().map(|kind| property::wide(kind.name)).collect();
        let block = process_heap::copy(&[vec![0; head], names.concat()].concat())?;
        let mut text = head;
        for (place, (kind, name)) in kinds.iter().zip(&names).enumerate() {
            let class = if kind.group == "RSA" { INTERFACES.0 } else { INTERFACES.1 };
            // SAFETY: the block has room for all heads and, behind them, for all names.
            unsafe {
                let entry = NCryptAlgorithmName {
                    pszName: block.add(text).cast(),
                    dwClass: class,
                    dwAlgOperations: SIGNATURE,
                    dwFlags: 0,
                };
                block.cast::<NCryptAlgorithmName>().add(place).write_unaligned(entry);
            }
            text += name.len();
        }
        // SAFETY: by CNG's contract, `count` is null or writable and `list` is null or writable.
        unsafe { put(count, kinds.len() as u32).and_then(|()| put(list, block.cast())) }
    })
}

/// The next key; `NTE_NO_MORE_ITEMS` after the last. The state is a block that [`free_buffer`] frees.
pub(super) unsafe extern "system" fn enum_keys(
    provider: NCRYPT_PROV_HANDLE,
    _: PCWSTR,
    name: *mut *mut NCryptKeyName,
    state: *mut *mut c_void,
    _: u32,
) -> i32 {
    call("NCryptEnumKeys", || {
        opened(provider)?;
        if name.is_null() || state.is_null() {
            return Err(CKR_ARGUMENTS_BAD.into());
        }
        // SAFETY: not null, and by CNG's contract a place that can be read and written.
        let begun = unsafe { state.read_unaligned() } as usize;
        let begun = if begun == 0 {
            let keys = all()?;
            let block = process_heap::copy(&[0; 8])?;
            UNDER_WAY.lock().get_or_insert_default().insert(block as usize, keys);
            // SAFETY: by CNG's contract, `state` is null or writable.
            unsafe { put(state, block.cast()) }?;
            block as usize
        } else {
            begun
        };
        let next = {
            let mut under_way = UNDER_WAY.lock();
            let left = under_way.as_mut().and_then(|all| all.get_mut(&begun)).ok_or(CKR_ARGUMENTS_BAD)?;
            left.pop().ok_or(CKR_NO_EVENT)?
        };
        // SAFETY: by CNG's contract, `name` is null or writable.
        unsafe { put(name, entry(&next.0, next.1)?) }
    })
}

/// The keys that Windows can sign with; the last comes first.
fn all() -> Result<Left> {
    let keys = module().keys()?;
    let known = keys.iter().filter_map(|key| Some((key.alias().to_owned(), blob::kind(key.public_key())?.name)));
    Ok(known.rev().collect())
}

/// Head and texts in one block.
fn entry(alias: &str, algorithm: &str) -> Result<*mut NCryptKeyName> {
    let head = size_of::<NCryptKeyName>();
    let (alias, algorithm) = (property::wide(alias), property::wide(algorithm));
    let block = process_heap::copy(&[vec![0; head], alias.clone(), algorithm].concat())?;
    // SAFETY: the block has room for the head and, behind it, the two texts.
    unsafe {
        let entry = NCryptKeyName {
            pszName: block.add(head).cast(),
            pszAlgid: block.add(head + alias.len()).cast(),
            dwLegacyKeySpec: AT_SIGNATURE,
            dwFlags: 0,
        };
        block.cast::<NCryptKeyName>().write_unaligned(entry);
    }
    Ok(block.cast())
}

pub(super) unsafe extern "system" fn free_buffer(block: *mut c_void) -> i32 {
    call("NCryptFreeBuffer", || {
        if block.is_null() {
            return Err(CKR_ARGUMENTS_BAD.into());
        }
        if let Some(under_way) = UNDER_WAY.lock().as_mut() {
            under_way.remove(&(block as usize));
        }
        // SAFETY: the provider allocates its results in `process_heap`, and the caller returns this one.
        unsafe { process_heap::free(block.cast()) };
        Ok(())
    })
}
