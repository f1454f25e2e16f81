//! Session management functions (PKCS#11 3.2, 5.6).

use super::body::{with_module, with_module_and_session, with_session};
use super::pointer::{bytes, get, optional_bytes, put, wanted};
use crate::error::Error;
use cryptoki_sys::*;
use std::ffi::c_void;

/// `C_OpenSession`: ignores `application` and `notify`, because the token never calls back.
///
/// # Safety
/// `session` is null or points to writable memory of its type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_OpenSession(
    slot: CK_SLOT_ID,
    flags: CK_FLAGS,
    _application: *mut c_void,
    _notify: CK_NOTIFY,
    session: *mut CK_SESSION_HANDLE,
) -> CK_RV {
    with_module("C_OpenSession", |module| {
        wanted(session)?;
        let handle = module.open_session(slot, flags)?;
        // SAFETY: by the contract above, `session` is null or writable.
        unsafe { put(session, handle) }
    })
}

/// Closes a session, with its objects and operations (5.6).
#[unsafe(no_mangle)]
pub extern "C" fn C_CloseSession(session: CK_SESSION_HANDLE) -> CK_RV {
    with_module("C_CloseSession", |module| module.close_session(session))
}

/// Closes all sessions of a slot, which also logs out of its token (5.6).
#[unsafe(no_mangle)]
pub extern "C" fn C_CloseAllSessions(slot: CK_SLOT_ID) -> CK_RV {
    with_module("C_CloseAllSessions", |module| module.close_all_sessions(slot))
}

/// `C_GetSessionInfo`
///
/// # Safety
/// `info` is null or points to writable memory of its type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetSessionInfo(session: CK_SESSION_HANDLE, info: *mut CK_SESSION_INFO) -> CK_RV {
    with_session("C_GetSessionInfo", session, |session| {
        // SAFETY: by the contract above, `info` is null or writable.
        unsafe { put(info, session.session_info()) }
    })
}

/// Cancels the operations that the flags name; flags without an active operation are ignored (5.6).
#[unsafe(no_mangle)]
pub extern "C" fn C_SessionCancel(session: CK_SESSION_HANDLE, flags: CK_FLAGS) -> CK_RV {
    with_session("C_SessionCancel", session, |session| {
        session.session_cancel(flags);
        Ok(())
    })
}

/// `C_GetOperationState`: not supported. An operation is a few bytes of digest, and no client saves one.
///
/// # Safety
/// `len` is null or points to a `CK_ULONG`; `state` is not written.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetOperationState(
    session: CK_SESSION_HANDLE,
    _state: *mut CK_BYTE,
    len: *mut CK_ULONG,
) -> CK_RV {
    with_session("C_GetOperationState", session, |_| {
        // SAFETY: by the contract above, `len` is null or readable.
        unsafe { get(len) }?;
        Err(CKR_FUNCTION_NOT_SUPPORTED.into())
    })
}

/// `C_SetOperationState`
///
/// # Safety
/// `state` is null or points to `len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_SetOperationState(
    session: CK_SESSION_HANDLE,
    state: *mut CK_BYTE,
    len: CK_ULONG,
    _encryption_key: CK_OBJECT_HANDLE,
    _authentication_key: CK_OBJECT_HANDLE,
) -> CK_RV {
    with_session("C_SetOperationState", session, |_| {
        // SAFETY: by the contract above, `state` is null or points to `len` bytes.
        unsafe { bytes(state, len) }?;
        Err(CKR_FUNCTION_NOT_SUPPORTED.into())
    })
}

/// `C_Login`
///
/// # Safety
/// `pin` is null or points to `pin_len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_Login(
    session: CK_SESSION_HANDLE,
    user: CK_USER_TYPE,
    pin: *mut CK_UTF8CHAR,
    pin_len: CK_ULONG,
) -> CK_RV {
    with_module_and_session("C_Login", session, |module, session| {
        // SAFETY: by the contract above, `pin` is null or points to `pin_len` bytes.
        let pin = unsafe { optional_bytes(pin, pin_len) }?;
        module.login(session, user, pin)
    })
}

/// `C_LoginUser`: the token has one user, whose name is empty.
///
/// # Safety
/// `pin` is null or points to `pin_len` bytes, `name` is null or points to `name_len` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_LoginUser(
    session: CK_SESSION_HANDLE,
    user: CK_USER_TYPE,
    pin: *mut CK_UTF8CHAR,
    pin_len: CK_ULONG,
    name: *mut CK_UTF8CHAR,
    name_len: CK_ULONG,
) -> CK_RV {
    with_module_and_session("C_LoginUser", session, |module, session| {
        // SAFETY: by the contract above, `pin` is null or points to `pin_len` bytes and `name` is null or points to
        // `name_len` bytes.
        let (pin, name) = unsafe { (optional_bytes(pin, pin_len)?, bytes(name, name_len)?) };
        if !name.is_empty() {
            return Err(Error::new(CKR_PIN_INCORRECT, "this token's users have no names"));
        }
        module.login(session, user, pin)
    })
}

/// Hides private objects, and ends the operations of all sessions of the token (5.6).
#[unsafe(no_mangle)]
pub extern "C" fn C_Logout(session: CK_SESSION_HANDLE) -> CK_RV {
    with_module_and_session("C_Logout", session, |module, session| module.logout(session))
}

/// `C_GetSessionValidationFlags`: no flags, because this module has no validation (such as FIPS 140).
///
/// # Safety
/// `flags` is null or points to writable memory of its type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetSessionValidationFlags(
    session: CK_SESSION_HANDLE,
    kind: CK_SESSION_VALIDATION_FLAGS_TYPE,
    flags: *mut CK_FLAGS,
) -> CK_RV {
    with_session("C_GetSessionValidationFlags", session, |_| {
        wanted(flags)?;
        if kind != CKS_LAST_VALIDATION_OK {
            return Err(Error::new(CKR_ARGUMENTS_BAD, "there is one type of validation flags"));
        }
        // SAFETY: by the contract above, `flags` is null or writable.
        unsafe { put(flags, 0) }
    })
}
