//! Changes of an account's keypairs that the service's web console offers, and its API does not.

use crate::keys::KeyError;
use crate::pki::Validity;
use crate::records::{CertificateRecord, Keypair, KeypairRecord};
use crate::service::{Service, timestamp};
use std::fmt;
use std::io;
use std::sync::Arc;
use time::OffsetDateTime;

/// Why a change was not made; nothing changed.
#[derive(Debug)]
pub enum ChangeError {
    /// The keypair or the certificate does not exist.
    NotFound,
    /// The kind of key cannot have certificates.
    NoCertificates,
    Io(io::Error),
}

impl fmt::Display for ChangeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ChangeError::NotFound => f.write_str("the keypair does not exist any more; go back to the list"),
            ChangeError::NoCertificates => {
                f.write_str("keys of this kind cannot have a certificate; use a keypair of another kind")
            }
            ChangeError::Io(error) => write!(f, "the state directory cannot be written ({error}); check its disk"),
        }
    }
}

impl From<io::Error> for ChangeError {
    fn from(error: io::Error) -> ChangeError {
        ChangeError::Io(error)
    }
}

impl From<KeyError> for ChangeError {
    fn from(error: KeyError) -> ChangeError {
        ChangeError::Io(io::Error::other(error.to_string()))
    }
}

impl Service {
    /// Sets a keypair ONLINE, or OFFLINE: then it does not sign.
    pub fn set_online(&self, id: &str, online: bool) -> Result<(), ChangeError> {
        self.change(id, |_, record| {
            record.online = online;
            Ok(())
        })?;
        Ok(())
    }

    /// Issues another certificate for the same key. The earlier ones stay valid.
    pub fn renew(&self, id: &str, validity: Validity, default: bool) -> Result<(), ChangeError> {
        let changed = self.change(id, |keypair, record| {
            let number = (2..)
                .find(|number| {
                    let alias = certificate_alias(&record.alias, *number);
                    record.certificates.iter().all(|certificate| certificate.alias != alias)
                })
                .unwrap_or(2);
            let alias = certificate_alias(&record.alias, number);
            let issued = self.issue(&record.alias, alias, &keypair.key, validity)?;
            let mut new = issued.ok_or(ChangeError::NoCertificates)?;
            new.created_on = Some(now());
            // The first certificate of a keypair is the default one in any case.
            new.default = default || record.certificates.is_empty();
            let (id, default) = (new.id.clone(), new.default);
            record.certificates.push(new);
            if default {
                make_default(&mut record.certificates, &id);
            }
            Ok(())
        })?;
        Ok(self.write_certificates(&changed)?)
    }

    /// Makes a certificate the default one of its keypair: new signatures count for it.
    pub fn make_default(&self, certificate: &str) -> Result<(), ChangeError> {
        let (keypair, _) = self.store.by_certificate(certificate).ok_or(ChangeError::NotFound)?;
        let changed = self.change(&keypair.record.id, |_, record| {
            make_default(&mut record.certificates, certificate);
            Ok(())
        })?;
        Ok(self.write_certificates(&changed)?)
    }

    /// Deletes a keypair with its key and certificates. The signature log keeps its signatures.
    pub fn delete(&self, id: &str) -> Result<(), ChangeError> {
        let (keypair, key_is_shared) = self.store.remove(id)?.ok_or(ChangeError::NotFound)?;
        if !key_is_shared {
            self.state.remove(&format!("keys/{}.pem", keypair.record.key))?;
        }
        Ok(self.remove_certificates(&keypair.record.alias)?)
    }

    fn change(
        &self,
        id: &str,
        change: impl FnOnce(&Keypair, &mut KeypairRecord) -> Result<(), ChangeError>,
    ) -> Result<Arc<Keypair>, ChangeError> {
        let changed = self.store.change(id, |keypair| {
            let mut record = keypair.full_record();
            change(keypair, &mut record)?;
            record.modified_on = Some(now());
            Ok::<_, ChangeError>(self.keypair(record, keypair.key.clone()))
        })?;
        changed.ok_or(ChangeError::NotFound)
    }
}

fn certificate_alias(keypair: &str, number: u32) -> String {
    format!("{keypair}-cert-{number}")
}

fn make_default(certificates: &mut [CertificateRecord], id: &str) {
    for certificate in certificates {
        let default = certificate.id == id;
        if certificate.default != default {
            certificate.default = default;
            certificate.modified_on = Some(now());
        }
    }
}

fn now() -> String {
    timestamp(OffsetDateTime::now_utc())
}
