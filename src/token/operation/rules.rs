//! Errors that several kinds of operations share.

use crate::error::{Error, Result};
use crate::mechanism::Mechanism;
use cryptoki_sys::*;

/// The mechanism supports single-part signatures only (chapter 6, the tables of mechanisms and functions).
pub fn single_part() -> Error {
    Error::new(CKR_OPERATION_NOT_INITIALIZED, "this mechanism takes its data in one part")
}

/// A null mechanism cancels an active operation (3.0 and later); without an operation, it is an invalid argument.
pub fn null_mechanism() -> Error {
    Error::new(CKR_ARGUMENTS_BAD, "pMechanism is a null pointer, and there is no operation to cancel")
}

/// `CKR_MECHANISM_INVALID` if a mechanism has another purpose.
pub fn require(mechanism: &Mechanism, able: fn(&Mechanism) -> bool) -> Result<()> {
    if able(mechanism) {
        return Ok(());
    }
    Err(Error::new(CKR_MECHANISM_INVALID, format!("{} is not for this function", mechanism.name)))
}
