//! DER from the service and from applications: public keys, certificates, DigestInfo, ECDSA signatures.

use super::reader::Reader;
use stm_pkcs11::mechanism::{PublicKey, allowed_for, fuzzing};
use stm_pkcs11::x509::Certificate;

/// Everything that reads DER takes the same bytes; the first of them is the length of half an ECDSA signature.
pub fn run(data: &[u8]) {
    let mut reader = Reader(data);
    let half = reader.one_of(&[32, 48, 66]);
    let der = reader.0;
    if let Ok(key) = PublicKey::from_spki(der) {
        public_key(&key);
    }
    if let Ok(certificate) = Certificate::parse(der.to_vec()) {
        read(&certificate);
    }
    if let Some((_, digest)) = fuzzing::digest_info(der) {
        assert!(der.ends_with(digest) && (20..=64).contains(&digest.len()));
    }
    if let Some(raw) = fuzzing::ecdsa_to_raw(der, half) {
        assert_eq!(raw.len(), 2 * half);
    }
    if let Some(content) = fuzzing::octet_string(der) {
        assert!(der.ends_with(content) && content.len() < der.len());
    }
}

/// A key that was taken says all of itself, and is read as the same from its own DER; its parts may still be no valid key.
pub fn public_key(key: &PublicKey) {
    assert!(key.bits() > 0 && key.signature_len() > 0 && !key.name().is_empty());
    assert_eq!(PublicKey::from_spki(key.spki()).map(|same| same.bits()).ok(), Some(key.bits()));
    let _ = (key.ec_params(), key.parameter_set(), key.key_type(), allowed_for(key));
    if let (Some(modulus), Some(exponent)) = (key.modulus(), key.exponent()) {
        let _ = PublicKey::rsa(modulus, exponent);
    }
    if let (Some(params), Some(point)) = (key.ec_params(), key.ec_point()) {
        let _ = (PublicKey::ec(params, point), PublicKey::edwards(params, point));
    }
}

fn read(certificate: &Certificate) {
    for part in [certificate.subject(), certificate.issuer(), certificate.serial(), certificate.spki()] {
        assert!(part.len() <= certificate.der().len());
    }
    for (year, month, day) in [certificate.not_before_date(), certificate.not_after_date()].into_iter().flatten() {
        assert!((0..=9999).contains(&year) && (1..=12).contains(&month) && (1..=31).contains(&day));
    }
    let _ = (certificate.is_authority(), certificate.is_self_signed(), certificate.common_name());
    let _ = (certificate.subject_display(), certificate.not_before(), certificate.not_after());
    let _ = PublicKey::from_spki(certificate.spki());
}
