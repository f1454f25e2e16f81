//! Message-based signing and verifying (PKCS#11 3.2, 5.14 and 5.16): one key, many messages. Thin wrappers: each
//! message is an ordinary operation.

use super::session::Session;
use crate::error::Result;
use crate::mechanism::Parameter;
use crate::token::operation::{
    Current, MessageOperation, Produced, Room, SignOperation, VerifyOperation, null_mechanism, single_part,
};
use cryptoki_sys::*;

impl Session {
    /// `C_MessageSignInit`
    pub fn message_sign_init(
        &self,
        mechanism: Option<(CK_MECHANISM_TYPE, Parameter)>,
        key: CK_OBJECT_HANDLE,
    ) -> Result<()> {
        let mut state = self.state.lock();
        let Some((mechanism, parameter)) = mechanism else {
            return state.message_sign.take().map(drop).ok_or_else(null_mechanism);
        };
        if state.message_sign.is_some() {
            return Err(CKR_OPERATION_ACTIVE.into());
        }
        self.sign_operation(mechanism, &parameter, key)?;
        state.message_sign = Some(MessageOperation { mechanism, parameter, key, current: None });
        Ok(())
    }

    fn new_message(&self) -> Result<SignOperation> {
        let (mechanism, parameter, key) = {
            let state = self.state.lock();
            let operation = state.message_sign.as_ref().ok_or(CKR_OPERATION_NOT_INITIALIZED)?;
            operation.idle()?;
            (operation.mechanism, operation.parameter.clone(), operation.key)
        };
        self.sign_operation(mechanism, &parameter, key)
    }

    /// `C_SignMessage`: the key stays ready for the next message, whatever happens to this one.
    pub fn sign_message(&self, data: Result<&[u8]>, room: Result<Room>) -> Result<Produced> {
        let mut operation = self.new_message()?;
        if let Some(other) = room?.check(operation.signing.signature_len()) {
            return Ok(other);
        }
        operation.signing.update(data?)?;
        self.finish_sign(operation)
    }

    /// `C_SignMessageBegin`
    pub fn sign_message_begin(&self) -> Result<()> {
        let operation = self.new_message()?;
        let mut state = self.state.lock();
        let messages = state.message_sign.as_mut().ok_or(CKR_OPERATION_NOT_INITIALIZED)?;
        messages.current = Some(Current::Sign(operation));
        Ok(())
    }

    /// `C_SignMessageNext`: with `room` the last part, which is answered with the signature.
    pub fn sign_message_next(&self, part: Result<&[u8]>, room: Option<Room>) -> Result<Option<Produced>> {
        let mut operation = {
            let mut state = self.state.lock();
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
                return Err(single_part());
            }
        }
        if room.is_some() && other.is_none() {
            return self.finish_sign(operation).map(Some);
        }
        if let Some(messages) = self.state.lock().message_sign.as_mut() {
            messages.current = Some(Current::Sign(operation));
        }
        Ok(other)
    }

    /// `C_MessageSignFinal`
    pub fn message_sign_final(&self) -> Result<()> {
        let mut state = self.state.lock();
        state.message_sign.as_ref().ok_or(CKR_OPERATION_NOT_INITIALIZED)?.idle()?;
        state.message_sign = None;
        Ok(())
    }

    /// `C_MessageVerifyInit`
    pub fn message_verify_init(
        &self,
        mechanism: Option<(CK_MECHANISM_TYPE, Parameter)>,
        key: CK_OBJECT_HANDLE,
    ) -> Result<()> {
        let mut state = self.state.lock();
        let Some((mechanism, parameter)) = mechanism else {
            return state.message_verify.take().map(drop).ok_or_else(null_mechanism);
        };
        if state.message_verify.is_some() {
            return Err(CKR_OPERATION_ACTIVE.into());
        }
        self.verify_operation(mechanism, &parameter, key, None)?;
        state.message_verify = Some(MessageOperation { mechanism, parameter, key, current: None });
        Ok(())
    }

    fn new_verification(&self) -> Result<VerifyOperation> {
        let (mechanism, parameter, key) = {
            let state = self.state.lock();
            let operation = state.message_verify.as_ref().ok_or(CKR_OPERATION_NOT_INITIALIZED)?;
            operation.idle()?;
            (operation.mechanism, operation.parameter.clone(), operation.key)
        };
        self.verify_operation(mechanism, &parameter, key, None)
    }

    /// `C_VerifyMessage`
    pub fn verify_message(&self, data: Result<&[u8]>, signature: Result<&[u8]>) -> Result<()> {
        let VerifyOperation { mut verifying, .. } = self.new_verification()?;
        verifying.update(data?)?;
        verifying.finish()?.verify(signature?)
    }

    /// `C_VerifyMessageBegin`
    pub fn verify_message_begin(&self) -> Result<()> {
        let operation = self.new_verification()?;
        let mut state = self.state.lock();
        let messages = state.message_verify.as_mut().ok_or(CKR_OPERATION_NOT_INITIALIZED)?;
        messages.current = Some(Current::Verify(operation));
        Ok(())
    }

    /// `C_VerifyMessageNext`: with a signature the last part.
    pub fn verify_message_next(&self, part: Result<&[u8]>, signature: Option<Result<&[u8]>>) -> Result<()> {
        let mut state = self.state.lock();
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
    pub fn message_verify_final(&self) -> Result<()> {
        let mut state = self.state.lock();
        state.message_verify.as_ref().ok_or(CKR_OPERATION_NOT_INITIALIZED)?.idle()?;
        state.message_verify = None;
        Ok(())
    }
}
