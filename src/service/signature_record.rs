//! Signatures as the service answers and records them, read tolerantly: wherever in the answer they are.

use super::lenient_base64::decode;
use serde_json::Value;

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
pub struct SignatureRecord {
    pub id: Option<String>,
    pub keypair_id: Option<String>,
    pub signing_status: Option<String>,
    pub reason: Option<String>,
    pub sig_alg: Option<String>,
    pub hash: Option<Vec<u8>>,
    pub signature: Option<Vec<u8>>,
    pub certificate_id: Option<String>,
    pub created_on: Option<String>,
    pub client_type: Option<String>,
}

/// A field as text; numbers become text, since ids are either.
fn text(value: &Value, name: &str) -> Option<String> {
    match &value[name] {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The record in a response: it may be one level down, in `data` or as the only item of a list.
fn inner(value: &Value) -> &Value {
    let own = ["id", "signature_id", "signature", "alias"].iter().any(|name| !value[*name].is_null());
    match value {
        Value::Array(items) if items.len() == 1 => inner(&items[0]),
        Value::Object(_) if !own => {
            let wrapped = ["data", "items"].iter().map(|name| &value[*name]).find(|inner| !inner.is_null());
            wrapped.map_or(value, inner)
        }
        _ => value,
    }
}

/// The same, as text; `None` if the response is a record itself.
pub fn unwrapped(body: &[u8]) -> Option<String> {
    let value: Value = serde_json::from_slice(body).ok()?;
    let record = inner(&value);
    (!std::ptr::eq(record, &value) && record.is_object()).then(|| record.to_string())
}

/// The id and the signature in a response to a sign request.
pub fn signed(value: &Value) -> (Option<String>, Option<Vec<u8>>) {
    let value = inner(value);
    let signature = value["signature"].as_str().and_then(decode).filter(|signature| !signature.is_empty());
    (text(value, "id").or_else(|| text(value, "signature_id")), signature)
}

/// The names of a response's members, for a message that must not show their values.
pub fn members(value: &Value) -> String {
    let names = |value: &Value| -> Vec<String> {
        let clean = |name: &String| name.chars().filter(|c| !c.is_control()).take(40).collect();
        value.as_object().map(|object| object.keys().take(20).map(clean).collect()).unwrap_or_default()
    };
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "a truth value",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(items) if items.is_empty() => "an empty list",
        Value::Array(_) => "a list",
        Value::Object(object) if object.is_empty() => "an empty object",
        Value::Object(_) => "",
    };
    let (outer, record) = (names(value), inner(value));
    match (kind, std::ptr::eq(record, value)) {
        ("", true) => format!("an object with {}", outer.join(", ")),
        ("", false) => format!("an object with {}; in it {}", outer.join(", "), names(record).join(", ")),
        ("a list", false) => format!("a list of an object with {}", names(record).join(", ")),
        (kind, _) => kind.to_owned(),
    }
}

/// The members of a response to a sign request that are read.
#[cfg(test)]
pub const SIGNED_FIELDS: &[&str] = &["id", "signature_id", "signature"];
/// The members of a log entry that are read, beside those that may contain a reason.
#[cfg(test)]
pub const RECORD_FIELDS: &[&str] = &[
    "id",
    "signature_id",
    "keypair_id",
    "signing_status",
    "status",
    "sig_alg",
    "hash",
    "signature",
    "certificate_id",
    "created_on",
    "client_type",
];

/// An entry of the signature log.
pub fn record(value: &Value) -> SignatureRecord {
    let value = inner(value);
    let reason = ["failure_reason", "error_message", "status_message", "reason", "message", "error"];
    SignatureRecord {
        id: text(value, "id").or_else(|| text(value, "signature_id")),
        keypair_id: text(value, "keypair_id").or_else(|| text(&value["keypair"], "id")),
        signing_status: text(value, "signing_status").or_else(|| text(value, "status")),
        reason: reason.iter().find_map(|name| text(value, name).or_else(|| text(&value[*name], "message"))),
        sig_alg: text(value, "sig_alg"),
        hash: value["hash"].as_str().and_then(decode),
        signature: value["signature"].as_str().and_then(decode).filter(|signature| !signature.is_empty()),
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
    fn a_signature_is_found_one_level_down_and_members_are_named() {
        let found = (Some("7".to_owned()), Some(vec![0]));
        for value in [
            json!({"id": 7, "signature": "AA=="}),
            json!({"signature_id": "7", "signature": "AA=="}),
            json!({"data": {"id": "7", "signature": "AA=="}}),
            json!([{"id": "7", "signature": "AA=="}]),
            json!({"data": [{"signature_id": "7", "signature": "AA=="}]}),
            json!({"total": 1, "items": [{"id": "7", "signature": "AA=="}]}),
            json!({"id": "", "signature_id": "7", "signature": "AA=="}),
            json!({"id": "7", "signature": "AA==", "data": {"id": "8", "signature": "AQ=="}}),
        ] {
            assert_eq!(signed(&value), found, "{value}");
            assert_eq!(record(&value).signature, found.1, "{value}");
        }
        assert_eq!(signed(&json!([{"id": 1}, {"id": 2}])), (None, None));
        assert_eq!(members(&json!({"ok": true, "a": 1})), "an object with a, ok");
        assert_eq!(members(&json!({"data": {"b": 1}})), "an object with data; in it b");
        assert_eq!(members(&json!([{"b": 1}])), "a list of an object with b");
        for (value, said) in [(json!(null), "null"), (json!([]), "an empty list"), (json!({}), "an empty object")] {
            assert_eq!(members(&value), said);
        }
        let record = record(&json!({"id": 7, "signing_status": "FAILED", "error": {"message": "no"}, "signature": ""}));
        assert_eq!((record.signing_status.as_deref(), record.reason.as_deref()), (Some("FAILED"), Some("no")));
        assert_eq!(record.signature, None);
    }

    #[test]
    fn a_record_is_unwrapped_only_if_it_is_wrapped() {
        for (body, expected) in [
            (r#"{"data":{"id":1}}"#, Some(r#"{"id":1}"#)),
            (r#"[{"id":1}]"#, Some(r#"{"id":1}"#)),
            (r#"{"id":1}"#, None),
            (r#"{"id":1,"data":{"id":2}}"#, None),
            (r#"{"data":"none"}"#, None),
            ("{", None),
        ] {
            assert_eq!(unwrapped(body.as_bytes()).as_deref(), expected, "{body}");
        }
    }
}
