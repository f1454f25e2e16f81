//! Responses of the service: every parser must accept any bytes.

use super::reader::Reader;
use serde_json::Value;
use stm_pkcs11::service::fuzzing::{certificates, failure, glob, keypair, keypairs, record, signed};

/// Two bytes of status, a content type, then the body.
pub fn run(data: &[u8]) {
    let mut reader = Reader(data);
    let status = reader.short();
    let content_type = String::from_utf8_lossy(reader.bytes());
    let body = reader.0;
    let line = failure(status, &content_type, body).to_string();
    assert!(line.len() < 8 * 1024, "a line for a person has {} bytes", line.len());
    assert!(!line.contains(['\n', '\r']), "a line for a person is one line: {line:?}");
    for keypair in keypair(body).into_iter().chain(keypairs(body).unwrap_or_default()) {
        assert!(!keypair.id.is_empty() && !keypair.alias.is_empty());
        assert!(keypair.public_key.as_ref().is_none_or(|key| !key.is_empty()));
        let _ = (keypair.online(), keypair.default_certificate(), glob(&keypair.id, &keypair.alias));
    }
    for (_, certificate) in certificates(body).unwrap_or_default() {
        assert!(!certificate.der.is_empty());
    }
    let Ok(value) = serde_json::from_slice::<Value>(body) else { return };
    assert!(signed(&value).1.is_none_or(|signature| !signature.is_empty()));
    record(&value);
}
