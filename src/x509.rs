//! Certificates, parsed tolerantly, for the attributes of the token.
//!
//! The token shows certificates that a verifier would refuse, because the user has to see what the service has. Only
//! data that is not a certificate is an error.

use crate::der;
use crate::error::{Error, Result};
use cryptoki_sys::CKR_ATTRIBUTE_VALUE_INVALID;
use sha1::{Digest, Sha1};
use std::fmt;
use std::ops::Range;
use x509_parser::asn1_rs::Tag;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::{ASN1Time, FromDer};

/// A certificate, with the positions of its parts.
#[derive(Clone)]
pub struct Certificate {
    der: Box<[u8]>,
    subject: Range<usize>,
    issuer: Range<usize>,
    spki: Range<usize>,
    serial: Box<[u8]>,
    common_name: Option<Box<str>>,
    key_sha1: [u8; 20],
    not_before: i64,
    not_after: i64,
    authority: bool,
}

/// A name in DER as one line of text; empty for what is not one.
pub fn name_display(name: &[u8]) -> String {
    x509_parser::x509::X509Name::from_der(name).map_or_else(|_| String::new(), |(_, name)| name.to_string())
}

/// The position of `part` in `whole`.
fn place(whole: &[u8], part: &[u8]) -> Option<Range<usize>> {
    let start = (part.as_ptr() as usize).checked_sub(whole.as_ptr() as usize)?;
    let end = start.checked_add(part.len())?;
    (end <= whole.len()).then_some(start..end)
}

impl Certificate {
    /// Parses one certificate in DER. Bytes after its end are an error.
    pub fn parse(der: Vec<u8>) -> Result<Self> {
        let unreadable = || Error::new(CKR_ATTRIBUTE_VALUE_INVALID, "it is not an X.509 certificate");
        let (rest, certificate) = X509Certificate::from_der(&der).map_err(|_| unreadable())?;
        if !rest.is_empty() {
            return Err(unreadable());
        }
        let range = |part: &[u8]| place(&der, part).ok_or_else(unreadable);
        let parsed = Self {
            subject: range(certificate.subject().as_raw())?,
            issuer: range(certificate.issuer().as_raw())?,
            spki: range(certificate.public_key().raw)?,
            serial: der::element(0x02, certificate.raw_serial()).into(),
            common_name: certificate
                .subject()
                .iter_common_name()
                .last()
                .and_then(|name| name.as_str().ok())
                .map(Into::into),
            key_sha1: Sha1::digest(&certificate.public_key().subject_public_key.data).into(),
            not_before: certificate.validity().not_before.timestamp(),
            not_after: certificate.validity().not_after.timestamp(),
            authority: certificate.is_ca(),
            der: Box::default(),
        };
        Ok(Self { der: der.into(), ..parsed })
    }

    /// The whole certificate, in the original encoding.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Subject name in DER.
    pub fn subject(&self) -> &[u8] {
        &self.der[self.subject.clone()]
    }

    /// Issuer name in DER.
    pub fn issuer(&self) -> &[u8] {
        &self.der[self.issuer.clone()]
    }

    /// Serial number as DER INTEGER.
    pub fn serial(&self) -> &[u8] {
        &self.serial
    }

    /// SubjectPublicKeyInfo in DER.
    pub fn spki(&self) -> &[u8] {
        &self.der[self.spki.clone()]
    }

    /// Start of validity, seconds since 1970.
    pub fn not_before(&self) -> i64 {
        self.not_before
    }

    /// End of validity, seconds since 1970.
    pub fn not_after(&self) -> i64 {
        self.not_after
    }

    /// Start of validity as year, month, day (UTC).
    pub fn not_before_date(&self) -> Option<(i32, u32, u32)> {
        date(self.not_before)
    }

    /// End of validity as year, month, day (UTC).
    pub fn not_after_date(&self) -> Option<(i32, u32, u32)> {
        date(self.not_after)
    }

    /// Whether its basic constraints mark it as a CA.
    pub fn is_authority(&self) -> bool {
        self.authority
    }

    /// Whether its extended key usages permit code signing; true if it has none (RFC 5280, 4.2.1.12).
    pub fn permits_code_signing(&self) -> bool {
        let Ok((_, read)) = X509Certificate::from_der(&self.der) else { return false };
        match read.extended_key_usage() {
            Ok(Some(usage)) => usage.value.code_signing || usage.value.any,
            _ => true,
        }
    }

    /// Whether its key uses explicit curve parameters instead of a named curve, which RFC 5480 forbids.
    pub fn has_explicit_curve(&self) -> bool {
        let Ok((_, read)) = X509Certificate::from_der(&self.der) else { return false };
        let algorithm = &read.public_key().algorithm;
        algorithm.algorithm == x509_parser::oid_registry::OID_KEY_TYPE_EC_PUBLIC_KEY
            && algorithm.parameters.as_ref().is_some_and(|parameters| parameters.tag() == Tag::Sequence)
    }

    /// Whether subject and issuer are the same name.
    pub fn is_self_signed(&self) -> bool {
        self.subject() == self.issuer()
    }

    /// The subject's (last) common name.
    pub fn common_name(&self) -> Option<String> {
        self.common_name.as_deref().map(str::to_owned)
    }

    /// The subject as one line of text.
    pub fn subject_display(&self) -> String {
        name_display(self.subject())
    }

    /// SHA-1 of the public key's bits: the value that most issuers use as subject key identifier.
    pub fn subject_public_key_sha1(&self) -> [u8; 20] {
        self.key_sha1
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({})", self.subject_display())
    }
}

fn date(timestamp: i64) -> Option<(i32, u32, u32)> {
    let date = ASN1Time::from_timestamp(timestamp).ok()?.to_datetime();
    Some((date.year(), u8::from(date.month()).into(), date.day().into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};

    fn named(name: &str) -> CertificateParams {
        let mut params = CertificateParams::default();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(DnType::CountryName, "DE");
        params.distinguished_name.push(DnType::CommonName, name);
        params
    }

    #[test]
    fn a_certificate_shows_its_parts_as_they_are_encoded() {
        let (authoritys, own) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
        let mut root = named("root");
        root.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let made = root.self_signed(&authoritys).unwrap();
        let read = Certificate::parse(made.der().to_vec()).unwrap();
        assert!(read.is_authority() && read.is_self_signed());

        let mut params = named("leaf");
        params.serial_number = Some(vec![7, 8, 9].into());
        params.not_before = rcgen::date_time_ymd(2024, 2, 29);
        params.not_after = rcgen::date_time_ymd(2031, 12, 30);
        let made = params.signed_by(&own, &Issuer::from_params(&root, &authoritys)).unwrap();
        let leaf = Certificate::parse(made.der().to_vec()).unwrap();
        assert!(!leaf.is_authority() && !leaf.is_self_signed());
        assert_eq!(leaf.der(), &made.der()[..]);
        assert_eq!(leaf.issuer(), read.subject());
        assert_eq!(leaf.serial(), [2, 3, 7, 8, 9]);
        assert_eq!(leaf.spki(), rcgen::PublicKeyData::subject_public_key_info(&own));
        let bits: [u8; 20] = Sha1::digest(own.public_key_raw()).into();
        assert_eq!(leaf.subject_public_key_sha1(), bits);
        assert_eq!(leaf.not_before_date(), Some((2024, 2, 29)));
        assert_eq!(leaf.not_after_date(), Some((2031, 12, 30)));
        assert_eq!(leaf.common_name().as_deref(), Some("leaf"));
        assert_eq!(leaf.subject_display(), "C=DE, CN=leaf");
        assert_eq!(name_display(leaf.issuer()), "C=DE, CN=root");
        assert_eq!(name_display(b"no name"), "");
        assert_eq!(format!("{leaf:?}"), "Certificate(C=DE, CN=leaf)");
    }

    #[test]
    fn a_certificate_without_usages_or_with_the_right_or_any_permits_code_signing() {
        use ExtendedKeyUsagePurpose::*;
        let key = KeyPair::generate().unwrap();
        for (usages, permits) in [
            (vec![], true),
            (vec![CodeSigning], true),
            (vec![ServerAuth, CodeSigning], true),
            (vec![Any], true),
            (vec![ServerAuth], false),
        ] {
            let mut params = named("signer");
            params.extended_key_usages = usages.clone();
            let made = params.self_signed(&key).unwrap();
            assert_eq!(Certificate::parse(made.der().to_vec()).unwrap().permits_code_signing(), permits, "{usages:?}");
        }
    }

    #[test]
    fn only_an_elliptic_curve_that_is_written_out_is_explicit() {
        // id-ecPublicKey and rsaEncryption; the parameters of an RSASSA-PSS key are a SEQUENCE, too.
        let (ec, rsa) =
            ([0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1], [6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 1, 1, 1]);
        let (curve, sequence) = ([0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7], [0x30, 3, 2, 1, 1]);
        let sequence_of = |parts: &[&[u8]]| der::element(0x30, &parts.concat());
        for (algorithm, explicit) in [
            ([&ec[..], &sequence].concat(), true),
            ([&ec[..], &curve].concat(), false),
            ([&rsa[..], &sequence].concat(), false),
            (ec.to_vec(), false),
        ] {
            let (signature, name) = (sequence_of(&[&rsa, &[5, 0]]), sequence_of(&[]));
            let time = der::element(0x17, b"240101000000Z");
            let key = der::spki(&algorithm, &[4; 65]);
            let content = [&[2, 1, 1], &signature[..], &name, &sequence_of(&[&time, &time]), &name, &key];
            let whole = sequence_of(&[&sequence_of(&content), &signature, &[3, 2, 0, 0]]);
            assert_eq!(Certificate::parse(whole).unwrap().has_explicit_curve(), explicit, "{algorithm:02x?}");
        }
    }

    #[test]
    fn what_is_no_certificate_is_an_error_and_never_a_panic() {
        let mut state = 1u64;
        for len in 0..400 {
            let noise: Vec<u8> = (0..len)
                .map(|_| {
                    state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                    (state >> 56) as u8
                })
                .collect();
            assert!(Certificate::parse(noise.clone()).is_err());
            let mut sequence = vec![0x30, 0x82, 0x01, 0x00];
            sequence.extend(noise);
            let _ = Certificate::parse(sequence);
        }
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(date(0), Some((1970, 1, 1)));
        assert_eq!(date(1_709_164_800), Some((2024, 2, 29)));
    }
}
