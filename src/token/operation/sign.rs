//! A signing operation (PKCS#11 3.2, 5.13).

use super::rules::single_part;
use crate::error::{Error, Result};
use crate::mechanism::{Parameter, PublicKey, Signing};
use crate::token::object::{Class, Object};
use cryptoki_sys::*;
use std::sync::Arc;

/// From `C_SignInit` to the call that returns the signature.
pub struct SignOperation {
    /// Held so that the operation survives a refresh of the catalog.
    pub key: Arc<Object>,
    /// The data so far, hashed if the mechanism hashes.
    pub signing: Signing,
    /// `C_SignUpdate` was called: only `C_SignFinal` may end the operation.
    pub multipart: bool,
}

impl SignOperation {
    /// `CKR_KEY_FUNCTION_NOT_PERMITTED` if it is not a private key; then the mechanism's own checks of key and
    /// parameter.
    pub fn new(mechanism: CK_MECHANISM_TYPE, parameter: &Parameter, key: Arc<Object>) -> Result<Self> {
        let private = |_: &&PublicKey| key.class() == Class::PrivateKey;
        let Some(public_key) = key.public_key().filter(private) else {
            return Err(Error::new(CKR_KEY_FUNCTION_NOT_PERMITTED, "only private keys sign"));
        };
        let signing = Signing::new(mechanism, parameter, public_key)?;
        Ok(Self { key, signing, multipart: false })
    }

    /// Adds a part of the data.
    pub fn update(&mut self, part: &[u8]) -> Result<()> {
        if !self.signing.multipart() {
            return Err(single_part());
        }
        self.multipart = true;
        self.signing.update(part)
    }
}
