//! What a PKCS#12 file makes its reader do: the number of rounds of its key derivations is in the file, and a file can ask
//! for a year of them.

use x509_parser::asn1_rs::{Any, Class, FromDer, Tag};

/// More rounds than any program writes: OpenSSL writes 2,048, cautious ones 600,000. These take a few seconds.
const MOST: u64 = 5_000_000;
/// Salts are not longer.
const LONGEST_SALT: usize = 256;
/// Files are not nested deeper.
const DEEPEST: usize = 24;

/// The rounds that a file asks for, if they are too many. In every derivation the number stands behind its salt (RFC 7292:
/// `MacData`, `pkcs-12PbeParams`; RFC 8018: `PBKDF2-params`).
pub fn too_many_rounds(file: &[u8]) -> Option<u64> {
    walk(file, DEEPEST)
}

fn walk(mut content: &[u8], depth: usize) -> Option<u64> {
    let mut salt_before = false;
    while let (Ok((rest, element)), true) = (Any::from_der(content), depth > 0) {
        let data = element.data;
        let universal = element.class() == Class::Universal;
        if universal && element.tag() == Tag::Integer && salt_before {
            let rounds = data.iter().try_fold(0u64, |sum, byte| sum.checked_mul(256)?.checked_add(u64::from(*byte)));
            let rounds = rounds.unwrap_or(u64::MAX);
            if rounds > MOST {
                return Some(rounds);
            }
        }
        let octets = universal && element.tag() == Tag::OctetString;
        salt_before = octets && data.len() <= LONGEST_SALT;
        // What is in a safe stands in an octet string; what is encrypted is no sequence, but by a rare chance.
        let nested = element.header.is_constructed() || (octets && data.first() == Some(&0x30));
        if nested && let Some(rounds) = walk(data, depth - 1) {
            return Some(rounds);
        }
        content = rest;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `MacData` with a number of rounds, and around it what a file has there.
    fn file(rounds: &[u8]) -> Vec<u8> {
        let element = |tag: u8, content: &[u8]| [&[tag, content.len() as u8], content].concat();
        let algorithm = element(0x30, &[element(0x06, &[0x2a, 3]), element(0x05, &[])].concat());
        let digest = element(0x30, &[algorithm, element(0x04, &[7; 20])].concat());
        let mac = element(0x30, &[digest, element(0x04, &[1; 8]), element(0x02, rounds)].concat());
        element(0x30, &[element(0x02, &[3]), element(0x04, &element(0x30, &mac))].concat())
    }

    #[test]
    fn a_file_that_asks_for_a_year_of_work_is_known_before_it_is_opened() {
        assert_eq!(too_many_rounds(&file(&[8, 0])), None);
        assert_eq!(too_many_rounds(&file(&[9, 0x27, 0xc0])), None);
        assert_eq!(too_many_rounds(&file(&[0x7f, 0xff, 0xff, 0xff])), Some(0x7fff_ffff));
        assert_eq!(too_many_rounds(&file(&[0x7f; 12])), Some(u64::MAX));
    }

    #[test]
    fn what_is_no_der_asks_for_nothing() {
        for noise in [&[][..], &[0x30], &[0x30, 0x80, 0, 0], &[0xff; 40], &[0x30; 4000]] {
            assert_eq!(too_many_rounds(noise), None);
        }
    }
}
