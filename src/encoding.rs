//! Decodes text files in the encodings that editors and shells write.

use zeroize::Zeroizing;

/// The text of a file in UTF-8 or UTF-16, without its byte order mark; `None` for any other encoding. Wiped when
/// dropped, because it may be a secret.
///
/// Windows PowerShell's `>` writes UTF-16 with a mark, older editors UTF-8 with one.
pub fn decode(bytes: &[u8]) -> Option<Zeroizing<String>> {
    match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => utf8(rest),
        // UTF-8 text contains no zero byte, and all our files begin with ASCII.
        [1..=255, 0, ..] => utf16(bytes, u16::from_le_bytes),
        [0, 1..=255, ..] => utf16(bytes, u16::from_be_bytes),
        _ => utf8(bytes),
    }
}

fn utf8(bytes: &[u8]) -> Option<Zeroizing<String>> {
    std::str::from_utf8(bytes).ok().map(|text| Zeroizing::new(text.to_owned()))
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<Zeroizing<String>> {
    let (units, rest) = bytes.as_chunks::<2>();
    // Allocated for the whole text: a reallocation would leave a copy in memory.
    let mut text = Zeroizing::new(String::with_capacity(bytes.len() * 2));
    for character in char::decode_utf16(units.iter().map(|pair| unit(*pair))) {
        text.push(character.ok()?);
    }
    rest.is_empty().then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Option<String> {
        decode(bytes).map(|text| text.to_string())
    }

    #[test]
    fn every_encoding_of_the_same_text_is_the_same_text() {
        let text = "SM_HOST=é鍵🔑\r\n";
        let units: Vec<u16> = text.encode_utf16().collect();
        let little: Vec<u8> = units.iter().flat_map(|unit| unit.to_le_bytes()).collect();
        let big: Vec<u8> = units.iter().flat_map(|unit| unit.to_be_bytes()).collect();
        let marked = |mark: &[u8], bytes: &[u8]| [mark, bytes].concat();
        for bytes in [
            text.as_bytes().to_vec(),
            marked(&[0xef, 0xbb, 0xbf], text.as_bytes()),
            marked(&[0xff, 0xfe], &little),
            marked(&[0xfe, 0xff], &big),
            little,
            big,
        ] {
            assert_eq!(read(&bytes).as_deref(), Some(text), "{bytes:x?}");
        }
        assert_eq!(read(b"").as_deref(), Some(""));
    }

    #[test]
    fn what_is_neither_is_not_text() {
        for bytes in [&b"\xff"[..], b"a\xe9b", &[0xff, 0xfe, 0], &[0xff, 0xfe, 0, 0xd8], &[0xff, 0xfe, b'a', 0, b'b']] {
            assert_eq!(read(bytes), None, "{bytes:x?}");
        }
    }
}
