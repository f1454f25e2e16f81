//! Converts PKCS#12 files from BER to DER. NSS (Firefox, `pk12util`) and older Java and Windows write BER: indefinite
//! lengths, and strings in pieces.
//!
//! RFC 7292 stores a structure in an octet string that is protected by a MAC. If that structure is BER as well, its DER
//! form has a different MAC. Then the MAC is left out, and a wrong password is detected by the decrypted content.
//! `PKCS12_get_key_and_certs` of aws-lc reads BER and keeps the MAC, but is not an alternative. It refuses the files
//! that NSS writes today (PBES2 whose PRF has no parameters), PRFs other than SHA-1 and SHA-256, and files without a
//! MAC. It also lets a file cause a minute of computation.

use crate::der;
use std::borrow::Cow;

const SEQUENCE: u8 = 0x30;
const OCTET_STRING: u8 = 0x04;
const CONSTRUCTED: u8 = 0x20;
const OBJECT_IDENTIFIER: u8 = 0x06;
/// `[0]`, implicit and primitive: `encryptedContent`.
const CONTEXT_0: u8 = 0x80;
/// The deepest nesting that is accepted.
const DEEPEST: usize = 32;

/// An element with its content: bytes if it is primitive, elements if it is constructed.
enum Element {
    Primitive(u8, Vec<u8>),
    Constructed(u8, Vec<Element>),
}

/// A file in DER.
pub struct Der<'a> {
    pub bytes: Cow<'a, [u8]>,
    /// The number of bytes after its end; 0 if they are white space.
    pub behind: usize,
    /// The file has no MAC, or it was left out: only the decrypted content shows whether the password is right.
    pub without_mac: bool,
}

/// Converts a file of at most 1 MiB to DER; `None` if it is neither DER nor BER.
pub fn to_der(file: &[u8]) -> Option<Der<'_>> {
    let mut reader = Reader { rest: file, ber: false };
    let element = reader.element(DEEPEST)?;
    let rest = reader.rest;
    let behind = if rest.trim_ascii_start().is_empty() { 0 } else { rest.len() };
    let Element::Constructed(tag, mut parts) = element else { return None };
    if !reader.ber {
        let without_mac = parts.len() < 3;
        let bytes = Cow::Borrowed(&file[..file.len() - rest.len()]);
        return Some(Der { bytes, behind, without_mac });
    }
    let without_mac = parts.get_mut(1).and_then(|safe| normalise_content(safe, DEEPEST)).unwrap_or(false);
    let without_mac = without_mac || parts.len() < 3;
    if without_mac {
        // Version and content remain.
        parts.truncate(2);
    }
    Some(Der { bytes: Cow::Owned(write(&Element::Constructed(tag, parts))), behind, without_mac })
}

/// Converts the structure in the octet string of a `ContentInfo`, and those inside it; returns whether that changed
/// anything.
fn normalise_content(info: &mut Element, depth: usize) -> Option<bool> {
    let Element::Constructed(SEQUENCE, parts) = info else { return None };
    let [Element::Primitive(OBJECT_IDENTIFIER, _), Element::Constructed(_, wrapped)] = &mut parts[..] else {
        return None;
    };
    let [Element::Primitive(OCTET_STRING, content)] = &mut wrapped[..] else { return None };
    let mut reader = Reader { rest: content, ber: false };
    let mut structure = reader.element(depth.checked_sub(1)?)?;
    let mut changed = reader.ber && reader.rest.is_empty();
    if let Element::Constructed(SEQUENCE, parts) = &mut structure {
        for part in parts {
            changed |= normalise_content(part, depth - 1).unwrap_or(false);
        }
    }
    if changed {
        *content = write(&structure);
    }
    Some(changed)
}

struct Reader<'a> {
    rest: &'a [u8],
    /// Whether the input contains anything that DER forbids.
    ber: bool,
}

impl Reader<'_> {
    /// The next element. No such file has tags of more than one byte.
    fn element(&mut self, depth: usize) -> Option<Element> {
        let (&[tag, first], rest) = self.rest.split_first_chunk::<2>()?;
        self.rest = rest;
        if depth == 0 || tag & 0x1f == 0x1f {
            return None;
        }
        let constructed = tag & CONSTRUCTED != 0;
        if first == 0x80 {
            self.ber = true;
            let mut parts = Vec::new();
            while constructed && !self.rest.starts_with(&[0, 0]) {
                parts.push(self.element(depth - 1)?);
            }
            self.rest = self.rest.strip_prefix(&[0, 0]).filter(|_| constructed)?;
            return self.whole(tag, parts);
        }
        let length = self.length(first)?;
        let (content, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        if !constructed {
            return Some(Element::Primitive(tag, content.to_vec()));
        }
        let mut inner = Reader { rest: content, ber: false };
        let mut parts = Vec::new();
        while !inner.rest.is_empty() {
            parts.push(inner.element(depth - 1)?);
        }
        self.ber |= inner.ber;
        self.whole(tag, parts)
    }

    fn length(&mut self, first: u8) -> Option<usize> {
        if first & 0x80 == 0 {
            return Some(usize::from(first));
        }
        let (digits, rest) = self.rest.split_at_checked(usize::from(first & 0x7f))?;
        self.rest = rest;
        let length =
            digits.iter().try_fold(0usize, |sum, digit| sum.checked_mul(256)?.checked_add(usize::from(*digit)))?;
        self.ber |= digits[0] == 0 || length < 0x80;
        Some(length)
    }

    /// A constructed element. The pieces of an octet string are joined, also in `EncryptedContentInfo`, where it is
    /// implicit and the third part of the sequence.
    fn whole(&mut self, tag: u8, mut parts: Vec<Element>) -> Option<Element> {
        if tag == OCTET_STRING | CONSTRUCTED {
            self.ber = true;
            return joined(&parts).map(|content| Element::Primitive(OCTET_STRING, content));
        }
        if tag == SEQUENCE
            && let [
                Element::Primitive(OBJECT_IDENTIFIER, _),
                Element::Constructed(SEQUENCE, _),
                encrypted @ Element::Constructed(..),
            ] = &mut parts[..]
            && let Element::Constructed(tag, pieces) = encrypted
            && *tag == CONTEXT_0 | CONSTRUCTED
        {
            self.ber = true;
            *encrypted = Element::Primitive(CONTEXT_0, joined(pieces)?);
        }
        Some(Element::Constructed(tag, parts))
    }
}

fn joined(pieces: &[Element]) -> Option<Vec<u8>> {
    let mut whole = Vec::new();
    for piece in pieces {
        let Element::Primitive(OCTET_STRING, content) = piece else { return None };
        whole.extend_from_slice(content);
    }
    Some(whole)
}

fn write(element: &Element) -> Vec<u8> {
    match element {
        Element::Primitive(tag, content) => der::element(*tag, content),
        Element::Constructed(tag, parts) => der::element(*tag, &parts.iter().flat_map(write).collect::<Vec<_>>()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NUMBER: &[u8] = &[0x02, 1, 5];

    fn sequence(content: &[u8]) -> Vec<u8> {
        der::element(SEQUENCE, content)
    }

    /// The same with an indefinite length.
    fn open_sequence(content: &[u8]) -> Vec<u8> {
        [&[SEQUENCE, 0x80], content, &[0, 0]].concat()
    }

    /// A `ContentInfo` with this structure in its octet string.
    fn info(structure: &[u8]) -> Vec<u8> {
        let wrapped = der::element(0xa0, &der::element(OCTET_STRING, structure));
        sequence(&[&der::element(OBJECT_IDENTIFIER, &[42]), &wrapped[..]].concat())
    }

    fn bytes(file: &[u8]) -> Option<Vec<u8>> {
        to_der(file).map(|der| der.bytes.into_owned())
    }

    #[test]
    fn a_file_keeps_its_mac_if_it_has_one_and_what_the_mac_protects_was_der() {
        let (der, ber, mac) = (info(&sequence(NUMBER)), info(&open_sequence(NUMBER)), sequence(NUMBER));
        let torn = info(&[&open_sequence(NUMBER), NUMBER].concat());
        for (make, content, mac, without_mac) in [
            (sequence as fn(&[u8]) -> Vec<u8>, &der, &mac[..], false),
            (sequence, &der, &[], true),
            (open_sequence, &der, &mac, false),
            (open_sequence, &der, &[], true),
            (open_sequence, &ber, &mac, true),
            (open_sequence, &torn, &mac, false),
        ] {
            let file = make(&[NUMBER, content, mac].concat());
            let found = to_der(&file).unwrap();
            assert_eq!((found.without_mac, found.behind), (without_mac, 0), "{file:?}");
            let kept = if without_mac { &[] } else { mac };
            let content = if *content == ber { &der } else { content };
            assert_eq!(found.bytes, sequence(&[NUMBER, content, kept].concat()));
        }
    }

    #[test]
    fn a_length_that_is_longer_than_necessary_is_made_short() {
        let long = [7; 0x80];
        let der = der::element(OCTET_STRING, &long);
        assert_eq!(bytes(&sequence(&der)), Some(sequence(&der)));
        assert!(matches!(to_der(&sequence(&der)).unwrap().bytes, Cow::Borrowed(_)), "it is DER already");
        let wide = [&[OCTET_STRING, 0x82, 0, 0x80][..], &long].concat();
        assert_eq!(bytes(&sequence(&wide)), Some(sequence(&der)));
        assert_eq!(bytes(&[SEQUENCE, 0x81, 3, 2, 1, 5]), Some(sequence(NUMBER)));
    }

    #[test]
    fn nesting_has_an_end_and_long_tags_are_refused() {
        let nested = |levels: usize, make: fn(&[u8]) -> Vec<u8>| (0..levels).fold(Vec::new(), |inner, _| make(&inner));
        for make in [sequence, open_sequence] {
            assert_eq!(bytes(&nested(DEEPEST, make)), Some(nested(DEEPEST, sequence)));
            assert_eq!(bytes(&nested(DEEPEST + 1, make)), None);
        }
        assert_eq!(bytes(&[0x3f, 0]), None);
    }

    #[test]
    fn nesting_has_an_end_in_octet_strings_as_well() {
        for (levels, is_changed) in [(DEEPEST / 2, true), (DEEPEST + 2, false)] {
            let content = (0..levels).fold(open_sequence(NUMBER), |inner, _| sequence(&info(&inner)));
            let file = open_sequence(&[NUMBER, &info(&content), &sequence(NUMBER)].concat());
            assert_eq!(to_der(&file).unwrap().without_mac, is_changed, "{levels}");
        }
    }
}
