//! What signatures are verified against: certificates in a file, in PEM.

use super::kind::Kind;
use super::program::Trust;
use crate::account::describe::pem;
use crate::print::{Exit, Failure};
use std::fs;
use std::path::{Path, PathBuf};
use stm_pkcs11::x509::Certificate;

/// Where systems keep the roots that they trust, as one file.
const SYSTEM: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
    "/usr/local/etc/ssl/cert.pem",
];

pub struct Anchors {
    file: PathBuf,
    /// Whether a chain must lead to one of them.
    strict: bool,
    /// Whether they are good for time stamps, too.
    stamps: bool,
    /// Where they are from, for people.
    pub origin: String,
}

impl Anchors {
    /// The certificates above a signer's own, which is the first; with the system's where the service shows no root. Where that is
    /// unknown here, too, the file is verified without it.
    pub fn above(certificates: &[Vec<u8>], work: &Path) -> Result<Anchors, Failure> {
        let file = work.join("anchors.pem");
        let mut text: String = certificates.iter().skip(1).map(|der| pem("CERTIFICATE", der)).collect();
        let is_root = |der: &Vec<u8>| Certificate::parse(der.clone()).is_ok_and(|read| read.is_self_signed());
        if !certificates.iter().any(is_root) {
            text += &system().and_then(|path| fs::read_to_string(path).ok()).unwrap_or_default();
        }
        fs::write(&file, text)
            .map_err(|error| Failure::new(format!("write {}", file.display()), error, "make room on the disk"))?;
        Ok(Anchors { file, strict: false, stamps: false, origin: "the service".to_owned() })
    }

    /// The certificates of a file, else those that the system trusts.
    pub fn of(named: Option<&Path>) -> Result<Anchors, Failure> {
        let remedy = "name a file with root certificates in PEM, with --ca-file";
        let file = named.map(Path::to_owned).or_else(system).ok_or_else(|| {
            Failure::new("find the roots that this system trusts", "there is no file with them", remedy)
        })?;
        let failed = |why: String| Failure::new(format!("read {}", file.display()), why, remedy).exit(Exit::Usage);
        let text = fs::read(&file).map_err(|error| failed(error.to_string()))?;
        if !String::from_utf8_lossy(&text).contains("-----BEGIN CERTIFICATE-----") {
            return Err(failed("it has no certificate in PEM".to_owned()));
        }
        let origin = file.display().to_string();
        Ok(Anchors { file, strict: true, stamps: true, origin })
    }

    /// For files of a kind, with a directory to write into.
    pub fn trust<'a>(&'a self, kind: Kind, work: &'a Path) -> Trust<'a> {
        Trust { kind, anchors: &self.file, strict: self.strict, stamps: self.stamps, work }
    }
}

/// `SSL_CERT_FILE`, else where systems have it.
fn system() -> Option<PathBuf> {
    let named = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    named.into_iter().chain(SYSTEM.map(PathBuf::from)).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("roots.pem");
        let said = Anchors::of(Some(&file)).err().unwrap().to_string();
        assert!(said.contains("roots.pem") && said.contains("--ca-file"), "{said}");
        fs::write(&file, "text").unwrap();
        assert!(Anchors::of(Some(&file)).err().unwrap().to_string().contains("no certificate in PEM"));
        fs::write(&file, "-----BEGIN CERTIFICATE-----\n").unwrap();
        assert!(Anchors::of(Some(&file)).is_ok());
    }
}
