//! Parallel function management functions (PKCS#11 3.2, 5.22): a legacy of version 1, with one fixed return code.

use super::body::with_session;
use cryptoki_sys::*;

/// `CKR_FUNCTION_NOT_PARALLEL`, as for every module since 2.0 (5.21).
#[unsafe(no_mangle)]
pub extern "C" fn C_GetFunctionStatus(session: CK_SESSION_HANDLE) -> CK_RV {
    with_session("C_GetFunctionStatus", session, |_| Err(CKR_FUNCTION_NOT_PARALLEL.into()))
}

/// `CKR_FUNCTION_NOT_PARALLEL`, as for every module since 2.0 (5.21).
#[unsafe(no_mangle)]
pub extern "C" fn C_CancelFunction(session: CK_SESSION_HANDLE) -> CK_RV {
    with_session("C_CancelFunction", session, |_| Err(CKR_FUNCTION_NOT_PARALLEL.into()))
}
