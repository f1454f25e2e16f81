//! Slot and token management functions (PKCS#11 3.2, 5.5).

use super::body::{with_module, with_session};
use super::pointer::{bytes, put, put_list, wanted};
use crate::error::Error;
use cryptoki_sys::*;
use std::ffi::c_void;

/// `C_GetSlotList`: ignores `token_present`, because every slot has its token.
///
/// # Safety
/// `count` is null or points to a `CK_ULONG`; `list` is null or has room for that many slot ids.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetSlotList(_token_present: CK_BBOOL, list: *mut CK_SLOT_ID, count: *mut CK_ULONG) -> CK_RV {
    with_module("C_GetSlotList", |module| {
        let ids: Vec<CK_SLOT_ID> = module.slots().iter().map(|slot| slot.id).collect();
        // SAFETY: by the contract above, `list` is null or has room for as many values as `count` says.
        unsafe { put_list(list, count, &ids) }
    })
}

/// `C_GetSlotInfo`
///
/// # Safety
/// `info` is null or points to writable memory of its type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetSlotInfo(slot: CK_SLOT_ID, info: *mut CK_SLOT_INFO) -> CK_RV {
    with_module("C_GetSlotInfo", |module| {
        let slot = module.slot(slot)?;
        // SAFETY: by the contract above, `info` is null or writable.
        unsafe { put(info, slot.info()) }
    })
}

/// `C_GetTokenInfo`
///
/// # Safety
/// `info` is null or points to writable memory of its type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetTokenInfo(slot: CK_SLOT_ID, info: *mut CK_TOKEN_INFO) -> CK_RV {
    with_module("C_GetTokenInfo", |module| {
        let token_info = module.token_info(slot)?;
        // SAFETY: by the contract above, `info` is null or writable.
        unsafe { put(info, token_info) }
    })
}

/// `C_GetMechanismList`
///
/// # Safety
/// `count` is null or points to a `CK_ULONG`; `list` is null or has room for that many mechanism types.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetMechanismList(
    slot: CK_SLOT_ID,
    list: *mut CK_MECHANISM_TYPE,
    count: *mut CK_ULONG,
) -> CK_RV {
    with_module("C_GetMechanismList", |module| {
        let types: Vec<_> = module.slot(slot)?.mechanisms().map(|mechanism| mechanism.mechanism_type).collect();
        // SAFETY: by the contract above, `list` is null or has room for as many values as `count` says.
        unsafe { put_list(list, count, &types) }
    })
}

/// `C_GetMechanismInfo`
///
/// # Safety
/// `info` is null or points to writable memory of its type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetMechanismInfo(
    slot: CK_SLOT_ID,
    mechanism: CK_MECHANISM_TYPE,
    info: *mut CK_MECHANISM_INFO,
) -> CK_RV {
    with_module("C_GetMechanismInfo", |module| {
        let slot = module.slot(slot)?;
        wanted(info)?;
        let mechanism = slot.mechanism(mechanism)?;
        // SAFETY: by the contract above, `info` is null or writable.
        unsafe { put(info, mechanism.info()) }
    })
}

/// `C_InitToken`: not supported, because accounts are created in the service.
///
/// # Safety
/// `pin` is null or points to `pin_len` bytes; `label` is not read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_InitToken(
    slot: CK_SLOT_ID,
    pin: *mut CK_UTF8CHAR,
    pin_len: CK_ULONG,
    _label: *mut CK_UTF8CHAR,
) -> CK_RV {
    with_module("C_InitToken", |module| {
        module.slot(slot)?;
        // SAFETY: by the contract above, `pin` is null or points to `pin_len` bytes.
        unsafe { bytes(pin, pin_len) }?;
        Err(CKR_FUNCTION_NOT_SUPPORTED.into())
    })
}

/// `C_InitPIN`: not supported, because PINs are secrets of the service's account.
///
/// # Safety
/// `pin` is null or points to `pin_len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_InitPIN(session: CK_SESSION_HANDLE, pin: *mut CK_UTF8CHAR, pin_len: CK_ULONG) -> CK_RV {
    with_session("C_InitPIN", session, |_| {
        // SAFETY: by the contract above, `pin` is null or points to `pin_len` bytes.
        unsafe { bytes(pin, pin_len) }?;
        Err(CKR_FUNCTION_NOT_SUPPORTED.into())
    })
}

/// `C_SetPIN`: not supported, because PINs are secrets of the service's account.
///
/// # Safety
/// Both PINs are null or point to as many bytes as their lengths say.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_SetPIN(
    session: CK_SESSION_HANDLE,
    old: *mut CK_UTF8CHAR,
    old_len: CK_ULONG,
    new: *mut CK_UTF8CHAR,
    new_len: CK_ULONG,
) -> CK_RV {
    with_session("C_SetPIN", session, |_| {
        // SAFETY: by the contract above, `old` is null or points to `old_len` bytes and `new` is null or points to
        // `new_len` bytes.
        unsafe { (bytes(old, old_len)?, bytes(new, new_len)?) };
        Err(CKR_FUNCTION_NOT_SUPPORTED.into())
    })
}

/// `C_WaitForSlotEvent`: tokens never come or go, so there is never an event, and a blocking call would never return.
///
/// # Safety
/// `slot` is null or points to writable memory of its type; `reserved` is not read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_WaitForSlotEvent(flags: CK_FLAGS, slot: *mut CK_SLOT_ID, reserved: *mut c_void) -> CK_RV {
    with_module("C_WaitForSlotEvent", |_| {
        wanted(slot)?;
        if !reserved.is_null() {
            return Err(Error::new(CKR_ARGUMENTS_BAD, "pReserved must be a null pointer"));
        }
        if flags & CKF_DONT_BLOCK != 0 { Err(CKR_NO_EVENT.into()) } else { Err(CKR_FUNCTION_NOT_SUPPORTED.into()) }
    })
}
