//! What every entry point of the library shares, the C functions (`abi/`) and those that only Windows has
//! (`windows/`): how a run begins, what stands between a caller and a panic, the names of the codes, and the few calls
//! to the operating system that need `unsafe`, which are lent to the floors below ([`crate::host`]).

#![allow(unsafe_code, reason = "calls to the operating system")]

#[cfg(any(debug_assertions, test))]
pub mod allowed;
mod codes;
mod guard;
#[cfg(windows)]
mod pin;
mod privilege;
mod signal;
mod start;
mod thread;

pub use guard::call;
#[cfg(windows)]
pub use pin::pin;
pub use start::start;
