//! Signing (PKCS#11 3.2, 5.13). The module computes the digest, the service makes the signature.
//!
//! Every signature costs money, so the module sends the request only with all data, and only if the buffer is large
//! enough. The key determines the length of the signature.

use super::session::Session;
use crate::error::{Error, Result};
use crate::mechanism::{Mechanism, Parameter};
use crate::token::operation::{Produced, Room, SignOperation, null_mechanism, require, single_part};
use cryptoki_sys::*;

impl Session {
    /// `C_SignInit`. `mechanism` is `None` if the application passed a null pointer to cancel.
    pub fn sign_init(&self, mechanism: Option<(CK_MECHANISM_TYPE, Parameter)>, key: CK_OBJECT_HANDLE) -> Result<()> {
        let Some((mechanism, parameter)) = mechanism else {
            return self.state.lock().sign.take().map(drop).ok_or_else(null_mechanism);
        };
        if self.state.lock().sign.is_some() {
            return Err(CKR_OPERATION_ACTIVE.into());
        }
        let operation = self.sign_operation(mechanism, &parameter, key)?;
        self.state.lock().sign = Some(operation);
        Ok(())
    }

    /// Checks mechanism, key and parameter, in this order.
    pub(super) fn sign_operation(
        &self,
        mechanism: CK_MECHANISM_TYPE,
        parameter: &Parameter,
        key: CK_OBJECT_HANDLE,
    ) -> Result<SignOperation> {
        require(self.slot.mechanism(mechanism)?, Mechanism::is_sign)?;
        SignOperation::new(mechanism, parameter, self.key(key)?)
    }

    /// `C_Sign`: ends the operation, except for a length query. `data` and `room` were checked for null pointers, but
    /// are evaluated late, to follow the standard's order of errors.
    pub fn sign(&self, data: Result<&[u8]>, room: Result<Room>) -> Result<Produced> {
        let mut operation = self.state.lock().sign.take().ok_or(CKR_OPERATION_NOT_INITIALIZED)?;
        if operation.multipart {
            return Err(Error::new(CKR_OPERATION_NOT_INITIALIZED, "C_Sign cannot end a multiple-part operation"));
        }
        let room = room?;
        if let Some(other) = room.check(operation.signing.signature_len()) {
            self.state.lock().sign = Some(operation);
            return Ok(other);
        }
        operation.signing.update(data?)?;
        self.finish_sign(operation)
    }

    /// `C_SignUpdate`: any error ends the operation.
    pub fn sign_update(&self, part: Result<&[u8]>) -> Result<()> {
        // Hashing holds the session's lock: the session belongs to the caller, and other sessions continue.
        let mut state = self.state.lock();
        let mut operation = state.sign.take().ok_or(CKR_OPERATION_NOT_INITIALIZED)?;
        operation.update(part?)?;
        state.sign = Some(operation);
        Ok(())
    }

    /// `C_SignFinal`: ends the operation, except for a length query.
    pub fn sign_final(&self, room: Result<Room>) -> Result<Produced> {
        let operation = self.state.lock().sign.take().ok_or(CKR_OPERATION_NOT_INITIALIZED)?;
        if !operation.signing.multipart() {
            return Err(single_part());
        }
        if let Some(other) = room?.check(operation.signing.signature_len()) {
            self.state.lock().sign = Some(operation);
            return Ok(other);
        }
        self.finish_sign(operation)
    }

    /// Ends an operation with exactly one `POST .../sign`, and verifies the signature.
    pub(super) fn finish_sign(&self, operation: SignOperation) -> Result<Produced> {
        let SignOperation { key, signing, .. } = operation;
        let entry = key.entry().ok_or(CKR_KEY_HANDLE_INVALID)?;
        let account = &self.slot.account;
        let prepared = signing.finish()?;
        let (signature, id) = account.sign(&entry.keypair, &prepared)?;
        if let Some(id) = id {
            self.state.lock().last_signature = Some((key.handle(), id));
        }
        Ok(Produced::Bytes(signature))
    }
}
