//! The signatures in a file, as they say themselves who made them and when. Whether they are good is another question, which
//! [`super::verification`] puts to a program that verifies.

use super::archive;
use super::cms;
use super::kind::Kind;
use super::program::extract_signature;
use crate::print::Failure;
use ::cms::cert::CertificateChoices;
use ::cms::signed_data::{SignedData, SignerIdentifier, SignerInfo};
use data_encoding::HEXLOWER;
use der::{Any, Decode, Encode, Tag, Tagged};
use std::path::Path;
use stm_pkcs11::mechanism::sha1;
use stm_pkcs11::x509::Certificate;

/// One signature.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Signature {
    /// The subject of the signer's certificate.
    pub signer: String,
    pub issuer: String,
    /// SHA-1 of the signer's certificate, in lower-case hexadecimal digits.
    pub fingerprint: String,
    /// When it was stamped (UTC), and the subject of the server's certificate; `None` without a time stamp.
    pub stamp: Option<(String, String)>,
}

/// Microsoft's attributes: a signature within a signature, and its time stamp; and the time stamp of RFC 3161.
const NESTED: &str = "1.3.6.1.4.1.311.2.4.1";
const STAMPS: [&str; 2] = ["1.3.6.1.4.1.311.3.3.1", "1.2.840.113549.1.9.16.2.14"];

/// The signatures of a file; none where its kind keeps them where they are not read here (Android packages, extensions).
pub fn read(kind: Kind, path: &Path, work: &Path) -> Result<Vec<Signature>, Failure> {
    let messages = match kind {
        Kind::Jar => blocks(path)?,
        Kind::NuGet => vec![archive::read(path, ".signature.p7s")?],
        // "PKCX", then the message.
        Kind::Appx => vec![archive::read(path, "AppxSignature.p7x")?.split_off(4)],
        Kind::Cat => vec![std::fs::read(path).map_err(|error| {
            Failure::new(format!("read {}", path.display()), error, "name a file that can be read")
        })?],
        Kind::Apk | Kind::Vsix | Kind::WindowsScript => Vec::new(),
        Kind::Pe | Kind::Msi | Kind::Cab | Kind::PowerShell => extract_signature(path, work)?.into_iter().collect(),
    };
    Ok(messages.iter().filter_map(|message| cms::signed_data(message).ok()).flat_map(|data| all(&data)).collect())
}

/// The signature blocks of a Java archive.
fn blocks(path: &Path) -> Result<Vec<Vec<u8>>, Failure> {
    let names = archive::names(path)?;
    let blocks =
        names.iter().filter(|name| archive::is_of_signature(name) && !name.to_ascii_uppercase().ends_with(".SF"));
    blocks.map(|name| archive::read(path, name)).collect()
}

/// Those of a message, the nested ones behind their own.
fn all(data: &SignedData) -> Vec<Signature> {
    let mut found = Vec::new();
    for signer in data.signer_infos.0.iter() {
        let certificate = certificate(data, signer);
        let unsigned = signer.unsigned_attrs.iter().flat_map(|attributes| attributes.iter());
        let values = |wanted: &[&str]| -> Vec<Any> {
            let wanted = unsigned.clone().filter(|attribute| wanted.contains(&attribute.oid.to_string().as_str()));
            wanted.flat_map(|attribute| attribute.values.iter().cloned()).collect()
        };
        found.push(Signature {
            signer: certificate.as_ref().map(Certificate::subject_display).unwrap_or_default(),
            issuer: certificate.as_ref().map(issuer).unwrap_or_default(),
            fingerprint: certificate.as_ref().map(|read| HEXLOWER.encode(&sha1(read.der()))).unwrap_or_default(),
            stamp: values(&STAMPS).iter().find_map(stamp),
        });
        let messages = values(&[NESTED]).into_iter().filter_map(|value| value.to_der().ok());
        found.extend(messages.filter_map(|message| cms::signed_data(&message).ok()).flat_map(|data| all(&data)));
    }
    found
}

fn issuer(certificate: &Certificate) -> String {
    stm_pkcs11::x509::name_display(certificate.issuer())
}

/// The certificate of a signer, among those of the message.
fn certificate(data: &SignedData, signer: &SignerInfo) -> Option<Certificate> {
    let certificates = data.certificates.as_ref()?.0.iter();
    let mut own = certificates.filter_map(|choice| match choice {
        CertificateChoices::Certificate(certificate) => Some(certificate),
        CertificateChoices::Other(_) => None,
    });
    let der = own.find(|certificate| match &signer.sid {
        SignerIdentifier::IssuerAndSerialNumber(sid) => {
            let tbs = &certificate.tbs_certificate;
            tbs.issuer == sid.issuer && tbs.serial_number == sid.serial_number
        }
        SignerIdentifier::SubjectKeyIdentifier(_) => true,
    });
    Certificate::parse(der?.to_der().ok()?).ok()
}

/// Time and server of a time stamp's token.
fn stamp(token: &Any) -> Option<(String, String)> {
    let data = cms::signed_data(&token.to_der().ok()?).ok()?;
    let content = data.encap_content_info.econtent.as_ref()?.decode_as::<der::asn1::OctetString>().ok()?;
    let fields = Vec::<Any>::from_der(content.as_bytes()).ok()?;
    let time = fields.iter().find(|field| field.tag() == Tag::GeneralizedTime)?;
    let server = certificate(&data, data.signer_infos.0.get(0)?);
    let server = server.map(|server| server.subject_display()).unwrap_or_default();
    Some((super::timestamp::time(&String::from_utf8_lossy(time.value())), server))
}
