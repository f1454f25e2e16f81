//! The parsed forms of a key that verification needs, computed once and stored with the key.

use super::curve::Curve;
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::signature::ParsedPublicKey;
use once_cell::sync::OnceCell;

/// A key, parsed once for each algorithm that it is used with.
#[derive(Default)]
pub(super) struct Verifiers {
    pub(super) fast: [OnceCell<Option<Box<ParsedPublicKey>>>; 7],
    pub(super) slow: OnceCell<Option<Box<rsa::PublicKey>>>,
}

/// The uncompressed form of a compressed point (SEC 1, 2.3.4); `None` if it is not on the curve.
pub(super) fn uncompressed(curve: &Curve, point: &[u8]) -> Option<Vec<u8>> {
    let parsed = ParsedPublicKey::new(curve.algorithm, point).ok()?;
    let spki = parsed.as_der().ok()?;
    let spki = spki.as_ref();
    let whole = spki.get(spki.len().checked_sub(1 + 2 * curve.half)?..)?;
    (whole.first() == Some(&4)).then(|| whole.to_vec())
}
