//! A keypair as its objects show it.

use super::keypair_id::object_id;
use crate::mechanism::PublicKey;
use crate::service::{Keypair, KeypairCertificate};
use crate::x509::Certificate;
use once_cell::sync::OnceCell;
use std::sync::Arc;

/// A keypair of the service with everything that its objects show, worked out once, and only when it is needed.
#[derive(Debug)]
pub struct Entry {
    /// As the service described it.
    pub keypair: Arc<Keypair>,
    /// From its `public_key`, else from its default certificate.
    pub key: PublicKey,
    /// `CKA_ID`: see [`object_id`].
    pub id: [u8; 16],
    certificate: OnceCell<Option<Certificate>>,
}

impl Entry {
    /// Reads a keypair's key. `None`, and a warning, if it cannot be shown.
    pub fn new(keypair: &Arc<Keypair>) -> Option<Self> {
        let name = &keypair.alias;
        let Some(spki) = keypair.public_key.as_deref() else {
            log::warn!("keypair {name} is not shown: the service gives neither its public key nor a certificate");
            return None;
        };
        match PublicKey::from_spki(spki) {
            Ok(key) => {
                let (keypair, id) = (Arc::clone(keypair), object_id(&keypair.id));
                Some(Self { keypair, key, id, certificate: OnceCell::new() })
            }
            Err(error) => {
                log::warn!("keypair {name} ({}) is not shown: {}", keypair.key_alg, error.cause);
                None
            }
        }
    }

    /// The service's words about the default certificate.
    pub fn certificate_record(&self) -> Option<&KeypairCertificate> {
        self.keypair.default_certificate()
    }

    /// The default certificate, read; if it is one, and of this key.
    pub fn certificate(&self) -> Option<&Certificate> {
        self.certificate.get_or_init(|| self.read_certificate()).as_ref()
    }

    fn read_certificate(&self) -> Option<Certificate> {
        let Some(record) = self.certificate_record() else {
            let name = &self.keypair.alias;
            log::warn!(
                "keypair {name} has no certificate: Java and most signing tools want one; the service issues it"
            );
            return None;
        };
        let refuse = |why: &str| {
            let (alias, name) = (&record.alias, &self.keypair.alias);
            log::warn!("the certificate {alias} of keypair {name} is not shown: {why}");
            None
        };
        match Certificate::parse(record.der.clone()) {
            Ok(certificate) if certificate.spki() == self.key.spki() => Some(certificate),
            Ok(_) => refuse("it is of another key"),
            Err(error) => refuse(&error.cause),
        }
    }
}
