//! From options and a file, or from a digest of another program, to the content of a sign request.

use crate::print::{Exit, Failure, shown};
use base64::{Engine, prelude::BASE64_STANDARD};
use clap::ValueEnum;
use data_encoding::HEXLOWER_PERMISSIVE;
use std::io::Read;
use std::path::Path;
use stm_pkcs11::error::Error;
use stm_pkcs11::mechanism::{
    Algorithm, DIGESTS, Digest, DigestRow, MECHANISMS, Mechanism, Parameter, Prepared, PublicKey, Scheme, Signing,
};
use stm_pkcs11::nearest::nearest;
use stm_pkcs11::plural::counted;
use stm_pkcs11::service::Keypair;
use stm_pkcs11::token::sig_alg;

/// How a file is signed.
#[derive(clap::Args)]
pub struct How {
    /// The hash function; EdDSA, ML-DSA and SLH-DSA have none
    #[arg(long, value_enum, ignore_case = true, default_value = "sha-256")]
    hash: Hash,
    /// RSASSA-PSS instead of PKCS#1 v1.5
    #[arg(long)]
    pss: bool,
}

#[derive(Clone, Copy, ValueEnum)]
enum Hash {
    #[value(name = "sha-1", alias = "sha1")]
    Sha1,
    #[value(name = "sha-224", alias = "sha224")]
    Sha224,
    #[value(name = "sha-256", alias = "sha256")]
    Sha256,
    #[value(name = "sha-384", alias = "sha384")]
    Sha384,
    #[value(name = "sha-512", alias = "sha512")]
    Sha512,
    #[value(name = "sha3-224")]
    Sha3_224,
    #[value(name = "sha3-256")]
    Sha3_256,
    #[value(name = "sha3-384")]
    Sha3_384,
    #[value(name = "sha3-512")]
    Sha3_512,
}

impl Hash {
    fn digest(self) -> Digest {
        match self {
            Self::Sha1 => Digest::Sha1,
            Self::Sha224 => Digest::Sha224,
            Self::Sha256 => Digest::Sha256,
            Self::Sha384 => Digest::Sha384,
            Self::Sha512 => Digest::Sha512,
            Self::Sha3_224 => Digest::Sha3_224,
            Self::Sha3_256 => Digest::Sha3_256,
            Self::Sha3_384 => Digest::Sha3_384,
            Self::Sha3_512 => Digest::Sha3_512,
        }
    }
}

/// The digest of a name, in any case and with or without dashes: `SHA-256`, `sha256`, `SHA3-512`.
pub fn digest_named(name: &str) -> Option<Digest> {
    let plain = |name: &str| name.replace(['-', '_'], "").to_lowercase();
    DIGESTS.iter().find(|row| plain(row.name) == plain(name)).map(|row| row.digest)
}

/// The parameter of a PSS mechanism: MGF1 with the same digest, a salt as long as the digest.
fn pss(row: &DigestRow) -> Parameter {
    Parameter::Pss { hash: row.mechanism_type as _, mgf: row.mgf as _, salt_len: row.len as _ }
}

fn refused(keypair: &Keypair, error: &Error, remedy: &str) -> Failure {
    Failure::new(format!("sign with {}", keypair.alias), &error.cause, remedy).exit(Exit::Usage)
}

/// The keypair's public key; a failure where the service shows none that can be read.
pub fn public_key(keypair: &Keypair) -> Result<PublicKey, Failure> {
    let key = keypair.public_key.as_deref().ok_or("the service does not show its public key".to_owned());
    let key = key.and_then(|der| PublicKey::from_spki(der).map_err(|error| error.cause.into_owned()));
    key.map_err(|why| Failure::new(format!("sign with {}", keypair.alias), why, "choose another keypair"))
}

impl How {
    pub fn new(digest: Digest, pss: bool) -> Self {
        let hash = Hash::value_variants().iter().copied().find(|hash| hash.digest() == digest);
        Self { hash: hash.expect("every digest has a name"), pss }
    }

    /// The service's name of the algorithm with which this keypair signs a digest.
    pub fn sig_alg(&self, keypair: &Keypair) -> Result<&'static str, Failure> {
        let (mechanism, _) = self.chosen(keypair, &public_key(keypair)?)?;
        match mechanism.scheme {
            Scheme::Pkcs1(Some(digest)) => Ok(sig_alg(Algorithm::Pkcs1(Some(digest)))),
            Scheme::Pss(Some(digest)) => Ok(sig_alg(Algorithm::Pss(digest))),
            Scheme::Ecdsa(Some(digest)) => Ok(sig_alg(Algorithm::Ecdsa(Some(digest)))),
            _ => {
                let why = "its key signs the data itself, not a digest";
                Err(Failure::new(format!("sign with {}", keypair.alias), why, "give the file itself").exit(Exit::Usage))
            }
        }
    }

    fn chosen(&self, keypair: &Keypair, key: &PublicKey) -> Result<(&'static Mechanism, Parameter), Failure> {
        self.mechanism(key).map_err(|why| {
            Failure::new(format!("sign with {}", keypair.alias), why, "choose another --hash, or leave --pss out")
                .exit(Exit::Usage)
        })
    }

    /// Mechanism and parameter for a kind of key.
    fn mechanism(&self, key: &PublicKey) -> Result<(&'static Mechanism, Parameter), String> {
        let digest = self.hash.digest();
        let fits = |mechanism: &&Mechanism| {
            mechanism.fits(key)
                && match mechanism.scheme {
                    Scheme::Pkcs1(made) => !self.pss && made == Some(digest),
                    Scheme::Pss(made) => self.pss && made == Some(digest),
                    Scheme::Ecdsa(made) => !self.pss && made == Some(digest),
                    Scheme::Eddsa | Scheme::MlDsa | Scheme::SlhDsa => !self.pss,
                    Scheme::Hash(_) | Scheme::Generate(_) => false,
                }
        };
        let Some(mechanism) = MECHANISMS.iter().find(fits) else {
            let pss = if self.pss { " and PSS" } else { "" };
            return Err(format!("{} keypairs do not sign with {}{pss}", key.name(), digest.row().name));
        };
        Ok((mechanism, if self.pss { pss(digest.row()) } else { Parameter::None }))
    }

    /// Reads a file, `-` for standard input, and prepares its signature.
    pub fn prepare(&self, keypair: &Keypair, file: &Path) -> Result<Prepared, Failure> {
        let key = public_key(keypair)?;
        let (mechanism, parameter) = self.chosen(keypair, &key)?;
        let refuse = |error: Error| refused(keypair, &error, "choose another --hash, or a shorter file");
        let mut signing = Signing::new(mechanism.mechanism_type, &parameter, &key).map_err(refuse)?;
        for_parts(file, |part| signing.update(part).map_err(refuse))?;
        signing.finish().map_err(refuse)
    }
}

/// Prepares the signature of bytes by a hash function: RSA by PKCS#1 v1.5, or ECDSA. Other keypairs are refused.
pub fn prepare_bytes(keypair: &Keypair, digest: Digest, bytes: &[u8]) -> Result<Prepared, Failure> {
    let key = public_key(keypair)?;
    let scheme = [Scheme::Pkcs1(Some(digest)), Scheme::Ecdsa(Some(digest))];
    let mechanism = MECHANISMS.iter().find(|mechanism| mechanism.fits(&key) && scheme.contains(&mechanism.scheme));
    let mechanism = mechanism.ok_or_else(|| {
        let why = format!("{} keypairs do not sign with {}", key.name(), digest.row().name);
        Failure::new(format!("sign with {}", keypair.alias), why, "choose an RSA or ECDSA keypair").exit(Exit::Usage)
    })?;
    let refuse = |error: Error| refused(keypair, &error, "choose another --hash");
    let mut signing = Signing::new(mechanism.mechanism_type, &Parameter::None, &key).map_err(refuse)?;
    signing.update(bytes).map_err(refuse)?;
    signing.finish().map_err(refuse)
}

/// Whether the service receives the data itself instead of a digest.
pub fn sends_message(keypair: &Keypair) -> bool {
    let fits = |key: PublicKey| {
        let whole = |scheme| matches!(scheme, Scheme::Eddsa | Scheme::MlDsa | Scheme::SlhDsa);
        MECHANISMS.iter().any(|mechanism| mechanism.fits(&key) && whole(mechanism.scheme))
    };
    public_key(keypair).is_ok_and(fits)
}

/// Reads a file in parts, because it may be larger than memory.
fn for_parts(file: &Path, mut each: impl FnMut(&[u8]) -> Result<(), Failure>) -> Result<(), Failure> {
    let unreadable = |error| Failure::new(format!("read {}", file.display()), error, "name a file that can be read");
    let mut reader: Box<dyn Read> = match file.to_str() {
        Some("-") => Box::new(std::io::stdin().lock()),
        _ => Box::new(std::fs::File::open(file).map_err(unreadable)?),
    };
    let mut part = vec![0; 1 << 20];
    loop {
        match reader.read(&mut part).map_err(unreadable)? {
            0 => return Ok(()),
            count => each(&part[..count])?,
        }
    }
}

/// Every algorithm that signs a given digest: the service's name, the digest, and the mechanism's scheme.
fn algorithms() -> impl Iterator<Item = (&'static str, Digest, Scheme)> {
    DIGESTS.iter().map(|row| row.digest).flat_map(|digest| {
        [
            (sig_alg(Algorithm::Pkcs1(Some(digest))), digest, Scheme::Pkcs1(None)),
            (sig_alg(Algorithm::Pss(digest)), digest, Scheme::Pss(None)),
            (sig_alg(Algorithm::Ecdsa(Some(digest))), digest, Scheme::Ecdsa(None)),
        ]
    })
}

/// The digest and the scheme of an algorithm that signs digests, by the service's name of it.
pub fn algorithm(name: &str) -> Result<(Digest, Scheme), Failure> {
    let found = algorithms().find(|(known, ..)| known.eq_ignore_ascii_case(name));
    found.map(|(_, digest, scheme)| (digest, scheme)).ok_or_else(|| {
        let remedy = match nearest(name, algorithms().map(|(known, ..)| known)) {
            Some(near) => format!("did you mean {near}?"),
            None => "use a name such as SHA256WithRSA, SHA3-512WithRSA/PSS or SHA384WithECDSA; EdDSA, ML-DSA and SLH-DSA sign \
                     files, not digests"
                .to_owned(),
        };
        let why = format!("'{}' is not a signature algorithm for digests", shown(name));
        Failure::new("read --sig-alg", why, remedy).exit(Exit::Usage)
    })
}

/// Prepares the signature of a digest: `digest` is a file with it, or its base64 or hexadecimal text.
pub fn prepare_digest(keypair: &Keypair, digest: &str, sig_alg_name: &str) -> Result<Prepared, Failure> {
    let (kind, scheme) = algorithm(sig_alg_name)?;
    let row = kind.row();
    let value = read_digest(digest, row)?;
    let key = public_key(keypair)?;
    let (data, parameter) = match scheme {
        Scheme::Pkcs1(_) => ([row.info, &value].concat(), Parameter::None),
        Scheme::Pss(_) => (value, pss(row)),
        _ => (value, Parameter::None),
    };
    let refuse = |error: Error| refused(keypair, &error, "choose a --sig-alg for keypairs of this kind");
    let mechanism = MECHANISMS.iter().find(|mechanism| mechanism.scheme == scheme);
    let mechanism = mechanism.expect("each scheme has a mechanism that is given the digest");
    let mut signing = Signing::new(mechanism.mechanism_type, &parameter, &key).map_err(refuse)?;
    signing.update(&data).map_err(refuse)?;
    signing.finish().map_err(refuse)
}

/// The bytes of a digest, from a file with the bytes or their text, or from the text itself.
fn read_digest(given: &str, row: &DigestRow) -> Result<Vec<u8>, Failure> {
    let (content, length) = match std::fs::read(given) {
        Ok(content) if content.len() == row.len => return Ok(content),
        Ok(content) => (String::from_utf8_lossy(&content).into_owned(), Some(content.len())),
        Err(_) => (given.to_owned(), None),
    };
    // The last word, because `openssl dgst` prints the file's name first.
    let text = content.split_whitespace().next_back().unwrap_or_default();
    let found = [from_hex(text), BASE64_STANDARD.decode(text).ok().filter(|value| !value.is_empty())];
    if let Some(value) = found.iter().flatten().find(|value| value.len() == row.len) {
        return Ok(value.clone());
    }
    let why = match found.iter().flatten().next().map(Vec::len).or(length) {
        Some(length) => format!("it has {}, where {} makes {}", counted(length, "byte"), row.name, row.len),
        None => format!("'{}' is neither a file nor base64 nor hexadecimal text", shown(given)),
    };
    let remedy = "give the digest itself, made with the hash function that --sig-alg names";
    Err(Failure::new("read --digest", why, remedy).exit(Exit::Usage))
}

/// Decodes hexadecimal text.
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok().filter(|bytes| !bytes.is_empty())
}

/// Base64 and hexadecimal text become what they stand for.
pub fn decoded(bytes: Vec<u8>) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(&bytes) else { return bytes };
    let text: String = text.split_whitespace().collect();
    from_hex(&text).or_else(|| BASE64_STANDARD.decode(&text).ok()).filter(|found| !found.is_empty()).unwrap_or(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_read_as_hexadecimal_base64_and_from_files_as_bytes_or_text() {
        let row = Digest::Sha256.row();
        let value: Vec<u8> = (0..32).collect();
        let hex = HEXLOWER_PERMISSIVE.encode(&value);
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str, content: &[u8]| {
            let path = folder.path().join(name);
            std::fs::write(&path, content).unwrap();
            path.display().to_string()
        };
        for given in [
            hex.clone(),
            hex.to_uppercase(),
            BASE64_STANDARD.encode(&value),
            file("raw", &value),
            file("text", format!("SHA2-256(file)= {hex}\n").as_bytes()),
        ] {
            assert_eq!(read_digest(&given, row).unwrap(), value, "{given}");
        }
        let said = read_digest(&hex[..60], row).unwrap_err().to_string();
        assert!(said.contains("it has 30 bytes, where SHA-256 makes 32"), "{said}");
        assert!(read_digest("no-such-file!", row).unwrap_err().to_string().contains("is neither a file nor base64"));
    }

    #[test]
    fn algorithms_have_the_services_names_in_any_case() {
        let named = |name: &str| algorithm(name).map(|(digest, scheme)| (scheme, digest));
        assert_eq!(named("SHA3-512WithRSA/PSS").unwrap(), (Scheme::Pss(None), Digest::Sha3_512));
        assert_eq!(named("sha256withecdsa").unwrap(), (Scheme::Ecdsa(None), Digest::Sha256));
        assert_eq!(named("SHA1WithRSA").unwrap(), (Scheme::Pkcs1(None), Digest::Sha1));
        assert!(named("SHA256WithRAS").unwrap_err().to_string().contains("did you mean SHA256WithRSA?"));
        assert!(named("ED25519").unwrap_err().to_string().contains("sign files, not digests"));
    }

    #[test]
    fn signatures_are_read_as_base64_as_hexadecimal_and_as_they_are() {
        assert_eq!(decoded(b"AQID/w==\n".to_vec()), [1, 2, 3, 255]);
        assert_eq!(decoded(b"010203 ff\n".to_vec()), [1, 2, 3, 255]);
        assert_eq!(decoded(vec![0x30, 0xff, 1]), [0x30, 0xff, 1]);
    }
}
