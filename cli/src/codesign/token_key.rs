//! A private key of a PKCS#11 token: how a builder signs that has no credentials of its own, but a signing host behind p11-kit.

use super::fingerprint::Fingerprint;
use super::signer::Which;
use crate::print::{Exit, Failure, shown};
use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::Error;
use cryptoki::mechanism::Mechanism;
use cryptoki::object::{Attribute, AttributeType, CertificateType, ObjectClass, ObjectHandle};
use cryptoki::session::Session;
use cryptoki::slot::Slot;
use der::Encode;
use der::asn1::UintRef;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use stm_pkcs11::mechanism::{Digest, Family, PublicKey};

/// A key, open to sign.
pub struct TokenKey {
    module: PathBuf,
    /// Place of its slot in the module's list of all slots.
    slot: usize,
    session: Mutex<Session>,
    handle: ObjectHandle,
    label: String,
    /// All other certificates of the token, in DER.
    others: Vec<Vec<u8>>,
}

const REMEDY: &str =
    "read what the module or the signing host says above; pkcs11-tool --module MODULE -O lists what is there";

/// The private keys with certificates that a module's tokens show.
pub struct TokenKeys {
    module: PathBuf,
    loaded: Pkcs11,
    /// With the place of their slot, and its number.
    found: Vec<(usize, Slot, Found)>,
}

impl TokenKeys {
    /// Loads the module, and lists.
    pub fn of(module: &Path) -> Result<Self, Failure> {
        let loaded = Pkcs11::new(module).map_err(|error| {
            Failure::new(format!("load {}", module.display()), error, "name the PKCS#11 module with --module")
        })?;
        let failed = |error: Error| Failure::new(format!("list the keys of {}", module.display()), error, REMEDY);
        loaded.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).map_err(failed)?;
        let mut found = Vec::new();
        for (place, slot) in loaded.get_all_slots().map_err(failed)?.into_iter().enumerate() {
            // A slot may be empty, or its token another's affair.
            let Ok(session) = loaded.open_ro_session(slot) else { continue };
            found.extend(Found::all(&session).map_err(failed)?.into_iter().map(|found| (place, slot, found)));
        }
        Ok(Self { module: module.to_owned(), loaded, found })
    }

    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The key that is meant; without a name the only one whose certificate can be used. `read` reads what is needed of a
    /// certificate, or says why it cannot be used.
    pub fn choose<T>(
        self,
        which: Which<'_>,
        read: impl Fn(&[u8]) -> Result<T, Failure>,
    ) -> Result<(TokenKey, T), Failure> {
        let fingerprint = match which {
            Which::Fingerprint(text) => Some(Fingerprint::read(text)?),
            _ => None,
        };
        let is_meant = |found: &Found| match (which, &fingerprint) {
            (Which::Keypair(name), _) => found.label == name || found.id == name.as_bytes(),
            (_, Some(fingerprint)) => fingerprint.is_of(&found.certificate),
            _ => read(&found.certificate).is_ok(),
        };
        // Several slots, of several modules, may show the same key.
        let mut seen = BTreeSet::new();
        let meant = self.found.iter().filter(|(_, _, found)| is_meant(found));
        let meant: Vec<_> = meant.filter(|(_, _, found)| seen.insert(&found.certificate)).collect();
        let (place, slot, found) = match meant.as_slice() {
            [one] => one,
            [] => return Err(self.missing(which)),
            several => {
                let labels: Vec<_> = several.iter().map(|(_, _, found)| shown(&found.label).to_string()).collect();
                let why = format!("{} keypairs of the token can sign code: {}", several.len(), labels.join(", "));
                let remedy = "name one with --keypair or --fingerprint";
                return Err(Failure::new("choose a keypair", why, remedy).exit(Exit::Usage));
            }
        };
        let read = read(&found.certificate)?;
        let failed = |error: Error| Failure::new(format!("open the token of {}", found.label), error, REMEDY);
        let session = self.loaded.open_ro_session(*slot).map_err(failed)?;
        let others = certificates(&session).map_err(failed)?.into_iter().map(|(_, der)| der);
        let key = TokenKey {
            module: self.module.clone(),
            slot: *place,
            handle: found.handle,
            label: found.label.clone(),
            others: others.filter(|der| *der != found.certificate).collect(),
            session: Mutex::new(session),
        };
        Ok((key, read))
    }

    /// No key is meant: what there is instead.
    fn missing(&self, which: Which<'_>) -> Failure {
        let what = match which {
            Which::Keypair(name) => format!("find the keypair {}", shown(name)),
            Which::Fingerprint(digits) => format!("find the certificate {}", shown(digits)),
            Which::Only => "choose a keypair".to_owned(),
        };
        let labels: Vec<_> = self.found.iter().map(|(_, _, found)| shown(&found.label).to_string()).collect();
        let module = self.module.display();
        let why = match which {
            _ if labels.is_empty() => format!("{module} shows no keypair with a certificate"),
            Which::Only => format!("no keypair of {module} can sign code: {}", labels.join(", ")),
            _ => format!("{module} shows only {}", labels.join(", ")),
        };
        let remedy = "name one of these, or ask who runs the signing host for access";
        Failure::new(what, why, remedy).exit(Exit::NotFound)
    }
}

impl TokenKey {
    pub fn module(&self) -> &Path {
        &self.module
    }

    pub fn slot(&self) -> usize {
        self.slot
    }

    pub fn label(&self) -> &str {
        &self.label
    }

    pub fn others(&self) -> &[Vec<u8>] {
        &self.others
    }

    /// One signature over `bytes`: RSA by PKCS#1 v1.5, or ECDSA in DER.
    pub fn sign(&self, key: &PublicKey, digest: Digest, bytes: &[u8]) -> Result<Vec<u8>, Failure> {
        let what = || format!("sign with {}", self.label);
        let mechanism = match (key.family(), digest) {
            (Family::Rsa, Digest::Sha256) => Mechanism::Sha256RsaPkcs,
            (Family::Rsa, Digest::Sha384) => Mechanism::Sha384RsaPkcs,
            (Family::Rsa, Digest::Sha512) => Mechanism::Sha512RsaPkcs,
            (Family::Ec, Digest::Sha256) => Mechanism::EcdsaSha256,
            (Family::Ec, Digest::Sha384) => Mechanism::EcdsaSha384,
            (Family::Ec, Digest::Sha512) => Mechanism::EcdsaSha512,
            _ => {
                let why = format!("{} keys of a token do not sign with {}", key.name(), digest.row().name);
                return Err(Failure::new(what(), why, "choose another --hash").exit(Exit::Usage));
            }
        };
        let session = self.session.lock().expect("no thread panics with it");
        let made = session.sign(&mechanism, self.handle, bytes);
        let made = made.map_err(|error| Failure::new(what(), error, REMEDY))?;
        match key.family() {
            Family::Ec => ecdsa_in_der(&made).map_err(|error| {
                Failure::new(what(), format!("the token's signature: {error}"), "report it as a defect")
            }),
            _ => Ok(made),
        }
    }
}

/// `r || s` as `SEQUENCE { r, s }`.
fn ecdsa_in_der(raw: &[u8]) -> der::Result<Vec<u8>> {
    let (r, s) = raw.split_at(raw.len() / 2);
    vec![UintRef::new(r)?, UintRef::new(s)?].to_der()
}

/// A private key that has a certificate.
struct Found {
    handle: ObjectHandle,
    id: Vec<u8>,
    label: String,
    certificate: Vec<u8>,
}

impl Found {
    fn all(session: &Session) -> Result<Vec<Self>, Error> {
        let keys = session.find_objects(&[Attribute::Class(ObjectClass::PRIVATE_KEY)])?;
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let certificates = certificates(session)?;
        let mut found = Vec::new();
        for handle in keys {
            let (mut id, mut label) = (Vec::new(), String::new());
            for attribute in session.get_attributes(handle, &[AttributeType::Id, AttributeType::Label])? {
                match attribute {
                    Attribute::Id(value) => id = value,
                    Attribute::Label(value) => label = String::from_utf8_lossy(&value).into_owned(),
                    _ => {}
                }
            }
            if let Some((_, certificate)) = certificates.iter().find(|(other, _)| *other == id) {
                found.push(Self { handle, id, label, certificate: certificate.clone() });
            }
        }
        Ok(found)
    }
}

/// `CKA_ID` and DER of a certificate.
type HeldCertificate = (Vec<u8>, Vec<u8>);

fn certificates(session: &Session) -> Result<Vec<HeldCertificate>, Error> {
    let handles = session.find_objects(&[
        Attribute::Class(ObjectClass::CERTIFICATE),
        Attribute::CertificateType(CertificateType::X_509),
    ])?;
    let mut all = Vec::new();
    for handle in handles {
        let (mut id, mut der) = (Vec::new(), Vec::new());
        for attribute in session.get_attributes(handle, &[AttributeType::Id, AttributeType::Value])? {
            match attribute {
                Attribute::Id(value) => id = value,
                Attribute::Value(value) => der = value,
                _ => {}
            }
        }
        all.push((id, der));
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::ecdsa_in_der;

    #[test]
    fn an_ecdsa_signature_becomes_der() {
        assert_eq!(ecdsa_in_der(&[0, 1, 0x80, 2]).unwrap(), [0x30, 8, 2, 1, 1, 2, 3, 0, 0x80, 2]);
    }
}
