//! A PKCS#11 module for remote code-signing keys.
//!
//! A C call passes through layers, each of which knows only the layers below it. [`abi`] turns pointers into slices,
//! and [`token`] implements what the application sees. [`mechanism`] is the cryptography that needs no private key,
//! [`service`] the remote signing service, and [`config`] the settings.

#![deny(unsafe_code)]
#![allow(clippy::unnecessary_cast, reason = "CK_ULONG is 32 bits wide on Windows")]

#[macro_use]
mod panic_point;

pub mod abi;
mod boundary;
pub mod config;
mod der;
pub mod encoding;
pub mod error;
mod host;
pub mod ledger;
mod lock;
pub mod log;
pub mod mechanism;
pub mod nearest;
mod open_files;
pub mod pattern;
pub mod plural;
pub mod redact;
pub mod service;
pub mod shown;
mod timestamp;
pub mod token;
pub mod trusted_file;
#[cfg(windows)]
pub mod windows;
#[cfg(all(not(windows), test))]
mod windows;
pub mod x509;
