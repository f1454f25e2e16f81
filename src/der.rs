//! The DER that this crate writes: SubjectPublicKeyInfo from the parts of a key, and OCTET STRINGs.

/// One element: tag, definite length, content.
pub fn element(tag: u8, content: &[u8]) -> Vec<u8> {
    let len = content.len();
    let mut out = vec![tag];
    match len {
        0..=0x7f => out.push(len as u8),
        0x80..=0xff => out.extend([0x81, len as u8]),
        0x100..=0xffff => out.extend([0x82, (len >> 8) as u8, len as u8]),
        _ => out.extend([0x83, (len >> 16) as u8, (len >> 8) as u8, len as u8]),
    }
    out.extend(content);
    out
}

/// A non-negative INTEGER from big-endian bytes.
pub fn integer(magnitude: &[u8]) -> Vec<u8> {
    let digits = strip_zeros(magnitude);
    let sign: &[u8] = if digits.first().is_none_or(|first| first & 0x80 != 0) { &[0] } else { &[] };
    element(0x02, &[sign, digits].concat())
}

/// A SubjectPublicKeyInfo: the algorithm identifier's content and the key's bits.
pub fn spki(algorithm: &[u8], key: &[u8]) -> Vec<u8> {
    let bits = element(0x03, &[&[0], key].concat());
    element(0x30, &[element(0x30, algorithm), bits].concat())
}

/// The first element: its tag, its content, and the bytes behind it.
pub fn next(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (head, rest) = der.split_first_chunk::<2>()?;
    let (len, rest) = match head {
        [_, short @ 0..=0x7f] => (usize::from(*short), rest),
        [_, 0x81] => rest.split_first().map(|(len, rest)| (usize::from(*len), rest))?,
        [_, 0x82] => rest.split_first_chunk::<2>().map(|(len, rest)| (usize::from(u16::from_be_bytes(*len)), rest))?,
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(len)?;
    Some((head[0], content, rest))
}

/// The content of an OCTET STRING that is the whole input.
pub fn octet_string(der: &[u8]) -> Option<&[u8]> {
    match next(der)? {
        (0x04, content, []) => Some(content),
        _ => None,
    }
}

/// Big-endian bytes without leading zeros.
pub fn strip_zeros(number: &[u8]) -> &[u8] {
    &number[number.iter().position(|byte| *byte != 0).unwrap_or(number.len())..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_of_an_element_has_as_few_bytes_as_it_needs() {
        for (len, head) in [
            (0, &[4, 0][..]),
            (0x7f, &[4, 0x7f]),
            (0x80, &[4, 0x81, 0x80]),
            (0xff, &[4, 0x81, 0xff]),
            (0x0102, &[4, 0x82, 1, 2]),
            (0xffff, &[4, 0x82, 0xff, 0xff]),
            (0x01_0203, &[4, 0x83, 1, 2, 3]),
        ] {
            let content = vec![7; len];
            assert_eq!(element(4, &content), [head, &content].concat(), "{len:#x}");
        }
    }
}
