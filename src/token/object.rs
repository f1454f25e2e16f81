//! An object: what a handle stands for (PKCS#11 3.2, chapter 4 "Objects").

use super::class::Class;
use super::session_object::SessionObject;
use crate::mechanism::PublicKey;
use crate::service::{Keypair, KeypairCertificate};
use crate::x509::Certificate;
use cryptoki_sys::*;
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

/// What stands behind an object.
pub(super) enum Source {
    /// A half of a keypair, or its certificate.
    Keypair(Arc<Entry>),
    /// A certificate of a chain.
    Chain(Box<ChainCertificate>),
    /// `CKP_...`
    Profile(CK_PROFILE_ID),
    /// Made by the application (`C_CreateObject`, `C_CopyObject`).
    Session(Box<SessionObject>),
}

/// A certificate that some keypair's certificate stands on.
pub struct ChainCertificate {
    pub(super) certificate: Certificate,
    /// Its subject's common name.
    pub(super) label: String,
    /// SHA-1 of its public key bits, as issuers are looked for.
    pub(super) id: [u8; 20],
}

/// One object of one token.
pub struct Object {
    handle: CK_OBJECT_HANDLE,
    slot: CK_SLOT_ID,
    class: Class,
    private: bool,
    pub(super) source: Source,
}

impl Object {
    pub(super) fn new(handle: CK_OBJECT_HANDLE, slot: CK_SLOT_ID, class: Class, private: bool, source: Source) -> Self {
        Self { handle, slot, class, private, source }
    }

    /// Its handle.
    pub fn handle(&self) -> CK_OBJECT_HANDLE {
        self.handle
    }

    /// The slot whose token it belongs to.
    pub fn slot(&self) -> CK_SLOT_ID {
        self.slot
    }

    /// Its class.
    pub fn class(&self) -> Class {
        self.class
    }

    /// The session that owns it, where it is a session object.
    pub fn owner(&self) -> Option<CK_SESSION_HANDLE> {
        match &self.source {
            Source::Session(object) => Some(object.session),
            _ => None,
        }
    }

    /// `CKA_PRIVATE`: whether only a logged-in user sees it. Private keys are private where the token wants a login;
    /// without one they are there for all to see, as the standard has it for objects that are not private.
    pub fn is_private(&self) -> bool {
        self.private
    }

    /// The keypair behind a private key, public key or certificate of the token.
    pub fn entry(&self) -> Option<&Arc<Entry>> {
        match &self.source {
            Source::Keypair(entry) => Some(entry),
            _ => None,
        }
    }

    /// The public key of a key object.
    pub fn public_key(&self) -> Option<&PublicKey> {
        match &self.source {
            Source::Keypair(entry) if self.class.is_key() => Some(&entry.key),
            Source::Session(object) => object.key.as_ref(),
            _ => None,
        }
    }

    /// The certificate of a certificate object.
    pub fn certificate(&self) -> Option<&Certificate> {
        match &self.source {
            Source::Keypair(entry) if self.class == Class::Certificate => entry.certificate(),
            Source::Chain(chain) => Some(&chain.certificate),
            _ => None,
        }
    }
}

/// `CKA_ID` of a keypair: the 16 bytes of its UUID, else the first 16 of SHA-256 of the id as it stands.
pub fn object_id(keypair_id: &str) -> [u8; 16] {
    uuid_bytes(keypair_id.as_bytes()).unwrap_or_else(|| {
        let digest = crate::mechanism::sha256(keypair_id.as_bytes());
        std::array::from_fn(|place| digest[place])
    })
}

fn uuid_bytes(text: &[u8]) -> Option<[u8; 16]> {
    if text.len() != 36 || [8, 13, 18, 23].iter().any(|dash| text[*dash] != b'-') {
        return None;
    }
    let mut digits = text.iter().filter(|byte| **byte != b'-').map(|byte| char::from(*byte).to_digit(16));
    let mut id = [0; 16];
    for byte in &mut id {
        *byte = (digits.next()?? << 4 | digits.next()??) as u8;
    }
    digits.next().is_none().then_some(id)
}

/// The UUID that 16 bytes of `CKA_ID` may stand for.
pub fn keypair_id(object_id: &[u8]) -> Option<String> {
    let hex: String = object_id.iter().map(|byte| format!("{byte:02x}")).collect();
    (object_id.len() == 16)
        .then(|| format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_becomes_its_sixteen_bytes_and_back() {
        let uuid = "ea936a8f-446d-8bab-b782-c01e8612bf1e";
        let id = object_id(uuid);
        assert_eq!(id.len(), 16);
        assert_eq!(id[..2], [0xea, 0x93]);
        assert_eq!(keypair_id(&id).as_deref(), Some(uuid));
    }

    #[test]
    fn an_id_that_is_no_uuid_becomes_sixteen_bytes_of_its_hash() {
        for odd in ["42", "key_711812656", "ea936a8f-446d-8bab-b782-c01e8612bf1g", "ea936a8f-446d-8bab-b782-c01e8612bé"]
        {
            assert_eq!(object_id(odd).len(), 16, "{odd}");
        }
        assert_ne!(object_id("a"), object_id("b"));
    }
}
