//! The issuers of certificates, each decoded once, however often a list repeats it.

use super::lenient_base64::{LONGEST_BASE64, decode};
use super::wire;
use std::collections::HashMap;
use std::sync::Arc;

/// The longest chain that is kept, in certificates.
const MOST_LINKS: usize = 16;
/// The most memory for chain certificates and their texts in one list, in bytes.
const MOST_CHAINS: usize = 32 << 20;

/// Decoded chain certificates. Neighbours in a list almost always have the same chain.
#[derive(Default)]
pub struct Chains {
    /// The last chain, in the service's notation and decoded.
    last_text: String,
    last: Arc<[Arc<[u8]>]>,
    by_text: HashMap<String, Arc<[u8]>>,
    /// The size of `by_text`, in bytes.
    size: usize,
}

impl Chains {
    pub fn new() -> Self {
        Self::default()
    }

    /// The readable links, in the given order, at most [`MOST_LINKS`].
    pub fn chain(&mut self, chain: wire::Raw<'_>) -> Arc<[Arc<[u8]>]> {
        let text = chain.0.unwrap_or_default();
        if text != self.last_text {
            let links = wire::links(text);
            let fits = |text: &&str| !text.is_empty() && text.len() <= LONGEST_BASE64;
            let texts = links.items().iter().take(MOST_LINKS).map(|link| link.blob.as_str()).filter(fits);
            self.last = texts.filter_map(|text| self.decoded(text)).collect();
            text.clone_into(&mut self.last_text);
        }
        Arc::clone(&self.last)
    }

    fn decoded(&mut self, text: &str) -> Option<Arc<[u8]>> {
        if let Some(known) = self.by_text.get(text) {
            return Some(Arc::clone(known));
        }
        let decoded: Arc<[u8]> = decode(text)?.into();
        self.size += text.len() + decoded.len();
        if self.size > MOST_CHAINS {
            log::warn!(
                "a chain certificate is passed over: those of the list take more than {} MiB",
                MOST_CHAINS >> 20
            );
            return None;
        }
        self.by_text.insert(text.to_owned(), Arc::clone(&decoded));
        Some(decoded)
    }
}

#[cfg(test)]
mod tests {
    use super::super::model::certificate;
    use super::*;
    use serde_json::json;

    #[test]
    fn the_chains_of_a_list_have_a_limit() {
        let (two, one) = ("MAE=", "MA==");
        let mut chains = Chains { size: MOST_CHAINS - two.len() - 2, ..Chains::default() };
        assert_eq!(chains.decoded(two).as_deref(), Some(&b"0\x01"[..]), "it just fits");
        assert_eq!(chains.decoded(one), None);
        assert!(chains.decoded(two).is_some(), "it is known");
    }

    #[test]
    fn chains_are_decoded_once_and_shared() {
        let value = json!({"cert": "MA==", "chain": [{"cert_type": "root", "blob": "MAE="}, {"blob": "%"}, null]});
        let value = value.to_string();
        let value = serde_json::from_str(&value).unwrap();
        let mut chains = Chains::new();
        let one = certificate(&value, &mut chains).unwrap();
        let other = certificate(&value, &mut chains).unwrap();
        assert!(Arc::ptr_eq(&one.chain[0], &other.chain[0]));
        assert_eq!(one.chain.len(), 1);
    }
}
