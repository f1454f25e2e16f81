//! The file of `signtool /dmdf`: JSON that names the keypair to sign with.

use crate::encoding;
use crate::error::{Error, Result};
use crate::nearest::nearest;
use cryptoki_sys::CKR_ARGUMENTS_BAD;
use serde_json::Value;

#[derive(Debug, PartialEq, Eq)]
pub struct Metadata {
    pub keypair: String,
    /// Name of a token in the settings file, if it has several.
    pub token: Option<String>,
}

const KEYS: [&str; 2] = ["keypair", "token"];

/// Parses an object with `keypair` and optionally `token`. The error for an unknown key suggests the most similar one.
pub fn read(bytes: &[u8]) -> Result<Metadata> {
    let wrong = |what: String| {
        let cause = format!("the file of /dmdf {what}; it is JSON such as {{\"keypair\": \"release-key\"}}");
        Error::loud(CKR_ARGUMENTS_BAD, cause)
    };
    let text = encoding::decode(bytes).ok_or_else(|| wrong("is neither UTF-8 nor UTF-16".into()))?;
    let Ok(Value::Object(object)) = serde_json::from_str(&text) else {
        return Err(wrong("is not a JSON object".into()));
    };
    if let Some(unknown) = object.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(wrong(match nearest(unknown, KEYS) {
            Some(near) => format!("has '{unknown}'; did you mean '{near}'?"),
            None => format!("has '{unknown}'; it knows {}", KEYS.join(" and ")),
        }));
    }
    let text = |key: &str| match object.get(key) {
        None => Ok(None),
        Some(Value::String(text)) if !text.trim().is_empty() => Ok(Some(text.trim().to_owned())),
        Some(Value::String(_)) => Err(wrong(format!("has an empty '{key}'"))),
        Some(_) => Err(wrong(format!("has a '{key}' that is not a string"))),
    };
    let keypair = text("keypair")?.ok_or_else(|| wrong("names no keypair".into()))?;
    Ok(Metadata { keypair, token: text("token")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keypair_and_token_are_read_and_mistakes_are_named() {
        let read = |text: &str| read(text.as_bytes()).map_err(|error| error.cause.into_owned());
        let plain = Metadata { keypair: "release".into(), token: None };
        assert_eq!(read("\u{feff}{\"keypair\": \"release\"}\r\n"), Ok(plain));
        assert_eq!(read(r#"{"keypair": "k", "token": "demo"}"#).map(|read| read.token), Ok(Some("demo".into())));
        for (text, words) in [
            ("", "not a JSON object"),
            ("release", "not a JSON object"),
            ("{}", "names no keypair"),
            (r#"{"key_pair": "x"}"#, "did you mean 'keypair'?"),
            (r#"{"colour": "x"}"#, "it knows keypair and token"),
            (r#"{"keypair": 7}"#, "not a string"),
            (r#"{"keypair": " "}"#, "has an empty 'keypair'"),
        ] {
            assert!(read(text).expect_err(text).contains(words), "{text}");
        }
    }

    #[test]
    fn a_file_of_any_shell_is_read() {
        let text = "{\"keypair\": \"Schlüssel 鍵\"}\r\n";
        let units = || text.encode_utf16();
        let little: Vec<u8> = units().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = units().flat_map(u16::to_be_bytes).collect();
        let marked = |mark: &[u8], bytes: &[u8]| [mark, bytes].concat();
        for bytes in [
            text.as_bytes().to_vec(),
            marked(b"\xef\xbb\xbf", text.as_bytes()),
            marked(b"\xff\xfe", &little),
            marked(b"\xfe\xff", &big),
            little,
            big,
        ] {
            assert_eq!(read(&bytes).map(|read| read.keypair).ok().as_deref(), Some("Schlüssel 鍵"), "{bytes:x?}");
        }
        let latin = read(b"{\"keypair\": \"Schl\xfcssel\"}").expect_err("Latin-1");
        assert!(latin.cause.contains("neither UTF-8 nor UTF-16"), "{}", latin.cause);
    }
}
