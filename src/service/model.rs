//! The service's data, parsed tolerantly: a field that the module does not need may be missing, null, of another type
//! or new.

use super::chains::Chains;
use super::lenient_base64::decode;
use super::public_key;
use super::wire;
use serde_json::Value;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// The parts of a keypair that the module needs; all others are ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keypair {
    /// Usually a UUID.
    pub id: String,
    /// Its name; it may change, unlike the id.
    pub alias: String,
    /// `RSA`, `ECDSA`, ...: for display only; the public key decides.
    pub key_alg: String,
    /// `PRODUCTION` or `TEST`
    pub key_type: String,
    /// `HSM` or `DISK`
    pub key_storage: String,
    /// `ONLINE` or `OFFLINE`
    pub key_status: String,
    /// Replaced after each signing: never cached longer than the process needs it.
    pub dynamic: bool,
    /// Whether this user may sign with it now, if the service says so.
    pub signable: Option<bool>,
    /// SubjectPublicKeyInfo in DER, from the service's `public_key` or else from a certificate.
    pub public_key: Option<Vec<u8>>,
    /// Why there is no public key.
    pub key_problem: Option<String>,
    /// The default one first.
    pub certificates: Vec<KeypairCertificate>,
    /// How many of its certificates the response contained.
    pub(super) given: Given,
    /// `account` in the service's JSON: a sign request may have to name it.
    pub(super) account: Option<Box<str>>,
}

/// How many of a keypair's certificates a response contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Given {
    /// All, as far as can be seen; also none, if the service counts none.
    All,
    /// An empty list, without a count.
    Nothing,
    /// Fewer than there are, or no list.
    Part,
}

/// A certificate of a keypair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeypairCertificate {
    /// Its id in the service.
    pub id: String,
    /// Its own name, which is not the keypair's.
    pub alias: String,
    /// `ACTIVE`, ...
    pub status: String,
    /// Whether it is the keypair's default certificate in the service.
    pub default: bool,
    /// Whether `STM_PKCS11_CERTIFICATE` names it: then it is shown, whatever the default is.
    pub chosen: bool,
    /// RFC 3339, in the service's form.
    pub valid_from: String,
    /// RFC 3339, in the service's form.
    pub valid_to: String,
    pub der: Vec<u8>,
    /// The certificates above it, in DER. Thousands of keypairs share them.
    pub chain: Arc<[Arc<[u8]>]>,
}

/// A keypair to create (`POST /keypairs`).
#[derive(Debug, Clone, PartialEq)]
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

    /// Uses the public key of a certificate if the service sent none that can be parsed, and sorts the certificates.
    pub(super) fn settle(&mut self) {
        sort(&mut self.certificates);
        if self.public_key.is_none() {
            self.public_key = self.certificates.iter().find_map(key_of);
        }
        if self.public_key.is_some() {
            self.key_problem = None;
        }
    }

    /// The certificate to show: the one that the user chose, else the service's default, else the newest ACTIVE one,
    /// else the newest. If that has expired and was not chosen, an ACTIVE one of the same key that is valid now.
    pub fn default_certificate(&self) -> Option<&KeypairCertificate> {
        let (first, others) = self.certificates.split_first()?;
        if others.is_empty() {
            return Some(first);
        }
        if first.chosen || first.valid_at(SystemTime::now()) {
            return Some(first);
        }
        let key = key_of(first);
        let fits = |other: &&KeypairCertificate| {
            other.status.eq_ignore_ascii_case("ACTIVE") && other.valid_at(SystemTime::now()) && key_of(other) == key
        };
        Some(self.certificates.iter().find(fits).unwrap_or(first))
    }
}

impl KeypairCertificate {
    /// Whether its dates include a moment; also true if they cannot be parsed.
    pub fn valid_at(&self, moment: SystemTime) -> bool {
        let moment = moment.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs() as i64);
        crate::x509::Certificate::parse(self.der.clone())
            .map_or(true, |certificate| (certificate.not_before()..=certificate.not_after()).contains(&moment))
    }
}

/// Parses a keypair. `None`, with a warning, if it has no id or alias.
pub fn keypair(value: &wire::Keypair<'_>, chains: &mut Chains) -> Option<Keypair> {
    if !value.id.is_some() || !value.alias.is_some() || matches!(value.id.word(), "." | "..") {
        let name = if value.id.is_some() { &value.id } else { &value.alias };
        log::warn!(
            "a keypair ({}) is passed over: the service gives it no id or no alias that can be used",
            name.word()
        );
        return None;
    }
    let items = value.certificates.items();
    let certificates: Vec<KeypairCertificate> = items.iter().filter_map(|item| certificate(item, chains)).collect();
    let active: Option<usize> = value.number_of_active_certificates.as_str().parse().ok();
    let given = match active {
        _ if value.certificates.0.is_none() || certificates.len() < items.len() => Given::Part,
        Some(active) if active > certificates.len() => Given::Part,
        None if items.is_empty() => Given::Nothing,
        _ => Given::All,
    };
    let (public_key, key_problem) = match public_key::spki(value.public_key.as_str()) {
        Ok(spki) => (Some(spki), None),
        Err(problem) => (None, Some(problem)),
    };
    let status = if value.key_status.is_some() { &value.key_status } else { &value.status };
    let mut keypair = Keypair {
        id: value.id.owned(),
        alias: value.alias.owned(),
        key_alg: value.key_alg.owned(),
        key_type: value.key_type.owned(),
        key_storage: value.key_storage.owned(),
        key_status: status.owned(),
        dynamic: value.key_modal_type.as_str().eq_ignore_ascii_case("DYNAMIC"),
        signable: value.is_signable_by_me.flag(),
        public_key,
        key_problem,
        certificates,
        given,
        account: value.account.0.map(Into::into),
    };
    keypair.settle();
    Some(keypair)
}

/// The public key in a certificate.
pub fn key_of(certificate: &KeypairCertificate) -> Option<Vec<u8>> {
    crate::x509::Certificate::parse(certificate.der.clone()).ok().map(|parsed| parsed.spki().to_vec())
}

/// Sorts: the chosen one, the default one, ACTIVE ones, and the newest first.
pub fn sort(certificates: &mut [KeypairCertificate]) {
    certificates.sort_by(|one, other| {
        let rank = |c: &KeypairCertificate| (!c.chosen, !c.default, !c.status.eq_ignore_ascii_case("ACTIVE"));
        rank(one).cmp(&rank(other)).then_with(|| other.valid_from.cmp(&one.valid_from))
    });
}

/// Parses a certificate. `None` if the value contains no certificate.
pub fn certificate(value: &wire::Certificate<'_>, chains: &mut Chains) -> Option<KeypairCertificate> {
    Some(KeypairCertificate {
        der: decode(value.cert.as_str()).filter(|der| !der.is_empty())?,
        chain: chains.chain(value.chain),
        id: value.id.owned(),
        alias: value.alias.owned(),
        status: value.certificate_status.owned(),
        default: value.default_cert.flag().unwrap_or_default(),
        chosen: false,
        valid_from: value.valid_from.owned(),
        valid_to: value.valid_to.owned(),
    })
}

/// The id of the keypair that a certificate of `GET /certificates` belongs to.
pub fn keypair_of_certificate(value: &wire::Certificate<'_>) -> Option<String> {
    let id = if value.keypair.id.is_some() { &value.keypair.id } else { &value.keypair_id };
    id.is_some().then(|| id.owned())
}

#[cfg(test)]
impl Keypair {
    /// As the service's JSON has it, for tests.
    pub fn from_json(value: &serde_json::Value) -> Self {
        let text = value.to_string();
        keypair(&serde_json::from_str(&text).expect("JSON"), &mut Chains::new()).expect("a keypair")
    }

    /// One with this key and nothing else, for tests.
    pub fn sample(id: &str, alias: &str, key: &impl rcgen::PublicKeyData) -> Self {
        let read = Self::from_json(&serde_json::json!({"id": id, "alias": alias}));
        Self { public_key: Some(key.subject_public_key_info()), ..read }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use serde_json::json;

    #[test]
    fn a_keypair_is_online_unless_the_service_says_that_it_is_not() {
        for (status, online) in [("ONLINE", true), ("OFFLINE", false), ("Offline", false), ("", true)] {
            let keypair = Keypair::from_json(&json!({"id": 7, "alias": "k", "key_status": status}));
            assert_eq!(keypair.online(), online, "{status}");
        }
    }

    #[test]
    fn a_keypair_needs_an_id_and_an_alias_and_nothing_else() {
        let read = |value: Value| keypair(&serde_json::from_str(&value.to_string()).unwrap(), &mut Chains::new());
        let keypair =
            read(json!({"id": 7, "alias": "k", "account": ["x"], "certificates": null, "key_alg": 5})).unwrap();
        assert_eq!((keypair.id.as_str(), keypair.public_key, keypair.given), ("7", None, Given::Part));
        assert_eq!(keypair.account.as_deref(), Some(r#"["x"]"#));
        assert_eq!(keypair.key_problem.as_deref(), Some("the service gives no public_key"));
        assert!(read(json!({"id": "x"})).is_none());
        assert!(read(json!({"id": "..", "alias": "x"})).is_none(), "a path would lead elsewhere");
        assert!(read(json!({"alias": "x"})).is_none());
        assert!(read(json!("keypair")).is_none());
    }

    #[test]
    fn a_list_that_shows_fewer_certificates_than_there_are_is_told_from_a_keypair_without_any() {
        let given = |certificates: Value, active: Value| {
            let value =
                json!({"id": 1, "alias": "k", "certificates": certificates, "number_of_active_certificates": active});
            Keypair::from_json(&value).given
        };
        let whole = || json!({"id": "c", "cert": "MA=="});
        assert_eq!(given(json!([whole()]), json!(1)), Given::All);
        assert_eq!(given(json!([whole()]), Value::Null), Given::All);
        assert_eq!(given(json!([]), json!(0)), Given::All);
        assert_eq!(given(json!([]), Value::Null), Given::Nothing);
        assert_eq!(given(json!([]), json!("1")), Given::Part);
        assert_eq!(given(json!([whole()]), json!(2)), Given::Part);
        assert_eq!(given(json!([{"id": "stub"}]), json!(1)), Given::Part);
        assert_eq!(given(json!([whole(), {"id": "stub"}]), Value::Null), Given::Part);
        assert_eq!(given(Value::Null, json!(0)), Given::Part);
    }

    #[test]
    fn the_default_certificate_is_the_services_then_the_newest_active_one() {
        let made = |id: &str, default: bool, status: &str, from: &str| json!({"id": id, "cert": "MA==", "default_cert": default, "certificate_status": status, "valid_from": from});
        let first = |items: Vec<Value>| {
            let read = Keypair::from_json(&json!({"id": "1", "alias": "k", "certificates": items}));
            read.default_certificate().unwrap().id.clone()
        };
        let old = made("old", false, "ACTIVE", "2024");
        let new = made("new", false, "ACTIVE", "2025");
        let revoked = made("revoked", false, "REVOKED", "2026");
        assert_eq!(first(vec![old.clone(), revoked.clone(), new.clone()]), "new");
        assert_eq!(first(vec![new, made("chosen", true, "ACTIVE", "2020"), revoked, old]), "chosen");
    }

    #[test]
    fn a_default_certificate_that_has_expired_gives_way_to_a_valid_one_of_the_same_key() {
        let (own, other) = (rcgen::KeyPair::generate().unwrap(), rcgen::KeyPair::generate().unwrap());
        let made = |id: &str, key: &rcgen::KeyPair, years: (i32, i32), default: bool, status: &str| {
            let mut params = rcgen::CertificateParams::default();
            params.not_before = rcgen::date_time_ymd(years.0, 1, 1);
            params.not_after = rcgen::date_time_ymd(years.1, 1, 1);
            let der = params.self_signed(key).unwrap();
            json!({"id": id, "cert": base64::engine::general_purpose::STANDARD.encode(der.der()), "default_cert": default,
                   "certificate_status": status, "valid_from": format!("{}-01-01T00:00:00Z", years.0)})
        };
        let shown = |items: Vec<Value>| {
            let read = Keypair::from_json(&json!({"id": "1", "alias": "k", "certificates": items}));
            read.default_certificate().unwrap().id.clone()
        };
        let expired = made("expired", &own, (2020, 2021), true, "ACTIVE");
        let valid = made("valid", &own, (2022, 2090), false, "ACTIVE");
        assert_eq!(shown(vec![expired.clone(), valid.clone()]), "valid");
        assert_eq!(shown(vec![made("chosen", &own, (2020, 2090), true, "ACTIVE"), valid]), "chosen");
        for useless in [
            made("x", &own, (2022, 2090), false, "REVOKED"),
            made("x", &own, (2080, 2090), false, "ACTIVE"),
            made("x", &other, (2022, 2090), false, "ACTIVE"),
        ] {
            assert_eq!(shown(vec![useless, expired.clone()]), "expired");
        }
    }
}
