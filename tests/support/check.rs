//! Verifies signatures with implementations that the module does not use for the same scheme, if there are any: the
//! RustCrypto crates, with the token's SubjectPublicKeyInfo.

use sha2::Digest;

/// The hash functions of the mechanisms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Hash {
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

pub const HASHES: [Hash; 9] = [
    Hash::Sha1,
    Hash::Sha224,
    Hash::Sha256,
    Hash::Sha384,
    Hash::Sha512,
    Hash::Sha3_224,
    Hash::Sha3_256,
    Hash::Sha3_384,
    Hash::Sha3_512,
];

macro_rules! each_hash {
    ($hash:expr, $name:ident => $body:expr) => {
        match $hash {
            Hash::Sha1 => {
                type $name = sha1::Sha1;
                $body
            }
            Hash::Sha224 => {
                type $name = sha2::Sha224;
                $body
            }
            Hash::Sha256 => {
                type $name = sha2::Sha256;
                $body
            }
            Hash::Sha384 => {
                type $name = sha2::Sha384;
                $body
            }
            Hash::Sha512 => {
                type $name = sha2::Sha512;
                $body
            }
            Hash::Sha3_224 => {
                type $name = sha3::Sha3_224;
                $body
            }
            Hash::Sha3_256 => {
                type $name = sha3::Sha3_256;
                $body
            }
            Hash::Sha3_384 => {
                type $name = sha3::Sha3_384;
                $body
            }
            Hash::Sha3_512 => {
                type $name = sha3::Sha3_512;
                $body
            }
        }
    };
}

impl Hash {
    pub fn of(self, data: &[u8]) -> Vec<u8> {
        each_hash!(self, D => D::digest(data).to_vec())
    }

    pub fn len(self) -> usize {
        self.of(b"").len()
    }

    /// DigestInfo in front of the digest, from the object identifiers of RFC 8017 and NIST.
    pub fn digest_info(self, data: &[u8]) -> Vec<u8> {
        let oid: &[u8] = match self {
            Self::Sha1 => &[0x2b, 0x0e, 0x03, 0x02, 0x1a],
            Self::Sha224 => &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x04],
            Self::Sha256 => &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01],
            Self::Sha384 => &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02],
            Self::Sha512 => &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x03],
            Self::Sha3_224 => &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x07],
            Self::Sha3_256 => &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x08],
            Self::Sha3_384 => &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x09],
            Self::Sha3_512 => &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x0a],
        };
        let digest = self.of(data);
        let algorithm = [&[0x06, oid.len() as u8][..], oid, &[0x05, 0x00]].concat();
        let body = [&[0x30, algorithm.len() as u8][..], &algorithm, &[0x04, digest.len() as u8], &digest].concat();
        [&[0x30, body.len() as u8][..], &body].concat()
    }
}

fn rsa_key(spki: &[u8]) -> rsa::PublicKey {
    use rsa::pkcs8::DecodePublicKey;
    rsa::PublicKey::from_public_key_der(spki).expect("an RSA public key")
}

/// PKCS#1 v1.5 over exactly these bytes (a DigestInfo, or others).
pub fn rsa_pkcs1(spki: &[u8], padded: &[u8], signature: &[u8]) -> bool {
    rsa_key(spki).verify(rsa::Pkcs1v15Sign::new_unprefixed(), padded, signature).is_ok()
}

/// PSS with MGF1 over the same hash and a salt of its length.
pub fn rsa_pss(spki: &[u8], hash: Hash, data: &[u8], signature: &[u8]) -> bool {
    let digest = hash.of(data);
    each_hash!(hash, D => rsa_key(spki).verify(rsa::Pss::<D>::new_with_salt(digest.len()), &digest, signature).is_ok())
}

/// ECDSA over a digest; the signature is `r || s`. The curve is told by the signature's length.
pub fn ecdsa(spki: &[u8], digest: &[u8], signature: &[u8]) -> bool {
    macro_rules! curve {
        ($curve:ident) => {{
            use $curve::ecdsa::signature::hazmat::PrehashVerifier;
            use $curve::pkcs8::DecodePublicKey;
            let key = $curve::ecdsa::VerifyingKey::from_public_key_der(spki).expect("an EC public key");
            let signature = $curve::ecdsa::Signature::from_slice(signature).expect("r || s");
            key.verify_prehash(digest, &signature).is_ok()
        }};
    }
    match signature.len() {
        64 => curve!(p256),
        96 => curve!(p384),
        132 => curve!(p521),
        other => panic!("no ECDSA signature has {other} bytes"),
    }
}

/// Ed25519, pure or over SHA-512.
pub fn ed25519(spki: &[u8], data: &[u8], prehash: bool, signature: &[u8]) -> bool {
    let key: [u8; 32] = spki[spki.len() - 32..].try_into().expect("32 bytes");
    let key = ed25519_dalek::VerifyingKey::from_bytes(&key).expect("a point");
    let signature = ed25519_dalek::Signature::from_slice(signature).expect("64 bytes");
    if prehash {
        key.verify_prehashed(sha2::Sha512::new_with_prefix(data), None, &signature).is_ok()
    } else {
        key.verify_strict(data, &signature).is_ok()
    }
}

/// ML-DSA with an empty context.
pub fn ml_dsa(spki: &[u8], data: &[u8], signature: &[u8]) -> bool {
    macro_rules! set {
        ($set:ident, $len:literal) => {{
            let key =
                ml_dsa::EncodedVerifyingKey::<ml_dsa::$set>::try_from(&spki[spki.len() - $len..]).expect("its length");
            let key = ml_dsa::VerifyingKey::<ml_dsa::$set>::decode(&key);
            let signature = ml_dsa::Signature::<ml_dsa::$set>::try_from(signature).expect("a signature");
            key.verify_with_context(data, &[], &signature)
        }};
    }
    match signature.len() {
        2420 => set!(MlDsa44, 1312),
        3309 => set!(MlDsa65, 1952),
        4627 => set!(MlDsa87, 2592),
        other => panic!("no ML-DSA signature has {other} bytes"),
    }
}
