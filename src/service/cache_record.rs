//! The cache's format for keypairs: JSON that contains each chain certificate once; keypairs refer to it by number.

use super::model::{Given, Keypair, KeypairCertificate};
use base64::Engine;
use base64::display::Base64Display;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

/// What a file of keypairs says.
#[derive(Serialize, Deserialize)]
pub struct Keypairs<'a> {
    /// Whether these are all keypairs, and not only those that may be kept.
    complete: bool,
    #[serde(borrow)]
    chains: Vec<Der<'a>>,
    #[serde(borrow)]
    keypairs: Vec<KeypairRecord<'a>>,
}

/// The content of a file about a keypair whose entry in the list may be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubt {
    /// The service was asked since then, and has no such keypair.
    pub gone: bool,
}

/// Bytes, stored as base64.
struct Der<'a>(Cow<'a, [u8]>);

#[derive(Serialize, Deserialize)]
struct KeypairRecord<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    alias: Cow<'a, str>,
    #[serde(borrow)]
    alg: Cow<'a, str>,
    #[serde(borrow)]
    r#type: Cow<'a, str>,
    #[serde(borrow)]
    storage: Cow<'a, str>,
    #[serde(borrow)]
    status: Cow<'a, str>,
    signable: Option<bool>,
    #[serde(borrow)]
    key: Option<Der<'a>>,
    #[serde(borrow)]
    certificates: Vec<CertificateRecord<'a>>,
}

#[derive(Serialize, Deserialize)]
struct CertificateRecord<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    alias: Cow<'a, str>,
    #[serde(borrow)]
    status: Cow<'a, str>,
    default: bool,
    #[serde(borrow)]
    from: Cow<'a, str>,
    #[serde(borrow)]
    to: Cow<'a, str>,
    #[serde(borrow)]
    der: Der<'a>,
    /// Indexes into the list of chain certificates.
    chain: Vec<usize>,
}

impl Serialize for Der<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&Base64Display::new(&self.0, &STANDARD))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Der<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // Base64 contains no escapes.
        let text = <&'de str>::deserialize(deserializer)?;
        STANDARD.decode(text).map(|bytes| Self(bytes.into())).map_err(D::Error::custom)
    }
}

impl<'a> Keypairs<'a> {
    /// The records of keypairs. `complete` says whether they are all keypairs.
    pub fn of(keypairs: &'a [Arc<Keypair>], complete: bool) -> Self {
        let mut chains = Chains::default();
        let keypairs = keypairs.iter().map(|keypair| KeypairRecord::of(keypair, &mut chains)).collect();
        Self { complete, chains: chains.certificates, keypairs }
    }

    /// Whether they are all keypairs.
    pub fn complete(&self) -> bool {
        self.complete
    }

    /// The keypairs; `None` if a record refers to a missing chain certificate.
    pub fn into_keypairs(self) -> Option<Vec<Arc<Keypair>>> {
        let chains: Vec<Arc<[u8]>> = self.chains.into_iter().map(|der| Arc::from(der.0)).collect();
        self.keypairs.into_iter().map(|record| record.into_keypair(&chains).map(Arc::new)).collect()
    }
}

/// Chain certificates, each once.
#[derive(Default)]
struct Chains<'a> {
    places: HashMap<&'a [u8], usize>,
    certificates: Vec<Der<'a>>,
}

impl<'a> Chains<'a> {
    fn place(&mut self, der: &'a [u8]) -> usize {
        *self.places.entry(der).or_insert_with(|| {
            self.certificates.push(Der(der.into()));
            self.certificates.len() - 1
        })
    }
}

impl<'a> KeypairRecord<'a> {
    fn of(keypair: &'a Keypair, chains: &mut Chains<'a>) -> Self {
        let certificates = keypair.certificates.iter().map(|certificate| CertificateRecord::of(certificate, chains));
        Self {
            id: keypair.id.as_str().into(),
            alias: keypair.alias.as_str().into(),
            alg: keypair.key_alg.as_str().into(),
            r#type: keypair.key_type.as_str().into(),
            storage: keypair.key_storage.as_str().into(),
            status: keypair.key_status.as_str().into(),
            signable: keypair.signable,
            key: keypair.public_key.as_ref().map(|key| Der(key.as_slice().into())),
            certificates: certificates.collect(),
        }
    }

    fn into_keypair(self, chains: &[Arc<[u8]>]) -> Option<Keypair> {
        let certificates = self.certificates.into_iter().map(|record| record.into_certificate(chains));
        Some(Keypair {
            certificates: certificates.collect::<Option<_>>()?,
            id: self.id.into(),
            alias: self.alias.into(),
            key_alg: self.alg.into(),
            key_type: self.r#type.into(),
            key_storage: self.storage.into(),
            key_status: self.status.into(),
            dynamic: false,
            signable: self.signable,
            public_key: self.key.map(|key| key.0.into()),
            key_problem: None,
            given: Given::All,
            account: None,
        })
    }
}

impl<'a> CertificateRecord<'a> {
    fn of(certificate: &'a KeypairCertificate, chains: &mut Chains<'a>) -> Self {
        Self {
            id: certificate.id.as_str().into(),
            alias: certificate.alias.as_str().into(),
            status: certificate.status.as_str().into(),
            default: certificate.default,
            from: certificate.valid_from.as_str().into(),
            to: certificate.valid_to.as_str().into(),
            der: Der(certificate.der.as_slice().into()),
            chain: certificate.chain.iter().map(|der| chains.place(der)).collect(),
        }
    }

    fn into_certificate(self, chains: &[Arc<[u8]>]) -> Option<KeypairCertificate> {
        Some(KeypairCertificate {
            chain: self.chain.into_iter().map(|place| chains.get(place).cloned()).collect::<Option<_>>()?,
            id: self.id.into(),
            alias: self.alias.into(),
            status: self.status.into(),
            default: self.default,
            chosen: false,
            valid_from: self.from.into(),
            valid_to: self.to.into(),
            der: self.der.0.into(),
        })
    }
}
