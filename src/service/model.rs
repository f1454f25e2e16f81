//! What the service says, read tolerantly: every field that we do not need may be missing, null, of another type or new.

use super::wire;
use base64::Engine;
use base64::alphabet;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;

/// A keypair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keypair {
    /// Usually a UUID.
    pub id: String,
    /// Its name; it may change, unlike the id.
    pub alias: String,
    /// `RSA`, `ECDSA`, ...: for people only, the public key decides.
    pub key_alg: String,
    /// `PRODUCTION` or `TEST`
    pub key_type: String,
    /// `HSM` or `DISK`
    pub key_storage: String,
    /// `ONLINE` or `OFFLINE`
    pub key_status: String,
    /// Replaced after each signing: never remembered longer than the process needs it.
    pub dynamic: bool,
    /// Whether this user may sign with it now, where the service says so.
    pub signable: Option<bool>,
    /// SubjectPublicKeyInfo in DER.
    pub public_key: Option<Vec<u8>>,
    /// The default one first.
    pub certificates: Vec<KeypairCertificate>,
    /// Whether the answer had a list of certificates at all.
    pub(super) certificates_given: bool,
}

/// A certificate of a keypair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeypairCertificate {
    /// Its id at the service.
    pub id: String,
    /// Its own name, which is not the keypair's.
    pub alias: String,
    /// `ACTIVE`, ...
    pub status: String,
    /// Whether the service uses it for the keypair by default.
    pub default: bool,
    /// RFC 3339, as the service wrote it.
    pub valid_from: String,
    /// RFC 3339, as the service wrote it.
    pub valid_to: String,
    /// The certificate in DER.
    pub der: Vec<u8>,
    /// The certificates above it in DER. Thousands of keypairs share them.
    pub chain: Arc<[Arc<[u8]>]>,
}

/// An answer to `POST .../sign`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The id of its record.
    pub id: Option<String>,
    /// As the service encodes it: ECDSA in DER.
    pub signature: Vec<u8>,
}

/// A record of a signature (`GET /signatures/{id}`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "the service's words")]
pub struct SignatureRecord {
    pub id: Option<String>,
    pub keypair_id: Option<String>,
    pub signing_status: Option<String>,
    pub sig_alg: Option<String>,
    pub hash: Option<Vec<u8>>,
    pub signature: Option<Vec<u8>>,
    pub certificate_id: Option<String>,
    pub created_on: Option<String>,
    pub client_type: Option<String>,
}

/// A keypair to be made (`POST /keypairs`).
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs, reason = "the service's words")]
pub struct NewKeypair {
    pub alias: String,
    pub key_alg: String,
    pub properties: Vec<(String, Value)>,
    pub key_storage: String,
    pub key_type: String,
    pub status: String,
}

impl Keypair {
    /// Whether it can sign now.
    pub fn online(&self) -> bool {
        !self.key_status.eq_ignore_ascii_case("OFFLINE")
    }

    /// The certificate that is shown for it: the service's default, else the newest ACTIVE one, else the newest.
    pub fn default_certificate(&self) -> Option<&KeypairCertificate> {
        self.certificates.first()
    }
}

/// Chain certificates that were decoded already. Neighbours in a list have the same chain, nearly always.
#[derive(Default)]
pub struct Chains {
    /// The texts of the last chain.
    last_texts: Vec<String>,
    /// What they stand for.
    last: Arc<[Arc<[u8]>]>,
    by_text: HashMap<String, Arc<[u8]>>,
}

impl Chains {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    fn chain(&mut self, links: &[wire::Link<'_>]) -> Arc<[Arc<[u8]>]> {
        let texts = || links.iter().map(|link| link.blob.as_str()).filter(|text| !text.is_empty());
        if !texts().eq(self.last_texts.iter().map(String::as_str)) {
            self.last = texts().filter_map(|text| self.decoded(text)).collect();
            self.last_texts = texts().map(str::to_owned).collect();
        }
        Arc::clone(&self.last)
    }

    fn decoded(&mut self, text: &str) -> Option<Arc<[u8]>> {
        if let Some(known) = self.by_text.get(text) {
            return Some(Arc::clone(known));
        }
        let decoded: Arc<[u8]> = decode(text)?.into();
        self.by_text.insert(text.to_owned(), Arc::clone(&decoded));
        Some(decoded)
    }
}

/// A field as text; numbers become text, since ids are either.
fn text(value: &Value, name: &str) -> Option<String> {
    match &value[name] {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

const fn lenient(alphabet: &alphabet::Alphabet) -> GeneralPurpose {
    let config = GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true);
    GeneralPurpose::new(alphabet, config.with_decode_padding_mode(DecodePaddingMode::Indifferent))
}

static PLAIN: GeneralPurpose = lenient(&alphabet::STANDARD);
static URL_SAFE: GeneralPurpose = lenient(&alphabet::URL_SAFE);

/// Base64 of any flavour, with white space or PEM lines around it.
pub fn decode(text: &str) -> Option<Vec<u8>> {
    let plain: String;
    let mut text = text;
    if text.bytes().any(|byte| byte.is_ascii_whitespace() || byte == b'-') {
        let body = text.lines().filter(|line| !line.trim_start().starts_with("-----"));
        plain = body.flat_map(str::split_whitespace).collect();
        text = &plain;
    }
    [&PLAIN, &URL_SAFE].iter().find_map(|engine| engine.decode(text).ok())
}

/// A keypair out of an answer. `None`, with a warning, for what has no id or alias.
pub fn keypair(value: &wire::Keypair<'_>, chains: &mut Chains) -> Option<Keypair> {
    if !value.id.is_some() || !value.alias.is_some() {
        let name = if value.id.is_some() { &value.id } else { &value.alias };
        log::warn!("a keypair ({}) is passed over: the service gives it no id or no alias", name.as_str());
        return None;
    }
    let given = value.certificates.items().iter();
    let mut certificates: Vec<KeypairCertificate> = given.filter_map(|item| certificate(item, chains)).collect();
    sort(&mut certificates);
    let public_key = decode(value.public_key.as_str()).filter(|der| !der.is_empty());
    let status = if value.key_status.is_some() { &value.key_status } else { &value.status };
    Some(Keypair {
        id: value.id.owned(),
        alias: value.alias.owned(),
        key_alg: value.key_alg.owned(),
        key_type: value.key_type.owned(),
        key_storage: value.key_storage.owned(),
        key_status: status.owned(),
        dynamic: value.key_modal_type.as_str().eq_ignore_ascii_case("DYNAMIC"),
        signable: value.is_signable_by_me.flag(),
        public_key: public_key.or_else(|| key_of(certificates.first()?)),
        certificates_given: value.certificates.0.is_some(),
        certificates,
    })
}

/// The public key in a certificate.
pub fn key_of(certificate: &KeypairCertificate) -> Option<Vec<u8>> {
    crate::x509::Certificate::parse(certificate.der.clone()).ok().map(|parsed| parsed.spki().to_vec())
}

/// The default first, then ACTIVE ones, the newest first.
pub fn sort(certificates: &mut [KeypairCertificate]) {
    certificates.sort_by(|one, other| {
        let rank = |c: &KeypairCertificate| (!c.default, !c.status.eq_ignore_ascii_case("ACTIVE"));
        rank(one).cmp(&rank(other)).then_with(|| other.valid_from.cmp(&one.valid_from))
    });
}

/// A certificate out of an answer. `None` for what holds no certificate.
pub fn certificate(value: &wire::Certificate<'_>, chains: &mut Chains) -> Option<KeypairCertificate> {
    Some(KeypairCertificate {
        der: decode(value.cert.as_str()).filter(|der| !der.is_empty())?,
        chain: chains.chain(value.chain.items()),
        id: value.id.owned(),
        alias: value.alias.owned(),
        status: value.certificate_status.owned(),
        default: value.default_cert.flag().unwrap_or_default(),
        valid_from: value.valid_from.owned(),
        valid_to: value.valid_to.owned(),
    })
}

/// The keypair that a certificate of `GET /certificates` belongs to.
pub fn keypair_of_certificate(value: &wire::Certificate<'_>) -> Option<String> {
    let id = if value.keypair.id.is_some() { &value.keypair.id } else { &value.keypair_id };
    id.is_some().then(|| id.owned())
}

/// The id and the signature in an answer to a sign.
pub fn signed(value: &Value) -> (Option<String>, Option<Vec<u8>>) {
    (text(value, "id"), value["signature"].as_str().and_then(decode).filter(|signature| !signature.is_empty()))
}

/// A record of a signature.
pub fn record(value: &Value) -> SignatureRecord {
    SignatureRecord {
        id: text(value, "id"),
        keypair_id: text(value, "keypair_id").or_else(|| text(&value["keypair"], "id")),
        signing_status: text(value, "signing_status"),
        sig_alg: text(value, "sig_alg"),
        hash: value["hash"].as_str().and_then(decode),
        signature: value["signature"].as_str().and_then(decode),
        certificate_id: text(value, "certificate_id"),
        created_on: text(value, "created_on"),
        client_type: text(value, "client_type"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_keypair_needs_an_id_and_an_alias_and_nothing_else() {
        let read = |value: Value| keypair(&serde_json::from_str(&value.to_string()).unwrap(), &mut Chains::new());
        let keypair =
            read(json!({"id": 7, "alias": "k", "account": ["x"], "certificates": null, "key_alg": 5})).unwrap();
        assert_eq!((keypair.id.as_str(), keypair.public_key, keypair.certificates_given), ("7", None, false));
        assert!(read(json!({"id": "x"})).is_none());
        assert!(read(json!({"alias": "x"})).is_none());
        assert!(read(json!("keypair")).is_none());
    }

    #[test]
    fn the_default_certificate_is_the_services_then_the_newest_active_one() {
        let made = |id: &str, default: bool, status: &str, from: &str| json!({"id": id, "cert": "MA==", "default_cert": default, "certificate_status": status, "valid_from": from});
        let first = |items: Vec<Value>| {
            let value = json!({"id": "1", "alias": "k", "certificates": items});
            let value = value.to_string();
            let read = keypair(&serde_json::from_str(&value).unwrap(), &mut Chains::new());
            read.unwrap().default_certificate().unwrap().id.clone()
        };
        let old = made("old", false, "ACTIVE", "2024");
        let new = made("new", false, "ACTIVE", "2025");
        let revoked = made("revoked", false, "REVOKED", "2026");
        assert_eq!(first(vec![old.clone(), revoked.clone(), new.clone()]), "new");
        assert_eq!(first(vec![new, made("chosen", true, "ACTIVE", "2020"), revoked, old]), "chosen");
    }

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
