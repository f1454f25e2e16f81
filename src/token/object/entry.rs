//! A keypair in the form that its objects show.

use super::keypair_id::object_id;
use crate::mechanism::PublicKey;
use crate::service::{Keypair, KeypairCertificate};
use crate::x509::Certificate;
use once_cell::sync::OnceCell;
use std::sync::Arc;
use std::time::SystemTime;

/// A keypair of the service with the data that its objects show, each computed once, when it is first needed.
#[derive(Debug)]
pub struct Entry {
    /// The service's data.
    pub keypair: Arc<Keypair>,
    /// From its `public_key`, or else from its default certificate.
    pub key: PublicKey,
    /// `CKA_ID`: see [`object_id`].
    pub id: Box<[u8]>,
    /// The index of the certificate that is shown.
    shown: OnceCell<Option<usize>>,
    certificate: OnceCell<Option<Certificate>>,
}

impl Entry {
    /// Parses a keypair's key. If it cannot be shown, the error says why, and a warning is logged. `prefix` is that of
    /// [`object_id`].
    pub fn new(keypair: &Arc<Keypair>, prefix: &str) -> Result<Self, String> {
        let refuse = |why: String| {
            log::warn!("keypair {} ({}) is not shown: {why}", keypair.alias, keypair.key_alg);
            Err(why)
        };
        let Some(spki) = keypair.public_key.as_deref() else {
            let why = keypair.key_problem.as_deref().unwrap_or("the service gives no public_key");
            return refuse(format!("{why}, and it has no certificate whose key could be used"));
        };
        match PublicKey::from_spki(spki) {
            Ok(key) => {
                let (keypair, id) = (Arc::clone(keypair), object_id(&keypair.id, &keypair.alias, prefix));
                Ok(Self { keypair, key, id, shown: OnceCell::new(), certificate: OnceCell::new() })
            }
            Err(error) => refuse(error.cause.into_owned()),
        }
    }

    /// The service's data of the default certificate.
    pub fn certificate_record(&self) -> Option<&KeypairCertificate> {
        let certificates = &self.keypair.certificates;
        let place = self.shown.get_or_init(|| {
            let shown = self.keypair.default_certificate()?;
            certificates.iter().position(|other| std::ptr::eq(other, shown))
        });
        certificates.get((*place)?)
    }

    /// The default certificate, parsed; `None` if it is not a certificate for this key.
    pub fn certificate(&self) -> Option<&Certificate> {
        self.certificate.get_or_init(|| self.read_certificate()).as_ref()
    }

    /// Warns if the certificate that is shown has expired, or is not the service's default one.
    fn tell_of_choice(&self, record: &KeypairCertificate) {
        if record.chosen && !record.valid_at(SystemTime::now()) {
            log::warn!(
                "keypair {}: the certificate {} is not valid now, and STM_PKCS11_CERTIFICATE names it; name another",
                self.keypair.alias,
                record.alias
            );
        }
        if let Some(default) = self.keypair.certificates.first().filter(|default| default.der != record.der) {
            log::warn!(
                "keypair {}: the default certificate {} is not valid now, so the module shows {}; make that the default in the \
                 service",
                self.keypair.alias,
                default.alias,
                record.alias
            );
        }
    }

    fn read_certificate(&self) -> Option<Certificate> {
        let Some(record) = self.certificate_record() else {
            let name = &self.keypair.alias;
            log::warn!(
                "keypair {name} has no certificate: Java and most signing tools require one; issue it in the service"
            );
            return None;
        };
        let refuse = |why: &str| {
            let (alias, name) = (&record.alias, &self.keypair.alias);
            log::warn!("the certificate {alias} of keypair {name} is not shown: {why}");
            None
        };
        match Certificate::parse(record.der.clone()) {
            Ok(certificate) if self.key.is_of(certificate.spki()) => {
                self.tell_of_choice(record);
                Some(certificate)
            }
            Ok(_) => refuse("it is of another key"),
            Err(error) => refuse(&error.cause),
        }
    }
}

/// Keypairs and certificates for tests.
#[cfg(test)]
pub mod samples {
    use super::*;
    use rcgen::{CertificateParams, KeyPair};

    pub fn key() -> KeyPair {
        KeyPair::generate().expect("a key")
    }

    /// A certificate of a key, valid for these years.
    pub fn certificate(key: &KeyPair, years: (i32, i32), is_authority: bool) -> KeypairCertificate {
        let mut params = CertificateParams::default();
        params.not_before = rcgen::date_time_ymd(years.0, 2, 3);
        params.not_after = rcgen::date_time_ymd(years.1, 2, 3);
        if is_authority {
            params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        }
        KeypairCertificate {
            id: "c".into(),
            alias: "certificate".into(),
            status: "ACTIVE".into(),
            default: true,
            chosen: false,
            valid_from: String::new(),
            valid_to: String::new(),
            der: params.self_signed(key).expect("a certificate").der().to_vec(),
            chain: Arc::new([]),
        }
    }

    /// A keypair with a change.
    pub fn changed(keypair: &Keypair, change: impl FnOnce(&mut Keypair)) -> Keypair {
        let mut keypair = keypair.clone();
        change(&mut keypair);
        keypair
    }

    /// A keypair with these certificates.
    pub fn entry(key: &KeyPair, certificates: Vec<KeypairCertificate>) -> Arc<Entry> {
        let keypair = changed(&Keypair::sample("1", "release", key), |keypair| keypair.certificates = certificates);
        Arc::new(Entry::new(&Arc::new(keypair), "key-").expect("an entry"))
    }
}

#[cfg(test)]
mod tests {
    use super::samples::{certificate, entry, key};

    #[test]
    fn a_certificate_of_another_key_is_not_shown() {
        let (own, other) = (key(), key());
        let (right, wrong) = (certificate(&own, (2020, 2090), false), certificate(&other, (2020, 2090), false));
        let shown = entry(&own, vec![right.clone()]).certificate().map(|shown| shown.der().to_vec());
        assert_eq!(shown, Some(right.der));
        assert!(entry(&own, vec![wrong]).certificate().is_none());
    }
}
