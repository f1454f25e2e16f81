//! Doors that only Windows has: a key storage provider for CNG ([`ksp`]), which `signtool /csp` and everything else that
//! takes a key from Windows goes through, and the callback of `signtool /dlib` ([`digest_sign`]). Both are thin: what they
//! find and sign with is [`crate::token`], found and signed with as through PKCS#11. [`registration`] and [`store`] make
//! Windows know the provider and its keys, for the companion.

#![allow(unsafe_code)]

mod blob;
#[cfg(windows)]
mod digest_sign;
#[cfg(windows)]
mod entry;
#[cfg(windows)]
mod ksp;
#[cfg(windows)]
mod ksp_list;
#[cfg(windows)]
mod ksp_refuse;
mod metadata;
#[cfg(windows)]
mod process_heap;
mod property;
#[cfg(windows)]
pub mod registration;
mod status;
#[cfg(windows)]
pub mod store;

/// Keeps the library in memory until the process ends: signtool frees it after every file, and what was learned for one file
/// is worth keeping for the next. A thread of ours may be inside, too.
#[cfg(windows)]
pub fn pin() {
    use windows_sys::Win32::System::LibraryLoader::{
        GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GET_MODULE_HANDLE_EX_FLAG_PIN, GetModuleHandleExW,
    };
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let flags = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN;
        let mut module = std::ptr::null_mut();
        let address: fn() = pin;
        // SAFETY: the address is of this library; `module` is written to. If it fails the host must not free us, as before.
        unsafe { GetModuleHandleExW(flags, address as *const u16, &mut module) };
    });
}
