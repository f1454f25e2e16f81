//! Sends a prepared digest to the service, and returns the signature.

use super::account::Account;
use super::failure;
use super::sig_alg::sig_alg;
use super::signer::{Made, Unsigned};
use crate::error::{Error, Result};
use crate::mechanism::Prepared;
use crate::service::{Deadline, Keypair, Kind, Signed};
use cryptoki_sys::*;

impl Account {
    /// One signature by one keypair: exactly one `POST .../sign`. The signature is verified and in the standard's
    /// encoding. Also returns the id of the signature, if the service sent one.
    pub fn sign(&self, keypair: &Keypair, prepared: &Prepared) -> Result<(Vec<u8>, Option<String>)> {
        let deadline = self.service.deadline();
        let made = self.signer.sign(&self.service, keypair, prepared, deadline);
        let Made { signature, signed } = made.map_err(|unsigned| match unsigned {
            Unsigned::Refused(line) => Error::loud(CKR_FUNCTION_REJECTED, line),
            Unsigned::Failed(failure) => {
                if failure::outdated(&failure) {
                    self.forget(keypair);
                }
                // Only the service knows whether it can sign empty data. So it is asked, and a refusal is about the
                // data.
                if prepared.hash.is_empty() && failure.kind() == Kind::BadRequest {
                    let cause = format!(
                        "{failure}; the data is empty, which the service does not sign with {}",
                        sig_alg(prepared.algorithm)
                    );
                    return Error::loud(CKR_DATA_LEN_RANGE, cause);
                }
                failure::sign_error(&failure)
            }
            Unsigned::Wrong(error, _) => {
                self.forget(keypair);
                let cause = format!("keypair {}, {}: {}", keypair.alias, sig_alg(prepared.algorithm), error.cause);
                Error { cause: cause.into(), ..error }
            }
        })?;
        if self.settings().confirm_record {
            confirm(self, keypair, prepared, &signed, deadline)?;
        }
        Ok((signature, signed.id))
    }
}

/// `STM_PKCS11_CONFIRM=record`: the entry in the service's signature log must match the request and the response.
fn confirm(
    account: &Account,
    keypair: &Keypair,
    prepared: &Prepared,
    signed: &Signed,
    deadline: Deadline,
) -> Result<()> {
    let refuse = |what: &str| {
        Error::loud(
            CKR_FUNCTION_FAILED,
            format!("the signature of keypair {} was discarded: {what} (STM_PKCS11_CONFIRM=record)", keypair.alias),
        )
    };
    let id = signed.id.as_deref().ok_or_else(|| refuse("the service gave it no id, so its record cannot be read"))?;
    let record = account.service.finished_signature(id, deadline).map_err(|failure| failure::sign_error(&failure))?;
    let said = |what: &str, value: &Option<String>| {
        refuse(&format!("signature {id} is recorded with {what} {}", value.as_deref().unwrap_or("(none)")))
    };
    if !record.signing_status.as_deref().is_some_and(|status| status.eq_ignore_ascii_case("SUCCESS")) {
        return Err(said("status", &record.signing_status));
    }
    if record.keypair_id.as_deref() != Some(keypair.id.as_str()) {
        return Err(said("keypair", &record.keypair_id));
    }
    if !record.sig_alg.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(sig_alg(prepared.algorithm))) {
        return Err(said("algorithm", &record.sig_alg));
    }
    if record.hash.as_deref() != Some(prepared.hash.as_slice()) {
        return Err(refuse(&format!("signature {id} is recorded with another digest")));
    }
    if record.signature.as_deref() != Some(signed.signature.as_slice()) {
        return Err(refuse(&format!("signature {id} is recorded with another signature")));
    }
    Ok(())
}
