//! Functions that a provider of remote signing keys does not support: `NTE_NOT_SUPPORTED`, whatever the arguments.

use super::entry::call;
use cryptoki_sys::CKR_FUNCTION_NOT_SUPPORTED;
use std::ffi::c_void;
use windows_sys::Win32::Foundation::HANDLE;
use windows_sys::Win32::Security::Cryptography::BCryptBufferDesc;
use windows_sys::core::PCWSTR;

macro_rules! refused {
    ($($name:ident ($($argument:ty),*);)*) => {
        $(
            pub(super) unsafe extern "system" fn $name($(_: $argument),*) -> i32 {
                call(stringify!($name), || Err(CKR_FUNCTION_NOT_SUPPORTED.into()))
            }
        )*
    };
}

refused! {
    create_persisted_key(usize, *mut usize, PCWSTR, PCWSTR, u32, u32);
    finalize_key(usize, usize, u32);
    delete_key(usize, usize, u32);
    encrypt(usize, usize, *const u8, u32, *const c_void, *mut u8, u32, *mut u32, u32);
    import_key(usize, usize, PCWSTR, *const BCryptBufferDesc, *mut usize, *const u8, u32, u32);
    verify_signature(usize, usize, *const c_void, *const u8, u32, *const u8, u32, u32);
    prompt_user(usize, usize, PCWSTR, u32);
    notify_change_key(usize, *mut HANDLE, u32);
    secret_agreement(usize, usize, usize, *mut usize, u32);
    derive_key(usize, usize, PCWSTR, *const BCryptBufferDesc, *mut u8, u32, *mut u32, u32);
    free_secret(usize, usize);
    key_derivation(usize, usize, *const BCryptBufferDesc, *mut u8, u32, *mut u32, u32);
    create_claim(usize, usize, usize, u32, *const BCryptBufferDesc, *mut u8, u32, *mut u32, u32);
    verify_claim(usize, usize, usize, u32, *const BCryptBufferDesc, *const u8, u32, *mut BCryptBufferDesc, u32);
}
