//! Key families and their parameter sets: curves, and the post-quantum sets, with every name that they go by.

use cryptoki_sys::*;

/// A family of keys that use the same mechanisms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// `CKK_RSA`
    Rsa,
    /// `CKK_EC`: P-256, P-384, P-521
    Ec,
    /// `CKK_EC_EDWARDS`: Ed25519
    Edwards,
    /// `CKK_ML_DSA`
    MlDsa,
    /// `CKK_SLH_DSA`
    SlhDsa,
}

impl Family {
    /// As people write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rsa => "RSA",
            Self::Ec => "ECDSA",
            Self::Edwards => "EdDSA",
            Self::MlDsa => "ML-DSA",
            Self::SlhDsa => "SLH-DSA",
        }
    }
}

/// `CKA_KEY_TYPE` of a family.
pub fn key_type(family: Family) -> CK_KEY_TYPE {
    match family {
        Family::Rsa => CKK_RSA,
        Family::Ec => CKK_EC,
        Family::Edwards => CKK_EC_EDWARDS,
        Family::MlDsa => CKK_ML_DSA,
        Family::SlhDsa => CKK_SLH_DSA,
    }
}

/// `CKA_KEY_GEN_MECHANISM` of a family.
pub fn generation_for(family: Family) -> CK_MECHANISM_TYPE {
    match family {
        Family::Rsa => CKM_RSA_PKCS_KEY_PAIR_GEN,
        Family::Ec => CKM_EC_KEY_PAIR_GEN,
        Family::Edwards => CKM_EC_EDWARDS_KEY_PAIR_GEN,
        Family::MlDsa => CKM_ML_DSA_KEY_PAIR_GEN,
        Family::SlhDsa => CKM_SLH_DSA_KEY_PAIR_GEN,
    }
}

/// A NIST curve.
#[derive(Debug)]
pub struct Curve {
    /// The service's name.
    pub name: &'static str,
    /// `CKA_EC_PARAMS`: the named curve's OBJECT IDENTIFIER in DER.
    pub params: &'static [u8],
    /// Size of the order in bits.
    pub bits: usize,
    /// Length of a coordinate, and of half a signature, in bytes.
    pub half: usize,
}

/// The curves that the service has.
pub static CURVES: [Curve; 3] = [
    Curve { name: "P-256", params: &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07], bits: 256, half: 32 },
    Curve { name: "P-384", params: &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22], bits: 384, half: 48 },
    Curve { name: "P-521", params: &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23], bits: 521, half: 66 },
];

/// `CKA_EC_PARAMS` of Ed25519: its OBJECT IDENTIFIER (RFC 8410), the form that the standard prefers since 3.1 and that
/// OpenSC, pkcs11-provider and python-pkcs11 all read.
pub const ED25519_PARAMS: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x70];

/// The other form that the standard allows: PrintableString "edwards25519".
pub const ED25519_CURVE_NAME: &[u8] = b"\x13\x0cedwards25519";

/// A post-quantum parameter set.
#[derive(Debug)]
pub struct ParameterSet {
    /// Of ML-DSA or SLH-DSA.
    pub family: Family,
    /// `CKA_PARAMETER_SET`
    pub number: CK_ULONG,
    /// Last byte of the object identifier 2.16.840.1.101.3.4.3.x.
    pub oid: u8,
    /// As FIPS 204 and 205 write it.
    pub name: &'static str,
    /// The service's `sig_alg`.
    pub sig_alg: &'static str,
    /// Length of the public key in bytes.
    pub public_len: usize,
    /// Length of a signature in bytes.
    pub signature_len: usize,
}

const fn ml(
    number: CK_ULONG,
    oid: u8,
    name: &'static str,
    sig_alg: &'static str,
    public: usize,
    signature: usize,
) -> ParameterSet {
    ParameterSet { family: Family::MlDsa, number, oid, name, sig_alg, public_len: public, signature_len: signature }
}

const fn slh(number: CK_ULONG, oid: u8, name: &'static str, public: usize, signature: usize) -> ParameterSet {
    let (family, sig_alg) = (Family::SlhDsa, "SLHDSA");
    ParameterSet { family, number, oid, name, sig_alg, public_len: public, signature_len: signature }
}

/// All sets. The service's list names one algorithm for SLH-DSA; the key says which set it is.
pub static PARAMETER_SETS: [ParameterSet; 15] = [
    ml(CKP_ML_DSA_44 as CK_ULONG, 17, "ML-DSA-44", "MLDSA44", 1312, 2420),
    ml(CKP_ML_DSA_65 as CK_ULONG, 18, "ML-DSA-65", "MLDSA65", 1952, 3309),
    ml(CKP_ML_DSA_87 as CK_ULONG, 19, "ML-DSA-87", "MLDSA87", 2592, 4627),
    slh(CKP_SLH_DSA_SHA2_128S as CK_ULONG, 20, "SLH-DSA-SHA2-128s", 32, 7856),
    slh(CKP_SLH_DSA_SHA2_128F as CK_ULONG, 21, "SLH-DSA-SHA2-128f", 32, 17088),
    slh(CKP_SLH_DSA_SHA2_192S as CK_ULONG, 22, "SLH-DSA-SHA2-192s", 48, 16224),
    slh(CKP_SLH_DSA_SHA2_192F as CK_ULONG, 23, "SLH-DSA-SHA2-192f", 48, 35664),
    slh(CKP_SLH_DSA_SHA2_256S as CK_ULONG, 24, "SLH-DSA-SHA2-256s", 64, 29792),
    slh(CKP_SLH_DSA_SHA2_256F as CK_ULONG, 25, "SLH-DSA-SHA2-256f", 64, 49856),
    slh(CKP_SLH_DSA_SHAKE_128S as CK_ULONG, 26, "SLH-DSA-SHAKE-128s", 32, 7856),
    slh(CKP_SLH_DSA_SHAKE_128F as CK_ULONG, 27, "SLH-DSA-SHAKE-128f", 32, 17088),
    slh(CKP_SLH_DSA_SHAKE_192S as CK_ULONG, 28, "SLH-DSA-SHAKE-192s", 48, 16224),
    slh(CKP_SLH_DSA_SHAKE_192F as CK_ULONG, 29, "SLH-DSA-SHAKE-192f", 48, 35664),
    slh(CKP_SLH_DSA_SHAKE_256S as CK_ULONG, 30, "SLH-DSA-SHAKE-256s", 64, 29792),
    slh(CKP_SLH_DSA_SHAKE_256F as CK_ULONG, 31, "SLH-DSA-SHAKE-256f", 64, 49856),
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
                assert!(set.family != other.family || set.number != other.number, "{}", set.name);
            }
        }
    }
}
