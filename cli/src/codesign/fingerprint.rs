//! The fingerprint by which people name a certificate.

use crate::print::{Exit, Failure, shown};
use data_encoding::HEXLOWER;
use sha2::{Digest as _, Sha256};
use stm_pkcs11::mechanism::sha1;

/// SHA-1 or SHA-256 of a certificate, in lower-case hexadecimal digits.
pub struct Fingerprint(String);

impl Fingerprint {
    /// Reads digits in any case, with colons or blanks between them or not.
    pub fn read(text: &str) -> Result<Self, Failure> {
        let digits: String = text.chars().filter(|letter| !matches!(letter, ':' | ' ' | '\t' | '\u{200e}')).collect();
        let digits = digits.to_ascii_lowercase();
        if [40, 64].contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Ok(Self(digits));
        }
        let why = format!("'{}' is neither a SHA-1 (40 hexadecimal digits) nor a SHA-256 (64)", shown(text));
        Err(Failure::new("read --fingerprint", why, "copy it from stm-pkcs11 certificate list").exit(Exit::Usage))
    }

    /// Whether it is that of a certificate in DER.
    pub fn is_of(&self, der: &[u8]) -> bool {
        self.0
            == match self.0.len() {
                40 => HEXLOWER.encode(&sha1(der)[..]),
                _ => HEXLOWER.encode(&Sha256::digest(der)),
            }
    }

    pub fn digits(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::Fingerprint;

    #[test]
    fn a_fingerprint_is_read_in_any_case_with_colons_and_blanks() {
        let digits = "0123456789abcdef0123456789abcdef01234567";
        let colons: Vec<&str> = (0..40).step_by(2).map(|at| &digits[at..at + 2]).collect();
        for text in [digits.to_owned(), digits.to_uppercase(), colons.join(":"), colons.join(" ")] {
            assert_eq!(Fingerprint::read(&text).unwrap().digits(), digits, "{text}");
        }
        assert!(Fingerprint::read(&digits.repeat(2)[..64]).is_ok());
        for wrong in ["", "0123", &digits[1..], &format!("{}g", &digits[1..])] {
            let said = Fingerprint::read(wrong).err().expect("it is refused").to_string();
            assert!(said.contains("neither a SHA-1"), "{wrong}");
        }
    }

    #[test]
    fn it_is_of_the_certificate_that_has_it_by_either_hash() {
        for digits in [
            "a9993e364706816aba3e25717850c26c9cd0d89d",
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
        ] {
            let fingerprint = Fingerprint::read(digits).unwrap();
            assert!(fingerprint.is_of(b"abc") && !fingerprint.is_of(b"abd"));
        }
    }
}
