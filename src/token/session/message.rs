//! Message-based signing and verifying (PKCS#11 3.2, 5.14 and 5.16): one key, many messages. Each message is an
//! ordinary operation.

use super::session::{Session, State};
use crate::error::Result;
use crate::mechanism::Parameter;
use crate::token::operation::{
    MessageOperation, Produced, Room, SignOperation, VerifyOperation, null_mechanism, single_part,
};
use cryptoki_sys::*;

/// The common interface of signing and verifying operations for messages.
trait Message: Sized {
    /// Where the session stores it.
    fn messages(state: &mut State) -> &mut Option<MessageOperation<Self>>;

    /// Checks mechanism, key and parameter, in this order.
    fn begin(
        session: &Session,
        mechanism: CK_MECHANISM_TYPE,
        parameter: &Parameter,
        key: CK_OBJECT_HANDLE,
    ) -> Result<Self>;
}

impl Message for SignOperation {
    fn messages(state: &mut State) -> &mut Option<MessageOperation<Self>> {
        &mut state.message_sign
    }

    fn begin(
        session: &Session,
        mechanism: CK_MECHANISM_TYPE,
        parameter: &Parameter,
        key: CK_OBJECT_HANDLE,
    ) -> Result<Self> {
        session.sign_operation(mechanism, parameter, key)
    }
}

impl Message for VerifyOperation {
    fn messages(state: &mut State) -> &mut Option<MessageOperation<Self>> {
        &mut state.message_verify
    }

    fn begin(
        session: &Session,
        mechanism: CK_MECHANISM_TYPE,
        parameter: &Parameter,
        key: CK_OBJECT_HANDLE,
    ) -> Result<Self> {
        session.verify_operation(mechanism, parameter, key, None)
    }
}

/// The active message operation.
fn active<T: Message>(state: &mut State) -> Result<&mut MessageOperation<T>> {
    T::messages(state).as_mut().ok_or_else(|| CKR_OPERATION_NOT_INITIALIZED.into())
}

impl Session {
    /// `mechanism` is `None` if the application passed a null pointer to cancel.
    fn init_messages<T: Message>(
        &self,
        mechanism: Option<(CK_MECHANISM_TYPE, Parameter)>,
        key: CK_OBJECT_HANDLE,
    ) -> Result<()> {
        let mut state = self.state.lock();
        let messages = T::messages(&mut state);
        let Some((mechanism, parameter)) = mechanism else {
            return messages.take().map(drop).ok_or_else(null_mechanism);
        };
        if messages.is_some() {
            return Err(CKR_OPERATION_ACTIVE.into());
        }
        T::begin(self, mechanism, &parameter, key)?;
        *messages = Some(MessageOperation { mechanism, parameter, key, current: None });
        Ok(())
    }

    fn new_message<T: Message>(&self) -> Result<T> {
        let (mechanism, parameter, key) = {
            let mut state = self.state.lock();
            let messages = active::<T>(&mut state)?;
            messages.idle()?;
            (messages.mechanism, messages.parameter.clone(), messages.key)
        };
        T::begin(self, mechanism, &parameter, key)
    }

    fn begin_message<T: Message>(&self) -> Result<()> {
        let operation = self.new_message::<T>()?;
        active::<T>(&mut self.state.lock())?.current = Some(operation);
        Ok(())
    }

    fn end_messages<T: Message>(&self) -> Result<()> {
        let mut state = self.state.lock();
        active::<T>(&mut state)?.idle()?;
        *T::messages(&mut state) = None;
        Ok(())
    }

    /// `C_MessageSignInit`: `CKR_OPERATION_ACTIVE` if one is active.
    pub fn message_sign_init(
        &self,
        mechanism: Option<(CK_MECHANISM_TYPE, Parameter)>,
        key: CK_OBJECT_HANDLE,
    ) -> Result<()> {
        self.init_messages::<SignOperation>(mechanism, key)
    }

    /// `C_SignMessage`: the key stays ready for the next message, even after an error.
    pub fn sign_message(&self, data: Result<&[u8]>, room: Result<Room>) -> Result<Produced> {
        let mut operation: SignOperation = self.new_message()?;
        if let Some(other) = room?.check(operation.signing.signature_len()) {
            return Ok(other);
        }
        operation.signing.update(data?)?;
        self.finish_sign(operation)
    }

    /// `C_SignMessageBegin`
    pub fn sign_message_begin(&self) -> Result<()> {
        self.begin_message::<SignOperation>()
    }

    /// `C_SignMessageNext`: with `room`, this is the last part, and the result is the signature.
    pub fn sign_message_next(&self, part: Result<&[u8]>, room: Option<Room>) -> Result<Option<Produced>> {
        let mut operation = {
            let mut state = self.state.lock();
            active::<SignOperation>(&mut state)?.current.take().ok_or(CKR_OPERATION_NOT_INITIALIZED)?
        };
        let other = room.and_then(|room| room.check(operation.signing.signature_len()));
        if other.is_none() {
            let part = part?;
            // A mechanism that requires its data in one part accepts only messages of one part.
            if operation.signing.multipart() {
                operation.update(part)?;
            } else if room.is_some() {
                operation.signing.update(part)?;
            } else {
                return Err(single_part());
            }
        }
        if room.is_some() && other.is_none() {
            return self.finish_sign(operation).map(Some);
        }
        if let Some(messages) = self.state.lock().message_sign.as_mut() {
            messages.current = Some(operation);
        }
        Ok(other)
    }

    /// `C_MessageSignFinal`
    pub fn message_sign_final(&self) -> Result<()> {
        self.end_messages::<SignOperation>()
    }

    /// `C_MessageVerifyInit`: `CKR_OPERATION_ACTIVE` if one is active.
    pub fn message_verify_init(
        &self,
        mechanism: Option<(CK_MECHANISM_TYPE, Parameter)>,
        key: CK_OBJECT_HANDLE,
    ) -> Result<()> {
        self.init_messages::<VerifyOperation>(mechanism, key)
    }

    /// `C_VerifyMessage`
    pub fn verify_message(&self, data: Result<&[u8]>, signature: Result<&[u8]>) -> Result<()> {
        let VerifyOperation { mut verifying, .. } = self.new_message()?;
        verifying.update(data?)?;
        verifying.finish()?.verify(signature?)
    }

    /// `C_VerifyMessageBegin`
    pub fn verify_message_begin(&self) -> Result<()> {
        self.begin_message::<VerifyOperation>()
    }

    /// `C_VerifyMessageNext`: with a signature, this is the last part.
    pub fn verify_message_next(&self, part: Result<&[u8]>, signature: Option<Result<&[u8]>>) -> Result<()> {
        let mut state = self.state.lock();
        let messages = active::<VerifyOperation>(&mut state)?;
        let mut operation = messages.current.take().ok_or(CKR_OPERATION_NOT_INITIALIZED)?;
        match signature {
            Some(signature) => {
                operation.verifying.update(part?)?;
                operation.verifying.finish()?.verify(signature?)
            }
            None => {
                operation.update(part?)?;
                messages.current = Some(operation);
                Ok(())
            }
        }
    }

    /// `C_MessageVerifyFinal`
    pub fn message_verify_final(&self) -> Result<()> {
        self.end_messages::<VerifyOperation>()
    }
}
