//! The parameter sets of the post-quantum families: one row for each, with all its names and the function that verifies
//! its signatures.

use super::family::Family;
use aws_lc_rs::signature as algorithm;
use aws_lc_rs::signature::VerificationAlgorithm;
use cryptoki_sys::*;
use std::fmt;

/// A parameter set. Adding one causes a compile error wherever the code distinguishes sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(non_camel_case_types, reason = "FIPS 204 and 205 name them so")]
pub enum ParameterSetName {
    MlDsa44,
    MlDsa65,
    MlDsa87,
    SlhDsaSha2_128s,
    SlhDsaSha2_128f,
    SlhDsaSha2_192s,
    SlhDsaSha2_192f,
    SlhDsaSha2_256s,
    SlhDsaSha2_256f,
    SlhDsaShake128s,
    SlhDsaShake128f,
    SlhDsaShake192s,
    SlhDsaShake192f,
    SlhDsaShake256s,
    SlhDsaShake256f,
}

/// How a set's signatures are verified.
pub(super) enum Check {
    /// By aws-lc-rs, with a key that is parsed once.
    Fast(&'static dyn VerificationAlgorithm),
    /// Public key, message, signature.
    #[cfg_attr(not(feature = "slh-dsa"), allow(dead_code, reason = "SLH-DSA alone is verified this way"))]
    Slow(fn(&[u8], &[u8], &[u8]) -> bool),
}

pub struct ParameterSet {
    pub set: ParameterSetName,
    /// `Family::MlDsa` or `Family::SlhDsa`.
    pub family: Family,
    /// `CKA_PARAMETER_SET`
    pub number: CK_ULONG,
    /// Last byte of the object identifier 2.16.840.1.101.3.4.3.x.
    pub oid: u8,
    /// Its name in FIPS 204 and 205.
    pub name: &'static str,
    /// Length of the public key in bytes.
    pub public_len: usize,
    /// Length of a signature in bytes.
    pub signature_len: usize,
    pub(super) check: Check,
}

impl fmt::Debug for ParameterSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

const fn ml(
    set: ParameterSetName,
    number: CK_ULONG,
    oid: u8,
    name: &'static str,
    public_len: usize,
    signature_len: usize,
    algorithm: &'static dyn VerificationAlgorithm,
) -> ParameterSet {
    let check = Check::Fast(algorithm);
    ParameterSet { set, family: Family::MlDsa, number, oid, name, public_len, signature_len, check }
}

#[cfg(feature = "slh-dsa")]
const fn slh(
    set: ParameterSetName,
    number: CK_ULONG,
    oid: u8,
    name: &'static str,
    public_len: usize,
    signature_len: usize,
    verify: fn(&[u8], &[u8], &[u8]) -> bool,
) -> ParameterSet {
    let check = Check::Slow(verify);
    ParameterSet { set, family: Family::SlhDsa, number, oid, name, public_len, signature_len, check }
}

/// Never inlined: it keeps signatures of up to 50 kB on the stack, and a thread of the host may have only 64 kB
/// (stunnel's do). Only callers that verify such a signature use that stack.
#[cfg(feature = "slh-dsa")]
#[inline(never)]
fn verify_slh<P: slh_dsa::ParameterSet>(value: &[u8], message: &[u8], signature: &[u8]) -> bool {
    let key = slh_dsa::VerifyingKey::<P>::try_from(value);
    let signature = slh_dsa::Signature::<P>::try_from(signature);
    matches!((key, signature), (Ok(key), Ok(signature))
        if key.try_verify_with_context(message, &[], &signature).is_ok())
}

/// All sets that this build can verify; the token does not show any others.
pub static PARAMETER_SETS: &[ParameterSet] = &[
    ml(ParameterSetName::MlDsa44, CKP_ML_DSA_44 as CK_ULONG, 17, "ML-DSA-44", 1312, 2420, &algorithm::ML_DSA_44),
    ml(ParameterSetName::MlDsa65, CKP_ML_DSA_65 as CK_ULONG, 18, "ML-DSA-65", 1952, 3309, &algorithm::ML_DSA_65),
    ml(ParameterSetName::MlDsa87, CKP_ML_DSA_87 as CK_ULONG, 19, "ML-DSA-87", 2592, 4627, &algorithm::ML_DSA_87),
    #[cfg(feature = "slh-dsa")]
    slh(
        ParameterSetName::SlhDsaSha2_128s,
        CKP_SLH_DSA_SHA2_128S as CK_ULONG,
        20,
        "SLH-DSA-SHA2-128s",
        32,
        7856,
        verify_slh::<slh_dsa::Sha2_128s>,
    ),
    #[cfg(feature = "slh-dsa")]
    slh(
        ParameterSetName::SlhDsaSha2_128f,
        CKP_SLH_DSA_SHA2_128F as CK_ULONG,
        21,
        "SLH-DSA-SHA2-128f",
        32,
        17088,
        verify_slh::<slh_dsa::Sha2_128f>,
    ),
    #[cfg(feature = "slh-dsa")]
    slh(
        ParameterSetName::SlhDsaSha2_192s,
        CKP_SLH_DSA_SHA2_192S as CK_ULONG,
        22,
        "SLH-DSA-SHA2-192s",
        48,
        16224,
        verify_slh::<slh_dsa::Sha2_192s>,
    ),
    #[cfg(feature = "slh-dsa")]
    slh(
        ParameterSetName::SlhDsaSha2_192f,
        CKP_SLH_DSA_SHA2_192F as CK_ULONG,
        23,
        "SLH-DSA-SHA2-192f",
        48,
        35664,
        verify_slh::<slh_dsa::Sha2_192f>,
    ),
    #[cfg(feature = "slh-dsa")]
    slh(
        ParameterSetName::SlhDsaSha2_256s,
        CKP_SLH_DSA_SHA2_256S as CK_ULONG,
        24,
        "SLH-DSA-SHA2-256s",
        64,
        29792,
        verify_slh::<slh_dsa::Sha2_256s>,
    ),
    #[cfg(feature = "slh-dsa")]
    slh(
        ParameterSetName::SlhDsaSha2_256f,
        CKP_SLH_DSA_SHA2_256F as CK_ULONG,
        25,
        "SLH-DSA-SHA2-256f",
        64,
        49856,
        verify_slh::<slh_dsa::Sha2_256f>,
    ),
    #[cfg(feature = "slh-dsa")]
    slh(
        ParameterSetName::SlhDsaShake128s,
        CKP_SLH_DSA_SHAKE_128S as CK_ULONG,
        26,
        "SLH-DSA-SHAKE-128s",
        32,
        7856,
        verify_slh::<slh_dsa::Shake128s>,
    ),
    #[cfg(feature = "slh-dsa")]
    slh(
        ParameterSetName::SlhDsaShake128f,
        CKP_SLH_DSA_SHAKE_128F as CK_ULONG,
        27,
        "SLH-DSA-SHAKE-128f",
        32,
        17088,
        verify_slh::<slh_dsa::Shake128f>,
    ),
    #[cfg(feature = "slh-dsa")]
    slh(
        ParameterSetName::SlhDsaShake192s,
        CKP_SLH_DSA_SHAKE_192S as CK_ULONG,
        28,
        "SLH-DSA-SHAKE-192s",
        48,
        16224,
        verify_slh::<slh_dsa::Shake192s>,
    ),
    #[cfg(feature = "slh-dsa")]
    slh(
        ParameterSetName::SlhDsaShake192f,
        CKP_SLH_DSA_SHAKE_192F as CK_ULONG,
        29,
        "SLH-DSA-SHAKE-192f",
        48,
        35664,
        verify_slh::<slh_dsa::Shake192f>,
    ),
    #[cfg(feature = "slh-dsa")]
    slh(
        ParameterSetName::SlhDsaShake256s,
        CKP_SLH_DSA_SHAKE_256S as CK_ULONG,
        30,
        "SLH-DSA-SHAKE-256s",
        64,
        29792,
        verify_slh::<slh_dsa::Shake256s>,
    ),
    #[cfg(feature = "slh-dsa")]
    slh(
        ParameterSetName::SlhDsaShake256f,
        CKP_SLH_DSA_SHAKE_256F as CK_ULONG,
        31,
        "SLH-DSA-SHAKE-256f",
        64,
        49856,
        verify_slh::<slh_dsa::Shake256f>,
    ),
];

/// The set with this `CKA_PARAMETER_SET`.
pub fn parameter_set(family: Family, number: CK_ULONG) -> Option<&'static ParameterSet> {
    PARAMETER_SETS.iter().find(|set| set.family == family && set.number == number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_identifiers_are_unique_in_their_family() {
        for (place, set) in PARAMETER_SETS.iter().enumerate() {
            for other in &PARAMETER_SETS[place + 1..] {
                assert_ne!(set.oid, other.oid);
                assert_ne!(set.set, other.set);
                assert!(set.family != other.family || set.number != other.number, "{}", set.name);
            }
        }
    }
}
