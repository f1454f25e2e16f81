//! A slot with its token, and the account behind it.

#![allow(clippy::module_inception, reason = "slot.rs holds the slot itself")]

mod account;
mod catalog;
mod failure;
mod kind;
mod layout;
mod lookup;
mod not_found;
mod object_index;
mod remote_sign;
mod sig_alg;
mod signer;
mod slot;

pub use account::Account;
pub use kind::SlotKind;
pub use object_index::matches;
pub use sig_alg::sig_alg;
pub use signer::{Made, Signer, Unsigned};
pub use slot::{MANUFACTURER, Slot, library_version, padded};
