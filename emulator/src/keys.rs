//! Keys: generation, storage as PKCS#8, and one signing operation for each scheme.
//!
//! AWS-LC signs where its API accepts a ready digest (RSA with SHA-2, all of ECDSA, ML-DSA). RustCrypto signs the rest
//! (RSA with SHA-1, SHA-224, SHA-3 or no digest, Ed25519ph, SLH-DSA).

use crate::digests::Digest;
use crate::slh::{SETS, SlhKey, SlhSet};
use aws_lc_rs::digest as aws_digest;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der};
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{self as aws, EcdsaKeyPair, KeyPair as _, PqdsaKeyPair};
use ed25519_dalek::Signer as _;
use rsa::pkcs8::DecodePrivateKey as _;
use std::fmt;
use std::sync::OnceLock;

/// Generating, reading or using a key failed; the text says how, and never contains key bytes.
#[derive(Debug, Clone)]
pub struct KeyError(pub String);

impl KeyError {
    /// From any library's error.
    pub fn from_display(error: impl fmt::Display) -> KeyError {
        KeyError(error.to_string())
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for KeyError {}

/// What kind of key: algorithm and size.
#[derive(Clone, Copy)]
pub enum KeyKind {
    /// RSA with a modulus of 2048, 3072 or 4096 bits.
    Rsa(u32),
    /// ECDSA on one of the three NIST curves.
    Ec(Curve),
    Ed25519,
    MlDsa(MlDsaSet),
    /// SLH-DSA with one parameter set.
    SlhDsa(&'static SlhSet),
}

/// The NIST curves that the service offers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Curve {
    /// secp256r1
    P256,
    /// secp384r1
    P384,
    /// secp521r1
    P521,
}

/// The parameter sets of ML-DSA.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MlDsaSet {
    Set44,
    Set65,
    Set87,
}

impl MlDsaSet {
    pub const ALL: [MlDsaSet; 3] = [MlDsaSet::Set44, MlDsaSet::Set65, MlDsaSet::Set87];
}

/// The number by which FIPS 204 names the set.
impl fmt::Display for MlDsaSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            MlDsaSet::Set44 => "44",
            MlDsaSet::Set65 => "65",
            MlDsaSet::Set87 => "87",
        })
    }
}

impl Curve {
    /// The name in `properties.curve`.
    pub fn name(self) -> &'static str {
        match self {
            Curve::P256 => "P-256",
            Curve::P384 => "P-384",
            Curve::P521 => "P-521",
        }
    }
}

impl KeyKind {
    /// The short name that the state directory uses, such as `rsa-2048`, `p-256`, `ml-dsa-44`.
    pub fn name(self) -> String {
        match self {
            KeyKind::Rsa(bits) => format!("rsa-{bits}"),
            KeyKind::Ec(curve) => curve.name().to_lowercase(),
            KeyKind::Ed25519 => "ed25519".to_owned(),
            KeyKind::MlDsa(set) => format!("ml-dsa-{set}"),
            KeyKind::SlhDsa(set) => set.name.to_lowercase(),
        }
    }

    /// The kind with that short name.
    pub fn by_name(name: &str) -> Option<KeyKind> {
        KeyKind::all().find(|kind| kind.name() == name)
    }

    /// Every kind of key there is.
    pub fn all() -> impl Iterator<Item = KeyKind> {
        [2048, 3072, 4096]
            .map(KeyKind::Rsa)
            .into_iter()
            .chain([Curve::P256, Curve::P384, Curve::P521].map(KeyKind::Ec))
            .chain([KeyKind::Ed25519])
            .chain(MlDsaSet::ALL.map(KeyKind::MlDsa))
            .chain(SETS.iter().map(KeyKind::SlhDsa))
    }

    pub fn key_alg(self) -> &'static str {
        match self {
            KeyKind::Rsa(_) => "RSA",
            KeyKind::Ec(_) => "ECDSA",
            KeyKind::Ed25519 => "EdDSA",
            KeyKind::MlDsa(_) => "MLDSA",
            KeyKind::SlhDsa(_) => "SLHDSA",
        }
    }
}

impl PartialEq for KeyKind {
    fn eq(&self, other: &KeyKind) -> bool {
        self.name() == other.name()
    }
}

impl fmt::Debug for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

/// One key, parsed and ready to sign.
pub struct KeyMaterial {
    /// What kind of key this is.
    pub kind: KeyKind,
    /// DER PKCS#8.
    pkcs8: Vec<u8>,
    /// DER SubjectPublicKeyInfo.
    pub spki: Vec<u8>,
    /// The contents of the SubjectPublicKeyInfo's bit string.
    pub public_bits: Vec<u8>,
    signer: Signer,
}

/// An RSA key in both libraries.
struct RsaKey {
    /// Fast, for the digests that it supports.
    native: aws_lc_rs::rsa::KeyPair,
    /// Supports any padding; parsed on first use, because parsing takes milliseconds.
    portable: OnceLock<rsa::PrivateKey>,
}

enum Signer {
    Rsa(Box<RsaKey>),
    Ec(Curve, Box<EcdsaKeyPair>),
    Ed25519(Box<ed25519_dalek::SigningKey>),
    MlDsa(Box<PqdsaKeyPair>),
    SlhDsa(Box<dyn SlhKey>),
}

impl fmt::Debug for KeyMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyMaterial({:?})", self.kind)
    }
}

impl KeyMaterial {
    /// Makes a fresh key of the kind.
    pub fn generate(kind: KeyKind) -> Result<KeyMaterial, KeyError> {
        let pkcs8 = match kind {
            KeyKind::Rsa(bits) => {
                let size = match bits {
                    2048 => KeySize::Rsa2048,
                    3072 => KeySize::Rsa3072,
                    _ => KeySize::Rsa4096,
                };
                let key = aws_lc_rs::rsa::KeyPair::generate(size).map_err(KeyError::from_display)?;
                AsDer::<Pkcs8V1Der>::as_der(&key).map_err(KeyError::from_display)?.as_ref().to_vec()
            }
            KeyKind::Ec(curve) => {
                let key = EcdsaKeyPair::generate(ec_algorithm(curve)).map_err(KeyError::from_display)?;
                key.to_pkcs8v1().map_err(KeyError::from_display)?.as_ref().to_vec()
            }
            KeyKind::Ed25519 => {
                let key = aws::Ed25519KeyPair::generate().map_err(KeyError::from_display)?;
                AsDer::<Pkcs8V1Der>::as_der(&key).map_err(KeyError::from_display)?.as_ref().to_vec()
            }
            KeyKind::MlDsa(set) => {
                let key = PqdsaKeyPair::generate(ml_dsa_algorithm(set)).map_err(KeyError::from_display)?;
                key.to_pkcs8v1().map_err(KeyError::from_display)?.as_ref().to_vec()
            }
            KeyKind::SlhDsa(set) => (set.generate)()?.pkcs8()?,
        };
        KeyMaterial::from_pkcs8(kind, pkcs8)
    }

    /// Reads a key of the kind from its PKCS#8.
    pub fn from_pkcs8(kind: KeyKind, pkcs8: Vec<u8>) -> Result<KeyMaterial, KeyError> {
        let (spki, public_bits, signer) = match kind {
            KeyKind::Rsa(_) => {
                let key = aws_lc_rs::rsa::KeyPair::from_pkcs8(&pkcs8).map_err(KeyError::from_display)?;
                let public = key.public_key();
                (
                    spki_of(public)?,
                    public.as_ref().to_vec(),
                    Signer::Rsa(Box::new(RsaKey { native: key, portable: OnceLock::new() })),
                )
            }
            KeyKind::Ec(curve) => {
                let key = EcdsaKeyPair::from_pkcs8(ec_algorithm(curve), &pkcs8).map_err(KeyError::from_display)?;
                let public = key.public_key();
                (spki_of(public)?, public.as_ref().to_vec(), Signer::Ec(curve, Box::new(key)))
            }
            KeyKind::Ed25519 => {
                let pair = aws::Ed25519KeyPair::from_pkcs8_maybe_unchecked(&pkcs8).map_err(KeyError::from_display)?;
                let key = ed25519_dalek::SigningKey::from_pkcs8_der(&pkcs8).map_err(KeyError::from_display)?;
                let public = pair.public_key();
                (spki_of(public)?, public.as_ref().to_vec(), Signer::Ed25519(Box::new(key)))
            }
            KeyKind::MlDsa(set) => {
                let key = PqdsaKeyPair::from_pkcs8(ml_dsa_algorithm(set), &pkcs8).map_err(KeyError::from_display)?;
                let public = key.public_key();
                (spki_of(public)?, public.as_ref().to_vec(), Signer::MlDsa(Box::new(key)))
            }
            KeyKind::SlhDsa(set) => {
                let key = (set.read)(&pkcs8)?;
                let spki = key.spki()?;
                // An SLH-DSA key is PK.seed and PK.root, the last 2n bytes. The algorithm identifier before it is a
                // bare OID, so the header of the structure always has 18 bytes.
                let bits = spki[18..].to_vec();
                (spki, bits, Signer::SlhDsa(key))
            }
        };
        Ok(KeyMaterial { kind, pkcs8, spki, public_bits, signer })
    }

    /// DER PKCS#8, only for the state directory.
    pub fn pkcs8(&self) -> &[u8] {
        &self.pkcs8
    }

    /// Bytes of the RSA modulus; `None` for other keys.
    pub fn modulus_len(&self) -> Option<usize> {
        match &self.signer {
            Signer::Rsa(key) => Some(key.native.public_modulus_len()),
            _ => None,
        }
    }

    /// RSASSA-PKCS1-v1_5 over a ready digest.
    pub fn rsa_pkcs1(&self, digest: Digest, hash: &[u8]) -> Result<Vec<u8>, KeyError> {
        let padding: &'static dyn aws::RsaEncoding = match digest {
            Digest::Sha256 => &aws::RSA_PKCS1_SHA256,
            Digest::Sha384 => &aws::RSA_PKCS1_SHA384,
            Digest::Sha512 => &aws::RSA_PKCS1_SHA512,
            _ => return self.rsa_raw_pkcs1(&digest.digest_info(hash)),
        };
        self.rsa_native(padding, digest, hash)
    }

    /// Type-1 padding around unchanged `bytes`, without a DigestInfo.
    pub fn rsa_raw_pkcs1(&self, bytes: &[u8]) -> Result<Vec<u8>, KeyError> {
        let key = self.portable_rsa()?;
        key.sign(rsa::pkcs1v15::Pkcs1v15Sign::new_unprefixed(), bytes).map_err(KeyError::from_display)
    }

    /// RSASSA-PSS over a ready digest: MGF1 with the same hash, and a salt of the same length.
    pub fn rsa_pss(&self, digest: Digest, hash: &[u8]) -> Result<Vec<u8>, KeyError> {
        let padding: &'static dyn aws::RsaEncoding = match digest {
            Digest::Sha256 => &aws::RSA_PSS_SHA256,
            Digest::Sha384 => &aws::RSA_PSS_SHA384,
            Digest::Sha512 => &aws::RSA_PSS_SHA512,
            _ => return self.rsa_portable_pss(digest, hash),
        };
        self.rsa_native(padding, digest, hash)
    }

    fn rsa_native(
        &self,
        padding: &'static dyn aws::RsaEncoding,
        digest: Digest,
        hash: &[u8],
    ) -> Result<Vec<u8>, KeyError> {
        let Signer::Rsa(key) = &self.signer else { return Err(wrong_kind()) };
        let algorithm = digest.native().ok_or_else(wrong_kind)?;
        let digest = aws_digest::Digest::import_less_safe(hash, algorithm).map_err(KeyError::from_display)?;
        let mut signature = vec![0; key.native.public_modulus_len()];
        key.native.sign_digest(padding, &digest, &mut signature).map_err(KeyError::from_display)?;
        Ok(signature)
    }

    fn rsa_portable_pss(&self, digest: Digest, hash: &[u8]) -> Result<Vec<u8>, KeyError> {
        let key = self.portable_rsa()?;
        match digest {
            Digest::Sha1 => key.pss_sign_prehash::<sha1::Sha1>(hash),
            Digest::Sha224 => key.pss_sign_prehash::<sha2::Sha224>(hash),
            Digest::Sha256 => key.pss_sign_prehash::<sha2::Sha256>(hash),
            Digest::Sha384 => key.pss_sign_prehash::<sha2::Sha384>(hash),
            Digest::Sha512 => key.pss_sign_prehash::<sha2::Sha512>(hash),
            Digest::Sha3_224 => key.pss_sign_prehash::<sha3::Sha3_224>(hash),
            Digest::Sha3_256 => key.pss_sign_prehash::<sha3::Sha3_256>(hash),
            Digest::Sha3_384 => key.pss_sign_prehash::<sha3::Sha3_384>(hash),
            Digest::Sha3_512 => key.pss_sign_prehash::<sha3::Sha3_512>(hash),
        }
        .map_err(KeyError::from_display)
    }

    fn portable_rsa(&self) -> Result<&rsa::PrivateKey, KeyError> {
        let Signer::Rsa(key) = &self.signer else { return Err(wrong_kind()) };
        if let Some(portable) = key.portable.get() {
            return Ok(portable);
        }
        let portable = rsa::PrivateKey::from_pkcs8_der(&self.pkcs8).map_err(KeyError::from_display)?;
        Ok(key.portable.get_or_init(|| portable))
    }

    /// ECDSA over any `hash`; returns DER `SEQUENCE { r, s }`.
    pub fn ecdsa(&self, hash: &[u8]) -> Result<Vec<u8>, KeyError> {
        let Signer::Ec(curve, key) = &self.signer else { return Err(wrong_kind()) };
        let (length, algorithm) = match curve {
            Curve::P256 => (32, &aws_digest::SHA256),
            Curve::P384 => (48, &aws_digest::SHA384),
            // The order of P-521 takes 66 bytes, more than any digest that AWS-LC accepts.
            Curve::P521 if hash.len() > 64 => return self.ecdsa_p521_long(hash),
            Curve::P521 => (64, &aws_digest::SHA512),
        };
        // ECDSA reads the leftmost bits of the hash as a number. Truncating a long hash, or padding a short one with
        // leading zeros, does not change that number, so one digest length for each curve serves every sig_alg.
        let hash = &hash[..hash.len().min(length)];
        let mut number = vec![0; length - hash.len()];
        number.extend_from_slice(hash);
        let digest = aws_digest::Digest::import_less_safe(&number, algorithm).map_err(KeyError::from_display)?;
        Ok(key.sign_digest(&digest).map_err(KeyError::from_display)?.as_ref().to_vec())
    }

    fn ecdsa_p521_long(&self, hash: &[u8]) -> Result<Vec<u8>, KeyError> {
        use p521::ecdsa::signature::hazmat::PrehashSigner;
        let key = p521::ecdsa::SigningKey::from_pkcs8_der(&self.pkcs8).map_err(KeyError::from_display)?;
        let signature: p521::ecdsa::Signature = key.sign_prehash(hash).map_err(KeyError::from_display)?;
        Ok(signature.to_der().as_bytes().to_vec())
    }

    /// Pure Ed25519 over the bytes.
    pub fn ed25519(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let Signer::Ed25519(key) = &self.signer else { return Err(wrong_kind()) };
        Ok(key.try_sign(message).map_err(KeyError::from_display)?.to_bytes().to_vec())
    }

    /// Ed25519ph with an empty context; `prehash` is the SHA-512 of the message.
    pub fn ed25519ph(&self, prehash: [u8; 64]) -> Result<Vec<u8>, KeyError> {
        let Signer::Ed25519(key) = &self.signer else { return Err(wrong_kind()) };
        let signature = key.sign_prehashed(crate::digests::Made(prehash), None).map_err(KeyError::from_display)?;
        Ok(signature.to_bytes().to_vec())
    }

    /// Pure ML-DSA over the bytes with an empty context.
    pub fn ml_dsa(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let Signer::MlDsa(key) = &self.signer else { return Err(wrong_kind()) };
        let mut signature = vec![0; key.algorithm().signature_len()];
        let length = key.sign(message, &mut signature).map_err(KeyError::from_display)?;
        signature.truncate(length);
        Ok(signature)
    }

    /// Pure SLH-DSA over the bytes with an empty context.
    pub fn slh_dsa(&self, message: &[u8]) -> Result<Vec<u8>, KeyError> {
        let Signer::SlhDsa(key) = &self.signer else { return Err(wrong_kind()) };
        key.sign(message)
    }
}

fn wrong_kind() -> KeyError {
    KeyError("the key is of another algorithm".to_owned())
}

fn spki_of(public: &impl AsDer<PublicKeyX509Der<'static>>) -> Result<Vec<u8>, KeyError> {
    Ok(public.as_der().map_err(KeyError::from_display)?.as_ref().to_vec())
}

fn ec_algorithm(curve: Curve) -> &'static aws::EcdsaSigningAlgorithm {
    match curve {
        Curve::P256 => &aws::ECDSA_P256_SHA256_ASN1_SIGNING,
        Curve::P384 => &aws::ECDSA_P384_SHA384_ASN1_SIGNING,
        Curve::P521 => &aws::ECDSA_P521_SHA512_ASN1_SIGNING,
    }
}

fn ml_dsa_algorithm(set: MlDsaSet) -> &'static aws::PqdsaSigningAlgorithm {
    match set {
        MlDsaSet::Set44 => &aws::ML_DSA_44_SIGNING,
        MlDsaSet::Set65 => &aws::ML_DSA_65_SIGNING,
        MlDsaSet::Set87 => &aws::ML_DSA_87_SIGNING,
    }
}
