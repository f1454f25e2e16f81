//! Base64 in the variants that services write.

use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

/// The longest text that is decoded, in bytes: certificates with SLH-DSA signatures have seventy thousand.
pub const LONGEST_BASE64: usize = 256 << 10;

const fn lenient(alphabet: &alphabet::Alphabet) -> GeneralPurpose {
    let config = GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true);
    GeneralPurpose::new(alphabet, config.with_decode_padding_mode(DecodePaddingMode::Indifferent))
}

static PLAIN: GeneralPurpose = lenient(&alphabet::STANDARD);
static URL_SAFE: GeneralPurpose = lenient(&alphabet::URL_SAFE);

/// Base64 of any variant, with white space or PEM lines around it.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    if text.len() > LONGEST_BASE64 {
        return None;
    }
    PLAIN.decode(text).ok().or_else(|| {
        let body = text.lines().filter(|line| !line.trim_start().starts_with("-----"));
        let text: String = body.flat_map(str::split_whitespace).collect();
        [&PLAIN, &URL_SAFE].iter().find_map(|engine| engine.decode(&text).ok())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_of_every_flavour_is_read() {
        let bytes = [0xfb, 0xff, 0xfe, 1];
        for text in [
            "+//+AQ==",
            "+//+AQ",
            "+//+AR==",
            "-__-AQ==",
            "-__-AQ",
            "+//\n+AQ==",
            "-----BEGIN X-----\n+//+AQ==\n-----END X-----\n",
        ] {
            assert_eq!(decode(text).as_deref(), Some(&bytes[..]), "{text}");
        }
        assert_eq!(decode("%%%"), None);
        assert_eq!(decode(&"A".repeat(LONGEST_BASE64)), Some(vec![0; LONGEST_BASE64 / 4 * 3]));
        assert_eq!(decode(&"A".repeat(LONGEST_BASE64 + 4)), None, "longer than any certificate");
    }
}
