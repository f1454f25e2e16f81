//! Signing (PKCS#11 3.2, 5.13). The digest is made here, the signature by the service.
//!
//! Every signature costs money, so the service is asked only with all data in hand and a buffer that is large
//! enough: the length of every signature is known from the key.

use super::digest::{null_mechanism, require};
use super::module::Module;
use super::object::{Class, Object};
use super::session::{Produced, Room, Session};
use crate::error::{Error, Result};
use crate::mechanism::{Mechanism, Parameter, Signing};
use cryptoki_sys::*;
use std::sync::Arc;

/// An active signature operation.
pub struct SignOperation {
    pub(super) key: Arc<Object>,
    pub(super) signing: Signing,
    /// `C_SignUpdate` was called: only `C_SignFinal` may end it.
    pub(super) multipart: bool,
}

impl Module {
    /// `C_SignInit`. `mechanism` is `None` where the application passed a null pointer to cancel.
    pub fn sign_init(
        &self,
        session: &Session,
        mechanism: Option<(CK_MECHANISM_TYPE, Parameter)>,
        key: CK_OBJECT_HANDLE,
    ) -> Result<()> {
        let Some((mechanism, parameter)) = mechanism else {
            return session.state.lock().sign.take().map(drop).ok_or_else(null_mechanism);
        };
        if session.state.lock().sign.is_some() {
            return Err(CKR_OPERATION_ACTIVE.into());
        }
        let operation = self.sign_operation(session, mechanism, &parameter, key)?;
        session.state.lock().sign = Some(operation);
        Ok(())
    }

    /// Checks mechanism, key and parameter, in this order.
    pub(super) fn sign_operation(
        &self,
        session: &Session,
        mechanism: CK_MECHANISM_TYPE,
        parameter: &Parameter,
        key: CK_OBJECT_HANDLE,
    ) -> Result<SignOperation> {
        require(self.slot_of(session).mechanism(mechanism)?, Mechanism::is_sign)?;
        let key = self.key(session, key)?;
        let Some(public_key) = key.public_key().filter(|_| key.class() == Class::PrivateKey) else {
            return Err(Error::new(CKR_KEY_FUNCTION_NOT_PERMITTED, "only private keys sign"));
        };
        let signing = Signing::new(mechanism, parameter, public_key)?;
        Ok(SignOperation { key, signing, multipart: false })
    }

    /// `C_Sign`
    pub fn sign(&self, session: &Session, data: Result<&[u8]>, room: Result<Room>) -> Result<Produced> {
        let mut operation = session.state.lock().sign.take().ok_or(CKR_OPERATION_NOT_INITIALIZED)?;
        if operation.multipart {
            return Err(Error::new(CKR_OPERATION_NOT_INITIALIZED, "C_Sign cannot end a multiple-part operation"));
        }
        let room = room?;
        if let Some(other) = room.check(operation.signing.signature_len()) {
            session.state.lock().sign = Some(operation);
            return Ok(other);
        }
        operation.signing.update(data?)?;
        self.finish_sign(session, operation)
    }

    /// `C_SignUpdate`: any error ends the operation.
    pub fn sign_update(&self, session: &Session, part: Result<&[u8]>) -> Result<()> {
        // Hashing happens with the session's lock: the session is the caller's alone, and other sessions go on.
        let mut state = session.state.lock();
        let mut operation = state.sign.take().ok_or(CKR_OPERATION_NOT_INITIALIZED)?;
        operation.update(part?)?;
        state.sign = Some(operation);
        Ok(())
    }

    /// `C_SignFinal`
    pub fn sign_final(&self, session: &Session, room: Result<Room>) -> Result<Produced> {
        let operation = session.state.lock().sign.take().ok_or(CKR_OPERATION_NOT_INITIALIZED)?;
        if !operation.signing.multipart() {
            return Err(single_part());
        }
        if let Some(other) = room?.check(operation.signing.signature_len()) {
            session.state.lock().sign = Some(operation);
            return Ok(other);
        }
        self.finish_sign(session, operation)
    }
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
