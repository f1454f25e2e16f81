//! The NIST curves: one row for each, with everything that the module needs. An incomplete row does not compile.

use aws_lc_rs::digest as fast;
use aws_lc_rs::signature as algorithm;
use aws_lc_rs::signature::VerificationAlgorithm;

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
    /// Length of a SubjectPublicKeyInfo in DER with a named curve and an uncompressed point, in bytes.
    pub(super) spki_len: usize,
    /// Verifies `r || s`. Its name contains a digest of the curve's length, although ECDSA works with any digest.
    pub(super) algorithm: &'static dyn VerificationAlgorithm,
    /// The digest in the name of `algorithm`.
    pub(super) hash: &'static fast::Algorithm,
    /// Prime, coefficients a and b, the generator's x, and its order (SP 800-186), in hexadecimal without leading zeros.
    pub(super) domain: [&'static str; 5],
}

/// The curves that the service supports.
pub static CURVES: [Curve; 3] = [
    Curve {
        name: "P-256",
        params: &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
        bits: 256,
        half: 32,
        spki_len: 91,
        algorithm: &algorithm::ECDSA_P256_SHA256_FIXED,
        hash: &fast::SHA256,
        domain: [
            "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
            "ffffffff00000001000000000000000000000000fffffffffffffffffffffffc",
            "5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b",
            "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296",
            "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
        ],
    },
    Curve {
        name: "P-384",
        params: &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22],
        bits: 384,
        half: 48,
        spki_len: 120,
        algorithm: &algorithm::ECDSA_P384_SHA384_FIXED,
        hash: &fast::SHA384,
        domain: [
            "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffff",
            "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000fffffffc",
            "b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef",
            "aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7",
            "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
        ],
    },
    Curve {
        name: "P-521",
        params: &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23],
        bits: 521,
        half: 66,
        spki_len: 158,
        algorithm: &algorithm::ECDSA_P521_SHA512_FIXED,
        hash: &fast::SHA512,
        domain: [
            "1fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\
             fffffffffffffffffffffffffffffffffffffffffff",
            "1fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff\
             ffffffffffffffffffffffffffffffffffffffffffc",
            "51953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e156193951ec7e937b1652c0\
             bd3bb1bf073573df883d2c34f1ef451fd46b503f00",
            "c6858e06b70404e9cd9e3ecb662395b4429c648139053fb521f828af606b4d3dbaa14b5e77efe75928fe1dc1\
             27a2ffa8de3348b3c1856a429bf97e7e31c2e5bd66",
            "1fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0\
             148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
        ],
    },
];

/// `CKA_EC_PARAMS` of Ed25519: its OBJECT IDENTIFIER (RFC 8410). The standard prefers this form since 3.1, and OpenSC,
/// pkcs11-provider and python-pkcs11 all read it.
pub const ED25519_PARAMS: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x70];

/// The other form that the standard allows: PrintableString "edwards25519".
pub const ED25519_CURVE_NAME: &[u8] = b"\x13\x0cedwards25519";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_those_of_the_order() {
        for curve in &CURVES {
            assert_eq!(curve.half, curve.bits.div_ceil(8), "{}", curve.name);
            assert!(curve.hash.output_len() <= curve.half, "{}", curve.name);
            assert_eq!(usize::from(curve.params[1]), curve.params.len() - 2, "{}", curve.name);
        }
    }
}
