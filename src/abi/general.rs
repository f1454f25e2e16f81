//! General-purpose functions (PKCS#11 3.2, 5.4).

use super::body::{call, with_module};
use super::pointer::{get, put, wanted};
use super::root;
use crate::boundary::start;
use crate::error::{Error, Result};
use cryptoki_sys::*;
use std::ffi::c_void;

/// `C_Initialize`: reads the configuration and returns. No request.
///
/// # Safety
/// `args` is null or points to a `CK_C_INITIALIZE_ARGS`. A `pReserved` in it may be anything.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_Initialize(args: *mut c_void) -> CK_RV {
    call("C_Initialize", || {
        // SAFETY: by the contract above, `args` is null or points to a `CK_C_INITIALIZE_ARGS`.
        let arguments = unsafe { initialize_args(args.cast()) };
        let Arguments { reserved, threads } = arguments.inspect_err(|_| log_of_no_run())?;
        root::begin(|| start(reserved.as_deref(), threads))
    })
}

/// A refused `C_Initialize` has its message, too, where the settings send it; a run that is going on keeps its log.
fn log_of_no_run() {
    if root::module().is_err() {
        crate::log::start(&crate::config::load(None).log);
    }
}

/// What an application says at `C_Initialize`.
struct Arguments {
    /// The settings text in `pReserved`.
    reserved: Option<String>,
    /// Whether threads may be started: no `CKF_LIBRARY_CANT_CREATE_OS_THREADS`.
    threads: bool,
}

/// Checks every form of the arguments.
///
/// We use the operating system's locks whatever the flags say: that is what `CKF_OS_LOCKING_OK` permits, what a
/// single-threaded application cannot notice, and what an application with mutexes of its own takes when it also
/// sets the flag. Mutexes without the flag are accepted too (5.4, case 3 allows `CKR_CANT_LOCK`; refusing would help
/// no one): our locks are futexes and need no help.
///
/// # Safety
/// As for [`C_Initialize`].
unsafe fn initialize_args(args: *const CK_C_INITIALIZE_ARGS) -> Result<Arguments> {
    if args.is_null() {
        return Ok(Arguments { reserved: None, threads: true });
    }
    // SAFETY: not null, and by the contract above a `CK_C_INITIALIZE_ARGS`; it is copied, whatever its alignment.
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

/// `C_Finalize`. In a forked child that never initialised: `CKR_CRYPTOKI_NOT_INITIALIZED`, and nothing is touched.
///
/// # Safety
/// `reserved` is not read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_Finalize(reserved: *mut c_void) -> CK_RV {
    call("C_Finalize", || {
        if !reserved.is_null() {
            // Without a run the standard's first answer is that there is none.
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
