//! The handles of the key storage provider.

use crate::error::Result;
use crate::lock::Mutex;
use crate::token::DirectKey;
use cryptoki_sys::*;
use std::collections::HashMap;

/// The target of a handle.
#[derive(Clone)]
pub enum Object {
    /// A provider, with the name by which it was opened.
    Provider(String),
    /// A key that was opened by its name.
    Key(DirectKey),
}

/// All open handles, and the last number.
static OPEN: Mutex<(usize, Option<HashMap<usize, Object>>)> = Mutex::new((0, None));

/// Handles look like Windows' own: never small, and divisible by four.
pub fn keep(object: Object) -> usize {
    let (last, open) = &mut *OPEN.lock();
    *last += 4;
    open.get_or_insert_default().insert(0x5354_0000 + *last, object);
    0x5354_0000 + *last
}

fn get(handle: usize) -> Result<Object> {
    let object = OPEN.lock().1.as_ref().and_then(|open| open.get(&handle).cloned());
    object.ok_or_else(|| CKR_OBJECT_HANDLE_INVALID.into())
}

/// The key with a handle, or `CKR_OBJECT_HANDLE_INVALID`.
pub fn key(handle: usize) -> Result<DirectKey> {
    match get(handle)? {
        Object::Key(key) => Ok(key),
        Object::Provider(_) => Err(CKR_OBJECT_HANDLE_INVALID.into()),
    }
}

/// The name of the provider with a handle, or `CKR_OBJECT_HANDLE_INVALID`.
pub fn provider(handle: usize) -> Result<String> {
    match get(handle)? {
        Object::Provider(name) => Ok(name),
        Object::Key(_) => Err(CKR_OBJECT_HANDLE_INVALID.into()),
    }
}

/// Closes a handle for which `is` is true; `CKR_OBJECT_HANDLE_INVALID` for any other.
pub fn free(handle: usize, is: impl Fn(&Object) -> bool) -> Result<()> {
    let open = &mut OPEN.lock().1;
    let known = open.as_ref().and_then(|open| open.get(&handle)).is_some_and(is);
    let removed = if known { open.as_mut().and_then(|open| open.remove(&handle)) } else { None };
    removed.map(drop).ok_or_else(|| CKR_OBJECT_HANDLE_INVALID.into())
}
