//! General-purpose functions (PKCS#11 3.2, 5.4).

use super::body::{call, with_module};
use super::pointer::{get, put, wanted};
use super::root;
use crate::boundary::start;
use crate::error::{Error, Result};
use cryptoki_sys::*;
use std::ffi::c_void;

/// `C_Initialize`: reads the settings and returns. It sends no request.
///
/// # Safety
/// `args` is null or points to a `CK_C_INITIALIZE_ARGS`, whose `pReserved` may have any value.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_Initialize(args: *mut c_void) -> CK_RV {
    call("C_Initialize", || {
        // SAFETY: by the contract above, `args` is null or points to a `CK_C_INITIALIZE_ARGS`.
        let arguments = unsafe { initialize_args(args.cast()) };
        let Arguments { reserved, threads } = arguments.inspect_err(|_| log_of_no_run())?;
        root::begin(|| start(reserved.as_deref(), threads))
    })
}

/// Starts the log for a refused `C_Initialize`, so that its message goes where the settings send it. An active run
/// keeps its log.
fn log_of_no_run() {
    if root::module().is_err() {
        crate::log::start(&crate::config::load(None).log);
    }
}

/// The arguments of `C_Initialize`.
struct Arguments {
    /// The settings text in `pReserved`.
    reserved: Option<String>,
    /// Whether the library may start threads: `CKF_LIBRARY_CANT_CREATE_OS_THREADS` is not set.
    threads: bool,
}

/// Checks every form of the arguments.
///
/// The module always uses the operating system's locks. `CKF_OS_LOCKING_OK` permits them, and a single-threaded
/// application does not notice them. An application that supplies its own mutexes without the flag is accepted as well:
/// 5.4, case 3, allows `CKR_CANT_LOCK`, but a refusal would help nobody.
///
/// # Safety
/// As for [`C_Initialize`].
unsafe fn initialize_args(args: *const CK_C_INITIALIZE_ARGS) -> Result<Arguments> {
    if args.is_null() {
        return Ok(Arguments { reserved: None, threads: true });
    }
    // SAFETY: not null, and by the contract above a `CK_C_INITIALIZE_ARGS`; the copy does not depend on its alignment.
    let args = unsafe { get(args) }?;
    // Copied first: on Windows the standard's structures are packed.
    let (create, destroy, lock, unlock) = (args.CreateMutex, args.DestroyMutex, args.LockMutex, args.UnlockMutex);
    let mutexes = [create.is_some(), destroy.is_some(), lock.is_some(), unlock.is_some()];
    if mutexes.iter().any(|given| *given) && !mutexes.iter().all(|given| *given) {
        return Err(Error::new(CKR_ARGUMENTS_BAD, "some mutex functions are given and others not"));
    }
    let threads = args.flags & CKF_LIBRARY_CANT_CREATE_OS_THREADS == 0;
    if args.pReserved.is_null() {
        return Ok(Arguments { reserved: None, threads });
    }
    let reserved = Some(super::reserved::settings(args.pReserved.expose_provenance())?);
    Ok(Arguments { reserved, threads })
}

/// `C_Finalize`. In a forked child that did not call `C_Initialize`: `CKR_CRYPTOKI_NOT_INITIALIZED`, and nothing
/// changes.
///
/// # Safety
/// `reserved` is not read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_Finalize(reserved: *mut c_void) -> CK_RV {
    call("C_Finalize", || {
        if !reserved.is_null() {
            // Before `C_Initialize`, the standard puts `CKR_CRYPTOKI_NOT_INITIALIZED` before every other error.
            root::module()?;
            return Err(Error::new(CKR_ARGUMENTS_BAD, "pReserved must be a null pointer"));
        }
        #[cfg(debug_assertions)]
        crate::boundary::allowed::report();
        root::end()?;
        crate::log::finish();
        Ok(())
    })
}

/// `C_GetInfo`
///
/// # Safety
/// `info` is null or points to writable memory of its type.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetInfo(info: *mut CK_INFO) -> CK_RV {
    with_module("C_GetInfo", |module| {
        wanted(info)?;
        // SAFETY: by the contract above, `info` is null or writable.
        unsafe { put(info, module.info()) }
    })
}
