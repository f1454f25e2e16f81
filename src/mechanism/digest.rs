//! Digests: one table for hashing, DigestInfo and PSS.

use crate::error::{Error, Result};
use aws_lc_rs::digest as fast;
use cryptoki_sys::*;
use sha3::Digest as _;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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

/// The properties of a digest.
pub struct DigestRow {
    pub digest: Digest,
    /// `CKM_SHA...`
    pub mechanism_type: CK_MECHANISM_TYPE,
    /// Length of its output in bytes.
    pub len: usize,
    /// `CKG_MGF1_...`
    pub mgf: CK_RSA_PKCS_MGF_TYPE,
    /// Its usual name.
    pub name: &'static str,
    /// DER of the DigestInfo in front of the digest (RFC 8017, 9.2, note 1), with NULL parameters.
    pub info: &'static [u8],
}

/// SHA-2 and SHA-3 differ only in the last byte of the object identifier.
macro_rules! nist_info {
    ($number:literal, $len:literal) => {
        &[
            0x30,
            0x11 + $len,
            0x30,
            0x0d,
            0x06,
            0x09,
            0x60,
            0x86,
            0x48,
            0x01,
            0x65,
            0x03,
            0x04,
            0x02,
            $number,
            0x05,
            0x00,
            0x04,
            $len,
        ]
    };
}

/// All digests, in the order of [`Digest`].
pub const DIGESTS: [DigestRow; 9] = [
    DigestRow {
        digest: Digest::Sha1,
        mechanism_type: CKM_SHA_1,
        len: 20,
        mgf: CKG_MGF1_SHA1,
        name: "SHA-1",
        info: &[0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14],
    },
    nist(Digest::Sha224, CKM_SHA224, 28, CKG_MGF1_SHA224, "SHA-224", nist_info!(0x04, 28)),
    nist(Digest::Sha256, CKM_SHA256, 32, CKG_MGF1_SHA256, "SHA-256", nist_info!(0x01, 32)),
    nist(Digest::Sha384, CKM_SHA384, 48, CKG_MGF1_SHA384, "SHA-384", nist_info!(0x02, 48)),
    nist(Digest::Sha512, CKM_SHA512, 64, CKG_MGF1_SHA512, "SHA-512", nist_info!(0x03, 64)),
    nist(Digest::Sha3_224, CKM_SHA3_224, 28, CKG_MGF1_SHA3_224, "SHA3-224", nist_info!(0x07, 28)),
    nist(Digest::Sha3_256, CKM_SHA3_256, 32, CKG_MGF1_SHA3_256, "SHA3-256", nist_info!(0x08, 32)),
    nist(Digest::Sha3_384, CKM_SHA3_384, 48, CKG_MGF1_SHA3_384, "SHA3-384", nist_info!(0x09, 48)),
    nist(Digest::Sha3_512, CKM_SHA3_512, 64, CKG_MGF1_SHA3_512, "SHA3-512", nist_info!(0x0a, 64)),
];

const fn nist(
    digest: Digest,
    mechanism_type: CK_MECHANISM_TYPE,
    len: usize,
    mgf: CK_RSA_PKCS_MGF_TYPE,
    name: &'static str,
    info: &'static [u8],
) -> DigestRow {
    DigestRow { digest, mechanism_type, len, mgf, name, info }
}

impl Digest {
    pub const fn row(self) -> &'static DigestRow {
        &DIGESTS[self as usize]
    }

    /// The digest of this mechanism type.
    pub fn by_type(mechanism_type: CK_MECHANISM_TYPE) -> Option<Self> {
        DIGESTS.iter().find(|row| row.mechanism_type == mechanism_type).map(|row| row.digest)
    }
}

/// A digest in progress, in constant memory.
#[derive(Clone)]
pub struct Hasher {
    digest: Digest,
    state: State,
}

#[derive(Clone)]
enum State {
    Fast(Box<fast::Context>),
    Sha3_224(Box<sha3::Sha3_224>),
    Sha3_256(Box<sha3::Sha3_256>),
    Sha3_384(Box<sha3::Sha3_384>),
    Sha3_512(Box<sha3::Sha3_512>),
}

impl Hasher {
    /// For a digest mechanism; `CKR_MECHANISM_INVALID` for any other.
    pub fn new(mechanism_type: CK_MECHANISM_TYPE) -> Result<Self> {
        Digest::by_type(mechanism_type).map(Self::of).ok_or_else(|| {
            Error::new(CKR_MECHANISM_INVALID, format!("mechanism {mechanism_type:#x} is not a digest mechanism"))
        })
    }

    pub fn of(digest: Digest) -> Self {
        let fast = |algorithm| State::Fast(Box::new(fast::Context::new(algorithm)));
        let state = match digest {
            Digest::Sha1 => fast(&fast::SHA1_FOR_LEGACY_USE_ONLY),
            Digest::Sha224 => fast(&fast::SHA224),
            Digest::Sha256 => fast(&fast::SHA256),
            Digest::Sha384 => fast(&fast::SHA384),
            Digest::Sha512 => fast(&fast::SHA512),
            Digest::Sha3_224 => State::Sha3_224(Box::default()),
            Digest::Sha3_256 => State::Sha3_256(Box::default()),
            Digest::Sha3_384 => State::Sha3_384(Box::default()),
            Digest::Sha3_512 => State::Sha3_512(Box::default()),
        };
        Self { digest, state }
    }

    pub fn update(&mut self, data: &[u8]) {
        match &mut self.state {
            State::Fast(state) => state.update(data),
            State::Sha3_224(state) => state.update(data),
            State::Sha3_256(state) => state.update(data),
            State::Sha3_384(state) => state.update(data),
            State::Sha3_512(state) => state.update(data),
        }
    }

    /// The digest of all data.
    pub fn finish(self) -> Vec<u8> {
        match self.state {
            State::Fast(state) => state.finish().as_ref().to_vec(),
            State::Sha3_224(state) => state.finalize().to_vec(),
            State::Sha3_256(state) => state.finalize().to_vec(),
            State::Sha3_384(state) => state.finalize().to_vec(),
            State::Sha3_512(state) => state.finalize().to_vec(),
        }
    }

    /// The length of the result of [`Hasher::finish`], in bytes.
    #[allow(clippy::len_without_is_empty, reason = "a digest is never empty")]
    pub fn len(&self) -> usize {
        self.digest.row().len
    }
}

pub fn sha256(data: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(fast::digest(&fast::SHA256, data).as_ref());
    out
}

/// SHA-1, only where the standard requires it (`CKA_CHECK_VALUE`, key identifiers).
pub fn sha1(data: &[u8]) -> [u8; 20] {
    let mut out = [0; 20];
    out.copy_from_slice(fast::digest(&fast::SHA1_FOR_LEGACY_USE_ONLY, data).as_ref());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_of_short_data_are_those_of_the_standard() {
        // FIPS 180, "abc".
        assert_eq!(data_encoding::HEXLOWER.encode(&sha1(b"abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
        let sha256 = data_encoding::HEXLOWER.encode(&sha256(b"abc"));
        assert_eq!(sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    #[test]
    fn rows_stand_at_their_digests_place_and_infos_end_in_the_digests_length() {
        for (place, row) in DIGESTS.iter().enumerate() {
            assert_eq!(row.digest as usize, place);
            assert_eq!(usize::from(*row.info.last().unwrap()), row.len);
            assert_eq!(usize::from(row.info[1]), row.info.len() - 2 + row.len, "{}", row.name);
            assert_eq!(Hasher::of(row.digest).finish().len(), row.len);
        }
    }

    #[test]
    fn digests_of_abc_are_those_of_the_standards() {
        let hex = |digest: Digest| -> String {
            let mut hasher = Hasher::of(digest);
            hasher.update(b"a");
            hasher.update(b"bc");
            hasher.finish()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
        };
        let known = [
            "a9993e364706816a",
            "23097d223405d822",
            "ba7816bf8f01cfea",
            "cb00753f45a35e8b",
            "ddaf35a193617aba",
            "e642824c3f8cf24a",
            "3a985da74fe225b2",
            "ec01498288516fc9",
            "b751850b1a57168a",
        ];
        for (row, expected) in DIGESTS.iter().zip(known) {
            assert_eq!(hex(row.digest), expected, "{}", row.name);
        }
    }
}
