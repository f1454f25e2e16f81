//! Verifying (PKCS#11 3.2, 5.15 and `C_VerifySignature*`) with the public key, without a request.

use super::session::Session;
use crate::error::{Error, Result};
use crate::mechanism::{Mechanism, Parameter};
use crate::token::operation::{VerifyOperation, null_mechanism, require, single_part};
use cryptoki_sys::*;

impl Session {
    /// `C_VerifyInit`, and `C_VerifySignatureInit` with the signature to verify.
    pub fn verify_init(
        &self,
        mechanism: Option<(CK_MECHANISM_TYPE, Parameter)>,
        key: CK_OBJECT_HANDLE,
        signature: Option<&[u8]>,
    ) -> Result<()> {
        let Some((mechanism, parameter)) = mechanism else {
            return self.state.lock().verify.take().map(drop).ok_or_else(null_mechanism);
        };
        if self.state.lock().verify.is_some() {
            return Err(CKR_OPERATION_ACTIVE.into());
        }
        let operation = self.verify_operation(mechanism, &parameter, key, signature)?;
        self.state.lock().verify = Some(operation);
        Ok(())
    }

    /// Checks mechanism, key and parameter, in this order.
    pub(super) fn verify_operation(
        &self,
        mechanism: CK_MECHANISM_TYPE,
        parameter: &Parameter,
        key: CK_OBJECT_HANDLE,
        signature: Option<&[u8]>,
    ) -> Result<VerifyOperation> {
        require(self.slot.mechanism(mechanism)?, Mechanism::is_sign)?;
        VerifyOperation::new(mechanism, parameter, &*self.key(key)?, signature)
    }

    /// `C_Verify`, and `C_VerifySignature` (without a signature, which was passed to the Init). Always ends the
    /// operation.
    pub fn verify(&self, data: Result<&[u8]>, signature: Option<Result<&[u8]>>) -> Result<()> {
        let mut operation = self.take_verify(signature.is_none())?;
        if operation.multipart {
            return Err(Error::new(CKR_OPERATION_NOT_INITIALIZED, "C_Verify cannot end a multiple-part operation"));
        }
        operation.verifying.update(data?)?;
        operation.finish(signature)
    }

    /// `C_VerifyUpdate`, and `C_VerifySignatureUpdate` (`early`). Any error ends the operation.
    pub fn verify_update(&self, part: Result<&[u8]>, early: bool) -> Result<()> {
        let mut operation = self.take_verify(early)?;
        operation.update(part?)?;
        self.state.lock().verify = Some(operation);
        Ok(())
    }

    /// `C_VerifyFinal`, and `C_VerifySignatureFinal`. Always ends the operation.
    pub fn verify_final(&self, signature: Option<Result<&[u8]>>) -> Result<()> {
        let operation = self.take_verify(signature.is_none())?;
        if !operation.verifying.multipart() {
            return Err(single_part());
        }
        operation.finish(signature)
    }

    /// The operation, if the matching Init began it.
    fn take_verify(&self, early: bool) -> Result<VerifyOperation> {
        let mut state = self.state.lock();
        match &state.verify {
            Some(operation) if operation.signature.is_some() == early => {
                state.verify.take().ok_or_else(|| CKR_OPERATION_NOT_INITIALIZED.into())
            }
            _ => Err(CKR_OPERATION_NOT_INITIALIZED.into()),
        }
    }
}
