//! The C functions, one file for each chapter of the standard.
//!
//! Each function turns pointers into slices ([`mod@pointer`]), calls one method of `token`, and turns the result into a
//! `CK_RV` ([`crate::boundary`]). The only decisions made here are about memory.

#![allow(unsafe_code)]
#![allow(non_snake_case, reason = "the standard's names")]

mod body;
mod digest;
mod general;
mod generate;
mod interface;
mod message;
mod object;
mod parallel;
pub mod pointer;
mod random;
mod reserved;
mod root;
mod session;
mod sign;
mod slot;
mod unsupported;
mod verify;

pub use digest::*;
pub use general::*;
pub use generate::*;
pub use interface::*;
pub use message::*;
pub use object::*;
pub use parallel::*;
pub use random::*;
pub use session::*;
pub use sign::*;
pub use slot::*;
pub use unsupported::*;
pub use verify::*;
