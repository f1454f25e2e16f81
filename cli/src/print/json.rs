//! JSON on standard output.

use serde_json::Value;
use std::fmt::Write;

/// Prints a value. Characters that control a terminal or a pipeline are escaped; a JSON parser reads the same text.
pub fn json(value: &Value) {
    super::line(&harmless(&format!("{value:#}")));
}

/// The same JSON, without characters that control a terminal, and without the beginning of a pipeline's commands
/// (`##vso[`, `##[`). These occur only in strings, where `\u` is an equivalent escape.
fn harmless(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    let mut hashes = 0;
    for character in json.chars() {
        hashes = if character == '#' { hashes + 1 } else { 0 };
        let acted_on = stm_pkcs11::shown::is_acted_on(character) && character != '\n';
        if acted_on || hashes == 2 {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                let _ = write!(text, "\\u{unit:04x}");
            }
            hashes = 0;
        } else {
            text.push(character);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_escaped_is_the_same_value() {
        let value = json!({"alias": "a\u{1b}[2J\n##vso[task]###[x] \u{202e}b \u{9b}1m \u{7f} é 😀 \u{e0041}", "key": ["RSA-3072", 1]});
        let text = harmless(&format!("{value:#}"));
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value, "{text}");
        assert!(!text.contains("##"), "{text}");
        assert!(text.contains('é') && text.contains('😀'), "{text}");
        assert!(
            !text.chars().any(|character| character != '\n' && stm_pkcs11::shown::is_acted_on(character)),
            "{text}"
        );
    }
}
