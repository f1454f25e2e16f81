//! Keypairs and certificates, formatted for users and as JSON.

use data_encoding::HEXLOWER;
use pem_rfc7468::LineEnding;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::time::{SystemTime, UNIX_EPOCH};
use stm_pkcs11::mechanism::PublicKey;
use stm_pkcs11::service::{Keypair, KeypairCertificate};
use stm_pkcs11::x509::Certificate;

/// A certificate of a keypair.
pub struct Held<'a> {
    pub record: &'a KeypairCertificate,
    /// The parsed certificate; the error says why it cannot be used.
    pub read: Result<Certificate, Unfit>,
}

/// Why the module shows no certificate, although the service has one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unfit {
    Unreadable,
    /// Its public key is not the keypair's.
    OtherKey,
}

impl Unfit {
    /// The end of a sentence that begins with the certificate.
    pub fn why(self) -> &'static str {
        match self {
            Self::Unreadable => "is not a readable X.509 certificate",
            Self::OtherKey => "belongs to another key than the keypair's",
        }
    }
}

/// The certificates of a keypair, the default one first, each checked like in the module.
pub fn certificates(keypair: &Keypair) -> Vec<Held<'_>> {
    let judged = |record| Held { record, read: judge(keypair, record) };
    keypair.certificates.iter().map(judged).collect()
}

fn judge(keypair: &Keypair, record: &KeypairCertificate) -> Result<Certificate, Unfit> {
    let read = Certificate::parse(record.der.clone()).map_err(|_| Unfit::Unreadable)?;
    let key = keypair.public_key.as_deref().and_then(|spki| PublicKey::from_spki(spki).ok());
    match (&key, keypair.public_key.as_deref()) {
        (Some(key), _) if !key.is_of(read.spki()) => Err(Unfit::OtherKey),
        (None, Some(spki)) if spki != read.spki() => Err(Unfit::OtherKey),
        _ => Ok(read),
    }
}

/// The certificate that the module chooses for a keypair; the token shows it if it is usable.
pub fn chosen(keypair: &Keypair) -> Option<Held<'_>> {
    let record = keypair.default_certificate()?;
    Some(Held { record, read: judge(keypair, record) })
}

/// The certificate that the token shows for a keypair.
pub fn certificate(keypair: &Keypair) -> Option<Certificate> {
    chosen(keypair)?.read.ok()
}

/// Kind and size of the key.
pub fn key(keypair: &Keypair) -> String {
    let read = keypair.public_key.as_deref().and_then(|der| PublicKey::from_spki(der).ok());
    read.map_or_else(|| keypair.key_alg.clone(), |key| key.name())
}

/// The algorithm of a key as the service's own tools write it.
pub struct Algorithm {
    pub family: String,
    /// In bits; empty where a curve or a parameter set says more.
    pub size: String,
    /// Curve or parameter set; empty for RSA.
    pub curve: String,
}

impl std::fmt::Display for Algorithm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match [&*self.size, &*self.curve].concat().as_str() {
            "" => write!(f, "{}", self.family),
            which => write!(f, "{} - {which}", self.family),
        }
    }
}

/// Family, and size or curve, of a keypair's key; the service's own word where its kind is not known.
pub fn algorithm(keypair: &Keypair) -> Algorithm {
    let name = key(keypair);
    let of = |family: &str, size: &str, curve: &str| Algorithm {
        family: family.to_owned(),
        size: size.to_owned(),
        curve: curve.to_owned(),
    };
    match name.as_str() {
        known if known.starts_with("RSA-") => of("RSA", &known[4..], ""),
        known if known.starts_with("P-") => of("ECDSA", "", &known.replace('-', "")),
        "Ed25519" => of("EdDSA", "", "Ed25519"),
        known if known.starts_with("ML-DSA-") => of("MLDSA", "", known),
        known if known.starts_with("SLH-DSA-") => of("SLHDSA", "", known),
        known if known == keypair.key_alg => of(known, "", ""),
        curve => of("ECDSA", "", curve),
    }
}

/// As people write dates.
pub fn day(date: Option<(i32, u32, u32)>) -> String {
    date.map_or_else(String::new, |(year, month, day)| format!("{year:04}-{month:02}-{day:02}"))
}

/// Seconds since 1970.
pub fn now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs() as i64)
}

/// PEM (RFC 7468) with this label.
pub fn pem(label: &str, der: &[u8]) -> String {
    pem_rfc7468::encode_string(label, LineEnding::LF, der).expect("the label has letters and blanks only")
}

/// A keypair's `CKA_ID` in the notation of PKCS#11 clients: lower-case hexadecimal digits.
pub fn cka_id(keypair: &Keypair, key_prefix: &str) -> String {
    HEXLOWER.encode(&stm_pkcs11::token::object_id(&keypair.id, &keypair.alias, key_prefix))
}

/// `docs/companion.schema.json` describes it.
pub fn keypair_json(keypair: &Keypair, key_prefix: &str) -> Value {
    json!({
        "id": keypair.id, "cka_id": cka_id(keypair, key_prefix), "alias": keypair.alias, "key": key(keypair),
        "status": keypair.key_status, "type": keypair.key_type, "storage": keypair.key_storage,
        "signable": keypair.signable,
        "public_key": keypair.public_key.as_deref().map(|der| pem("PUBLIC KEY", der)),
        "certificates": certificates(keypair).iter().map(certificate_json).collect::<Vec<_>>(),
    })
}

/// `docs/companion.schema.json` describes it.
pub fn certificate_json(held: &Held<'_>) -> Value {
    let record = held.record;
    let read = Certificate::parse(record.der.clone()).ok();
    json!({
        "id": record.id, "alias": record.alias, "status": record.status, "default": record.default,
        "chosen": record.chosen,
        "subject": read.as_ref().map(Certificate::subject_display),
        "serial": read.as_ref().map(serial),
        "not_before": read.as_ref().map(|read| day(read.not_before_date())),
        "not_after": read.as_ref().map(|read| day(read.not_after_date())),
        "chain_length": record.chain.len(),
        "problem": held.read.as_ref().err().map(|unfit| unfit.why()),
    })
}

/// A single certificate; `docs/companion.schema.json` describes it.
pub fn bare_certificate_json(der: &[u8]) -> Value {
    let read = Certificate::parse(der.to_vec()).ok();
    json!({
        "subject": read.as_ref().map(Certificate::subject_display),
        "serial": read.as_ref().map(serial),
        "not_before": read.as_ref().map(|read| day(read.not_before_date())),
        "not_after": read.as_ref().map(|read| day(read.not_after_date())),
        "sha256": HEXLOWER.encode(&Sha256::digest(der)),
        "pem": pem("CERTIFICATE", der),
    })
}

/// The serial number's digits, without the tag and length of its DER.
pub fn serial(certificate: &Certificate) -> String {
    let der = certificate.serial();
    let head = if der.get(1).is_some_and(|length| *length > 0x7f) { 4 } else { 2 };
    HEXLOWER.encode(der.get(head..).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::{Engine, prelude::BASE64_STANDARD};

    #[test]
    fn pem_has_lines_of_64_and_reads_back() {
        let text = pem("CERTIFICATE", &[7; 100]);
        assert!(text.lines().all(|line| line.len() <= 64));
        let body: String = text.lines().filter(|line| !line.starts_with("-----")).collect();
        assert_eq!(BASE64_STANDARD.decode(body).unwrap(), [7; 100]);
    }
}
