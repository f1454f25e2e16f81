//! One signature of the account: the request, and what its failure means.

use super::{Account, refused};
use crate::print::{Exit, Failure};
use stm_pkcs11::mechanism::Prepared;
use stm_pkcs11::service::{self, Keypair, Kind, SIGNATURE_LOG, Signed};
use stm_pkcs11::token::{Unsigned, sig_alg};

/// Signs what was prepared: one request, one signature, written into the ledger where there is one.
///
/// # Errors
/// A refused budget, what the service said, and a signature that does not verify with the keypair's public key.
pub fn sign(account: &Account, keypair: &Keypair, prepared: &Prepared) -> Result<Signed, Failure> {
    let what = || format!("sign with {}", keypair.alias);
    let made = account.signer.sign(&account.service, keypair, prepared, account.service.deadline());
    match made {
        Ok(made) => Ok(made.signed),
        Err(Unsigned::Refused(line)) => {
            let (why, remedy) = line.rsplit_once("; ").unwrap_or((&line, "raise the budget"));
            Err(Failure::new(what(), why, remedy).exit(Exit::Refused))
        }
        Err(Unsigned::Failed(failure)) => Err(failed(what(), keypair, prepared, &failure)),
        Err(Unsigned::Wrong(error, record)) => {
            let record = record.as_deref().unwrap_or("none");
            let remedy = format!("look at the service's record {record}, and report it as a defect");
            Err(Failure::new(what(), error.cause, remedy))
        }
    }
}

fn failed(what: String, keypair: &Keypair, prepared: &Prepared, failure: &service::Failure) -> Failure {
    match failure.kind() {
        // The signature may have been made, and its answer lost.
        Kind::Timeout | Kind::Unreachable | Kind::Unavailable | Kind::BadAnswer | Kind::LongAnswer => {
            let known = failure.remedy().trim_end_matches('.');
            let place = if known.contains(SIGNATURE_LOG) { "there" } else { SIGNATURE_LOG };
            let remedy = format!(
                "{known}; before you sign again, look {place} for a signature of {} by {} at this minute, and show it with \
                 stm-pkcs11 signature show ID",
                sig_alg(prepared.algorithm),
                keypair.alias
            );
            Failure::new(what, failure.cause(), remedy.trim_start_matches("; ")).exit(failure.kind().into())
        }
        _ => refused(what, failure),
    }
}
