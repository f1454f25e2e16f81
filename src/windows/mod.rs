//! Entry points that only Windows has: a key storage provider for CNG ([`ksp`]), which `signtool /csp` and everything else that
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
mod ksp_handles;
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
