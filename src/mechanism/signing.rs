//! A signing or verifying operation. It receives data, produces the request for the service, verifies the response and
//! converts it to the standard's encoding.

use super::algorithm::Algorithm;
use super::digest::{DIGESTS, Digest, Hasher};
use super::key::{Material, PublicKey};
use super::parameter::Parameter;
use super::table::{Mechanism, Scheme, by_type};
use super::verify::{Claim, verify};
use super::{digest_info, ecdsa};
use crate::error::{Error, Result};
use crate::plural::counted;
use cryptoki_sys::*;
use sha2::Digest as _;

/// The longest message for schemes that sign the message itself: it is sent in one request.
const MAX_MESSAGE: usize = 1 << 20;

/// The longest digest: raw ECDSA sends it to the service unchanged.
const MAX_DIGEST: usize = 64;

pub struct Signing {
    key: PublicKey,
    mechanism: &'static Mechanism,
    algorithm: Algorithm,
    input: Input,
}

/// The data received so far.
enum Input {
    Hash(Hasher),
    Prehash(Box<sha2::Sha512>),
    /// Stored unchanged, between a least and a greatest number of bytes.
    Bytes {
        data: Vec<u8>,
        least: usize,
        most: usize,
        over: Over,
    },
}

/// What happens to data that is too long.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Over {
    /// `CKR_DATA_LEN_RANGE`: the mechanism cannot sign it.
    Refuse,
    /// `CKR_TOKEN_RESOURCE_EXCEEDED`: the mechanism could sign it, but this token cannot.
    Exceeded,
    /// Only the first bytes count: "truncated to the appropriate number of bits" (6.3.12).
    Leftmost(usize),
}

/// The content of `POST .../sign`, and what the response must be.
pub struct Prepared {
    /// What the signature is made with.
    pub algorithm: Algorithm,
    /// The digest, or the message if the algorithm signs it whole.
    pub hash: Vec<u8>,
    key: PublicKey,
    prehash: Option<Box<sha2::Sha512>>,
}

fn bytes(least: usize, most: usize) -> Input {
    Input::Bytes { data: Vec::new(), least, most, over: Over::Refuse }
}

/// A message of any length, stored up to the limit.
fn message() -> Input {
    Input::Bytes { data: Vec::new(), least: 0, most: MAX_MESSAGE, over: Over::Exceeded }
}

/// A digest for raw ECDSA. The order of P-521 is longer than any digest, and is not a whole number of bytes. Longer
/// data is refused there, because services and libraries disagree about which of its bits count.
fn ecdsa_digest(key: &PublicKey) -> Input {
    let half = key.signature_len() / 2;
    let over = if half < MAX_DIGEST { Over::Leftmost(half) } else { Over::Refuse };
    Input::Bytes { data: Vec::new(), least: 1, most: MAX_DIGEST, over }
}

impl Signing {
    /// Checks mechanism, key and parameter: `CKR_MECHANISM_INVALID`, `CKR_KEY_TYPE_INCONSISTENT`,
    /// `CKR_MECHANISM_PARAM_INVALID`.
    pub fn new(mechanism_type: CK_MECHANISM_TYPE, parameter: &Parameter, key: &PublicKey) -> Result<Self> {
        let mechanism = by_type(mechanism_type).filter(|mechanism| mechanism.is_sign()).ok_or(CKR_MECHANISM_INVALID)?;
        if !mechanism.fits(key) {
            let cause = format!("{} is not for {} keys", mechanism.name, key.name());
            return Err(Error::new(CKR_KEY_TYPE_INCONSISTENT, cause));
        }
        let none = || match parameter {
            Parameter::None => Ok(()),
            _ => Err(Error::new(CKR_MECHANISM_PARAM_INVALID, format!("{} has no parameter", mechanism.name))),
        };
        let (algorithm, input) = match mechanism.scheme {
            Scheme::Pkcs1(Some(digest)) => {
                none().map(|()| (Algorithm::Pkcs1(Some(digest)), Input::Hash(Hasher::of(digest))))?
            }
            Scheme::Pkcs1(None) => none().map(|()| (Algorithm::Pkcs1(None), bytes(0, key.signature_len() - 11)))?,
            Scheme::Ecdsa(Some(digest)) => {
                none().map(|()| (Algorithm::Ecdsa(Some(digest)), Input::Hash(Hasher::of(digest))))?
            }
            Scheme::Ecdsa(None) => none().map(|()| (Algorithm::Ecdsa(None), ecdsa_digest(key)))?,
            Scheme::Pss(made_here) => {
                let digest = pss_digest(parameter, made_here)?;
                let len = digest.row().len;
                (Algorithm::Pss(digest), made_here.map_or(bytes(len, len), |_| Input::Hash(Hasher::of(digest))))
            }
            Scheme::Eddsa if eddsa_prehash(parameter)? => (Algorithm::Ed25519ph, Input::Prehash(Box::default())),
            Scheme::Eddsa => (Algorithm::Ed25519, message()),
            Scheme::MlDsa | Scheme::SlhDsa => {
                check_context(parameter)?;
                let Material::PostQuantum { set, .. } = key.material() else {
                    return Err(CKR_KEY_TYPE_INCONSISTENT.into());
                };
                (Algorithm::PostQuantum(set.set), message())
            }
            Scheme::Hash(_) | Scheme::Generate(_) => return Err(CKR_MECHANISM_INVALID.into()),
        };
        Ok(Self { key: key.clone(), mechanism, algorithm, input })
    }

    /// Whether the mechanism accepts its data in parts.
    pub fn multipart(&self) -> bool {
        !self.mechanism.single_part()
    }

    /// Adds data. Beyond the limit: `CKR_TOKEN_RESOURCE_EXCEEDED` for a message, `CKR_DATA_LEN_RANGE` if the mechanism
    /// itself limits the data.
    pub fn update(&mut self, part: &[u8]) -> Result<()> {
        match &mut self.input {
            Input::Hash(hasher) => hasher.update(part),
            Input::Prehash(hasher) => hasher.update(part),
            Input::Bytes { data, most, over, .. } => {
                if part.len() <= *most - data.len() {
                    data.extend_from_slice(part);
                    return Ok(());
                }
                let name = self.mechanism.name;
                match over {
                    Over::Leftmost(kept) => data.extend_from_slice(&part[..*kept]),
                    Over::Refuse => {
                        let cause = format!("{name} accepts at most {most} bytes of data with this key");
                        return Err(Error::new(CKR_DATA_LEN_RANGE, cause));
                    }
                    Over::Exceeded => {
                        let cause = format!(
                            "{name} sends the whole message to the service, and the module keeps at most {most} bytes of \
                             one; sign a digest of the file instead"
                        );
                        return Err(Error::loud(CKR_TOKEN_RESOURCE_EXCEEDED, cause));
                    }
                }
            }
        }
        Ok(())
    }

    /// Length of the signature in bytes.
    pub fn signature_len(&self) -> usize {
        self.key.signature_len()
    }

    /// Ends the data; `CKR_DATA_LEN_RANGE` if there is too little.
    pub fn finish(self) -> Result<Prepared> {
        let Self { key, algorithm, input, .. } = self;
        let mut prehash = None;
        let data = match input {
            Input::Hash(hasher) => hasher.finish(),
            Input::Prehash(hasher) => {
                let digest = hasher.clone().finalize().to_vec();
                prehash = Some(hasher);
                digest
            }
            Input::Bytes { data, least, .. } if data.len() < least => {
                let cause = format!(
                    "the data has {} where the mechanism requires {least} or more",
                    counted(data.len(), "byte")
                );
                return Err(Error::new(CKR_DATA_LEN_RANGE, cause));
            }
            Input::Bytes { data, .. } => data,
        };
        let (algorithm, hash) = match algorithm {
            Algorithm::Pkcs1(None) => match digest_info::parse(&data) {
                Some((digest, value)) => (Algorithm::Pkcs1(Some(digest)), value.to_vec()),
                None => (algorithm, data),
            },
            // The length decides the name under which the service accepts the digest; the signature is the same for
            // each.
            Algorithm::Ecdsa(None) => {
                let named = DIGESTS.iter().find(|row| row.len == data.len()).map(|row| row.digest);
                (Algorithm::Ecdsa(named), data)
            }
            Algorithm::Pkcs1(Some(_))
            | Algorithm::Pss(_)
            | Algorithm::Ecdsa(Some(_))
            | Algorithm::Ed25519
            | Algorithm::Ed25519ph
            | Algorithm::PostQuantum(_) => (algorithm, data),
        };
        Ok(Prepared { algorithm, hash, key, prehash })
    }
}

/// The digest of a PSS mechanism, if the service can make such a signature. The name of each of its algorithms contains
/// a digest, and implies MGF1 with the same digest and a salt of the same length.
fn pss_digest(parameter: &Parameter, made_here: Option<Digest>) -> Result<Digest> {
    let invalid = |cause: String| Error::loud(CKR_MECHANISM_PARAM_INVALID, cause);
    let Parameter::Pss { hash, mgf, salt_len } = parameter else {
        return Err(Error::new(CKR_MECHANISM_PARAM_INVALID, "a PSS mechanism requires CK_RSA_PKCS_PSS_PARAMS"));
    };
    let digest = Digest::by_type(*hash).ok_or_else(|| invalid(format!("PSS: there is no digest {hash:#x}")))?;
    let row = digest.row();
    if made_here.is_some_and(|made_here| made_here != digest) {
        return Err(invalid(format!("PSS: the parameter's digest {} is not that of the mechanism", row.name)));
    }
    if *mgf != row.mgf || *salt_len != row.len as u64 {
        return Err(invalid(format!(
            "PSS with {}: the service makes such signatures with MGF1 over {} and a salt of {} bytes only (asked for: \
             MGF {mgf}, salt {salt_len}); set the salt length to the digest length",
            row.name, row.name, row.len
        )));
    }
    Ok(digest)
}

fn eddsa_prehash(parameter: &Parameter) -> Result<bool> {
    match parameter {
        Parameter::None => Ok(false),
        Parameter::Eddsa { prehash, context } if context.is_empty() => Ok(*prehash),
        Parameter::Eddsa { .. } => {
            Err(Error::loud(CKR_MECHANISM_PARAM_INVALID, "Ed25519: the service signs without a context string only"))
        }
        _ => Err(Error::new(CKR_MECHANISM_PARAM_INVALID, "CKM_EDDSA accepts CK_EDDSA_PARAMS or no parameter")),
    }
}

fn check_context(parameter: &Parameter) -> Result<()> {
    match parameter {
        Parameter::None => Ok(()),
        Parameter::SignContext { hedge, context, hash: None } => {
            let deterministic = *hedge == CKH_DETERMINISTIC_REQUIRED as u64;
            if context.is_empty() && !deterministic && *hedge <= 2 {
                return Ok(());
            }
            let cause = "the service signs without a context string, and promises no deterministic signatures";
            Err(Error::loud(CKR_MECHANISM_PARAM_INVALID, cause))
        }
        _ => Err(Error::new(
            CKR_MECHANISM_PARAM_INVALID,
            "the mechanism accepts CK_SIGN_ADDITIONAL_CONTEXT or no parameter",
        )),
    }
}

impl Prepared {
    fn claim(&self) -> Claim<'_> {
        match self.algorithm {
            Algorithm::Pkcs1(Some(digest)) => Claim::Pkcs1(digest, &self.hash),
            Algorithm::Pkcs1(None) => Claim::Pkcs1Raw(&self.hash),
            Algorithm::Pss(digest) => Claim::Pss(digest, &self.hash, digest.row().len),
            Algorithm::Ecdsa(_) => Claim::Ecdsa(&self.hash),
            Algorithm::Ed25519 | Algorithm::PostQuantum(_) => Claim::Message(&self.hash),
            Algorithm::Ed25519ph => self.prehash.as_deref().map_or(Claim::Message(&self.hash), Claim::Prehashed),
        }
    }

    /// The service's response in the standard's encoding, if it is a signature by the key; otherwise a
    /// `CKR_DEVICE_ERROR` that describes the problem. An invalid signature is never returned.
    pub fn accept(&self, answer: &[u8]) -> Result<Vec<u8>> {
        let wrong = |what: String| Error::loud(CKR_DEVICE_ERROR, what);
        let wanted = self.key.signature_len();
        let signature = match self.key.material() {
            Material::Ec { curve, .. } => ecdsa::to_raw(answer, curve.half).ok_or_else(|| {
                wrong(format!(
                    "the service's answer ({}) is not an ECDSA signature of {}",
                    counted(answer.len(), "byte"),
                    curve.name
                ))
            })?,
            _ => answer.to_vec(),
        };
        if signature.len() != wanted {
            return Err(wrong(format!(
                "the service's answer has {} where a signature of {} has {wanted}",
                counted(signature.len(), "byte"),
                self.key.name()
            )));
        }
        if verify(&self.key, &self.claim(), &signature) {
            return Ok(signature);
        }
        Err(wrong(format!(
            "the service's signature does not verify with the key's public key{}; it was discarded. If the keypair was \
             replaced a moment ago, try again; else report it to the service",
            self.other_salt(&signature)
        )))
    }

    /// Whether a PSS signature verifies with another salt length; if so, the message says so.
    fn other_salt(&self, signature: &[u8]) -> String {
        let Algorithm::Pss(digest) = self.algorithm else { return String::new() };
        // A salt that does not fit never verifies.
        let mut salts = 0..self.key.signature_len();
        let found = salts.find(|salt| verify(&self.key, &Claim::Pss(digest, &self.hash, *salt), signature));
        found.map_or(String::new(), |salt| format!(" (it has a salt of {salt} bytes)"))
    }

    /// `C_Verify`: `CKR_SIGNATURE_LEN_RANGE` or `CKR_SIGNATURE_INVALID` if the signature does not verify.
    pub fn verify(&self, signature: &[u8]) -> Result<()> {
        let short = match self.key.material() {
            Material::Ec { curve, .. } => ecdsa::lengthen(signature, curve.half),
            _ => None,
        };
        let signature = short.as_deref().unwrap_or(signature);
        if signature.len() != self.key.signature_len() {
            return Err(CKR_SIGNATURE_LEN_RANGE.into());
        }
        if verify(&self.key, &self.claim(), signature) { Ok(()) } else { Err(CKR_SIGNATURE_INVALID.into()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(mechanism: CK_MECHANISM_TYPE, parameter: &Parameter, key: &PublicKey) -> String {
        Signing::new(mechanism, parameter, key).err().expect("it is refused").to_string()
    }

    fn pss_key() -> PublicKey {
        PublicKey::from_spki(include_bytes!("../../tests/data/pss/key.der")).unwrap()
    }

    #[test]
    fn a_pss_signature_with_another_salt_is_refused_with_its_length() {
        let parameter = Parameter::Pss { hash: CKM_SHA256, mgf: CKG_MGF1_SHA256, salt_len: 32 };
        let mut signing = Signing::new(CKM_SHA256_RSA_PKCS_PSS, &parameter, &pss_key()).unwrap();
        signing.update(include_bytes!("../../tests/data/pss/message")).unwrap();
        let prepared = signing.finish().unwrap();
        let right = include_bytes!("../../tests/data/pss/salt-32");
        assert_eq!(prepared.accept(right).unwrap(), right);
        let others: [(&[u8], &str); 4] = [
            (include_bytes!("../../tests/data/pss/salt-0"), "public key (it has a salt of 0 bytes); it was discarded"),
            (
                include_bytes!("../../tests/data/pss/salt-20"),
                "public key (it has a salt of 20 bytes); it was discarded",
            ),
            (
                include_bytes!("../../tests/data/pss/salt-222"),
                "public key (it has a salt of 222 bytes); it was discarded",
            ),
            (&[1; 256], "public key; it was discarded"),
        ];
        for (signature, words) in others {
            let refused = prepared.accept(signature).unwrap_err();
            assert_eq!((refused.rv, refused.to_string().contains(words)), (CKR_DEVICE_ERROR, true), "{refused}");
        }
    }

    #[test]
    fn a_message_of_a_megabyte_is_signed_whole_and_a_longer_one_is_refused_with_the_way_out() {
        let key = PublicKey::edwards(super::super::curve::ED25519_PARAMS, &[7; 32]).unwrap();
        let mut signing = Signing::new(CKM_EDDSA, &Parameter::None, &key).unwrap();
        signing.update(&vec![0; 1_048_576]).unwrap();
        let refused = signing.update(&[0]).unwrap_err();
        let words = "the module keeps at most 1048576 bytes of one; sign a digest of the file instead";
        assert_eq!((refused.rv, refused.to_string().contains(words)), (CKR_TOKEN_RESOURCE_EXCEEDED, true), "{refused}");
        assert_eq!(signing.finish().unwrap().hash.len(), 1_048_576);
    }

    #[test]
    fn ed25519_is_signed_without_a_context_only() {
        let key = PublicKey::edwards(super::super::curve::ED25519_PARAMS, &[7; 32]).unwrap();
        for prehash in [false, true] {
            let parameter = Parameter::Eddsa { prehash, context: Vec::new() };
            assert!(Signing::new(CKM_EDDSA, &parameter, &key).is_ok());
            let refused = refusal(CKM_EDDSA, &Parameter::Eddsa { prehash, context: vec![1] }, &key);
            assert!(refused.contains("Ed25519: the service signs without a context string only"), "{refused}");
        }
        let refused = refusal(CKM_EDDSA, &Parameter::Malformed, &key);
        assert!(refused.contains("CKM_EDDSA accepts CK_EDDSA_PARAMS or no parameter"), "{refused}");
    }

    #[test]
    fn post_quantum_keys_sign_without_a_context_and_never_deterministically() {
        let key = PublicKey::ml_dsa(CKP_ML_DSA_44, &[3; 1312]).unwrap();
        let of = |hedge, context: &[u8], hash| Parameter::SignContext { hedge, context: context.to_vec(), hash };
        let (preferred, required) = (CKH_HEDGE_PREFERRED as u64, CKH_HEDGE_REQUIRED as u64);
        for parameter in [Parameter::None, of(preferred, b"", None), of(required, b"", None)] {
            assert!(Signing::new(CKM_ML_DSA, &parameter, &key).is_ok(), "{parameter:?}");
        }
        let promises = "the service signs without a context string, and promises no deterministic signatures";
        let accepts = "the mechanism accepts CK_SIGN_ADDITIONAL_CONTEXT or no parameter";
        let deterministic = CKH_DETERMINISTIC_REQUIRED as u64;
        for (parameter, words) in [
            (of(preferred, b"context", None), promises),
            (of(deterministic, b"", None), promises),
            (of(3, b"", None), promises),
            (of(preferred, b"", Some(CKM_SHA256)), accepts),
            (Parameter::Malformed, accepts),
        ] {
            let refused = refusal(CKM_ML_DSA, &parameter, &key);
            assert!(refused.contains(words), "{parameter:?}: {refused}");
        }
    }
}
