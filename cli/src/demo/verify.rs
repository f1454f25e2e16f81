//! Verification without the module: another implementation (RustCrypto), fed only with certificates and bytes.

use super::client::Signs;
use rsa::pkcs1v15;
use rsa::pkcs8::DecodePublicKey;
use rsa::signature::Verifier;
use sha2::{Sha256, Sha384, Sha512};
use x509_cert::Certificate;
use x509_cert::der::{Decode, Encode};

/// Checks that `signature` over `data` was made with the key that the certificate is for.
pub fn signature(certificate: &[u8], signs: Signs, data: &[u8], signature: &[u8]) -> Result<(), String> {
    let spki = public_key(&parse(certificate)?)?;
    match signs {
        Signs::Sha256RsaPkcs => rsa_signature::<Sha256>(&spki, data, signature),
        Signs::EcdsaSha256 => {
            let key = p256::ecdsa::VerifyingKey::from_public_key_der(&spki).map_err(|error| error.to_string())?;
            let signature = p256::ecdsa::Signature::from_slice(signature).map_err(|error| error.to_string())?;
            key.verify(data, &signature).map_err(|error| error.to_string())
        }
    }
}

/// Checks that each certificate of the chain was signed by the next one and that it ends in `root`; returns the
/// root's name.
pub fn chain(certificates: &[Vec<u8>], root: &[u8]) -> Result<String, String> {
    let parsed = certificates.iter().map(|der| parse(der)).collect::<Result<Vec<_>, _>>()?;
    for pair in parsed.windows(2) {
        let [certificate, issuer] = pair else { continue };
        issued_by(certificate, issuer)?;
    }
    match certificates.last() {
        Some(last) if last == root => Ok(parse(root)?.tbs_certificate().subject().to_string()),
        Some(_) => Err("the chain does not end in the root certificate of the service".to_owned()),
        None => Err("there is no certificate".to_owned()),
    }
}

fn issued_by(certificate: &Certificate, issuer: &Certificate) -> Result<(), String> {
    let name = certificate.tbs_certificate().subject().to_string();
    if certificate.tbs_certificate().issuer() != issuer.tbs_certificate().subject() {
        return Err(format!("{name} names another issuer than the next certificate of the chain"));
    }
    let signed = certificate.tbs_certificate().to_der().map_err(|error| error.to_string())?;
    let signature = certificate.signature().raw_bytes();
    let spki = public_key(issuer)?;
    let algorithm = certificate.signature_algorithm().oid.to_string();
    // The signature algorithms of RFC 4055 and RFC 5758 that a certification authority uses today.
    let result = match algorithm.as_str() {
        "1.2.840.113549.1.1.11" => rsa_signature::<Sha256>(&spki, &signed, signature),
        "1.2.840.113549.1.1.12" => rsa_signature::<Sha384>(&spki, &signed, signature),
        "1.2.840.113549.1.1.13" => rsa_signature::<Sha512>(&spki, &signed, signature),
        "1.2.840.10045.4.3.2" => {
            let key = p256::ecdsa::VerifyingKey::from_public_key_der(&spki).map_err(|error| error.to_string())?;
            let signature = p256::ecdsa::DerSignature::from_bytes(signature).map_err(|error| error.to_string())?;
            key.verify(&signed, &signature).map_err(|error| error.to_string())
        }
        "1.2.840.10045.4.3.3" => {
            let key = p384::ecdsa::VerifyingKey::from_public_key_der(&spki).map_err(|error| error.to_string())?;
            let signature = p384::ecdsa::DerSignature::from_bytes(signature).map_err(|error| error.to_string())?;
            key.verify(&signed, &signature).map_err(|error| error.to_string())
        }
        other => Err(format!("signature algorithm {other} is not known here")),
    };
    result.map_err(|error| format!("{name} is not signed by its issuer: {error}"))
}

fn rsa_signature<D>(spki: &[u8], data: &[u8], signature: &[u8]) -> Result<(), String>
where
    D: sha2::Digest + rsa::pkcs8::AssociatedOid,
{
    let key = rsa::PublicKey::from_public_key_der(spki).map_err(|error| error.to_string())?;
    let signature = pkcs1v15::Signature::try_from(signature).map_err(|error| error.to_string())?;
    pkcs1v15::VerifyingKey::<D>::new(key).verify(data, &signature).map_err(|error| error.to_string())
}

fn parse(der: &[u8]) -> Result<Certificate, String> {
    Certificate::from_der(der).map_err(|error| format!("the certificate cannot be read: {error}"))
}

fn public_key(certificate: &Certificate) -> Result<Vec<u8>, String> {
    certificate.tbs_certificate().subject_public_key_info().to_der().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use p256::ecdsa::signature::Signer;
    use p256::pkcs8::DecodePrivateKey;
    use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

    /// A leaf, its issuer and a root, in DER, with the leaf's private key.
    fn certificates() -> (Vec<Vec<u8>>, KeyPair) {
        let authority = |name: &str| {
            let mut params = CertificateParams::new([]).unwrap();
            params.distinguished_name.push(rcgen::DnType::CommonName, name);
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            params
        };
        let keys = [(); 3].map(|()| KeyPair::generate().unwrap());
        let [root_key, issuer_key, leaf_key] = keys;
        let root = authority("root").self_signed(&root_key).unwrap();
        let root_issuer = Issuer::new(authority("root"), root_key);
        let middle = authority("middle").signed_by(&issuer_key, &root_issuer).unwrap();
        let leaf_issuer = Issuer::new(authority("middle"), issuer_key);
        let leaf = authority("leaf").signed_by(&leaf_key, &leaf_issuer).unwrap();
        (vec![leaf.der().to_vec(), middle.der().to_vec(), root.der().to_vec()], leaf_key)
    }

    #[test]
    fn a_whole_chain_is_accepted_and_the_root_named() {
        let (list, _) = certificates();
        assert_eq!(chain(&list, &list[2]).as_deref(), Ok("CN=root"));
    }

    #[test]
    fn a_chain_with_a_gap_another_root_or_a_changed_certificate_is_refused() {
        let (list, _) = certificates();
        let (others, _) = certificates();
        assert!(chain(&[list[0].clone(), list[2].clone()], &list[2]).is_err());
        assert!(chain(&list, &others[2]).is_err());
        assert!(chain(&[], &list[2]).is_err());
        let stranger = [list[0].clone(), others[1].clone(), others[2].clone()];
        assert!(chain(&stranger, &others[2]).unwrap_err().contains("CN=leaf is not signed by its issuer"));
    }

    #[test]
    fn a_signature_holds_for_its_data_only() {
        let (list, key) = certificates();
        let key = p256::ecdsa::SigningKey::from_pkcs8_der(&key.serialize_der()).unwrap();
        let made: p256::ecdsa::Signature = key.sign(b"data");
        assert_eq!(signature(&list[0], Signs::EcdsaSha256, b"data", &made.to_bytes()), Ok(()));
        assert!(signature(&list[0], Signs::EcdsaSha256, b"date", &made.to_bytes()).is_err());
        assert!(signature(&list[1], Signs::EcdsaSha256, b"data", &made.to_bytes()).is_err());
        assert!(signature(&list[0], Signs::Sha256RsaPkcs, b"data", &made.to_bytes()).is_err());
    }
}
