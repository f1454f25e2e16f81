//! The hash functions that a `sig_alg` can name.

use sha2::digest::consts::U64;
use sha2::digest::{FixedOutput, HashMarker, Output, OutputSizeUser, Reset, Update};

/// A hash function. The service never hashes: the request names the function of its digest.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Digest {
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
    Sha3_224,
    Sha3_256,
    Sha3_384,
    Sha3_512,
}

impl Digest {
    /// In bytes.
    pub fn len(self) -> usize {
        match self {
            Digest::Sha1 => 20,
            Digest::Sha224 | Digest::Sha3_224 => 28,
            Digest::Sha256 | Digest::Sha3_256 => 32,
            Digest::Sha384 | Digest::Sha3_384 => 48,
            Digest::Sha512 | Digest::Sha3_512 => 64,
        }
    }

    /// The SHA-1 or SHA-2 function with digests of that length.
    pub fn by_len(length: usize) -> Option<Digest> {
        [Digest::Sha1, Digest::Sha224, Digest::Sha256, Digest::Sha384, Digest::Sha512]
            .into_iter()
            .find(|digest| digest.len() == length)
    }

    /// The same function in AWS-LC, if it can sign a ready digest of it.
    pub fn native(self) -> Option<&'static aws_lc_rs::digest::Algorithm> {
        match self {
            Digest::Sha256 => Some(&aws_lc_rs::digest::SHA256),
            Digest::Sha384 => Some(&aws_lc_rs::digest::SHA384),
            Digest::Sha512 => Some(&aws_lc_rs::digest::SHA512),
            _ => None,
        }
    }

    /// The contents octets of the function's object identifier.
    fn oid(self) -> &'static [u8] {
        // All except SHA-1 are in NIST's arc 2.16.840.1.101.3.4.2, and differ in the last octet.
        match self {
            Digest::Sha1 => &[0x2b, 0x0e, 0x03, 0x02, 0x1a],
            Digest::Sha224 => &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x04],
            Digest::Sha256 => &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01],
            Digest::Sha384 => &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02],
            Digest::Sha512 => &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03],
            Digest::Sha3_224 => &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x07],
            Digest::Sha3_256 => &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x08],
            Digest::Sha3_384 => &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x09],
            Digest::Sha3_512 => &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x0a],
        }
    }

    /// The DigestInfo of PKCS #1 (RFC 8017, section 9.2) around `hash`.
    pub fn digest_info(self, hash: &[u8]) -> Vec<u8> {
        let oid = self.oid();
        // All lengths here are below 128, so each takes one octet.
        let algorithm_len = (2 + oid.len() + 2) as u8;
        let total = 2 + algorithm_len + 2 + hash.len() as u8;
        let mut info = vec![0x30, total, 0x30, algorithm_len, 0x06, oid.len() as u8];
        info.extend_from_slice(oid);
        info.extend_from_slice(&[0x05, 0x00, 0x04, hash.len() as u8]);
        info.extend_from_slice(hash);
        info
    }
}

/// A SHA-512 digest of another program, in the form of a hash function that is about to finish.
///
/// Ed25519ph in `ed25519-dalek` requires a hash function that has consumed the message; the service only receives the
/// digest.
#[derive(Clone)]
pub struct Made(pub [u8; 64]);

impl Default for Made {
    fn default() -> Made {
        Made([0; 64])
    }
}

impl HashMarker for Made {}

impl OutputSizeUser for Made {
    type OutputSize = U64;
}

impl Update for Made {
    fn update(&mut self, _data: &[u8]) {}
}

impl Reset for Made {
    fn reset(&mut self) {
        *self = Made::default();
    }
}

impl FixedOutput for Made {
    fn finalize_into(self, out: &mut Output<Made>) {
        out.copy_from_slice(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::Digest as _;

    #[test]
    fn the_digest_info_of_sha256_is_the_one_in_the_standard() {
        let info = Digest::Sha256.digest_info(&[7; 32]);
        let prefix = [
            0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0, 4, 0x20,
        ];
        assert_eq!(info[..19], prefix);
        assert_eq!(info[19..], [7; 32]);
    }

    #[test]
    fn the_digest_info_of_sha1_is_the_one_in_the_standard() {
        let info = Digest::Sha1.digest_info(&[1; 20]);
        assert_eq!(info[..15], [0x30, 0x21, 0x30, 9, 6, 5, 0x2b, 0x0e, 3, 2, 0x1a, 5, 0, 4, 0x14]);
        assert_eq!(info.len(), 35);
    }

    #[test]
    fn a_made_digest_finishes_as_itself() {
        let hash: [u8; 64] = sha2::Sha512::digest(b"message").into();
        assert_eq!(Made(hash).finalize().as_slice(), hash);
    }
}
