//! A verifying operation (PKCS#11 3.2, 5.15).

use super::rules::single_part;
use crate::error::{Error, Result};
use crate::mechanism::{Parameter, PublicKey, Signing};
use crate::token::object::{Class, Object};
use cryptoki_sys::*;

/// From `C_VerifyInit` or `C_VerifySignatureInit` to the call that returns the result.
pub struct VerifyOperation {
    /// The data so far, hashed if the mechanism hashes.
    pub verifying: Signing,
    /// `C_VerifyUpdate` was called: only `C_VerifyFinal` may end the operation.
    pub multipart: bool,
    /// The signature passed to `C_VerifySignatureInit`.
    pub signature: Option<Vec<u8>>,
}

impl VerifyOperation {
    /// `CKR_KEY_FUNCTION_NOT_PERMITTED` if it is not a public key with `CKA_VERIFY`; then the mechanism's own checks of
    /// key and parameter.
    pub fn new(
        mechanism: CK_MECHANISM_TYPE,
        parameter: &Parameter,
        key: &Object,
        signature: Option<&[u8]>,
    ) -> Result<Self> {
        let allowed = key.class() == Class::PublicKey && key.attribute(CKA_VERIFY).shown() == Some(&[CK_TRUE]);
        let Some(public_key) = key.public_key().filter(|_: &&PublicKey| allowed) else {
            return Err(Error::new(CKR_KEY_FUNCTION_NOT_PERMITTED, "only public keys with CKA_VERIFY verify"));
        };
        let verifying = Signing::new(mechanism, parameter, public_key)?;
        Ok(Self { verifying, multipart: false, signature: signature.map(<[u8]>::to_vec) })
    }

    /// Adds a part of the data.
    pub fn update(&mut self, part: &[u8]) -> Result<()> {
        if !self.verifying.multipart() {
            return Err(single_part());
        }
        self.multipart = true;
        self.verifying.update(part)
    }

    /// Compares with the given signature, or else with the one passed at the beginning.
    pub fn finish(self, signature: Option<Result<&[u8]>>) -> Result<()> {
        let Self { verifying, signature: early, .. } = self;
        match signature {
            Some(signature) => {
                let signature = signature?;
                verifying.finish()?.verify(signature)
            }
            None => verifying.finish()?.verify(&early.unwrap_or_default()),
        }
    }
}
