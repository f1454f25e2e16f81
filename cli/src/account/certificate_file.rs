//! A keypair's certificate as a file: PEM, DER, or PKCS#12 without a key.

use super::describe::{self, chosen, pem};
use crate::print::{Exit, Failure, unwritten};
use clap::ValueEnum;
use p12_keystore::{Certificate as Entry, KeyStore, KeyStoreEntry};
use std::path::Path;
use stm_pkcs11::service::{Keypair, KeypairCertificate};
use stm_pkcs11::x509::Certificate;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Pem,
    Der,
    P12,
    Pfx,
}

impl Format {
    pub fn extension(self) -> &'static str {
        match self {
            Self::Pem => "pem",
            Self::Der => "der",
            Self::P12 => "p12",
            Self::Pfx => "pfx",
        }
    }
}

/// A certificate, and the keypair that has it.
pub struct Source<'a> {
    keypair: &'a Keypair,
    record: &'a KeypairCertificate,
}

impl<'a> Source<'a> {
    /// The certificate with an id, or else the one that the module shows for the keypair.
    ///
    /// # Errors
    /// The keypair has none, or one of another key: programs would sign with a key and name another.
    pub fn new(keypair: &'a Keypair, id: Option<&str>) -> Result<Self, Failure> {
        let missing = |why: String, remedy: &str| {
            Failure::new(format!("find the certificate of {}", keypair.alias), why, remedy).exit(Exit::NotFound)
        };
        let held = match id {
            Some(id) => describe::certificates(keypair).into_iter().find(|held| held.record.id == id),
            None => chosen(keypair),
        };
        let Some(held) = held else {
            return Err(missing(
                "the keypair has none".to_owned(),
                "issue a certificate for it in the service's web page",
            ));
        };
        if let Err(unfit) = held.read {
            let why = format!("the certificate {} {}", held.record.id, unfit.why());
            return Err(missing(why, "choose another default certificate in the service's web page"));
        }
        Ok(Self { keypair, record: held.record })
    }

    /// A file's name without extension: the certificate's alias, else the keypair's.
    pub fn name(&self) -> Result<&'a str, Failure> {
        let name = if self.record.alias.is_empty() { &self.keypair.alias } else { &self.record.alias };
        if name.contains(['/', '\\', ':', '\0']) || name.starts_with('.') {
            let why = format!("the alias '{name}' cannot be the name of a file");
            return Err(Failure::new("name the file", why, "choose a name with --name").exit(Exit::Usage));
        }
        Ok(name)
    }

    /// DER: the certificate, and with `chain` those that issued it.
    pub fn certificates(&self, chain: bool) -> Vec<&'a [u8]> {
        let above = self.record.chain.iter().map(|der| &der[..]).filter(|_| chain);
        [&self.record.der[..]].into_iter().chain(above).collect()
    }
}

/// The content of a file with these certificates.
///
/// # Errors
/// DER has room for one certificate.
pub fn encode(certificates: &[&[u8]], format: Format, password: &str) -> Result<Vec<u8>, Failure> {
    match (format, certificates) {
        (Format::Pem, _) => Ok(certificates.iter().map(|der| pem("CERTIFICATE", der)).collect::<String>().into_bytes()),
        (Format::Der, [one]) => Ok(one.to_vec()),
        (Format::Der, _) => {
            let why = "a DER file contains one certificate";
            Err(Failure::new("write the chain", why, "use the format pem, p12 or pfx").exit(Exit::Usage))
        }
        (Format::P12 | Format::Pfx, _) => pkcs12(certificates, password),
    }
}

fn pkcs12(certificates: &[&[u8]], password: &str) -> Result<Vec<u8>, Failure> {
    let failed = |why: String| Failure::new("write a PKCS#12 file", why, "use the format pem");
    let mut store = KeyStore::new();
    for (place, der) in certificates.iter().enumerate() {
        let entry = Entry::from_der(der).map_err(|error| failed(error.to_string()))?;
        store.add_entry(&format!("certificate-{}", place + 1), KeyStoreEntry::Certificate(entry));
    }
    store.writer(password).write().map_err(|error| failed(error.to_string()))
}

/// Writes the file. Replaces an existing certificate file, and refuses to replace any other file.
pub fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let name = path.display().to_string();
    match std::fs::read(path) {
        Ok(content) if !is_certificate(&content) => {
            let remedy = "remove it, or choose another name with --name";
            return Err(Failure::new(format!("write {name}"), "it exists, and is not a certificate", remedy));
        }
        _ => {}
    }
    std::fs::write(path, bytes).map_err(|error| unwritten(&name, &error))
}

/// An empty file is what a shell or `mktemp` made for it.
fn is_certificate(content: &[u8]) -> bool {
    let pem = content.trim_ascii_start().starts_with(b"-----BEGIN CERTIFICATE-----");
    let keyless = !content.windows(11).any(|window| window == b"PRIVATE KEY");
    content.is_empty() || pem && keyless || Certificate::parse(content.to_vec()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made() -> Vec<u8> {
        let key = rcgen::KeyPair::generate().unwrap();
        rcgen::CertificateParams::default().self_signed(&key).unwrap().der().to_vec()
    }

    #[test]
    fn a_certificate_is_replaced_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cert");
        let der = made();
        for content in [&b""[..], &der, &encode(&[&der, &der], Format::Pem, "").unwrap()] {
            std::fs::write(&path, content).unwrap();
            write(&path, &der).unwrap();
            assert_eq!(std::fs::read(&path).unwrap(), der);
        }
        let both = [pem("CERTIFICATE", &der), pem("PRIVATE KEY", &[1])].concat();
        for content in ["all: cert.pem\n", &both] {
            std::fs::write(&path, content).unwrap();
            let said = write(&path, &der).unwrap_err().to_string();
            assert!(said.contains("it exists, and is not a certificate"), "{said}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), content);
        }
    }

    #[test]
    fn pkcs12_has_the_certificates_and_no_key_and_der_has_one() {
        let (leaf, issuer) = (made(), made());
        let bytes = encode(&[&leaf, &issuer], Format::P12, "changeit").unwrap();
        let store = KeyStore::from_pkcs12(&bytes, "changeit", p12_keystore::Pkcs12ImportPolicy::Raw).unwrap();
        let all: Vec<_> = store.entries().map(|(_, entry)| entry).collect();
        assert_eq!(all.len(), 2);
        assert!(all.iter().all(|entry| matches!(entry, KeyStoreEntry::Certificate(_))));
        assert_eq!(encode(&[&leaf], Format::Der, "").unwrap(), leaf);
        assert!(
            encode(&[&leaf, &issuer], Format::Der, "").unwrap_err().to_string().contains("contains one certificate")
        );
    }
}
