//! Converts a public key, in any form that the service may send, to a SubjectPublicKeyInfo in DER.
//!
//! The public record shows base64 of one for RSA, and nothing for other keys.

use super::lenient_base64::decode;
use crate::plural::counted;
use data_encoding::HEXLOWER_PERMISSIVE;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::RSAPublicKey;
use x509_parser::x509::SubjectPublicKeyInfo;

/// `SEQUENCE { SEQUENCE { id-ecPublicKey, curve }, BIT STRING` before the point, by the length of the point's
/// coordinates.
const CURVES: [(usize, &[u8]); 3] = [
    (32, &[0x30, 0x13, 0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 0x06, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7]),
    (48, &[0x30, 0x10, 0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 0x06, 5, 0x2b, 0x81, 4, 0, 0x22]),
    (66, &[0x30, 0x10, 0x06, 7, 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1, 0x06, 5, 0x2b, 0x81, 4, 0, 0x23]),
];
const ED25519: &[u8] = &[0x30, 5, 0x06, 3, 0x2b, 0x65, 0x70];
const RSA: &[u8] = &[0x30, 0x0d, 0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1, 5, 0];

/// The SubjectPublicKeyInfo in a `public_key`, or why there is none.
pub fn spki(text: &str) -> Result<Vec<u8>, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("the service gives no public_key".to_owned());
    }
    let read = [hex, decode].iter().find_map(|read| from_text(&read(text)?));
    read.ok_or_else(|| {
        let begin: String = text.chars().take(12).filter(|c| !c.is_control()).collect();
        format!(
            "its public_key (a text of {}, '{begin}...') is not a SubjectPublicKeyInfo, an RSA key, an EC point or \
             a certificate in base64, PEM or hexadecimal",
            counted(text.chars().count(), "character")
        )
    })
}

/// The key in the bytes of a text, which may be a text themselves. Hexadecimal digits are valid base64 as well.
fn from_text(bytes: &[u8]) -> Option<Vec<u8>> {
    let inner = || std::str::from_utf8(bytes).ok().filter(|text| text.contains("-----BEGIN")).and_then(decode);
    from_bytes(bytes).or_else(|| from_bytes(&inner()?))
}

fn hex(text: &str) -> Option<Vec<u8>> {
    let between = |byte: u8| byte.is_ascii_whitespace() || byte == b':';
    let text = text.trim_start_matches("0x");
    if !text.bytes().all(|byte| byte.is_ascii_hexdigit() || between(byte)) {
        return None;
    }
    let digits: Vec<u8> = text.bytes().filter(|byte| !between(*byte)).collect();
    HEXLOWER_PERMISSIVE.decode(&digits).ok()
}

fn from_bytes(bytes: &[u8]) -> Option<Vec<u8>> {
    if SubjectPublicKeyInfo::from_der(bytes).is_ok_and(|(rest, _)| rest.is_empty()) {
        return Some(bytes.to_vec());
    }
    if RSAPublicKey::from_der(bytes).is_ok_and(|(rest, _)| rest.is_empty()) {
        return Some(wrapped(RSA, bytes));
    }
    if let Ok(certificate) = crate::x509::Certificate::parse(bytes.to_vec()) {
        return Some(certificate.spki().to_vec());
    }
    // A point may begin like an octet string, so it is tried first.
    let octets = match bytes {
        [0x04, len, octets @ ..] if usize::from(*len) == octets.len() => octets,
        [0x04, 0x81, len, octets @ ..] if usize::from(*len) == octets.len() => octets,
        _ => &[],
    };
    let raw = || (bytes.len() == 32).then(|| wrapped(ED25519, bytes));
    on_curve(bytes).or_else(|| on_curve(octets)).or_else(raw)
}

/// The key of a point, whole or compressed.
fn on_curve(point: &[u8]) -> Option<Vec<u8>> {
    let (kind, len) = (*point.first()?, point.len());
    let (_, algorithm) = CURVES.iter().find(|(half, _)| match kind {
        4 => len == 1 + 2 * half,
        2 | 3 => len == 1 + half,
        _ => false,
    })?;
    Some(wrapped(algorithm, point))
}

/// A SubjectPublicKeyInfo of an algorithm identifier and the key's bits.
fn wrapped(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    use crate::der::element;
    let bits = element(0x03, &[&[0], key].concat());
    element(0x30, &[algorithm, &bits].concat())
}

/// A public key on P-256, for tests.
#[cfg(test)]
pub const SAMPLE: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEaxfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpZP40Li/hp/m47n60p8D54WK84zV2sxXs7LtkBoN79R9Q==";

#[cfg(test)]
mod tests {
    use super::SAMPLE as KEY;
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    #[test]
    fn an_octet_string_of_another_length_is_no_point() {
        let point = [&[4][..], &[1; 64]].concat();
        for (head, expected) in
            [(&[4, 65][..], true), (&[4, 64], false), (&[4, 0x81, 65], true), (&[4, 0x81, 66], false)]
        {
            assert_eq!(from_bytes(&[head, &point].concat()).is_some(), expected, "{head:?}");
        }
    }

    fn hexed(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    #[test]
    fn every_dress_is_the_same_key() {
        let der = STANDARD.decode(KEY).unwrap();
        let pem = format!("-----BEGIN PUBLIC KEY-----\n{}\n{}\n-----END PUBLIC KEY-----\n", &KEY[..64], &KEY[64..]);
        let point = &der[der.len() - 65..];
        for text in [
            KEY.to_owned(),
            KEY.trim_end_matches('=').to_owned(),
            pem.clone(),
            pem.replace('\n', "\r\n"),
            STANDARD.encode(&pem),
            hexed(&der),
            hexed(&der).to_uppercase(),
            der.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":"),
            STANDARD.encode(point),
            hexed(point),
            STANDARD.encode([&[0x04, 65], point].concat()),
        ] {
            assert_eq!(spki(&text).as_deref(), Ok(&der[..]), "{text}");
        }
    }

    #[test]
    fn rsa_and_ed25519_keys_without_their_algorithm_get_it() {
        let rsa = [&[0x30, 0x82, 1, 10, 2, 0x82, 1, 1, 0][..], &[0xc1; 256], &[2, 3, 1, 0, 1]].concat();
        let read = spki(&STANDARD.encode(&rsa)).unwrap();
        assert!(SubjectPublicKeyInfo::from_der(&read).is_ok());
        assert!(read.ends_with(&rsa));
        let read = spki(&STANDARD.encode([7; 32])).unwrap();
        assert_eq!(read.len(), 44);
        assert!(SubjectPublicKeyInfo::from_der(&read).is_ok());
    }

    #[test]
    fn points_of_every_curve_are_read_whole_compressed_and_in_an_octet_string() {
        for (half, algorithm) in CURVES {
            // The second byte of a point may look like a length.
            for second in [7, 0x81, (2 * half - 1) as u8] {
                let mut point = vec![4; 1 + 2 * half];
                point[1] = second;
                assert_eq!(from_bytes(&point), Some(wrapped(algorithm, &point)), "{half} {second}");
                let octets = crate::der::element(0x04, &point);
                assert_eq!(from_bytes(&octets), Some(wrapped(algorithm, &point)), "{half} {second}");
            }
            for first in [2, 3] {
                let point = [&[first][..], &vec![7; half]].concat();
                assert_eq!(from_bytes(&point), Some(wrapped(algorithm, &point)), "{half} {first}");
                let octets = crate::der::element(0x04, &point);
                assert_eq!(from_bytes(&octets), Some(wrapped(algorithm, &point)), "{half} {first}");
                assert_eq!(from_bytes(&[&point[..], &[7]].concat()), None);
            }
            assert_eq!(from_bytes(&[&[5][..], &vec![7; half]].concat()), None);
            for wrong in [0, 1, 0x81] {
                assert_eq!(from_bytes(&[&[4, wrong, 4][..], &vec![7; 2 * half]].concat()), None, "{half} {wrong}");
            }
        }
    }

    #[test]
    fn what_is_no_key_is_named_and_never_a_panic() {
        assert_eq!(spki(" ").unwrap_err(), "the service gives no public_key");
        for text in ["%%%", "7", "true", "MA==", "AAAA", "0x", "-----BEGIN PUBLIC KEY-----", "\u{1b}[31m", "ÄÖÜ"] {
            let why = spki(text).unwrap_err();
            assert!(why.contains("is not a SubjectPublicKeyInfo"), "{text}: {why}");
            assert!(!why.contains('\u{1b}'));
        }
    }
}
