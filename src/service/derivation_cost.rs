//! The cost of opening a PKCS#12 file or an encrypted key. The file contains the parameters of its key derivations, and
//! could demand a year of computation, or more memory than the machine has.

use std::fmt;
use x509_parser::asn1_rs::{Any, Class, FromDer, Tag};

/// More rounds than any program writes: OpenSSL writes 2,048, cautious programs 600,000. This many take a few seconds.
const MOST_ROUNDS: u64 = 5_000_000;
/// Memory for scrypt, in bytes. OpenSSL writes 16 MiB and reads at most 32.
const MOST_MEMORY: u128 = 128 << 20;
/// N times r times p of scrypt; the limit takes a few seconds.
const MOST_STEPS: u128 = 1 << 22;
/// The longest salt, in bytes.
const LONGEST_SALT: usize = 256;
/// The deepest nesting that is accepted.
const DEEPEST: usize = 24;
/// `id-scrypt` (RFC 7914), the content of its OBJECT IDENTIFIER.
const SCRYPT: [u8; 9] = [0x2b, 0x06, 0x01, 0x04, 0x01, 0xda, 0x47, 0x04, 0x0b];

/// A derivation that is too expensive to begin. Its `Display` says what the file demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Excess {
    /// PBKDF2, or the derivations of PKCS#12.
    Rounds(u64),
    /// scrypt with a cost N, a block size r and a parallelization p that are too large, or zero.
    Scrypt { n: u64, r: u64, p: u64 },
}

impl fmt::Display for Excess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rounds(rounds) => {
                write!(f, "requires {rounds} rounds of key derivation, at most {MOST_ROUNDS} are accepted")
            }
            Self::Scrypt { n, r, p } => {
                write!(f, "requires scrypt with N={n}, r={r}, p={p}, at most {} MiB are accepted", MOST_MEMORY >> 20)
            }
        }
    }
}

/// The first derivation in a file that is too expensive. Its numbers follow a salt (RFC 7292: `MacData`,
/// `pkcs-12PbeParams`; RFC 8018: `PBKDF2-params`; RFC 7914: `scrypt-params`).
pub fn excess(file: &[u8]) -> Option<Excess> {
    walk(file, DEEPEST)
}

fn walk(mut content: &[u8], depth: usize) -> Option<Excess> {
    let (mut salt_before, mut scrypt_before) = (false, false);
    while let (Ok((rest, element)), true) = (Any::from_der(content), depth > 0) {
        let data = element.data;
        let universal = element.class() == Class::Universal;
        if universal && element.tag() == Tag::Integer && salt_before && number(data) > MOST_ROUNDS {
            return Some(Excess::Rounds(number(data)));
        }
        if scrypt_before && let Some(excess) = scrypt(data) {
            return Some(excess);
        }
        let octets = universal && element.tag() == Tag::OctetString;
        salt_before = octets && data.len() <= LONGEST_SALT;
        scrypt_before = universal && element.tag() == Tag::Oid && data == SCRYPT;
        // The content of a safe is in an octet string; encrypted content almost never looks like a sequence.
        let nested = element.header.is_constructed() || (octets && data.first() == Some(&0x30));
        if nested && let Some(excess) = walk(data, depth - 1) {
            return Some(excess);
        }
        content = rest;
    }
    None
}

/// The excessive part of `scrypt-params`: salt, cost, block size, parallelization.
fn scrypt(parameters: &[u8]) -> Option<Excess> {
    let mut rest = Any::from_der(parameters).ok()?.0;
    let [n, r, p] = [(); 3].map(|()| {
        let (behind, element) = Any::from_der(rest).ok()?;
        rest = behind;
        (element.tag() == Tag::Integer).then(|| number(element.data))
    });
    let (n, r, p) = (n?, r?, p?);
    let steps = u128::from(n).saturating_mul(r.into()).saturating_mul(p.into());
    let memory = u128::from(n).saturating_add(p.into()).saturating_mul(r.into()).saturating_mul(128);
    let fits = steps > 0 && steps <= MOST_STEPS && memory <= MOST_MEMORY;
    (!fits).then_some(Excess::Scrypt { n, r, p })
}

/// An INTEGER's content; a negative number counts as too large.
fn number(data: &[u8]) -> u64 {
    let number = data.iter().try_fold(0u64, |sum, byte| sum.checked_mul(256)?.checked_add(u64::from(*byte)));
    number.unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        [&[tag, content.len() as u8], content].concat()
    }

    /// `MacData` with a number of rounds, and the surrounding structure of a file.
    fn file(rounds: &[u8]) -> Vec<u8> {
        let algorithm = element(0x30, &[element(0x06, &[0x2a, 3]), element(0x05, &[])].concat());
        let digest = element(0x30, &[algorithm, element(0x04, &[7; 20])].concat());
        let mac = element(0x30, &[digest, element(0x04, &[1; 8]), element(0x02, rounds)].concat());
        element(0x30, &[element(0x02, &[3]), element(0x04, &element(0x30, &mac))].concat())
    }

    /// The algorithm of an encrypted key that uses scrypt.
    fn scrypt_key(n: &[u8], r: &[u8], p: &[u8]) -> Vec<u8> {
        let numbers = [n, r, p].map(|number| element(0x02, number)).concat();
        let parameters = element(0x30, &[element(0x04, &[1; 8]), numbers].concat());
        let kdf = element(0x30, &[element(0x06, &SCRYPT), parameters].concat());
        element(0x30, &element(0x30, &kdf))
    }

    #[test]
    fn a_file_that_asks_for_a_year_of_work_is_known_before_it_is_opened() {
        assert_eq!(excess(&file(&[8, 0])), None);
        assert_eq!(excess(&file(&[9, 0x27, 0xc0])), None);
        assert_eq!(excess(&file(&[0x7f, 0xff, 0xff, 0xff])), Some(Excess::Rounds(0x7fff_ffff)));
        assert_eq!(excess(&file(&[0x7f; 12])), Some(Excess::Rounds(u64::MAX)));
        let most = |more: u64| (MOST_ROUNDS + more).to_be_bytes();
        assert_eq!(excess(&file(&most(0))), None);
        assert_eq!(excess(&file(&most(1))), Some(Excess::Rounds(MOST_ROUNDS + 1)));
    }

    #[test]
    fn only_numbers_where_a_derivation_has_them_are_a_cost() {
        let (salt, many) = (element(0x04, &[1; 8]), element(0x02, &[0x7f; 8]));
        let cost = [&salt[..], &many].concat();
        assert!(excess(&cost).is_some());
        for harmless in [
            [element(0x02, &[3]), many.clone()].concat(),
            [crate::der::element(0x04, &[1; LONGEST_SALT + 1]), many].concat(),
            [&salt[..], &element(0x0c, &[0x7f; 8])].concat(),
            [&salt[..], &element(0x82, &[0x7f; 8])].concat(),
            element(0x04, &cost),
            element(0x0c, &element(0x30, &cost)),
        ] {
            assert_eq!(excess(&harmless), None, "{harmless:x?}");
        }
        assert_eq!(excess(&crate::der::element(0x04, &element(0x30, &cost))), excess(&cost));
        let parameters =
            [&salt[..], &element(0x02, &[0x10, 0, 0]), &element(0x02, &[8]), &element(0x02, &[1])].concat();
        let after = |tag| [element(tag, &SCRYPT), element(0x30, &parameters)].concat();
        assert_eq!(excess(&after(0x06)), Some(Excess::Scrypt { n: 1 << 20, r: 8, p: 1 }));
        assert_eq!(excess(&after(0x04)), None, "it is not an identifier");
    }

    #[test]
    fn what_is_nested_too_deep_is_not_looked_at() {
        let cost = [element(0x04, &[1; 8]), element(0x02, &[0x7f; 8])].concat();
        let nested = |levels| (0..levels).fold(cost.clone(), |inner, _| element(0x30, &inner));
        assert!(excess(&nested(DEEPEST - 1)).is_some());
        assert_eq!(excess(&nested(DEEPEST)), None);
    }

    #[test]
    fn a_file_that_asks_for_more_memory_than_there_is_is_known_too() {
        let (two_to_14, two_to_17, two_to_20) = ([0x40, 0], [2, 0, 0], [0x10, 0, 0]);
        assert_eq!(excess(&scrypt_key(&two_to_14, &[8], &[1])), None);
        assert_eq!(excess(&scrypt_key(&two_to_17, &[7], &[1])), None);
        for (n, r, p) in [
            (&two_to_20[..], &[8][..], &[1][..]),
            (&two_to_14, &[0x7f, 0xff], &[1]),
            (&two_to_14, &[8], &[0x7f, 0xff]),
            (&[0x7f; 12], &[0x7f; 12], &[0x7f; 12]),
            // Not a power of two, or zero: some libraries fail on these.
            (&[0], &[8], &[1]),
            (&two_to_14, &[0], &[1]),
        ] {
            assert!(matches!(excess(&scrypt_key(n, r, p)), Some(Excess::Scrypt { .. })), "{n:?} {r:?} {p:?}");
        }
    }

    #[test]
    fn what_is_no_der_asks_for_nothing() {
        for noise in
            [&[][..], &[0x30], &[0x30, 0x80, 0, 0], &[0xff; 40], &[0x30; 4000], &scrypt_key(&[], &[], &[])[..9]]
        {
            assert_eq!(excess(noise), None);
        }
    }
}
