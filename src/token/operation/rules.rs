//! Refusals that several kinds of operations share.

use crate::error::{Error, Result};
use crate::mechanism::Mechanism;
use cryptoki_sys::*;

/// The mechanism signs in one part only (chapter 6, the tables of mechanisms and functions).
pub fn single_part() -> Error {
    Error::new(CKR_OPERATION_NOT_INITIALIZED, "this mechanism takes its data in one part")
}

/// A null mechanism cancels an active operation (3.0 and later); without one it is a wrong argument.
pub fn null_mechanism() -> Error {
    Error::new(CKR_ARGUMENTS_BAD, "pMechanism is a null pointer, and there is no operation to cancel")
}

/// `CKR_MECHANISM_INVALID` where a mechanism is for something else.
pub fn require(mechanism: &Mechanism, able: fn(&Mechanism) -> bool) -> Result<()> {
    if able(mechanism) {
        return Ok(());
    }
    Err(Error::new(CKR_MECHANISM_INVALID, format!("{} is not for this function", mechanism.name)))
}
