//! One key, many messages (PKCS#11 3.2, 5.14 and 5.16).

use super::sign::SignOperation;
use super::verify::VerifyOperation;
use crate::error::{Error, Result};
use crate::mechanism::Parameter;
use cryptoki_sys::*;

/// From `C_MessageSignInit` or `C_MessageVerifyInit` to the Final.
pub struct MessageOperation {
    /// The mechanism of every message.
    pub mechanism: CK_MECHANISM_TYPE,
    /// Its parameter.
    pub parameter: Parameter,
    /// The key's handle: it is looked up anew for each message, as it may be gone by then.
    pub key: CK_OBJECT_HANDLE,
    /// The message that was begun and is not finished.
    pub current: Option<Current>,
}

/// The message that is going on between Begin and the last Next.
pub enum Current {
    /// Of `C_SignMessageBegin`.
    Sign(SignOperation),
    /// Of `C_VerifyMessageBegin`.
    Verify(VerifyOperation),
}

impl MessageOperation {
    /// `CKR_OPERATION_ACTIVE` while a message is going on.
    pub fn idle(&self) -> Result<()> {
        match self.current {
            None => Ok(()),
            Some(_) => Err(Error::new(CKR_OPERATION_ACTIVE, "a message begun with ...MessageBegin is not finished")),
        }
    }
}
