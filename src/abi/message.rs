//! Message-based signing and verifying functions (PKCS#11 3.2, 5.14 and 5.16).
//!
//! No mechanism here has a parameter for each message; a call that passes one is refused.

use super::body::with_session;
use super::pointer::{bytes, deliver, mechanism, room};
use crate::error::{Error, Result};
use cryptoki_sys::*;
use std::ffi::c_void;

fn no_parameter(parameter: *const c_void, len: CK_ULONG) -> Result<()> {
    match (parameter.is_null(), len) {
        (_, 0) => Ok(()),
        (true, _) => Err(Error::new(CKR_ARGUMENTS_BAD, "a null pointer with a length")),
        _ => Err(Error::new(CKR_MECHANISM_PARAM_INVALID, "this mechanism has no parameter for single messages")),
    }
}

/// `C_MessageSignInit`
///
/// # Safety
/// `mechanism_` is null or points to a mechanism with the parameter that its type requires.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_MessageSignInit(
    session: CK_SESSION_HANDLE,
    mechanism_: *mut CK_MECHANISM,
    key: CK_OBJECT_HANDLE,
) -> CK_RV {
    with_session("C_MessageSignInit", session, |session| {
        // SAFETY: by the contract above, `mechanism_` is null or points to a mechanism with the parameter of its type.
        let mechanism = unsafe { mechanism(mechanism_) }?;
        session.message_sign_init(mechanism, key)
    })
}

/// `C_SignMessage`
///
/// # Safety
/// `data` is null or points to `len` bytes; `signature_len` is null or points to a `CK_ULONG`; `signature` is null or
/// has that much room; `parameter` is not read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_SignMessage(
    session: CK_SESSION_HANDLE,
    parameter: *mut c_void,
    parameter_len: CK_ULONG,
    data: *mut CK_BYTE,
    len: CK_ULONG,
    signature: *mut CK_BYTE,
    signature_len: *mut CK_ULONG,
) -> CK_RV {
    with_session("C_SignMessage", session, |session| {
        no_parameter(parameter, parameter_len)?;
        // SAFETY: by the contract above, `data` is null or points to `len` bytes and `signature` is null or has room
        // for as many bytes as `signature_len` says.
        unsafe {
            let produced = session.sign_message(bytes(data, len), room(signature, signature_len))?;
            deliver(signature, signature_len, produced)
        }
    })
}

/// `C_SignMessageBegin`
///
/// # Safety
/// `parameter` is not read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_SignMessageBegin(
    session: CK_SESSION_HANDLE,
    parameter: *mut c_void,
    parameter_len: CK_ULONG,
) -> CK_RV {
    with_session("C_SignMessageBegin", session, |session| {
        no_parameter(parameter, parameter_len)?;
        session.sign_message_begin()
    })
}

/// `C_SignMessageNext`: a null `signature_len` means that more parts follow.
///
/// # Safety
/// As for [`C_SignMessage`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_SignMessageNext(
    session: CK_SESSION_HANDLE,
    parameter: *mut c_void,
    parameter_len: CK_ULONG,
    part: *mut CK_BYTE,
    len: CK_ULONG,
    signature: *mut CK_BYTE,
    signature_len: *mut CK_ULONG,
) -> CK_RV {
    with_session("C_SignMessageNext", session, |session| {
        no_parameter(parameter, parameter_len)?;
        // SAFETY: by the contract above, `part` is null or points to `len` bytes and `signature` is null or has room
        // for as many bytes as `signature_len` says.
        unsafe {
            let last = if signature_len.is_null() { None } else { Some(room(signature, signature_len)?) };
            match session.sign_message_next(bytes(part, len), last)? {
                Some(produced) => deliver(signature, signature_len, produced),
                None => Ok(()),
            }
        }
    })
}

/// Ends the operation that `C_MessageSignInit` began; `CKR_OPERATION_ACTIVE` while a message is unfinished (5.14).
#[unsafe(no_mangle)]
pub extern "C" fn C_MessageSignFinal(session: CK_SESSION_HANDLE) -> CK_RV {
    with_session("C_MessageSignFinal", session, |session| session.message_sign_final())
}

/// `C_MessageVerifyInit`
///
/// # Safety
/// As for [`C_MessageSignInit`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_MessageVerifyInit(
    session: CK_SESSION_HANDLE,
    mechanism_: *mut CK_MECHANISM,
    key: CK_OBJECT_HANDLE,
) -> CK_RV {
    with_session("C_MessageVerifyInit", session, |session| {
        // SAFETY: by the contract above, `mechanism_` is null or points to a mechanism with the parameter of its type.
        let mechanism = unsafe { mechanism(mechanism_) }?;
        session.message_verify_init(mechanism, key)
    })
}

/// `C_VerifyMessage`
///
/// # Safety
/// `data` and `signature` are null or point to as many bytes as their lengths say; `parameter` is not read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_VerifyMessage(
    session: CK_SESSION_HANDLE,
    parameter: *mut c_void,
    parameter_len: CK_ULONG,
    data: *mut CK_BYTE,
    len: CK_ULONG,
    signature: *mut CK_BYTE,
    signature_len: CK_ULONG,
) -> CK_RV {
    with_session("C_VerifyMessage", session, |session| {
        no_parameter(parameter, parameter_len)?;
        // SAFETY: by the contract above, `data` is null or points to `len` bytes and `signature` is null or points to
        // `signature_len` bytes.
        let (data, signature) = unsafe { (bytes(data, len), bytes(signature, signature_len)) };
        session.verify_message(data, signature)
    })
}

/// `C_VerifyMessageBegin`
///
/// # Safety
/// `parameter` is not read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_VerifyMessageBegin(
    session: CK_SESSION_HANDLE,
    parameter: *mut c_void,
    parameter_len: CK_ULONG,
) -> CK_RV {
    with_session("C_VerifyMessageBegin", session, |session| {
        no_parameter(parameter, parameter_len)?;
        session.verify_message_begin()
    })
}

/// `C_VerifyMessageNext`: a null `signature` means that more parts follow.
///
/// # Safety
/// As for [`C_VerifyMessage`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_VerifyMessageNext(
    session: CK_SESSION_HANDLE,
    parameter: *mut c_void,
    parameter_len: CK_ULONG,
    part: *mut CK_BYTE,
    len: CK_ULONG,
    signature: *mut CK_BYTE,
    signature_len: CK_ULONG,
) -> CK_RV {
    with_session("C_VerifyMessageNext", session, |session| {
        no_parameter(parameter, parameter_len)?;
        // SAFETY: by the contract above, `part` is null or points to `len` bytes and `signature` is null or points to
        // `signature_len` bytes.
        let (part, signature) =
            unsafe { (bytes(part, len), (!signature.is_null()).then(|| bytes(signature, signature_len))) };
        session.verify_message_next(part, signature)
    })
}

/// Ends the operation that `C_MessageVerifyInit` began; `CKR_OPERATION_ACTIVE` while a message is unfinished (5.16).
#[unsafe(no_mangle)]
pub extern "C" fn C_MessageVerifyFinal(session: CK_SESSION_HANDLE) -> CK_RV {
    with_session("C_MessageVerifyFinal", session, |session| session.message_verify_final())
}
