//! Windows-only entry points: a key storage provider for CNG ([`ksp`]), which `signtool /csp` and all other programs
//! with Windows keys use, and the callback of `signtool /dlib` ([`digest_sign`]). Both are thin layers over
//! [`crate::token`], and find keys and sign exactly like PKCS#11. The companion uses [`registration`], [`image_file`],
//! [`machine`] and [`link`] to register the provider and its keys with Windows.

#![allow(unsafe_code)]

mod blob;
#[cfg(windows)]
mod digest_sign;
#[cfg(windows)]
mod entry;
#[cfg(windows)]
pub mod image_file;
pub mod image_name;
#[cfg(windows)]
mod ksp;
#[cfg(windows)]
mod ksp_handles;
#[cfg(windows)]
mod ksp_list;
#[cfg(windows)]
mod ksp_refuse;
#[cfg(windows)]
pub mod link;
pub mod machine;
pub mod mark;
mod metadata;
#[cfg(windows)]
mod process_heap;
mod property;
#[cfg(windows)]
pub mod registration;
mod status;
#[cfg(windows)]
mod store;
