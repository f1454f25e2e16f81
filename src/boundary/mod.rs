//! Shared by all entry points of the library, the C functions (`abi/`) and the Windows-only ones (`windows/`). It
//! begins runs, stops panics and names return codes. It also has the few calls to the operating system that need
//! `unsafe`, and registers them as hooks for the lower layers ([`crate::host`]).

#![allow(unsafe_code, reason = "calls to the operating system")]

#[cfg(any(debug_assertions, test))]
pub mod allowed;
mod codes;
mod guard;
#[cfg(windows)]
mod pin;
mod privilege;
pub mod process;
mod signal;
mod start;
mod thread;
#[cfg(target_env = "musl")]
mod wiped;

pub use guard::call;
#[cfg(windows)]
pub use pin::pin;
pub use start::start;
