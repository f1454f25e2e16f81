//! The service's names of signature algorithms (`sig_alg`), in the spelling with a capital W that all its clients
//! accept.

use crate::mechanism::{Algorithm, Digest, ParameterSetName};

/// The names of the algorithms with a certain digest.
struct Names {
    pkcs1: &'static str,
    pss: &'static str,
    ecdsa: &'static str,
}

const fn row(pkcs1: &'static str, pss: &'static str, ecdsa: &'static str) -> Names {
    Names { pkcs1, pss, ecdsa }
}

/// RSA PKCS#1 v1.5, RSA PSS, and ECDSA with a digest.
const fn names(digest: Digest) -> Names {
    match digest {
        Digest::Sha1 => row("SHA1WithRSA", "SHA1WithRSA/PSS", "SHA1WithECDSA"),
        Digest::Sha224 => row("SHA224WithRSA", "SHA224WithRSA/PSS", "SHA224WithECDSA"),
        Digest::Sha256 => row("SHA256WithRSA", "SHA256WithRSA/PSS", "SHA256WithECDSA"),
        Digest::Sha384 => row("SHA384WithRSA", "SHA384WithRSA/PSS", "SHA384WithECDSA"),
        Digest::Sha512 => row("SHA512WithRSA", "SHA512WithRSA/PSS", "SHA512WithECDSA"),
        Digest::Sha3_224 => row("SHA3-224WithRSA", "SHA3-224WithRSA/PSS", "SHA3-224WithECDSA"),
        Digest::Sha3_256 => row("SHA3-256WithRSA", "SHA3-256WithRSA/PSS", "SHA3-256WithECDSA"),
        Digest::Sha3_384 => row("SHA3-384WithRSA", "SHA3-384WithRSA/PSS", "SHA3-384WithECDSA"),
        Digest::Sha3_512 => row("SHA3-512WithRSA", "SHA3-512WithRSA/PSS", "SHA3-512WithECDSA"),
    }
}

/// The service's name of an algorithm. It has one name for all sets of SLH-DSA: the key determines the set.
pub const fn sig_alg(algorithm: Algorithm) -> &'static str {
    use ParameterSetName as Set;
    match algorithm {
        Algorithm::Pkcs1(None) => "NONEWithRSA",
        Algorithm::Pkcs1(Some(digest)) => names(digest).pkcs1,
        Algorithm::Pss(digest) => names(digest).pss,
        Algorithm::Ecdsa(None) => "NONEWithECDSA",
        Algorithm::Ecdsa(Some(digest)) => names(digest).ecdsa,
        Algorithm::Ed25519 => "ED25519",
        Algorithm::Ed25519ph => "Ed25519ph",
        Algorithm::PostQuantum(Set::MlDsa44) => "MLDSA44",
        Algorithm::PostQuantum(Set::MlDsa65) => "MLDSA65",
        Algorithm::PostQuantum(Set::MlDsa87) => "MLDSA87",
        Algorithm::PostQuantum(
            Set::SlhDsaSha2_128s
            | Set::SlhDsaSha2_128f
            | Set::SlhDsaSha2_192s
            | Set::SlhDsaSha2_192f
            | Set::SlhDsaSha2_256s
            | Set::SlhDsaSha2_256f
            | Set::SlhDsaShake128s
            | Set::SlhDsaShake128f
            | Set::SlhDsaShake192s
            | Set::SlhDsaShake192f
            | Set::SlhDsaShake256s
            | Set::SlhDsaShake256f,
        ) => "SLHDSA",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mechanism::DIGESTS;

    #[test]
    fn names_are_those_of_their_digest() {
        for row in &DIGESTS {
            let name = row.name.replace("SHA-", "SHA");
            assert_eq!(sig_alg(Algorithm::Pkcs1(Some(row.digest))), format!("{name}WithRSA"));
            assert_eq!(sig_alg(Algorithm::Pss(row.digest)), format!("{name}WithRSA/PSS"));
            assert_eq!(sig_alg(Algorithm::Ecdsa(Some(row.digest))), format!("{name}WithECDSA"));
        }
    }
}
