//! `sig_alg`: every name that the service accepts, with its kind of signature, in one table.

use crate::digests::Digest;
use crate::keys::{KeyError, KeyKind, KeyMaterial, MlDsaSet};

/// How the bytes in `hash` become a signature.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scheme {
    /// RSASSA-PKCS1-v1_5; without a digest, type-1 padding around the unchanged bytes.
    RsaPkcs1,
    /// RSASSA-PSS, MGF1 with the same hash, a salt as long as the digest. Without a named digest: the SHA-1 or SHA-2
    /// function with that digest length.
    RsaPss,
    /// ECDSA in DER; without a digest, the bytes are the hash, truncated to the curve's length.
    Ecdsa,
    /// Pure Ed25519 over the bytes.
    Ed25519,
    /// Ed25519ph; the bytes are the SHA-512 of the message.
    Ed25519ph,
    /// Pure ML-DSA with that set over the bytes.
    MlDsa(MlDsaSet),
    /// Pure SLH-DSA over the bytes.
    SlhDsa,
}

/// One row of the table.
#[derive(Debug)]
pub struct SigAlg {
    /// The documented spelling; a request may use any case.
    pub name: &'static str,
    pub scheme: Scheme,
    /// The function of the digest in `hash`; `None` if `hash` is not a digest, or the function is not fixed.
    pub digest: Option<Digest>,
}

const fn row(name: &'static str, scheme: Scheme, digest: Option<Digest>) -> SigAlg {
    SigAlg { name, scheme, digest }
}

/// Every signature algorithm of the service.
pub static SIG_ALGS: &[SigAlg] = &[
    row("NONEWithRSA", Scheme::RsaPkcs1, None),
    row("SHA1WithRSA", Scheme::RsaPkcs1, Some(Digest::Sha1)),
    row("SHA224WithRSA", Scheme::RsaPkcs1, Some(Digest::Sha224)),
    row("SHA256WithRSA", Scheme::RsaPkcs1, Some(Digest::Sha256)),
    row("SHA384WithRSA", Scheme::RsaPkcs1, Some(Digest::Sha384)),
    row("SHA512WithRSA", Scheme::RsaPkcs1, Some(Digest::Sha512)),
    row("SHA3-224WithRSA", Scheme::RsaPkcs1, Some(Digest::Sha3_224)),
    row("SHA3-256WithRSA", Scheme::RsaPkcs1, Some(Digest::Sha3_256)),
    row("SHA3-384WithRSA", Scheme::RsaPkcs1, Some(Digest::Sha3_384)),
    row("SHA3-512WithRSA", Scheme::RsaPkcs1, Some(Digest::Sha3_512)),
    row("NONEWithRSASSA-PSS", Scheme::RsaPss, None),
    row("SHA1WithRSA/PSS", Scheme::RsaPss, Some(Digest::Sha1)),
    row("SHA224WithRSA/PSS", Scheme::RsaPss, Some(Digest::Sha224)),
    row("SHA256WithRSA/PSS", Scheme::RsaPss, Some(Digest::Sha256)),
    row("SHA384WithRSA/PSS", Scheme::RsaPss, Some(Digest::Sha384)),
    row("SHA512WithRSA/PSS", Scheme::RsaPss, Some(Digest::Sha512)),
    row("SHA3-224WithRSA/PSS", Scheme::RsaPss, Some(Digest::Sha3_224)),
    row("SHA3-256WithRSA/PSS", Scheme::RsaPss, Some(Digest::Sha3_256)),
    row("SHA3-384WithRSA/PSS", Scheme::RsaPss, Some(Digest::Sha3_384)),
    row("SHA3-512WithRSA/PSS", Scheme::RsaPss, Some(Digest::Sha3_512)),
    row("NONEWithECDSA", Scheme::Ecdsa, None),
    row("SHA1WithECDSA", Scheme::Ecdsa, Some(Digest::Sha1)),
    row("SHA224WithECDSA", Scheme::Ecdsa, Some(Digest::Sha224)),
    row("SHA256WithECDSA", Scheme::Ecdsa, Some(Digest::Sha256)),
    row("SHA384WithECDSA", Scheme::Ecdsa, Some(Digest::Sha384)),
    row("SHA512WithECDSA", Scheme::Ecdsa, Some(Digest::Sha512)),
    row("SHA3-224WithECDSA", Scheme::Ecdsa, Some(Digest::Sha3_224)),
    row("SHA3-256WithECDSA", Scheme::Ecdsa, Some(Digest::Sha3_256)),
    row("SHA3-384WithECDSA", Scheme::Ecdsa, Some(Digest::Sha3_384)),
    row("SHA3-512WithECDSA", Scheme::Ecdsa, Some(Digest::Sha3_512)),
    row("Ed25519", Scheme::Ed25519, None),
    row("Ed25519ph", Scheme::Ed25519ph, Some(Digest::Sha512)),
    row("MLDSA44", Scheme::MlDsa(MlDsaSet::Set44), None),
    row("MLDSA65", Scheme::MlDsa(MlDsaSet::Set65), None),
    row("MLDSA87", Scheme::MlDsa(MlDsaSet::Set87), None),
    row("SLHDSA", Scheme::SlhDsa, None),
];

/// Why a signature was not made.
#[derive(Debug)]
pub enum Refusal {
    /// The key is of a family that the algorithm does not belong to.
    WrongKey,
    /// The algorithm does not accept the length of `hash`; the text names the lengths that it accepts.
    WrongLength(String),
    Failed(KeyError),
}

impl SigAlg {
    /// The row with that name, in any case.
    pub fn by_name(name: &str) -> Option<&'static SigAlg> {
        SIG_ALGS.iter().find(|alg| alg.name.eq_ignore_ascii_case(name))
    }

    /// Whether a key of the kind can make such signatures.
    pub fn fits(&self, kind: KeyKind) -> bool {
        match self.scheme {
            Scheme::RsaPkcs1 | Scheme::RsaPss => matches!(kind, KeyKind::Rsa(_)),
            Scheme::Ecdsa => matches!(kind, KeyKind::Ec(_)),
            Scheme::Ed25519 | Scheme::Ed25519ph => kind == KeyKind::Ed25519,
            Scheme::MlDsa(set) => kind == KeyKind::MlDsa(set),
            Scheme::SlhDsa => matches!(kind, KeyKind::SlhDsa(_)),
        }
    }

    /// Signs what `hash` holds.
    pub fn sign(&self, key: &KeyMaterial, hash: &[u8]) -> Result<Vec<u8>, Refusal> {
        if !self.fits(key.kind) {
            return Err(Refusal::WrongKey);
        }
        if let Some(digest) = self.digest
            && hash.len() != digest.len()
        {
            return Err(self.wrong_length(hash, &digest.len().to_string()));
        }
        match (self.scheme, self.digest) {
            (Scheme::RsaPkcs1, Some(digest)) => key.rsa_pkcs1(digest, hash),
            (Scheme::RsaPkcs1, None) => {
                let room = key.modulus_len().unwrap_or(0).saturating_sub(11);
                if hash.len() > room {
                    return Err(self.wrong_length(hash, &format!("at most {room}")));
                }
                key.rsa_raw_pkcs1(hash)
            }
            (Scheme::RsaPss, named) => {
                let digest = named
                    .or_else(|| Digest::by_len(hash.len()))
                    .ok_or_else(|| self.wrong_length(hash, "20, 28, 32, 48 or 64"))?;
                key.rsa_pss(digest, hash)
            }
            (Scheme::Ecdsa, _) if hash.is_empty() => return Err(self.wrong_length(hash, "at least 1")),
            (Scheme::Ecdsa, _) => key.ecdsa(hash),
            (Scheme::Ed25519, _) => key.ed25519(hash),
            (Scheme::Ed25519ph, _) => {
                let prehash = hash.try_into().map_err(|_| self.wrong_length(hash, "64"))?;
                key.ed25519ph(prehash)
            }
            (Scheme::MlDsa(_), _) => key.ml_dsa(hash),
            (Scheme::SlhDsa, _) => key.slh_dsa(hash),
        }
        .map_err(Refusal::Failed)
    }

    fn wrong_length(&self, hash: &[u8], wanted: &str) -> Refusal {
        Refusal::WrongLength(format!("hash is {} bytes long; {} takes {wanted} bytes.", hash.len(), self.name))
    }
}
