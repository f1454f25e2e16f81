//! An encrypted private key in PEM: PKCS#8 with PBES2 (RFC 5958, RFC 8018), written by `openssl pkcs8 -topk8`, `openssl
//! genpkey` and GnuTLS. Older forms are refused; the message has the command that converts them.

use super::derivation_cost;
use super::failure::{Failure, Kind};
use memchr::memmem;
use pkcs8::pkcs5::Error as Pkcs5Error;
use pkcs8::pkcs5::pbes2::PBES2_OID;
use pkcs8::{EncryptedPrivateKeyInfoRef, Error, PrivateKeyInfoRef};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use x509_parser::asn1_rs::{Any, FromDer, Oid};
use x509_parser::pem::Pem;

/// The marker of an encrypted PKCS#8 key (RFC 7468).
const BEGIN: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----";
/// The header of a key in OpenSSL's oldest encrypted form (RFC 1421), with or without a blank after the comma.
const TRADITIONAL: [&str; 2] = ["Proc-Type: 4,ENCRYPTED", "Proc-Type: 4, ENCRYPTED"];

/// Converts any form that OpenSSL reads to the supported one.
const CONVERT: &str = "convert it: openssl pkcs8 -topk8 -v2 aes-256-cbc -in FILE -out client.key";

/// The decrypted key of a PEM text; `None` if the text has no encrypted key. `name` is the name of its file in
/// messages.
pub fn decrypt(name: &str, pem: &[u8], password: Option<&str>) -> Result<Option<PrivateKeyDer<'static>>, Failure> {
    let find = |text: &str| memmem::find(pem, text.as_bytes());
    if let Some(begin) = find(BEGIN) {
        return pkcs8(name, &pem[begin..], password.filter(|password| !password.is_empty())).map(Some);
    }
    if TRADITIONAL.into_iter().any(|header| find(header).is_some()) {
        let cause = format!("the key in {name} is encrypted in the traditional format (Proc-Type: 4,ENCRYPTED)");
        return Err(Failure::new(Kind::Settings, cause, CONVERT));
    }
    Ok(None)
}

fn pkcs8(name: &str, pem: &[u8], password: Option<&str>) -> Result<PrivateKeyDer<'static>, Failure> {
    let unreadable = |evidence: &dyn std::fmt::Display| {
        let cause = format!("the encrypted key in {name} is not valid ({evidence})");
        Failure::new(Kind::Settings, cause, "copy the whole file again, or export the key again")
    };
    let unsupported = |oid: &str| {
        let cause = format!("the key in {name} is encrypted with an algorithm that is not supported ({oid})");
        Failure::new(Kind::Settings, cause, CONVERT)
    };
    let (pem, _) = Pem::read(std::io::Cursor::new(pem)).map_err(|error| unreadable(&error))?;
    if let Some(excess) = derivation_cost::excess(&pem.contents) {
        let cause = format!("the key in {name} {excess}");
        return Err(Failure::new(Kind::Settings, cause, CONVERT));
    }
    if let Some(algorithm) = algorithm(&pem.contents).filter(|algorithm| *algorithm != PBES2_OID.to_string()) {
        return Err(unsupported(&algorithm));
    }
    let encrypted = EncryptedPrivateKeyInfoRef::try_from(&pem.contents[..]).map_err(|error| unreadable(&error))?;
    let Some(password) = password else {
        let cause = format!("the key in {name} is encrypted, and there is no password");
        return Err(Failure::new(Kind::Password, cause, "set SM_CLIENT_CERT_PASSWORD"));
    };
    let wrong = || {
        Failure::new(Kind::Password, format!("wrong password for the key in {name}"), "check SM_CLIENT_CERT_PASSWORD")
    };
    // A wrong password usually leads to invalid padding, and sometimes to data that is not a key.
    let key = encrypted.decrypt(password).map_err(|error| match error {
        Error::EncryptedPrivateKey(Pkcs5Error::DecryptFailed) | Error::Asn1(_) => wrong(),
        Error::EncryptedPrivateKey(Pkcs5Error::UnsupportedAlgorithm { oid }) => unsupported(&oid.to_string()),
        other => unreadable(&other),
    })?;
    PrivateKeyInfoRef::try_from(key.as_bytes()).map_err(|_| wrong())?;
    Ok(PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.as_bytes().to_vec())))
}

/// The object identifier of the algorithm of an `EncryptedPrivateKeyInfo`.
fn algorithm(der: &[u8]) -> Option<String> {
    let inner = |der| Some(Any::from_der(der).ok()?.1.data);
    let (_, oid) = Oid::from_der(inner(inner(der)?)?).ok()?;
    Some(oid.to_id_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use pkcs8::pkcs5::EncryptionScheme;
    use pkcs8::pkcs5::pbes2::{Kdf, Parameters, Pbkdf2Params};

    const PASSWORD: &str = "pässword";

    /// `EncryptedPrivateKeyInfo` in PEM: an algorithm and an encrypted key.
    fn pem(algorithm: &[u8], encrypted: &[u8]) -> String {
        let inner = [algorithm, &element(0x04, encrypted)].concat();
        format!("{BEGIN}\n{}\n-----END ENCRYPTED PRIVATE KEY-----\n", STANDARD.encode(element(0x30, &inner)))
    }

    fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u8::try_from(content.len()).expect("it is short");
        let head = if length < 0x80 { vec![tag, length] } else { vec![tag, 0x81, length] };
        [&head, content].concat()
    }

    /// An Ed25519 key (RFC 8410).
    fn key() -> Vec<u8> {
        [&[0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20][..], &[7; 32]].concat()
    }

    fn encrypted(parameters: Parameters, plain: &[u8]) -> String {
        use pkcs8::der::Encode;
        let encrypted = parameters.encrypt(PASSWORD, plain).expect("it encrypts");
        pem(&EncryptionScheme::from(parameters).to_der().expect("it encodes"), &encrypted)
    }

    fn rounds(rounds: u32) -> Parameters {
        Parameters::generate_pbkdf2_sha256_aes256cbc(rounds, &[1; 16], [2; 16]).expect("they are in range")
    }

    fn failure(pem: &str, password: Option<&str>) -> (Kind, String) {
        let failure = decrypt("client.pem", pem.as_bytes(), password).expect_err(pem);
        (failure.kind(), failure.to_string())
    }

    #[test]
    fn a_key_comes_out_with_its_password_and_with_no_other() {
        let pem = format!(
            "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n{}",
            encrypted(rounds(2048), &key())
        );
        let found = decrypt("client.pem", pem.as_bytes(), Some(PASSWORD)).expect("it opens").expect("there is a key");
        assert_eq!(found.secret_der(), key());
        assert_eq!(
            failure(&pem, Some("password")),
            (Kind::Password, "wrong password for the key in client.pem; check SM_CLIENT_CERT_PASSWORD".into())
        );
        for none in [None, Some("")] {
            let (kind, said) = failure(&pem, none);
            assert!(
                kind == Kind::Password && said.contains("there is no password; set SM_CLIENT_CERT_PASSWORD"),
                "{said}"
            );
        }
        // About one wrong password in several hundred leads to valid padding.
        let garbage = encrypted(rounds(2048), &[0x30, 3, 1, 2, 3]);
        assert!(failure(&garbage, Some(PASSWORD)).1.contains("wrong password for"));
    }

    #[test]
    fn text_without_an_encrypted_key_is_left_to_others() {
        assert_eq!(decrypt("x", b"-----BEGIN PRIVATE KEY-----\n\xff ENCRYPTED\n", Some("x")), Ok(None));
    }

    #[test]
    fn what_would_take_hours_or_all_memory_is_not_begun() {
        let slow =
            Pbkdf2Params { iteration_count: 90_000_000, ..Pbkdf2Params::hmac_sha256(1, &[1; 8]).expect("in range") };
        let (kind, said) = failure(&encrypted_with(Kdf::Pbkdf2(slow)), Some(PASSWORD));
        assert!(kind == Kind::Settings && said.contains("requires 90000000 rounds of key derivation"), "{said}");
        for n in [1 << 40, 0] {
            let salt = Pbkdf2Params::hmac_sha256(1, &[1; 8]).expect("in range").salt;
            let scrypt = pkcs8::pkcs5::pbes2::ScryptParams {
                salt,
                cost_parameter: n,
                block_size: 8,
                parallelization: 1,
                key_length: None,
            };
            let said = failure(&encrypted_with(Kdf::Scrypt(scrypt)), Some(PASSWORD)).1;
            assert!(said.contains(&format!("requires scrypt with N={n}, r=8, p=1")), "{said}");
        }
    }

    /// With a derivation that is too expensive.
    fn encrypted_with(kdf: Kdf) -> String {
        use pkcs8::der::Encode;
        let parameters = Parameters { kdf, ..rounds(1) };
        pem(&EncryptionScheme::from(parameters).to_der().expect("it encodes"), &[0; 32])
    }

    #[test]
    fn older_forms_are_refused_with_the_command_that_converts_them() {
        let traditional = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nMIIB\n";
        let (kind, said) = failure(traditional, Some("x"));
        assert!(kind == Kind::Settings && said.contains("traditional format"), "{said}");
        assert!(
            said.ends_with("; convert it: openssl pkcs8 -topk8 -v2 aes-256-cbc -in FILE -out client.key"),
            "{said}"
        );
        // pbeWithMD5AndDES-CBC (PKCS #5) and pbeWithSHAAnd3-KeyTripleDES-CBC (PKCS #12).
        for oid in
            [&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 5, 3][..], &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 12, 1, 3]]
        {
            let parameters = [4, 8, 1, 2, 3, 4, 5, 6, 7, 8, 2, 2, 8, 0];
            let algorithm = [&[6, oid.len() as u8], oid, &[0x30, parameters.len() as u8], &parameters].concat();
            let algorithm = [&[0x30, algorithm.len() as u8], &algorithm[..]].concat();
            let said = failure(&pem(&algorithm, &[0; 16]), Some("x")).1;
            assert!(
                said.contains("an algorithm that is not supported (1.2.840.113549.1.") && said.contains(CONVERT),
                "{said}"
            );
        }
    }

    #[test]
    fn what_is_cut_off_says_so() {
        for text in
            ["", "MIIB", "MIIB\n-----END ENCRYPTED PRIVATE KEY-----", "****\n-----END ENCRYPTED PRIVATE KEY-----"]
        {
            let said = failure(&format!("{BEGIN}\n{text}"), Some("x")).1;
            assert!(said.contains("the encrypted key in client.pem is not valid ("), "{said}");
        }
    }
}
