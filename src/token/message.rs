//! Message-based signing and verifying (PKCS#11 3.2, 5.14 and 5.16): one key, many messages. Thin wrappers: each
//! message is an ordinary operation.

use super::digest::null_mechanism;
use super::module::Module;
use super::session::{Produced, Room, Session};
use super::sign::SignOperation;
use super::verify::VerifyOperation;
use crate::error::{Error, Result};
use crate::mechanism::Parameter;
use cryptoki_sys::*;

/// A key and mechanism ready for messages.
pub struct MessageOperation {
    mechanism: CK_MECHANISM_TYPE,
    parameter: Parameter,
    key: CK_OBJECT_HANDLE,
    current: Option<Current>,
}

/// The message that is going on between Begin and the last Next.
enum Current {
    Sign(SignOperation),
    Verify(VerifyOperation),
}

/// `CKR_OPERATION_ACTIVE` while a message is going on.
fn idle(operation: &MessageOperation) -> Result<()> {
    match operation.current {
        None => Ok(()),
        Some(_) => Err(Error::new(CKR_OPERATION_ACTIVE, "a message begun with ...MessageBegin is not finished")),
    }
}

impl Module {
    /// `C_MessageSignInit`
    pub fn message_sign_init(
        &self,
        session: &Session,
        mechanism: Option<(CK_MECHANISM_TYPE, Parameter)>,
        key: CK_OBJECT_HANDLE,
    ) -> Result<()> {
        let mut state = session.state.lock();
        let Some((mechanism, parameter)) = mechanism else {
            return state.message_sign.take().map(drop).ok_or_else(null_mechanism);
        };
        if state.message_sign.is_some() {
            return Err(CKR_OPERATION_ACTIVE.into());
        }
        self.sign_operation(session, mechanism, &parameter, key)?;
        state.message_sign = Some(MessageOperation { mechanism, parameter, key, current: None });
        Ok(())
    }

    fn new_message(&self, session: &Session) -> Result<SignOperation> {
        let (mechanism, parameter, key) = {
            let state = session.state.lock();
            let operation = state.message_sign.as_ref().ok_or(CKR_OPERATION_NOT_INITIALIZED)?;
            idle(operation)?;
            (operation.mechanism, operation.parameter.clone(), operation.key)
        };
        self.sign_operation(session, mechanism, &parameter, key)
    }

    /// `C_SignMessage`: the key stays ready for the next message, whatever happens to this one.
    pub fn sign_message(&self, session: &Session, data: Result<&[u8]>, room: Result<Room>) -> Result<Produced> {
        let mut operation = self.new_message(session)?;
        if let Some(other) = room?.check(operation.signing.signature_len()) {
            return Ok(other);
        }
        operation.signing.update(data?)?;
        self.finish_sign(session, operation)
    }

    /// `C_SignMessageBegin`
    pub fn sign_message_begin(&self, session: &Session) -> Result<()> {
        let operation = self.new_message(session)?;
        let mut state = session.state.lock();
        let messages = state.message_sign.as_mut().ok_or(CKR_OPERATION_NOT_INITIALIZED)?;
        messages.current = Some(Current::Sign(operation));
        Ok(())
    }

    /// `C_SignMessageNext`: with `room` the last part, which is answered with the signature.
    pub fn sign_message_next(
        &self,
        session: &Session,
        part: Result<&[u8]>,
        room: Option<Room>,
    ) -> Result<Option<Produced>> {
        let mut operation = {
            let mut state = session.state.lock();
            let messages = state.message_sign.as_mut().ok_or(CKR_OPERATION_NOT_INITIALIZED)?;
            match messages.current.take() {
                Some(Current::Sign(operation)) => operation,
                _ => return Err(CKR_OPERATION_NOT_INITIALIZED.into()),
            }
        };
        let other = room.and_then(|room| room.check(operation.signing.signature_len()));
        if other.is_none() {
            let part = part?;
            // A mechanism that takes its data in one part takes a message of one part.
            if operation.signing.multipart() {
                operation.update(part)?;
            } else if room.is_some() && !operation.multipart {
                operation.signing.update(part)?;
            } else {
                return Err(super::sign::single_part());
            }
        }
        if room.is_some() && other.is_none() {
            return self.finish_sign(session, operation).map(Some);
        }
        if let Some(messages) = session.state.lock().message_sign.as_mut() {
            messages.current = Some(Current::Sign(operation));
        }
        Ok(other)
    }

    /// `C_MessageSignFinal`
    pub fn message_sign_final(&self, session: &Session) -> Result<()> {
        let mut state = session.state.lock();
        idle(state.message_sign.as_ref().ok_or(CKR_OPERATION_NOT_INITIALIZED)?)?;
        state.message_sign = None;
        Ok(())
    }

    /// `C_MessageVerifyInit`
    pub fn message_verify_init(
        &self,
        session: &Session,
        mechanism: Option<(CK_MECHANISM_TYPE, Parameter)>,
        key: CK_OBJECT_HANDLE,
    ) -> Result<()> {
        let mut state = session.state.lock();
        let Some((mechanism, parameter)) = mechanism else {
            return state.message_verify.take().map(drop).ok_or_else(null_mechanism);
        };
        if state.message_verify.is_some() {
            return Err(CKR_OPERATION_ACTIVE.into());
        }
        self.verify_operation(session, mechanism, &parameter, key, None)?;
        state.message_verify = Some(MessageOperation { mechanism, parameter, key, current: None });
        Ok(())
    }

    fn new_verification(&self, session: &Session) -> Result<VerifyOperation> {
        let (mechanism, parameter, key) = {
            let state = session.state.lock();
            let operation = state.message_verify.as_ref().ok_or(CKR_OPERATION_NOT_INITIALIZED)?;
            idle(operation)?;
            (operation.mechanism, operation.parameter.clone(), operation.key)
        };
        self.verify_operation(session, mechanism, &parameter, key, None)
    }

    /// `C_VerifyMessage`
    pub fn verify_message(&self, session: &Session, data: Result<&[u8]>, signature: Result<&[u8]>) -> Result<()> {
        let VerifyOperation { mut verifying, .. } = self.new_verification(session)?;
        verifying.update(data?)?;
        verifying.finish()?.verify(signature?)
    }

    /// `C_VerifyMessageBegin`
    pub fn verify_message_begin(&self, session: &Session) -> Result<()> {
        let operation = self.new_verification(session)?;
        let mut state = session.state.lock();
        let messages = state.message_verify.as_mut().ok_or(CKR_OPERATION_NOT_INITIALIZED)?;
        messages.current = Some(Current::Verify(operation));
        Ok(())
    }

    /// `C_VerifyMessageNext`: with a signature the last part.
    pub fn verify_message_next(
        &self,
        session: &Session,
        part: Result<&[u8]>,
        signature: Option<Result<&[u8]>>,
    ) -> Result<()> {
        let mut state = session.state.lock();
        let messages = state.message_verify.as_mut().ok_or(CKR_OPERATION_NOT_INITIALIZED)?;
        let mut operation = match messages.current.take() {
            Some(Current::Verify(operation)) => operation,
            _ => return Err(CKR_OPERATION_NOT_INITIALIZED.into()),
        };
        match signature {
            Some(signature) => {
                operation.verifying.update(part?)?;
                operation.verifying.finish()?.verify(signature?)
            }
            None => {
                operation.update(part?)?;
                messages.current = Some(Current::Verify(operation));
                Ok(())
            }
        }
    }

    /// `C_MessageVerifyFinal`
    pub fn message_verify_final(&self, session: &Session) -> Result<()> {
        let mut state = session.state.lock();
        idle(state.message_verify.as_ref().ok_or(CKR_OPERATION_NOT_INITIALIZED)?)?;
        state.message_verify = None;
        Ok(())
    }
}
