//! The only way to a signature: a stored one, or a request that is recorded in the ledger before it is sent.

use super::sig_alg::sig_alg;
use crate::config::{LedgerSettings, Login, TokenSettings};
use crate::error::Error;
use crate::ledger::reuse::{self, Reuse};
use crate::ledger::{Ending, Ledger, Outcome, Subject};
use crate::mechanism::Prepared;
use crate::service::{Deadline, Failure, Keypair, Progress, Service, Signed};
use crate::x509::Certificate;
use once_cell::race::OnceBox;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

pub struct Signer {
    ledger: Arc<Ledger>,
    /// How long signatures are stored; `None` if they are not.
    lifetime: Option<Duration>,
    reuse: OnceBox<Option<Reuse>>,
}

/// A verified signature.
pub struct Made {
    /// In the standard's encoding.
    pub signature: Vec<u8>,
    /// In the service's encoding, with its id in the signature log.
    pub signed: Signed,
}

/// Why there is no signature.
pub enum Unsigned {
    /// The budget permits no request, or its ledger cannot be written; contains the message for the user.
    Refused(String),
    Failed(Failure),
    /// The response is not a signature of the keypair; with the id in the signature log.
    Wrong(Error, Option<String>),
}

impl Signer {
    /// Opens no file and makes no request.
    pub fn new(ledger: Arc<Ledger>, settings: &LedgerSettings, token: &TokenSettings) -> Self {
        // If a PIN is a credential, the settings do not identify the owner of the signatures.
        let lifetime = settings.reuse.filter(|_| token.login == Login::None && !token.privileged);
        Self { ledger, lifetime, reuse: OnceBox::new() }
    }

    /// One verified signature: at most one request that may be billed.
    pub fn sign(
        &self,
        service: &Service,
        keypair: &Keypair,
        prepared: &Prepared,
        deadline: Deadline,
    ) -> Result<Made, Unsigned> {
        let subject = Subject {
            keypair: &keypair.alias,
            keypair_id: &keypair.id,
            sig_alg: sig_alg(prepared.algorithm),
            hash: &prepared.hash,
        };
        let kept = self.reuse(service, keypair, prepared);
        if let Some((reuse, state)) = &kept
            && let Some(made) = self.again(reuse, state, &subject, service, prepared, deadline)
        {
            return Ok(made);
        }
        let reservation = self.ledger.reserve(&subject).map_err(Unsigned::Refused)?;
        let progress = Arc::new(Progress::default());
        let result = service.sign(keypair, subject.sig_alg, &prepared.hash, deadline, &progress);
        let result = result.map_err(Unsigned::Failed).and_then(|signed| match prepared.accept(&signed.signature) {
            Ok(signature) => Ok(Made { signature, signed }),
            Err(error) => Err(Unsigned::Wrong(error, signed.id)),
        });
        reservation.complete(&ending(&result, &progress));
        let made = result?;
        if let Some((reuse, state)) = kept {
            reuse.keep(&subject, &state, &made.signed.signature, made.signed.id.as_deref());
        }
        Ok(made)
    }

    /// Where signatures of this kind are stored, and the state of the keypair; `None` if they are not stored.
    fn reuse(&self, service: &Service, keypair: &Keypair, prepared: &Prepared) -> Option<(&Reuse, String)> {
        let lifetime = self.lifetime.filter(|_| prepared.algorithm.is_deterministic() && !keypair.dynamic)?;
        let make = || Box::new(service.signatures_dir().map(|folder| Reuse::new(folder, lifetime)));
        let reuse = self.reuse.get_or_init(make).as_ref()?;
        Some((reuse, state(keypair)?))
    }

    /// The stored signature, if a read shows that the keypair has not changed and may sign now.
    fn again(
        &self,
        reuse: &Reuse,
        before: &str,
        subject: &Subject<'_>,
        service: &Service,
        prepared: &Prepared,
        deadline: Deadline,
    ) -> Option<Made> {
        let kept = reuse.find(subject, before)?;
        let now = service.current_keypair(subject.keypair_id, deadline).ok()??;
        if !may_sign(&now, SystemTime::now()) || state(&now).as_deref() != Some(before) {
            log::info!(
                "the kept signature of keypair {} is not used: the keypair was changed, or may not sign",
                now.alias
            );
            return None;
        }
        let Ok(signature) = prepared.accept(&kept.signature) else {
            reuse.forget(subject);
            return None;
        };
        self.ledger.reused(subject, kept.signature_id.as_deref(), kept.signature.len());
        log::info!("a kept signature of keypair {} is given out again; no signature is spent", now.alias);
        Some(Made { signature, signed: Signed { id: kept.signature_id, signature: kept.signature } })
    }
}

/// The state of a keypair; `None` if its public key is not known.
fn state(keypair: &Keypair) -> Option<String> {
    let certificate = keypair.default_certificate().map(|certificate| &certificate.der[..]);
    Some(reuse::state(keypair.public_key.as_deref()?, certificate))
}

/// Whether the service would sign with it, as far as a read can show.
fn may_sign(keypair: &Keypair, now: SystemTime) -> bool {
    let now = now.duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs() as i64);
    let valid = keypair.default_certificate().is_none_or(|record| {
        let active = record.status.is_empty() || record.status.eq_ignore_ascii_case("ACTIVE");
        let read = Certificate::parse(record.der.clone());
        active && read.is_ok_and(|read| (read.not_before()..=read.not_after()).contains(&now))
    });
    keypair.online() && keypair.signable != Some(false) && !keypair.dynamic && valid
}

/// The outcome of the request, for the ledger.
fn ending(result: &Result<Made, Unsigned>, progress: &Progress) -> Ending {
    let executed = progress.may_be_executed();
    let (outcome, why, signature_id, bytes) = match result {
        Ok(made) => (Outcome::Signed, None, made.signed.id.clone(), Some(made.signed.signature.len() as u64)),
        Err(Unsigned::Wrong(error, id)) => (Outcome::Unverified, Some(error.cause.to_string()), id.clone(), None),
        Err(Unsigned::Failed(failure)) => {
            let outcome = match (executed, progress.is_answered()) {
                (true, _) => Outcome::Unknown,
                (false, true) => Outcome::Refused,
                (false, false) => Outcome::NotSent,
            };
            (outcome, Some(failure.cause()), progress.record().map(str::to_owned), None)
        }
        Err(Unsigned::Refused(why)) => (Outcome::NotSent, Some(why.clone()), None, None),
    };
    Ending { outcome, why, signature_id, attempts: progress.attempts(), bytes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::object::samples::{self, changed};

    #[test]
    fn the_state_of_a_keypair_is_that_of_its_key_and_certificate() {
        let key = samples::key();
        let [bare, other] = [&key, &samples::key()].map(|key| Keypair::sample("1", "k", key));
        let certificate = samples::certificate(&key, (2020, 2090), false);
        let certified = changed(&bare, |keypair| keypair.certificates = vec![certificate]);
        let states = [&bare, &other, &certified].map(|keypair| state(keypair).expect("a state"));
        assert!(states[0] != states[1] && states[1] != states[2] && states[2] != states[0], "{states:?}");
        let renamed = changed(&bare, |keypair| keypair.alias = "other".into());
        assert_eq!(state(&renamed).as_ref(), Some(&states[0]));
        assert_eq!(state(&changed(&bare, |keypair| keypair.public_key = None)), None);
    }

    #[test]
    fn only_a_keypair_that_may_sign_now_gives_a_kept_signature_again() {
        let key = samples::key();
        let bare = Keypair::sample("1", "k", &key);
        let certified = |years, status: &str| {
            let certificate = samples::certificate(&key, years, false);
            let certificate = crate::service::KeypairCertificate { status: status.into(), ..certificate };
            changed(&bare, |keypair| keypair.certificates = vec![certificate])
        };
        let now = (2020, 2090);
        for (keypair, may) in [
            (bare.clone(), true),
            (changed(&bare, |keypair| keypair.key_status = "OFFLINE".into()), false),
            (changed(&bare, |keypair| keypair.signable = Some(true)), true),
            (changed(&bare, |keypair| keypair.signable = Some(false)), false),
            (changed(&bare, |keypair| keypair.dynamic = true), false),
            (certified(now, "ACTIVE"), true),
            (certified(now, "active"), true),
            (certified(now, ""), true),
            (certified(now, "REVOKED"), false),
            (certified((2020, 2021), "ACTIVE"), false),
            (certified((2080, 2090), "ACTIVE"), false),
        ] {
            assert_eq!(may_sign(&keypair, SystemTime::now()), may, "{keypair:?}");
        }
    }
}
