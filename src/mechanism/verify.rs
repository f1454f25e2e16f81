//! Verifies signatures with the public key. Every signature of the service passes through here before it is returned.
//! So the common algorithms use aws-lc-rs (tens of microseconds), and the rare ones the `rsa`, `ed25519-dalek` and
//! `slh-dsa` crates. RUSTSEC-2023-0071 on the `rsa` crate concerns private keys, which do not exist here (SECURITY.md, "Accepted advisories").

use super::digest::Digest;
use super::key::{Material, PublicKey};
use super::parameter_set::Check;
use super::verifiers::Verifiers;
use aws_lc_rs::digest as fast;
use aws_lc_rs::signature as algorithm;
use aws_lc_rs::signature::{ParsedPublicKey, VerificationAlgorithm};
use rsa::{BoxedUint, Pkcs1v15Sign, Pss};

/// The data that a signature is verified against.
pub(super) enum Claim<'a> {
    /// PKCS#1 v1.5 over a digest.
    Pkcs1(Digest, &'a [u8]),
    /// PKCS#1 v1.5 over bytes without a DigestInfo.
    Pkcs1Raw(&'a [u8]),
    /// PSS over a digest, with a salt of this many bytes.
    Pss(Digest, &'a [u8], usize),
    /// ECDSA over a digest of any length; the signature is `r || s`.
    Ecdsa(&'a [u8]),
    /// A scheme that signs the message itself.
    Message(&'a [u8]),
    /// Ed25519ph; the message's SHA-512 in progress.
    Prehashed(&'a sha2::Sha512),
}

type FastRsa = (usize, &'static dyn VerificationAlgorithm, &'static fast::Algorithm);

/// The fast algorithms for RSA, by their index in [`Verifiers::fast`]. Other keys have one, at index 0.
fn rsa_algorithm(digest: Digest, pss: bool) -> Option<FastRsa> {
    Some(match (digest, pss) {
        (Digest::Sha1, false) => {
            (0, &algorithm::RSA_PKCS1_2048_8192_SHA1_FOR_LEGACY_USE_ONLY, &fast::SHA1_FOR_LEGACY_USE_ONLY)
        }
        (Digest::Sha256, false) => (1, &algorithm::RSA_PKCS1_2048_8192_SHA256, &fast::SHA256),
        (Digest::Sha384, false) => (2, &algorithm::RSA_PKCS1_2048_8192_SHA384, &fast::SHA384),
        (Digest::Sha512, false) => (3, &algorithm::RSA_PKCS1_2048_8192_SHA512, &fast::SHA512),
        (Digest::Sha256, true) => (4, &algorithm::RSA_PSS_2048_8192_SHA256, &fast::SHA256),
        (Digest::Sha384, true) => (5, &algorithm::RSA_PSS_2048_8192_SHA384, &fast::SHA384),
        (Digest::Sha512, true) => (6, &algorithm::RSA_PSS_2048_8192_SHA512, &fast::SHA512),
        _ => return None,
    })
}

impl Verifiers {
    fn fast(
        &self,
        place: usize,
        algorithm: &'static dyn VerificationAlgorithm,
        key: &[u8],
    ) -> Option<&ParsedPublicKey> {
        self.fast[place].get_or_init(|| ParsedPublicKey::new(algorithm, key).ok().map(Box::new)).as_deref()
    }

    fn slow_rsa(&self, modulus: &[u8], exponent: &[u8]) -> Option<&rsa::PublicKey> {
        let make = || {
            let number = |bytes: &[u8]| BoxedUint::from_be_slice(bytes, bytes.len() as u32 * 8).ok();
            rsa::PublicKey::new_with_size_limits(number(modulus)?, number(exponent)?, 1024..=16384).ok().map(Box::new)
        };
        self.slow.get_or_init(make).as_deref()
    }

    /// Whether signatures can be verified with the key at all.
    pub(super) fn usable(&self, material: &Material) -> bool {
        match material {
            Material::Rsa { modulus, exponent, .. } => self.slow_rsa(modulus, exponent).is_some(),
            Material::Ec { curve, point } => self.fast(0, curve.algorithm, bare(point)).is_some(),
            Material::Ed25519 { .. } | Material::PostQuantum { .. } => true,
        }
    }
}

/// The content of a short DER OCTET STRING that this module wrote.
fn bare(point: &[u8]) -> &[u8] {
    crate::der::octet_string(point).unwrap_or_default()
}

/// Whether the signature, in the standard's encoding, is valid for the key and the claim.
pub(super) fn verify(key: &PublicKey, claim: &Claim<'_>, signature: &[u8]) -> bool {
    if signature.len() != key.signature_len() {
        return false;
    }
    let fast = |algorithm, bytes| key.verifiers().fast(0, algorithm, bytes);
    match key.material() {
        Material::Rsa { modulus, exponent, pkcs1 } => {
            verify_rsa(key.verifiers(), (modulus, exponent, pkcs1), claim, signature)
        }
        Material::Ec { curve, point } => {
            let Claim::Ecdsa(digest) = claim else { return false };
            let imported = fast::Digest::import_less_safe(&fit(digest, curve.hash.output_len()), curve.hash);
            let parsed = fast(curve.algorithm, bare(point));
            matches!((parsed, imported), (Some(key), Ok(digest)) if key.verify_digest_sig(&digest, signature).is_ok())
        }
        Material::Ed25519 { point } => match claim {
            Claim::Message(message) => {
                fast(&algorithm::ED25519, bare(point)).is_some_and(|key| key.verify_sig(message, signature).is_ok())
            }
            Claim::Prehashed(hasher) => verify_prehashed(bare(point), hasher, signature),
            Claim::Pkcs1(..) | Claim::Pkcs1Raw(_) | Claim::Pss(..) | Claim::Ecdsa(_) => false,
        },
        Material::PostQuantum { set, value } => {
            let Claim::Message(message) = claim else { return false };
            match set.check {
                Check::Fast(algorithm) => {
                    fast(algorithm, value).is_some_and(|key| key.verify_sig(message, signature).is_ok())
                }
                Check::Slow(verify) => verify(value, message, signature),
            }
        }
    }
}

/// A digest as an integer of the curve's length: the leftmost bytes of a longer one, zeros before a shorter one.
fn fit(digest: &[u8], len: usize) -> Vec<u8> {
    let kept = &digest[..digest.len().min(len)];
    let mut out = vec![0; len - kept.len()];
    out.extend(kept);
    out
}

/// The fast algorithm for a claim, and the digest.
fn common<'a>(claim: &Claim<'a>) -> Option<(FastRsa, &'a [u8])> {
    match *claim {
        Claim::Pkcs1(digest, value) => Some((rsa_algorithm(digest, false)?, value)),
        // Those of aws-lc-rs have a salt as long as the digest.
        Claim::Pss(digest, value, salt) if salt == digest.row().len => Some((rsa_algorithm(digest, true)?, value)),
        Claim::Pss(..) | Claim::Pkcs1Raw(_) | Claim::Ecdsa(_) | Claim::Message(_) | Claim::Prehashed(_) => None,
    }
}

fn verify_rsa(verifiers: &Verifiers, key: (&[u8], &[u8], &[u8]), claim: &Claim<'_>, signature: &[u8]) -> bool {
    let (modulus, exponent, pkcs1) = key;
    // aws-lc-rs requires at least 2048 bits; the `rsa` crate verifies smaller keys.
    if let Some(((place, algorithm, hash), value)) = common(claim).filter(|_| (256..=1024).contains(&modulus.len()))
        && let Some(key) = verifiers.fast(place, algorithm, pkcs1)
        && let Ok(digest) = fast::Digest::import_less_safe(value, hash)
    {
        return key.verify_digest_sig(&digest, signature).is_ok();
    }
    let Some(key) = verifiers.slow_rsa(modulus, exponent) else { return false };
    match claim {
        Claim::Pkcs1(digest, value) => {
            let info = [digest.row().info, value].concat();
            key.verify(Pkcs1v15Sign::new_unprefixed(), &info, signature).is_ok()
        }
        Claim::Pkcs1Raw(data) => key.verify(Pkcs1v15Sign::new_unprefixed(), data, signature).is_ok(),
        Claim::Pss(digest, value, salt) => verify_pss(key, *digest, value, *salt, signature),
        Claim::Ecdsa(_) | Claim::Message(_) | Claim::Prehashed(_) => false,
    }
}

fn verify_pss(key: &rsa::PublicKey, digest: Digest, value: &[u8], salt: usize, signature: &[u8]) -> bool {
    macro_rules! pss {
        ($hash:ty) => {
            key.verify(Pss::<$hash>::new_with_salt(salt), value, signature)
        };
    }
    let checked = match digest {
        Digest::Sha1 => pss!(sha1::Sha1),
        Digest::Sha224 => pss!(sha2::Sha224),
        Digest::Sha256 => pss!(sha2::Sha256),
        Digest::Sha384 => pss!(sha2::Sha384),
        Digest::Sha512 => pss!(sha2::Sha512),
        Digest::Sha3_224 => pss!(sha3::Sha3_224),
        Digest::Sha3_256 => pss!(sha3::Sha3_256),
        Digest::Sha3_384 => pss!(sha3::Sha3_384),
        Digest::Sha3_512 => pss!(sha3::Sha3_512),
    };
    checked.is_ok()
}

fn verify_prehashed(point: &[u8], hasher: &sha2::Sha512, signature: &[u8]) -> bool {
    let key = point.try_into().ok().and_then(|bytes| ed25519_dalek::VerifyingKey::from_bytes(bytes).ok());
    let signature = ed25519_dalek::Signature::from_slice(signature);
    matches!((key, signature), (Some(key), Ok(signature)) if key.verify_prehashed(hasher.clone(), None, &signature).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_rsa_signatures_are_verified_by_the_fast_library() {
        let claims =
            [Digest::Sha1, Digest::Sha256, Digest::Sha384, Digest::Sha512].map(|digest| Claim::Pkcs1(digest, b""));
        let pss = [(Digest::Sha256, 32), (Digest::Sha384, 48), (Digest::Sha512, 64)];
        let pss = pss.map(|(digest, salt)| Claim::Pss(digest, b"", salt));
        for (place, claim) in claims.iter().chain(&pss).enumerate() {
            let ((found, ..), _) = common(claim).expect("a fast algorithm");
            assert_eq!(found, place, "each has a place of its own among the parsed keys");
        }
        for claim in [Claim::Pss(Digest::Sha256, b"", 20), Claim::Pss(Digest::Sha1, b"", 20), Claim::Pkcs1Raw(b"")] {
            assert!(common(&claim).is_none());
        }
    }

    #[test]
    fn a_pss_signature_is_valid_for_its_own_salt_alone() {
        let key = PublicKey::from_spki(include_bytes!("../../tests/data/pss/key.der")).unwrap();
        let digest = super::super::sha256(include_bytes!("../../tests/data/pss/message"));
        let salted: [(usize, &[u8]); 3] = [
            (20, include_bytes!("../../tests/data/pss/salt-20")),
            (32, include_bytes!("../../tests/data/pss/salt-32")),
            (222, include_bytes!("../../tests/data/pss/salt-222")),
        ];
        for (salt, signature) in salted {
            for asked in [0, 20, 32, 222, 223, 300] {
                let valid = verify(&key, &Claim::Pss(Digest::Sha256, &digest, asked), signature);
                assert_eq!(valid, asked == salt, "a salt of {salt} bytes, verified with {asked}");
            }
        }
    }

    #[test]
    fn a_point_that_is_not_on_its_curve_is_no_key() {
        let curve = &super::super::curve::CURVES[0];
        let point = [&[4][..], &vec![1; 2 * curve.half]].concat();
        let refused = PublicKey::ec(curve.params, &point).unwrap_err().to_string();
        assert!(refused.contains("the public key is not valid"), "{refused}");
    }
}
