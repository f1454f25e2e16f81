//! Public keys in the formats that CNG exports (`bcrypt.h`): `BCRYPT_RSAKEY_BLOB` and `BCRYPT_ECCKEY_BLOB` with the
//! data that follows them.

use crate::mechanism::PublicKey;

/// CNG's names for a kind of key.
pub struct Kind {
    /// The property "Algorithm Group".
    pub group: &'static str,
    /// The property "Algorithm Name".
    pub name: &'static str,
    /// `dwMagic` of the public blob.
    magic: &'static [u8; 4],
    /// The length of a coordinate, in bytes; 0 for RSA.
    coordinate: usize,
}

/// Every kind that the provider supports, in the order of the enumeration of algorithms.
pub const KINDS: [Kind; 4] = [
    Kind { group: "RSA", name: "RSA", magic: b"RSA1", coordinate: 0 },
    Kind { group: "ECDSA", name: "ECDSA_P256", magic: b"ECS1", coordinate: 32 },
    Kind { group: "ECDSA", name: "ECDSA_P384", magic: b"ECS3", coordinate: 48 },
    Kind { group: "ECDSA", name: "ECDSA_P521", magic: b"ECS5", coordinate: 66 },
];

/// The kind of a key; CNG supports no Ed25519 or post-quantum keys of providers.
pub fn kind(key: &PublicKey) -> Option<&'static Kind> {
    if key.modulus().is_some() {
        return KINDS.first();
    }
    let coordinate = key.ec_params().and_then(|_| uncompressed(key)).map(|point| point.len() / 2)?;
    KINDS.iter().find(|kind| kind.coordinate == coordinate)
}

/// X and Y, concatenated.
fn uncompressed(key: &PublicKey) -> Option<&[u8]> {
    // CKA_EC_POINT is an OCTET STRING that contains 04 X Y.
    let point = key.ec_point()?;
    let length = 2 * key.bits().div_ceil(8);
    let start = point.len().checked_sub(length)?;
    (start > 0 && point[start - 1] == 4).then(|| &point[start..])
}

/// `BCRYPT_RSAPUBLIC_BLOB` or `BCRYPT_ECCPUBLIC_BLOB`.
pub fn public(key: &PublicKey) -> Option<Vec<u8>> {
    let kind = kind(key)?;
    let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes();
    if let (Some(modulus), Some(exponent)) = (key.modulus(), key.exponent()) {
        let head = [number(key.bits()), number(exponent.len()), number(modulus.len()), number(0), number(0)];
        return Some([kind.magic, &head.concat()[..], exponent, modulus].concat());
    }
    Some([kind.magic, &number(kind.coordinate)[..], uncompressed(key)?].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_rsa_key_is_magic_lengths_exponent_and_modulus() {
        let modulus = [&[0xc1][..], &[7; 255]].concat();
        let key = PublicKey::rsa(&modulus, &[1, 0, 1]).expect("a key");
        let blob = public(&key).expect("a blob");
        assert_eq!(&blob[..4], b"RSA1");
        assert_eq!(
            blob[4..24].chunks(4).map(|four| u32::from_le_bytes(four.try_into().expect("four"))).collect::<Vec<_>>(),
            [2048, 3, 256, 0, 0]
        );
        assert_eq!(&blob[24..27], [1, 0, 1]);
        assert_eq!(&blob[27..], modulus);
        assert_eq!(kind(&key).expect("known").name, "RSA");
    }

    #[test]
    fn an_ec_key_is_magic_length_and_coordinates() {
        // The generator of P-256.
        let x = hex("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296");
        let y = hex("4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5");
        let point = [&[0x04, 65, 4][..], &x, &y].concat();
        let key = PublicKey::ec(&[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07], &point).expect("a key");
        let blob = public(&key).expect("a blob");
        assert_eq!(blob, [b"ECS1", &[32, 0, 0, 0][..], &x, &y].concat());
        assert_eq!(kind(&key).expect("known").name, "ECDSA_P256");
    }

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("hex")).collect()
    }
}
