//! One key, many messages (PKCS#11 3.2, 5.14 and 5.16).

use crate::error::{Error, Result};
use crate::mechanism::Parameter;
use cryptoki_sys::*;

/// From `C_MessageSignInit` or `C_MessageVerifyInit` to the Final. Each message is an operation of its own.
pub struct MessageOperation<T> {
    pub mechanism: CK_MECHANISM_TYPE,
    pub parameter: Parameter,
    /// The key's handle, which is looked up for each message, because the key may no longer exist.
    pub key: CK_OBJECT_HANDLE,
    /// The message between Begin and the last Next.
    pub current: Option<T>,
}

impl<T> MessageOperation<T> {
    /// `CKR_OPERATION_ACTIVE` while a message is unfinished.
    pub fn idle(&self) -> Result<()> {
        match self.current {
            None => Ok(()),
            Some(_) => Err(Error::new(CKR_OPERATION_ACTIVE, "a message begun with ...MessageBegin is not finished")),
        }
    }
}
