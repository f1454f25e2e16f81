//! The certificate authorities, which issue keypair certificates, the server's TLS certificate and client certificates.

use crate::keys::{Curve, KeyError, KeyKind, KeyMaterial, MlDsaSet};
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa,
    Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose, PublicKeyData, SanType, SerialNumber, SignatureAlgorithm,
};
use std::io;
use std::net::IpAddr;
use time::{Duration, OffsetDateTime};

/// One authority of the set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Role {
    /// The self-signed root of every keypair certificate's chain.
    SigningRoot,
    /// Signs the certificates of RSA keypairs, under the root.
    RsaIssuer,
    /// Signs the certificates of all other keypairs, under the root.
    EcIssuer,
    /// Signs the certificate of the time-stamping server, under the root.
    TimeStampIssuer,
    /// Signs the server's TLS certificate.
    TlsCa,
    /// Signs client certificates that the service accepts.
    ClientCa,
    /// Unrelated to the others, for tests of "the wrong CA".
    OtherCa,
}

impl Role {
    /// Every authority, each issuer before those that it certifies.
    pub const ALL: [Role; 7] = [
        Role::SigningRoot,
        Role::RsaIssuer,
        Role::EcIssuer,
        Role::TimeStampIssuer,
        Role::TlsCa,
        Role::ClientCa,
        Role::OtherCa,
    ];

    /// The file name without extension in the state directory.
    pub fn file_stem(self) -> &'static str {
        match self {
            Role::SigningRoot => "signing-root",
            Role::RsaIssuer => "signing-rsa-intermediate",
            Role::EcIssuer => "signing-ec-intermediate",
            Role::TimeStampIssuer => "time-stamp-intermediate",
            Role::TlsCa => "tls-ca",
            Role::ClientCa => "client-ca",
            Role::OtherCa => "other-ca",
        }
    }

    fn common_name(self) -> &'static str {
        match self {
            Role::SigningRoot => "STM Emulator Code Signing Root",
            Role::RsaIssuer => "STM Emulator Code Signing RSA Issuer",
            Role::EcIssuer => "STM Emulator Code Signing EC Issuer",
            Role::TimeStampIssuer => "STM Emulator Time Stamping Issuer",
            Role::TlsCa => "STM Emulator TLS CA",
            Role::ClientCa => "STM Emulator Client CA",
            Role::OtherCa => "Unrelated CA",
        }
    }

    /// The kind of key. The chain of an RSA keypair has only RSA keys, for verifiers that support nothing else.
    pub fn kind(self) -> KeyKind {
        match self {
            Role::SigningRoot | Role::RsaIssuer => KeyKind::Rsa(3072),
            Role::TimeStampIssuer => KeyKind::Rsa(2048),
            _ => KeyKind::Ec(Curve::P256),
        }
    }

    /// The authority above this one; `None` for a self-signed one.
    pub fn parent(self) -> Option<Role> {
        match self {
            Role::RsaIssuer | Role::EcIssuer | Role::TimeStampIssuer => Some(Role::SigningRoot),
            _ => None,
        }
    }

    fn params(self) -> CertificateParams {
        let mut params = params(self.common_name(), Validity::years(15));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.is_ca = match self {
            Role::SigningRoot => IsCa::Ca(BasicConstraints::Constrained(1)),
            _ => IsCa::Ca(BasicConstraints::Constrained(0)),
        };
        if self.parent().is_some() {
            params.extended_key_usages = match self {
                Role::TimeStampIssuer => vec![ExtendedKeyUsagePurpose::TimeStamping],
                _ => vec![ExtendedKeyUsagePurpose::CodeSigning],
            };
            params.use_authority_key_identifier_extension = true;
        }
        params
    }
}

/// Subject key identifier in the form of public CAs: the SHA-1 of the public key's bits (RFC 5280, section 4.2.1.2,
/// method 1).
fn key_identifier(public_bits: &[u8]) -> Vec<u8> {
    use sha1::Digest as _;
    sha1::Sha1::digest(public_bits).to_vec()
}

/// From when until when a certificate is valid.
#[derive(Clone, Copy, Debug)]
pub struct Validity {
    /// First second of validity.
    pub from: OffsetDateTime,
    /// Last second of validity.
    pub to: OffsetDateTime,
}

impl Validity {
    /// From a day ago (clocks differ), for this many years.
    pub fn years(years: i64) -> Validity {
        let now = now();
        Validity { from: now - Duration::days(1), to: now + Duration::days(365 * years) }
    }

    /// From a day ago, for ten more days.
    pub fn ending() -> Validity {
        let now = now();
        Validity { from: now - Duration::days(1), to: now + Duration::days(10) }
    }

    /// Expired a month ago.
    pub fn expired() -> Validity {
        let now = now();
        Validity { from: now - Duration::days(395), to: now - Duration::days(30) }
    }
}

/// The current time in whole seconds, the resolution of X.509 and of the service's timestamps.
pub fn now() -> OffsetDateTime {
    let now = OffsetDateTime::now_utc();
    now.replace_nanosecond(0).unwrap_or(now)
}

/// An authority with its key, able to issue.
pub struct Authority {
    pub der: Vec<u8>,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    /// Makes the certificate of an authority for a fresh key.
    pub fn found(role: Role, key: &KeyMaterial, parent: Option<&Authority>) -> Result<Authority, KeyError> {
        let pair = key_pair(key)?;
        let mut params = role.params();
        params.key_identifier_method = KeyIdMethod::PreSpecified(key_identifier(&key.public_bits));
        let certificate = match parent {
            Some(parent) => params.signed_by(&pair, &parent.issuer),
            None => params.self_signed(&pair),
        };
        let der = certificate.map_err(KeyError::from_display)?.der().to_vec();
        Ok(Authority { der, issuer: Issuer::new(params, pair) })
    }

    /// An authority whose certificate and key were stored by an earlier run.
    pub fn revive(role: Role, key: &KeyMaterial, der: Vec<u8>) -> Result<Authority, KeyError> {
        let mut params = role.params();
        let identifier = key_identifier(&key.public_bits);
        // Its certificates must contain the identifier of its own certificate; early versions used a different one.
        if der.windows(identifier.len()).any(|window| window == identifier) {
            params.key_identifier_method = KeyIdMethod::PreSpecified(identifier);
        }
        Ok(Authority { der, issuer: Issuer::new(params, key_pair(key)?) })
    }

    /// A code-signing certificate for `key`; `None` if the library cannot certify such a key (SLH-DSA).
    pub fn issue_leaf(
        &self,
        common_name: &str,
        key: &KeyMaterial,
        validity: Validity,
    ) -> Option<Result<Vec<u8>, KeyError>> {
        let public = LeafKey { bits: &key.public_bits, algorithm: algorithm(key.kind)? };
        let mut params = params(common_name, validity);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
        Some(self.sign(params, &public))
    }

    /// The certificate of a time-stamping server (RFC 3161, section 2.3: its one extended key usage is critical).
    pub fn issue_time_stamper(&self, key: &KeyMaterial) -> Result<Vec<u8>, KeyError> {
        /// `2.5.29.37`, and a sequence of the one object identifier `id-kp-timeStamping` (1.3.6.1.5.5.7.3.8).
        const EXTENDED_KEY_USAGE: [u64; 4] = [2, 5, 29, 37];
        const TIME_STAMPING: [u8; 12] = [0x30, 10, 0x06, 8, 0x2b, 6, 1, 5, 5, 7, 3, 8];
        let mut params = params("STM Emulator Time Stamping Server", Validity::years(10));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        // The extension of the library is not critical.
        let mut usage = CustomExtension::from_oid_content(&EXTENDED_KEY_USAGE, TIME_STAMPING.to_vec());
        usage.set_criticality(true);
        params.custom_extensions = vec![usage];
        self.sign(params, &key_pair(key)?)
    }

    /// A certificate that names a client of the service.
    pub fn issue_client(&self, common_name: &str, key: &KeyMaterial, validity: Validity) -> Result<Vec<u8>, KeyError> {
        let mut params = params(common_name, validity);
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
        self.sign(params, &key_pair(key)?)
    }

    /// A TLS server certificate for this machine's loopback names and for `address`.
    pub fn issue_server(&self, address: IpAddr, key: &KeyMaterial) -> Result<Vec<u8>, KeyError> {
        let mut params = params("localhost", Validity::years(5));
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let name = "localhost".try_into().map_err(KeyError::from_display)?;
        params.subject_alt_names = vec![
            SanType::DnsName(name),
            SanType::IpAddress(IpAddr::from([127, 0, 0, 1])),
            SanType::IpAddress(IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1])),
        ];
        if !address.is_loopback() && !address.is_unspecified() {
            params.subject_alt_names.push(SanType::IpAddress(address));
        }
        self.sign(params, &key_pair(key)?)
    }

    fn sign(&self, mut params: CertificateParams, public: &impl PublicKeyData) -> Result<Vec<u8>, KeyError> {
        params.use_authority_key_identifier_extension = true;
        // The library writes a subject key identifier only together with basic constraints.
        params.is_ca = IsCa::ExplicitNoCa;
        params.key_identifier_method = KeyIdMethod::PreSpecified(key_identifier(public.der_bytes()));
        let certificate = params.signed_by(public, &self.issuer).map_err(KeyError::from_display)?;
        Ok(certificate.der().to_vec())
    }
}

fn params(common_name: &str, validity: Validity) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.not_before = validity.from;
    params.not_after = validity.to;
    params.serial_number = Some(random_serial());
    let mut name = DistinguishedName::new();
    name.push(DnType::OrganizationName, "STM Emulator");
    name.push(DnType::CommonName, common_name);
    params.distinguished_name = name;
    params
}

/// A separate serial number for every certificate; the library's default depends only on the key, and keys can be
/// shared.
fn random_serial() -> SerialNumber {
    let mut bytes = [0u8; 16];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system's random source works");
    // Positive, and without leading zero octets.
    bytes[0] = bytes[0] & 0x7f | 0x40;
    SerialNumber::from_slice(&bytes)
}

/// A public key in the form that the certificate library requires.
struct LeafKey<'a> {
    bits: &'a [u8],
    algorithm: &'static SignatureAlgorithm,
}

impl PublicKeyData for LeafKey<'_> {
    fn der_bytes(&self) -> &[u8] {
        self.bits
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.algorithm
    }
}

fn algorithm(kind: KeyKind) -> Option<&'static SignatureAlgorithm> {
    Some(match kind {
        KeyKind::Rsa(_) => &rcgen::PKCS_RSA_SHA256,
        KeyKind::Ec(Curve::P256) => &rcgen::PKCS_ECDSA_P256_SHA256,
        KeyKind::Ec(Curve::P384) => &rcgen::PKCS_ECDSA_P384_SHA384,
        KeyKind::Ec(Curve::P521) => &rcgen::PKCS_ECDSA_P521_SHA512,
        KeyKind::Ed25519 => &rcgen::PKCS_ED25519,
        KeyKind::MlDsa(MlDsaSet::Set44) => &rcgen::PKCS_ML_DSA_44,
        KeyKind::MlDsa(MlDsaSet::Set65) => &rcgen::PKCS_ML_DSA_65,
        KeyKind::MlDsa(MlDsaSet::Set87) => &rcgen::PKCS_ML_DSA_87,
        KeyKind::SlhDsa(_) => return None,
    })
}

fn key_pair(key: &KeyMaterial) -> Result<KeyPair, KeyError> {
    let algorithm = algorithm(key.kind).ok_or_else(|| KeyError(format!("{:?} cannot sign certificates", key.kind)))?;
    let der = rcgen_pkcs8(key);
    KeyPair::from_pkcs8_der_and_sign_algo(&der, algorithm).map_err(KeyError::from_display)
}

fn rcgen_pkcs8(key: &KeyMaterial) -> tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer<'_> {
    key.pkcs8().into()
}

/// PEM (RFC 7468), with lines of 64 characters.
pub fn pem(label: &str, der: &[u8]) -> String {
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der);
    let mut out = format!("-----BEGIN {label}-----\n");
    for line in text.as_bytes().chunks(64) {
        out.push_str(std::str::from_utf8(line).unwrap_or_default());
        out.push('\n');
    }
    out.push_str(&format!("-----END {label}-----\n"));
    out
}

/// The first PEM block of a text, whatever its label.
pub fn first_pem(text: &str) -> io::Result<Vec<u8>> {
    use base64::Engine as _;
    let body: String = text
        .lines()
        .skip_while(|line| !line.starts_with("-----BEGIN "))
        .skip(1)
        .take_while(|l| !l.starts_with("-----"))
        .collect();
    let der = base64::engine::general_purpose::STANDARD.decode(body.trim());
    match der {
        Ok(der) if !der.is_empty() => Ok(der),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "not a PEM file")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pem_armour_comes_off_as_it_went_on() {
        let bytes: Vec<u8> = (0..200).collect();
        assert_eq!(first_pem(&pem("CERTIFICATE", &bytes)).unwrap(), bytes);
        assert!(first_pem("no armour here").is_err());
    }

    #[test]
    fn two_certificates_for_one_key_differ_in_their_serial() {
        let key = KeyMaterial::generate(KeyKind::Ec(Curve::P256)).unwrap();
        let authority = Authority::found(Role::OtherCa, &key, None).unwrap();
        let leaf = || authority.issue_leaf("x", &key, Validity::years(1)).unwrap().unwrap();
        assert_ne!(leaf(), leaf());
    }

    #[test]
    fn every_kind_of_key_but_slh_dsa_gets_a_certificate() {
        let issuer = KeyMaterial::generate(KeyKind::Ec(Curve::P256)).unwrap();
        let authority = Authority::found(Role::OtherCa, &issuer, None).unwrap();
        for kind in KeyKind::all().filter(|kind| !matches!(kind, KeyKind::Rsa(3072 | 4096))) {
            let slow = matches!(kind, KeyKind::SlhDsa(set) if set.name.ends_with('s'));
            if slow {
                continue;
            }
            let key = KeyMaterial::generate(kind).unwrap();
            let leaf = authority.issue_leaf("x", &key, Validity::years(1));
            assert_eq!(leaf.is_none(), matches!(kind, KeyKind::SlhDsa(_)), "{kind:?}");
            if let Some(leaf) = leaf {
                let leaf = leaf.unwrap();
                let spki = &key.spki;
                assert!(leaf.windows(spki.len()).any(|window| window == spki), "{kind:?} certificate holds the key");
            }
        }
    }
}
