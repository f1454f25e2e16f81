//! The service's names of signature algorithms (`sig_alg`), in the spelling with a capital W that every client of it
//! accepts.

use super::digest::Digest;

/// `sig_alg` of each digest with RSA PKCS#1 v1.5, RSA PSS and ECDSA, in the order of [`Digest`].
const NAMES: [[&str; 3]; 9] = [
    ["SHA1WithRSA", "SHA1WithRSA/PSS", "SHA1WithECDSA"],
    ["SHA224WithRSA", "SHA224WithRSA/PSS", "SHA224WithECDSA"],
    ["SHA256WithRSA", "SHA256WithRSA/PSS", "SHA256WithECDSA"],
    ["SHA384WithRSA", "SHA384WithRSA/PSS", "SHA384WithECDSA"],
    ["SHA512WithRSA", "SHA512WithRSA/PSS", "SHA512WithECDSA"],
    ["SHA3-224WithRSA", "SHA3-224WithRSA/PSS", "SHA3-224WithECDSA"],
    ["SHA3-256WithRSA", "SHA3-256WithRSA/PSS", "SHA3-256WithECDSA"],
    ["SHA3-384WithRSA", "SHA3-384WithRSA/PSS", "SHA3-384WithECDSA"],
    ["SHA3-512WithRSA", "SHA3-512WithRSA/PSS", "SHA3-512WithECDSA"],
];

/// RSA, PKCS#1 v1.5; without a digest the bytes are padded as they are.
pub fn pkcs1(digest: Option<Digest>) -> &'static str {
    digest.map_or("NONEWithRSA", |digest| NAMES[digest as usize][0])
}

/// RSA, PSS: MGF1 with the same digest, a salt as long as the digest.
pub fn pss(digest: Digest) -> &'static str {
    NAMES[digest as usize][1]
}

/// ECDSA; without a digest the bytes are the digest.
pub fn ecdsa(digest: Option<Digest>) -> &'static str {
    digest.map_or("NONEWithECDSA", |digest| NAMES[digest as usize][2])
}

/// Ed25519 over the message.
pub const ED25519: &str = "ED25519";

/// Ed25519ph over the message's SHA-512.
pub const ED25519PH: &str = "Ed25519ph";

#[cfg(test)]
mod tests {
    use super::super::digest::DIGESTS;
    use super::*;

    #[test]
    fn names_stand_at_their_digests_place() {
        for row in &DIGESTS {
            let name = row.name.replace("SHA-", "SHA");
            assert_eq!(pkcs1(Some(row.digest)), format!("{name}WithRSA"));
            assert_eq!(pss(row.digest), format!("{name}WithRSA/PSS"));
            assert_eq!(ecdsa(Some(row.digest)), format!("{name}WithECDSA"));
        }
    }
}
