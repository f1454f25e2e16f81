//! Message digesting (PKCS#11 3.2, 5.12), without a request.

use super::session::Session;
use crate::error::{Error, Result};
use crate::mechanism::{Hasher, Mechanism, Parameter};
use crate::token::operation::{DigestOperation, Produced, Room, null_mechanism, require};
use cryptoki_sys::*;

impl Session {
    /// `C_DigestInit`. `mechanism` is `None` if the application passed a null pointer to cancel.
    pub fn digest_init(&self, mechanism: Option<(CK_MECHANISM_TYPE, Parameter)>) -> Result<()> {
        let mut state = self.state.lock();
        let Some((mechanism, parameter)) = mechanism else {
            return state.digest.take().map(drop).ok_or_else(null_mechanism);
        };
        if state.digest.is_some() {
            return Err(CKR_OPERATION_ACTIVE.into());
        }
        let listed = self.slot.mechanism(mechanism)?;
        require(listed, Mechanism::is_digest)?;
        if parameter != Parameter::None {
            return Err(Error::new(CKR_MECHANISM_PARAM_INVALID, "a digest mechanism has no parameter"));
        }
        state.digest = Some(DigestOperation { hasher: Hasher::new(mechanism)?, multipart: false });
        Ok(())
    }

    /// `C_Digest`: ends the operation, except for a length query.
    pub fn digest(&self, data: Result<&[u8]>, room: Result<Room>) -> Result<Produced> {
        let mut state = self.state.lock();
        let mut operation = state.digest.take().ok_or(CKR_OPERATION_NOT_INITIALIZED)?;
        if operation.multipart {
            return Err(Error::new(CKR_OPERATION_NOT_INITIALIZED, "C_Digest cannot end a multiple-part operation"));
        }
        let (data, room) = (data?, room?);
        if let Some(other) = room.check(operation.hasher.len()) {
            state.digest = Some(operation);
            return Ok(other);
        }
        operation.hasher.update(data);
        Ok(Produced::Bytes(operation.hasher.finish()))
    }

    /// `C_DigestUpdate`: an invalid argument ends the operation.
    pub fn digest_update(&self, part: Result<&[u8]>) -> Result<()> {
        let mut state = self.state.lock();
        let mut operation = state.digest.take().ok_or(CKR_OPERATION_NOT_INITIALIZED)?;
        operation.hasher.update(part?);
        operation.multipart = true;
        state.digest = Some(operation);
        Ok(())
    }

    /// `C_DigestKey`: only secret keys can be digested, and this token has none.
    pub fn digest_key(&self, key: CK_OBJECT_HANDLE) -> Result<()> {
        self.state.lock().digest.take().ok_or(CKR_OPERATION_NOT_INITIALIZED)?;
        self.key(key)?;
        Err(Error::new(CKR_KEY_INDIGESTIBLE, "only secret keys can be digested"))
    }

    /// `C_DigestFinal`: ends the operation, except for a length query.
    pub fn digest_final(&self, room: Result<Room>) -> Result<Produced> {
        let mut state = self.state.lock();
        let operation = state.digest.take().ok_or(CKR_OPERATION_NOT_INITIALIZED)?;
        if let Some(other) = room?.check(operation.hasher.len()) {
            state.digest = Some(operation);
            return Ok(other);
        }
        Ok(Produced::Bytes(operation.hasher.finish()))
    }
}
