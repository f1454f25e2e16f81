//! Keypairs and certificates: their form on disk, and in the service's responses.

use crate::behaviour::{Behaviour, ListedCertificates};
use crate::keys::{KeyKind, KeyMaterial};
use crate::state::Credentials;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;

/// The name of the one account.
pub const ACCOUNT_NAME: &str = "STM Emulator";
/// The name of the one user.
pub const USER_NAME: &str = "Release Engineer";

/// A keypair in `keypairs.jsonl`.
#[derive(Serialize, Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct KeypairRecord {
    /// UUID.
    pub id: String,
    /// Unique in the account.
    pub alias: String,
    /// The file in `keys/` with its key; keypairs can share one.
    pub key: String,
    /// [`KeyKind::name`].
    pub kind: String,
    /// `PRODUCTION` or `TEST`.
    pub key_type: String,
    /// `HSM` or `DISK`.
    pub key_storage: String,
    /// ONLINE or OFFLINE.
    pub online: bool,
    /// Replaced after every signature.
    pub dynamic: bool,
    /// Whether the user may sign with it.
    pub signable: bool,
    /// RFC 3339.
    pub created_on: String,
    /// RFC 3339; `None` until something changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified_on: Option<String>,
    /// The certificates, the default one among them.
    pub certificates: Vec<CertificateRecord>,
}

/// A certificate in `keypairs.jsonl`, inside its keypair.
#[derive(Serialize, Deserialize, Clone, Debug)]
#[serde(deny_unknown_fields)]
pub struct CertificateRecord {
    /// UUID.
    pub id: String,
    /// Unique in the account.
    pub alias: String,
    /// Base64 of the DER.
    pub cert: String,
    /// The chain above it.
    pub chain: ChainKind,
    /// `ACTIVE` or `EXPIRED`.
    pub status: String,
    /// Whether signatures count for this certificate.
    pub default: bool,
    /// RFC 3339.
    pub valid_from: String,
    /// RFC 3339.
    pub valid_to: String,
    /// RFC 3339; `None` if it was created with its keypair.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created_on: Option<String>,
    /// RFC 3339; `None` until something changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified_on: Option<String>,
}

/// The intermediate CA that issued a certificate.
#[derive(Serialize, Deserialize, Clone, Copy, PartialEq, Eq, Debug)]
#[serde(rename_all = "lowercase")]
pub enum ChainKind {
    Rsa,
    Ec,
}

/// The JSON of both chains: an array of `{cert_type, blob}`, the leaf's issuer first and the root last.
pub struct Chains {
    rsa: Value,
    ec: Value,
}

impl Chains {
    /// From the DER of the authorities.
    pub fn new(root: &[u8], rsa: &[u8], ec: &[u8]) -> Chains {
        let chain = |intermediate: &[u8]| {
            json!([
                {"cert_type": "intermediate", "blob": BASE64.encode(intermediate)},
                {"cert_type": "root", "blob": BASE64.encode(root)},
            ])
        };
        Chains { rsa: chain(rsa), ec: chain(ec) }
    }

    fn get(&self, kind: ChainKind) -> &Value {
        match kind {
            ChainKind::Rsa => &self.rsa,
            ChainKind::Ec => &self.ec,
        }
    }
}

/// A certificate, ready for responses.
pub struct Certificate {
    /// Its stored record.
    pub record: CertificateRecord,
    /// The JSON object, the same in lists, in its keypair and alone.
    pub json: Box<str>,
}

/// A keypair, ready for responses and for signing.
pub struct Keypair {
    /// Its stored record, without the certificates.
    pub record: KeypairRecord,
    pub key: Arc<KeyMaterial>,
    pub certificates: Vec<Certificate>,
    /// The JSON object up to `public_key`, which may be omitted.
    head: Box<str>,
    /// The member `public_key`, with the comma before it.
    public_key: Box<str>,
    /// The JSON object from the `]` of `certificates`.
    tail: Box<str>,
}

impl Keypair {
    /// Formats all JSON once, so that listing only copies it.
    pub fn new(mut record: KeypairRecord, key: Arc<KeyMaterial>, chains: &Chains, who: &Credentials) -> Keypair {
        let certificates: Vec<Certificate> = std::mem::take(&mut record.certificates)
            .into_iter()
            .map(|certificate| {
                let json = certificate_json(&certificate, &record, chains, who).into_boxed_str();
                Certificate { record: certificate, json }
            })
            .collect();
        let active = certificates.iter().filter(|certificate| certificate.record.status == "ACTIVE").count();
        let (head, tail) = keypair_json(&record, &key, active, who);
        let public_key = format!(",\"public_key\":\"{}\"", BASE64.encode(&key.spki)).into_boxed_str();
        Keypair { record, key, certificates, head, public_key, tail }
    }

    /// The record with its certificates, as stored.
    pub fn full_record(&self) -> KeypairRecord {
        let certificates = self.certificates.iter().map(|certificate| certificate.record.clone()).collect();
        KeypairRecord { certificates, ..self.record.clone() }
    }

    /// Appends the keypair's complete JSON object.
    pub fn write_json(&self, out: &mut Vec<u8>) {
        self.write(true, ListedCertificates::Full, out);
    }

    /// Appends the keypair's JSON object in its form for lists.
    pub fn write_listed(&self, behaviour: &Behaviour, out: &mut Vec<u8>) {
        self.write(!behaviour.no_listed_public_key, behaviour.listed_certificates, out);
    }

    fn write(&self, public_key: bool, certificates: ListedCertificates, out: &mut Vec<u8>) {
        out.extend_from_slice(self.head.as_bytes());
        if public_key {
            out.extend_from_slice(self.public_key.as_bytes());
        }
        out.extend_from_slice(b",\"certificates\":[");
        let shown = if certificates == ListedCertificates::None { &[] } else { self.certificates.as_slice() };
        for (index, certificate) in shown.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            let (id, alias) = (&certificate.record.id, &certificate.record.alias);
            match certificates {
                ListedCertificates::Stubs => out.extend(json!({"id": id, "alias": alias}).to_string().into_bytes()),
                _ => out.extend_from_slice(certificate.json.as_bytes()),
            }
        }
        out.extend_from_slice(self.tail.as_bytes());
    }

    /// The certificate that signatures count for.
    pub fn default_certificate(&self) -> Option<&Certificate> {
        self.certificates.iter().find(|certificate| certificate.record.default)
    }
}

fn account(who: &Credentials) -> Value {
    json!({
        "id": who.account_id, "name": ACCOUNT_NAME, "cert_central_integration_allowed": false,
        "dynamic_test_keypair_allowed": true, "gpg_enabled": false, "is_csr_gen_enabled": false,
    })
}

fn user(who: &Credentials) -> Value {
    json!({"id": who.user_id, "name": USER_NAME, "auth_type": "BASIC"})
}

/// The members of a keypair object in the order of the recorded responses, in two parts around its public key and certificates.
fn keypair_json(record: &KeypairRecord, key: &KeyMaterial, active: usize, who: &Credentials) -> (Box<str>, Box<str>) {
    let mut head = Members::default();
    head.add("id", json!(record.id));
    head.add("alias", json!(record.alias));
    match key.kind {
        KeyKind::Rsa(bits) => head.add("key_size", json!(bits)),
        KeyKind::Ec(curve) => head.add("curve", json!(curve.name())),
        KeyKind::Ed25519 => head.add("curve", json!("Ed25519")),
        KeyKind::MlDsa(set) => head.add("parameter_set", json!(format!("ML-DSA-{set}"))),
        KeyKind::SlhDsa(set) => head.add("parameter_set", json!(set.name)),
    }
    head.add("key_alg", json!(key.kind.key_alg()));
    head.add("key_type", json!(record.key_type));
    head.add("key_storage", json!(record.key_storage));
    let head = format!("{{{}", head.text);

    let mut tail = Members::default();
    tail.add("account", account(who));
    tail.add("limit_by_users", json!(true));
    tail.add("users", json!([user(who)]));
    tail.add("created_on", json!(record.created_on));
    tail.add("created_by_user", user(who));
    tail.add("modified_on", json!(record.modified_on.as_ref().unwrap_or(&record.created_on)));
    tail.add("modified_by_user", user(who));
    tail.add("key_status", json!(if record.online { "ONLINE" } else { "OFFLINE" }));
    tail.add("groups", json!([]));
    tail.add("number_of_active_certificates", json!(active));
    tail.add("key_modal_type", json!(if record.dynamic { "DYNAMIC" } else { "STATIC" }));
    tail.add("is_signable_by_me", json!(record.signable && record.online));
    if record.key_storage == "HSM" {
        let partition = json!({"id": "EMULATED", "name": "Emulated", "enabled": true, "security_level": "level_3"});
        tail.add("hsm_partition_details", partition);
    }
    (head.into_boxed_str(), format!("],{}}}", tail.text).into_boxed_str())
}

/// The certificate object, members in the order of the recorded responses.
fn certificate_json(
    certificate: &CertificateRecord,
    keypair: &KeypairRecord,
    chains: &Chains,
    who: &Credentials,
) -> String {
    let fingerprint = BASE64.decode(&certificate.cert).map(|der| {
        use sha2::Digest as _;
        BASE64.encode(sha2::Sha256::digest(der))
    });
    let mut members = Members::default();
    members.add("id", json!(certificate.id));
    members.add("alias", json!(certificate.alias));
    members.add("cert", json!(certificate.cert));
    members.add("certificate_fingerprint", json!(fingerprint.unwrap_or_default()));
    members.add("certificate_status", json!(certificate.status));
    members.add("account", account(who));
    members.add("keypair", json!({"id": keypair.id, "alias": keypair.alias, "limit_by_users": true}));
    members.add("default_cert", json!(certificate.default));
    let created_on = certificate.created_on.as_ref().unwrap_or(&keypair.created_on);
    members.add("created_on", json!(created_on));
    members.add("created_by", json!(who.user_id));
    members.add("created_by_user", user(who));
    members.add("modified_on", json!(certificate.modified_on.as_ref().unwrap_or(created_on)));
    members.add("modified_by", json!(who.user_id));
    members.add("modified_by_user", user(who));
    members.add("enrollment_method", json!("STM_GENERATE"));
    members.add("hierarchy", json!("PRIVATE"));
    members.add("certificate_type", json!("STANDARD"));
    members.add("chain", chains.get(certificate.chain).clone());
    members.add("valid_from", json!(certificate.valid_from));
    members.add("valid_to", json!(certificate.valid_to));
    members.add("custom_fields", json!([]));
    members.add("auto_renewal", json!(false));
    format!("{{{}}}", members.text)
}

/// Members of a JSON object in the order in which they were added; the map of `serde_json` would sort them.
#[derive(Default)]
struct Members {
    text: String,
}

impl Members {
    fn add(&mut self, name: &str, value: Value) {
        if !self.text.is_empty() {
            self.text.push(',');
        }
        self.text.push_str(&format!("\"{name}\":{value}"));
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    /// A keypair without a certificate, with the id `id-<alias>`.
    pub fn record(alias: &str) -> KeypairRecord {
        KeypairRecord {
            id: format!("id-{alias}"),
            alias: alias.to_owned(),
            key: "key".to_owned(),
            kind: "p-256".to_owned(),
            key_type: "TEST".to_owned(),
            key_storage: "HSM".to_owned(),
            online: true,
            dynamic: false,
            signable: true,
            created_on: "2026-01-02T03:04:05Z".to_owned(),
            modified_on: None,
            certificates: Vec::new(),
        }
    }

    #[test]
    fn a_record_of_an_earlier_version_is_read() {
        let mut line = serde_json::to_value(record("a")).unwrap();
        assert!(line.get("modified_on").is_none());
        line["online"] = json!(false);
        let read: KeypairRecord = serde_json::from_value(line).unwrap();
        assert_eq!((read.online, read.modified_on), (false, None));
    }
}
