//! What verification makes of a key once and keeps with it, and the curves' algorithms.

use super::families::Curve;
use aws_lc_rs::digest as fast;
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::signature as algorithm;
use aws_lc_rs::signature::{ParsedPublicKey, VerificationAlgorithm};
use once_cell::sync::OnceCell;

/// A key made ready, once, for the algorithms that it is used with.
#[derive(Default)]
pub(super) struct Verifiers {
    pub(super) fast: [OnceCell<Option<Box<ParsedPublicKey>>>; 7],
    pub(super) slow: OnceCell<Option<Box<rsa::PublicKey>>>,
}

/// A curve's algorithm with the digest of the curve's length: ECDSA does not care which hash a digest came from.
pub(super) fn ecdsa_algorithm(half: usize) -> (&'static dyn VerificationAlgorithm, &'static fast::Algorithm) {
    match half {
        32 => (&algorithm::ECDSA_P256_SHA256_FIXED, &fast::SHA256),
        48 => (&algorithm::ECDSA_P384_SHA384_FIXED, &fast::SHA384),
        _ => (&algorithm::ECDSA_P521_SHA512_FIXED, &fast::SHA512),
    }
}

/// The uncompressed form of a compressed point (SEC 1, 2.3.4); `None` for one that is not on the curve.
pub(super) fn uncompressed(curve: &Curve, point: &[u8]) -> Option<Vec<u8>> {
    let parsed = ParsedPublicKey::new(ecdsa_algorithm(curve.half).0, point).ok()?;
    let spki = parsed.as_der().ok()?;
    let spki = spki.as_ref();
    let whole = spki.get(spki.len().checked_sub(1 + 2 * curve.half)?..)?;
    (whole.first() == Some(&4)).then(|| whole.to_vec())
}
