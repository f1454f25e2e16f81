//! What certsync notes on a certificate that it puts into a store: that it did, and what for. So it can be taken back,
//! and nobody else's certificate is touched. It is the certificate's description, which Windows shows.

use serde::{Deserialize, Serialize};

/// What a description of ours begins with.
const SAYS: &str = "stm-pkcs11 certsync ";

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Whether the certificate itself was added, and not only linked.
    pub added: bool,
    /// The id of the keypair; empty for an issuer's certificate.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub keypair: String,
    /// The alias in the link to the key.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub alias: String,
    /// The certificate's own alias; empty for an issuer's certificate.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub certificate: String,
    /// The provider in the link to the key.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub provider: String,
}

impl Mark {
    pub fn text(&self) -> String {
        format!("{SAYS}{}", serde_json::to_string(self).unwrap_or_default())
    }

    /// The mark in a description; `None` if somebody else wrote it.
    pub fn read(description: &str) -> Option<Self> {
        serde_json::from_str(description.strip_prefix(SAYS)?).ok()
    }

    /// Whether the link to the key is still the one that was made.
    pub fn is_of(&self, alias: &str, provider: &str) -> bool {
        self.alias == alias && self.provider == provider
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_read_as_it_was_written_and_what_others_write_is_none() {
        let mark = Mark {
            added: true,
            keypair: "id".into(),
            alias: "a \"b\"".into(),
            certificate: "c".into(),
            provider: "Release Keys".into(),
        };
        assert_eq!(Mark::read(&mark.text()), Some(mark.clone()));
        let issuer = Mark { added: true, ..Mark::default() };
        assert_eq!(issuer.text(), r#"stm-pkcs11 certsync {"added":true}"#);
        assert_eq!(Mark::read(&issuer.text()), Some(issuer));
        for text in
            ["", "my own words", "stm-pkcs11 certsync", "stm-pkcs11 certsync {}", "stm-pkcs11 certsync {\"added\":1}"]
        {
            assert_eq!(Mark::read(text), None, "{text}");
        }
        assert!(mark.is_of("a \"b\"", "Release Keys"));
        assert!(!mark.is_of("a \"b\"", "Another") && !mark.is_of("b", "Release Keys"));
    }
}
