//! Certificates that certain client programs are known to reject, and the fix. docs/clients has the programs.

use super::visit::Visit;
use crate::account::describe;
use std::sync::Arc;
use stm_pkcs11::plural::counted;
use stm_pkcs11::service::Keypair;
use stm_pkcs11::x509::Certificate;

/// A property of a certificate, and its consequence.
struct Choke {
    met: fn(&Certificate) -> bool,
    /// The end of a sentence that begins with the certificate.
    what: &'static str,
    remedy: &'static str,
    /// Whether the property also matters for the certificates above it.
    issuers: bool,
}

const CHOKES: &[Choke] = &[
    Choke {
        // An empty SEQUENCE.
        met: |certificate| certificate.subject() == [0x30, 0],
        what: "has an empty subject, at which Java reads no keypair of the account at all",
        remedy: "name the other keypairs in STM_PKCS11_KEYPAIRS, or issue a certificate with a subject",
        issuers: true,
    },
    Choke {
        met: |certificate| certificate.serial().get(2).is_some_and(|first| first & 0x80 != 0),
        what: "has a negative serial number, at which Go and newer OpenSSL refuse it",
        remedy: "issue another certificate for the keypair",
        issuers: true,
    },
    Choke {
        met: Certificate::has_explicit_curve,
        what: "writes out the parameters of its curve, which Java, Go and NSS do not accept",
        remedy: "issue another certificate for the keypair, with a named curve",
        issuers: true,
    },
    Choke {
        met: |certificate| !certificate.permits_code_signing(),
        what: "is not for code signing (extended key usage), and Windows, jarsigner and NSS's signtool refuse what it signs",
        remedy: "issue a code signing certificate for the keypair, or sign only what needs none",
        issuers: false,
    },
];

/// Warns about each property of a keypair's certificate, or of one above it.
pub fn look(visit: &mut Visit, alias: &str, certificate: &Certificate, chain: &[Arc<[u8]>]) {
    let issuers: Vec<Certificate> = chain.iter().filter_map(|der| Certificate::parse(der.to_vec()).ok()).collect();
    for choke in CHOKES {
        if (choke.met)(certificate) {
            visit.warning("client programs", format!("{alias}: its certificate {}", choke.what), choke.remedy);
        } else if let Some(issuer) = issuers.iter().find(|issuer| choke.issuers && (choke.met)(issuer)) {
            let detail = format!("{alias}: the issuer's certificate '{}' {}", issuer.subject_display(), choke.what);
            let remedy = "hide issuers with STM_PKCS11_CHAIN=off, or issue another certificate for the keypair";
            visit.warning("client programs", detail, remedy);
        }
    }
}

/// poppler's pdfsig (22.12) crashes if any slot has an Ed25519 certificate.
pub fn edwards(visit: &mut Visit, keypairs: &[&Arc<Keypair>]) {
    let is_edwards = |keypair: &&&Arc<Keypair>| {
        describe::certificate(keypair).is_some() && describe::key(keypair).eq_ignore_ascii_case("Ed25519")
    };
    let met: Vec<&str> = keypairs.iter().filter(is_edwards).map(|keypair| keypair.alias.as_str()).collect();
    let Some(first) = met.first() else { return };
    let (others, has) = match met.len() {
        1 => (String::new(), "has an Ed25519 certificate"),
        count => (format!(" and {}", counted(count - 1, "other")), "have Ed25519 certificates"),
    };
    let detail = format!("{first}{others} {has}, which makes pdfsig (poppler) crash, whichever key it signs with");
    visit.warning("client programs", detail, "set STM_PKCS11_MODERN_SLOT=off for pdfsig; other programs work with it");
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, SerialNumber};

    fn made(change: impl FnOnce(&mut CertificateParams)) -> Certificate {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "somebody");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::CodeSigning];
        change(&mut params);
        let made = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
        Certificate::parse(made.der().to_vec()).unwrap()
    }

    fn met(certificate: &Certificate) -> Vec<&'static str> {
        CHOKES.iter().filter(|choke| (choke.met)(certificate)).map(|choke| choke.what).collect()
    }

    #[test]
    fn each_is_met_by_a_certificate_that_is_like_that_and_by_no_other() {
        assert_eq!(met(&made(|_| {})), [""; 0]);
        let empty = met(&made(|params| params.distinguished_name = rcgen::DistinguishedName::new()));
        assert!(empty.len() == 1 && empty[0].contains("empty subject"), "{empty:?}");
        let usage = met(&made(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth]));
        assert!(usage.len() == 1 && usage[0].contains("not for code signing"), "{usage:?}");
        assert_eq!(
            met(&made(|params| params.extended_key_usages = Vec::new())),
            [""; 0],
            "without any, all is permitted"
        );
        assert_eq!(met(&made(|params| params.serial_number = Some(SerialNumber::from(vec![0x7f, 1])))), [""; 0]);
    }
}
