//! The commands, one a file: each reads its arguments, calls something below, and prints.

pub mod certificate;
pub mod completions;
pub mod config;
pub mod credentials;
pub mod doctor;
#[cfg(not(windows))]
pub mod elsewhere;
pub mod keypair;
pub mod ledger;
mod ledger_report;
pub mod sample;
pub mod sign;
pub mod sign_file;
pub mod signature;
pub mod trace;
pub mod verify;
pub mod verify_file;
#[cfg(windows)]
pub mod windows;
