//! What is going on in a session: searches, digests, signatures, verifications. Knows of no session and no module.

use super::object::Object;
use crate::error::{Error, Result};
use crate::mechanism::{Hasher, Mechanism, Parameter, Signing};
use cryptoki_sys::*;
use std::sync::Arc;

/// An active signature operation.
pub struct SignOperation {
    pub(super) key: Arc<Object>,
    pub(super) signing: Signing,
    /// `C_SignUpdate` was called: only `C_SignFinal` may end it.
    pub(super) multipart: bool,
}

impl SignOperation {
    /// One more part of the data.
    pub(super) fn update(&mut self, part: &[u8]) -> Result<()> {
        if !self.signing.multipart() {
            return Err(single_part());
        }
        self.multipart = true;
        self.signing.update(part)
    }
}

/// The mechanism signs in one part only (chapter 6, the tables of mechanisms and functions).
pub(super) fn single_part() -> Error {
    Error::new(CKR_OPERATION_NOT_INITIALIZED, "this mechanism takes its data in one part")
}

/// An active verification.
pub struct VerifyOperation {
    pub(super) verifying: Signing,
    pub(super) multipart: bool,
    /// Given beforehand by `C_VerifySignatureInit`.
    pub(super) signature: Option<Vec<u8>>,
}

impl VerifyOperation {
    /// One more part of the data.
    pub(super) fn update(&mut self, part: &[u8]) -> Result<()> {
        if !self.verifying.multipart() {
            return Err(single_part());
        }
        self.multipart = true;
        self.verifying.update(part)
    }
}

pub(super) fn finish_verify(operation: VerifyOperation, signature: Option<Result<&[u8]>>) -> Result<()> {
    let VerifyOperation { verifying, signature: early, .. } = operation;
    let prepared = match signature {
        Some(signature) => (signature?, verifying.finish()?),
        None => return verifying.finish()?.verify(&early.unwrap_or_default()),
    };
    prepared.1.verify(prepared.0)
}

/// An active digest operation.
pub struct DigestOperation {
    pub(super) hasher: Hasher,
    /// `C_DigestUpdate` was called: only `C_DigestFinal` may end it.
    pub(super) multipart: bool,
}

/// A null mechanism cancels an active operation (3.0 and later); without one it is a wrong argument.
pub(super) fn null_mechanism() -> Error {
    Error::new(CKR_ARGUMENTS_BAD, "pMechanism is a null pointer, and there is no operation to cancel")
}

/// `CKR_MECHANISM_INVALID` where a mechanism is for something else.
pub(super) fn require(mechanism: &Mechanism, able: fn(&Mechanism) -> bool) -> Result<()> {
    if able(mechanism) {
        return Ok(());
    }
    Err(Error::new(CKR_MECHANISM_INVALID, format!("{} is not for this function", mechanism.name)))
}

/// An active search: what it found and was not fetched yet.
pub struct FindOperation {
    pub(super) found: std::vec::IntoIter<CK_OBJECT_HANDLE>,
}

/// A key and mechanism ready for messages.
pub struct MessageOperation {
    pub(super) mechanism: CK_MECHANISM_TYPE,
    pub(super) parameter: Parameter,
    pub(super) key: CK_OBJECT_HANDLE,
    pub(super) current: Option<Current>,
}

/// The message that is going on between Begin and the last Next.
pub(super) enum Current {
    Sign(SignOperation),
    Verify(VerifyOperation),
}

/// `CKR_OPERATION_ACTIVE` while a message is going on.
pub(super) fn idle(operation: &MessageOperation) -> Result<()> {
    match operation.current {
        None => Ok(()),
        Some(_) => Err(Error::new(CKR_OPERATION_ACTIVE, "a message begun with ...MessageBegin is not finished")),
    }
}
