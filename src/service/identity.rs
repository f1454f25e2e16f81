//! The client certificate: PKCS#12 (old and new encryption) or PEM, from a file or from base64 text.

use super::credentials::Credentials;
use super::failure::{Failure, Kind};
use super::{ber, derivation_cost, encrypted_key};
use crate::config::{ClientCert, LONGEST_FILE, Secret, TokenSettings};
use crate::plural::counted;
use crate::x509::Certificate;
use crate::{encoding, trusted_file};
use base64::Engine;
use p12_keystore::{KeyStore, Pkcs12ImportPolicy};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::time::{SystemTime, UNIX_EPOCH};
use zeroize::Zeroizing;

/// Certificates, leaf first, and the leaf's key.
pub struct Identity {
    pub chain: Vec<CertificateDer<'static>>,
    pub key: PrivateKeyDer<'static>,
}

/// Warn if the certificate expires within two weeks, in seconds.
const SOON: i64 = 14 * 86_400;

/// Reads the configured identity; `None` if there is none.
pub fn load(settings: &TokenSettings, credentials: &Credentials<'_>) -> Result<Option<Identity>, Failure> {
    let Some(source) = &settings.client_cert else { return Ok(None) };
    let (name, bytes) = read(source)?;
    let (key_name, bytes) = with_key_file(settings, &name, bytes)?;
    let password = credentials.password.map(Secret::reveal);
    let identity = if is_pem(&bytes) {
        from_pem(&name, &key_name, &bytes, password)
    } else {
        from_pkcs12(&name, &bytes, password)
    }?;
    check_validity(&name, &identity)?;
    Ok(Some(identity))
}

/// PEM text in UTF-8, followed by that of `SM_CLIENT_KEY_FILE`; any other content unchanged. Also returns the name of
/// the file with the key.
fn with_key_file(
    settings: &TokenSettings,
    name: &str,
    bytes: Zeroizing<Vec<u8>>,
) -> Result<(String, Zeroizing<Vec<u8>>), Failure> {
    let pem = encoding::decode(&bytes).filter(|text| is_pem(text.as_bytes()));
    match (&settings.client_key_file, pem) {
        (None, None) => Ok((name.to_owned(), bytes)),
        (None, Some(text)) => Ok((name.to_owned(), Zeroizing::new(text.as_bytes().to_vec()))),
        (Some(_), None) => {
            let remedy =
                "set SM_CLIENT_CERT_FILE to a PEM certificate, or unset SM_CLIENT_KEY_FILE: PKCS#12 contains the key";
            Err(Failure::new(Kind::Settings, format!("SM_CLIENT_KEY_FILE is set, but {name} is not PEM"), remedy))
        }
        (Some(path), Some(text)) => {
            let named = format!("SM_CLIENT_KEY_FILE {}", path.display());
            let content = trusted_file::read_credential(path, LONGEST_FILE).map_err(|refusal| {
                Failure::new(Kind::Settings, format!("{named} {}", refusal.clause()), refusal.remedy().to_owned())
            })?;
            let key = encoding::decode(&content.bytes).filter(|key| is_pem(key.as_bytes()));
            let Some(key) = key else {
                return Err(Failure::new(
                    Kind::Settings,
                    format!("{named} is not PEM"),
                    "set it to the private key, as PEM",
                ));
            };
            // Allocated for both, so that no copy of the key is left in memory.
            let mut both = Zeroizing::new(Vec::with_capacity(text.len() + key.len() + 1));
            both.extend_from_slice(text.as_bytes());
            both.push(b'\n');
            both.extend_from_slice(key.as_bytes());
            Ok((named, both))
        }
    }
}

fn read(source: &ClientCert) -> Result<(String, Zeroizing<Vec<u8>>), Failure> {
    match source {
        ClientCert::File(path) => {
            let name = format!("SM_CLIENT_CERT_FILE {}", path.display());
            let content = trusted_file::read_credential(path, LONGEST_FILE).map_err(|refusal| {
                Failure::new(Kind::Settings, format!("{name} {}", refusal.clause()), refusal.remedy().to_owned())
            })?;
            Ok((name, content.bytes))
        }
        ClientCert::Inline(text) if is_pem(text.reveal().as_bytes()) => {
            Ok(("the client certificate".into(), Zeroizing::new(text.reveal().as_bytes().to_vec())))
        }
        ClientCert::Inline(text) => {
            let plain = Zeroizing::new(text.reveal().split_whitespace().collect::<String>());
            let bytes = base64::engine::general_purpose::STANDARD.decode(plain.as_bytes()).map_err(|_| {
                Failure::new(
                    Kind::Settings,
                    "SM_CLIENT_CERT_FILE_B64 is not valid base64",
                    "encode the .p12 file: base64 -w0 FILE",
                )
            })?;
            Ok(("SM_CLIENT_CERT_FILE_B64".into(), Zeroizing::new(bytes)))
        }
    }
}

fn is_pem(bytes: &[u8]) -> bool {
    bytes.windows(11).any(|window| window == b"-----BEGIN ")
}

fn from_pem(name: &str, key_name: &str, bytes: &[u8], password: Option<&str>) -> Result<Identity, Failure> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(bytes).filter_map(Result::ok).collect();
    let key = match encrypted_key::decrypt(key_name, bytes, password)? {
        Some(key) => Some(key),
        None => PrivateKeyDer::from_pem_slice(bytes).ok(),
    };
    match (chain.is_empty(), key) {
        (false, Some(key)) => Ok(Identity { chain, key }),
        (true, _) => Err(lacks(name, "certificate")),
        (false, None) => Err(lacks(key_name, "private key")),
    }
}

fn lacks(name: &str, what: &str) -> Failure {
    let remedy = "it must contain the client certificate and its private key";
    Failure::new(Kind::Settings, format!("{name} does not contain a {what}"), remedy)
}

fn from_pkcs12(name: &str, bytes: &[u8], password: Option<&str>) -> Result<Identity, Failure> {
    use p12_keystore::error::Error;
    let unreadable = |reason: &dyn std::fmt::Display| {
        let cause = format!("{name} is not a readable PKCS#12 or PEM file ({reason})");
        Failure::new(Kind::Settings, cause, "download it again, or check that it is not cut off or still base64")
    };
    let Some(der) = ber::to_der(bytes) else { return Err(unreadable(&"neither DER nor BER")) };
    if der.behind > 0 {
        let cause = format!("{name} has {} after the end of its PKCS#12 structure", counted(der.behind, "byte"));
        return Err(Failure::new(Kind::Settings, cause, "download it again"));
    }
    if let Some(excess) = derivation_cost::excess(&der.bytes) {
        let cause = format!("{name} {excess}");
        return Err(Failure::new(Kind::Settings, cause, "download it again: no program writes such a file"));
    }
    let store = KeyStore::from_pkcs12(&der.bytes, password.unwrap_or_default(), Pkcs12ImportPolicy::Relaxed);
    let store = store.map_err(|error| match (&error, password) {
        (Error::MacError(_) | Error::UnpadError | Error::Pkcs5Error(_), Some(_)) => {
            Failure::new(Kind::Password, format!("wrong password for {name}"), "check SM_CLIENT_CERT_PASSWORD")
        }
        (Error::MacError(_) | Error::UnpadError | Error::Pkcs5Error(_), None) => {
            Failure::new(Kind::Password, format!("{name} has a password"), "set SM_CLIENT_CERT_PASSWORD")
        }
        // One wrong password in 256 decrypts to data with a valid end.
        _ if der.without_mac => {
            let cause = format!("wrong password for {name}, or it is damaged ({error})");
            Failure::new(Kind::Password, cause, "check SM_CLIENT_CERT_PASSWORD")
        }
        _ => unreadable(&error),
    })?;
    let Some((_, chain)) = store.private_key_chain() else { return Err(lacks(name, "private key")) };
    let certificates: Vec<_> = chain.certs().iter().map(|cert| CertificateDer::from(cert.as_der().to_vec())).collect();
    if certificates.is_empty() {
        return Err(lacks(name, "certificate"));
    }
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(chain.key().as_der().to_vec()));
    Ok(Identity { chain: certificates, key })
}

/// TLS reports an expired certificate with an unspecific alert, so check it here.
fn check_validity(name: &str, identity: &Identity) -> Result<(), Failure> {
    let Some(Ok(leaf)) = identity.chain.first().map(|der| Certificate::parse(der.to_vec())) else { return Ok(()) };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs() as i64);
    let date =
        |date: Option<(i32, u32, u32)>| date.map_or_else(String::new, |(y, m, d)| format!("{y:04}-{m:02}-{d:02}"));
    let (begins, ends) = (date(leaf.not_before_date()), date(leaf.not_after_date()));
    match validity(leaf.not_before(), leaf.not_after(), now) {
        Validity::Over => {
            let cause = format!("the client certificate in {name} expired on {ends}");
            let remedy = "create a new one in the service's web page (and check this machine's clock)";
            return Err(Failure::new(Kind::Settings, cause, remedy));
        }
        Validity::NotYet => {
            let cause = format!("the client certificate in {name} is not valid before {begins}");
            return Err(Failure::new(Kind::Settings, cause, "check this machine's clock"));
        }
        Validity::Ending => {
            log::warn!("the client certificate in {name} expires on {ends}: create a new one in time");
        }
        Validity::Good => {}
    }
    Ok(())
}

#[derive(Debug, PartialEq)]
enum Validity {
    NotYet,
    Good,
    /// It expires [`SOON`].
    Ending,
    Over,
}

/// All in seconds since 1970; the ends are included.
fn validity(begins: i64, ends: i64, now: i64) -> Validity {
    match now {
        _ if now > ends => Validity::Over,
        _ if now < begins => Validity::NotYet,
        _ if ends - now < SOON => Validity::Ending,
        _ => Validity::Good,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_valid_from_its_first_second_to_its_last() {
        let (begins, ends) = (1_000, 10_000_000);
        for (now, expected) in [
            (999, Validity::NotYet),
            (1_000, Validity::Good),
            (ends - 14 * 24 * 3_600, Validity::Good),
            (ends - 14 * 24 * 3_600 + 1, Validity::Ending),
            (ends, Validity::Ending),
            (ends + 1, Validity::Over),
        ] {
            assert_eq!(validity(begins, ends, now), expected, "{now}");
        }
    }

    #[test]
    fn a_certificate_that_is_not_valid_now_is_refused_with_its_date() {
        let key = rcgen::KeyPair::generate().unwrap();
        let checked = |from, to| {
            let mut params = rcgen::CertificateParams::default();
            (params.not_before, params.not_after) = (rcgen::date_time_ymd(from, 1, 1), rcgen::date_time_ymd(to, 1, 1));
            let chain = vec![params.self_signed(&key).unwrap().der().clone()];
            let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
            check_validity("F", &Identity { chain, key }).map_err(|failure| failure.to_string())
        };
        assert_eq!(checked(2020, 2199), Ok(()));
        let over = "the client certificate in F expired on 2021-01-01; create a new one in the service's web page (and \
                    check this machine's clock)";
        assert_eq!(checked(2020, 2021), Err(over.to_owned()));
        let early = "the client certificate in F is not valid before 2198-01-01; check this machine's clock";
        assert_eq!(checked(2198, 2199), Err(early.to_owned()));
    }

    #[test]
    fn a_certificate_in_the_setting_itself_is_pem_or_base64() {
        let found = |text: &str| {
            let found = super::read(&ClientCert::Inline(Secret::new(text)));
            found.map(|(name, bytes)| (name, bytes.to_vec())).map_err(|failure| failure.to_string())
        };
        let pem = "\n-----BEGIN CERTIFICATE-----\nMAA=\n";
        assert!(is_pem(pem.as_bytes()) && !is_pem(b"-----BEGI") && !is_pem(b"MAA="));
        assert_eq!(found(pem), Ok(("the client certificate".to_owned(), pem.into())));
        assert_eq!(found(" MA\nA= "), Ok(("SM_CLIENT_CERT_FILE_B64".to_owned(), vec![0x30, 0])));
        let wrong = "SM_CLIENT_CERT_FILE_B64 is not valid base64; encode the .p12 file: base64 -w0 FILE";
        assert_eq!(found("what?"), Err(wrong.to_owned()));
    }

    #[test]
    fn only_a_file_without_mac_that_is_damaged_may_have_another_password() {
        let said = |parts: &[u8]| {
            let file = [&[0x30, parts.len() as u8], parts].concat();
            from_pkcs12("F", &file, Some("x")).err().expect("it is damaged").to_string()
        };
        let with_mac = said(&[2, 1, 3, 0x30, 0, 0x30, 0]);
        assert!(with_mac.starts_with("F is not a readable PKCS#12 or PEM file ("), "{with_mac}");
        let without = said(&[2, 1, 3, 0x30, 0]);
        assert!(without.starts_with("wrong password for F, or it is damaged ("), "{without}");
    }

    macro_rules! file {
        ($name:literal) => {
            &include_bytes!(concat!("../../tests/data/pkcs12/", $name))[..]
        };
    }

    fn read(file: &[u8], password: Option<&str>) -> Result<Vec<String>, String> {
        let identity = from_pkcs12("FILE", file, password).map_err(|failure| failure.to_string())?;
        assert!(!identity.key.secret_der().is_empty());
        let name = |der: &CertificateDer<'_>| Certificate::parse(der.to_vec()).ok()?.common_name();
        Ok(identity.chain.iter().map(|der| name(der).expect("a name")).collect())
    }

    #[test]
    fn files_of_every_program_and_of_every_encryption_are_read() {
        for (name, file, password) in [
            ("3des", file!("3des.p12"), "seed"),
            ("rc2", file!("rc2.p12"), "seed"),
            ("java", file!("java.p12"), "seedseed"),
            ("nss", file!("nss.p12"), "seed"),
            ("nss-3des-rc2", file!("nss-3des-rc2.p12"), "seed"),
            ("empty", file!("empty.p12"), ""),
        ] {
            let chain = read(file, Some(password)).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert_eq!(chain[0], "fixture", "{name}");
            let wrong = read(file, Some("not it")).unwrap_err();
            assert!(wrong.starts_with("wrong password for FILE; check SM_CLIENT_CERT_PASSWORD"), "{name}: {wrong}");
        }
        assert_eq!(read(file!("empty.p12"), None).unwrap(), ["fixture"]);
        for number in 0..1000 {
            let wrong = read(file!("no-mac.p12"), Some(&format!("wrong {number}"))).unwrap_err();
            assert!(wrong.starts_with("wrong password for FILE"), "{wrong}");
        }
        let none = read(file!("nss.p12"), None).unwrap_err();
        assert!(none.starts_with("FILE has a password; set SM_CLIENT_CERT_PASSWORD"), "{none}");
    }

    #[test]
    fn the_chain_begins_with_the_keys_certificate_and_has_no_strangers_in_it() {
        assert_eq!(read(file!("aes.p12"), Some("seed")).unwrap(), ["fixture", "fixture issuer", "fixture root"]);
    }

    #[test]
    fn white_space_behind_a_file_is_passed_over_and_all_else_is_named() {
        for file in [file!("aes.p12"), file!("nss.p12")] {
            assert_eq!(read(&[file, b" \r\n\n"].concat(), Some("seed")).unwrap()[0], "fixture");
        }
        for file in [file!("aes.p12"), file!("nss.p12")] {
            let garbage = read(&[file, b"\nnot of it"].concat(), Some("seed")).unwrap_err();
            assert!(
                garbage.starts_with("FILE has 10 bytes after the end of its PKCS#12 structure; download"),
                "{garbage}"
            );
        }
    }

    #[test]
    fn a_file_without_a_mac_is_read_and_one_that_is_cut_off_is_refused() {
        assert_eq!(read(file!("no-mac.p12"), Some("seed")).unwrap(), ["fixture"]);
        for file in [file!("3des.p12"), file!("nss.p12")] {
            for cut in [0, 1, 2, 100, 700, file.len() - 1] {
                let refused = read(&file[..cut], Some("seed")).unwrap_err();
                assert!(refused.starts_with("FILE is not a readable PKCS#12 or PEM file ("), "{cut}: {refused}");
            }
        }
    }

    #[test]
    fn a_key_derivation_without_end_is_refused() {
        // The last bytes of OpenSSL's files are the number of rounds of the MAC: 2048.
        let file = file!("3des.p12");
        let (front, rounds) = file.split_at(file.len() - 4);
        assert_eq!(rounds, [0x02, 0x02, 0x08, 0x00]);
        // A longer number makes the two structures around it longer.
        let with = |rounds: &[u8]| {
            let mut file = [front, &[0x02, rounds.len() as u8], rounds].concat();
            file[2..4].copy_from_slice(&((front.len() + 2 + rounds.len() - 4) as u16).to_be_bytes());
            file[front.len() - 46] += rounds.len() as u8 - 2;
            file
        };
        assert_eq!(with(&[0x08, 0x00]), file);
        for rounds in [&[0x4c, 0x4b, 0x41][..], &[0x05, 0xf5, 0xe1, 0x00], &[0x7f, 0xff, 0xff, 0xff], &[0x7f; 12]] {
            let begun = std::time::Instant::now();
            let refused = read(&with(rounds), Some("seed")).unwrap_err();
            assert!(refused.contains(" rounds of key derivation"), "{refused}");
            assert!(begun.elapsed() < std::time::Duration::from_secs(5));
        }
    }
}
