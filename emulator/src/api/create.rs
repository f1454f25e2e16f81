//! `POST /keypairs`.

use super::{Answer, Call, failed, need_multi_factor, object, text};
use crate::errors::ApiError;
use crate::keys::{Curve, KeyKind};
use crate::service::{Plan, Service};
use crate::slh::SETS;
use crate::store::AddError;
use serde_json::{Map, Value};

/// The members of the body: those of the tutorial, all required, and one of the emulator's own for a certificate.
const MEMBERS: [&str; 7] = ["alias", "key_alg", "key_storage", "key_type", "properties", "status", "generate_cert"];

pub fn create(service: &Service, call: &Call) -> Result<Answer, ApiError> {
    need_multi_factor(call, "generate")?;
    let body = object(&call.body, &MEMBERS)?;
    let plan = plan(&body)?;
    let keypair = service.create(&plan).map_err(|error| match error {
        AddError::Duplicate(alias) => ApiError::duplicate(&alias),
        AddError::Io(error) => failed(call, error),
    })?;
    let mut json = Vec::new();
    keypair.write_json(&mut json);
    Ok(Answer::object(201, json, &service.behaviour))
}

/// What the body asks for.
fn plan(body: &Map<String, Value>) -> Result<Plan, ApiError> {
    let alias = text(body, "alias")?.trim();
    let key_alg = text(body, "key_alg")?;
    if !KeyKind::all().any(|kind| kind.key_alg() == key_alg) {
        return Err(ApiError::invalid_key_alg());
    }
    let Some(Value::Object(properties)) = body.get("properties") else { return Err(ApiError::invalid_properties()) };
    let mut plan = Plan::new(alias, kind(key_alg, properties)?);
    plan.key_type = choice(body, "key_type", &["PRODUCTION", "TEST"])?;
    plan.key_storage = choice(body, "key_storage", &["HSM", "DISK"])?;
    plan.online = choice(body, "status", &["ONLINE", "OFFLINE"])? == "ONLINE";
    match body.get("generate_cert") {
        Some(Value::Bool(true)) => {}
        None | Some(Value::Bool(false)) => plan.certificate = None,
        Some(_) => return Err(ApiError::invalid_request("generate_cert must be true or false.")),
    }
    Ok(plan)
}

/// The kind of key for an algorithm and its properties.
///
/// RSA uses `key_size`, the two curve families use `curve`, and each ignores the other member, because the tutorial
/// sends both. The names for the newer families are not published. A keypair profile says "Security level: MLDSA44", so
/// `security_level` is accepted, and `parameter_set` with the standards' names.
fn kind(key_alg: &str, properties: &Map<String, Value>) -> Result<KeyKind, ApiError> {
    const NAMES: [&str; 4] = ["key_size", "curve", "security_level", "parameter_set"];
    let typed = |(name, value): (&String, &Value)| match name.as_str() {
        "key_size" => value.is_u64(),
        name => NAMES.contains(&name) && value.is_string(),
    };
    if !properties.iter().all(typed) {
        return Err(ApiError::invalid_properties());
    }
    let property = |name: &str| properties.get(name).and_then(Value::as_str);
    let given = match key_alg {
        "RSA" => properties.get("key_size").map(Value::to_string),
        "ECDSA" | "EdDSA" => property("curve").map(str::to_owned),
        _ => property("security_level").or_else(|| property("parameter_set")).map(str::to_owned),
    };
    let of_family = KeyKind::all().filter(|kind| kind.key_alg() == key_alg);
    // Only SLH-DSA has an obvious default, because its `sig_alg` does not name a parameter set either.
    let default = (key_alg == "SLHDSA").then_some(SETS[0].name);
    let given = given.as_deref().or(default);
    of_family
        .into_iter()
        .find(|kind| given.is_some_and(|given| spellings(*kind).iter().any(|name| name == given)))
        .ok_or_else(ApiError::invalid_properties)
}

/// The values that name a kind in `properties`.
fn spellings(kind: KeyKind) -> Vec<String> {
    match kind {
        KeyKind::Rsa(bits) => vec![bits.to_string()],
        KeyKind::Ec(Curve::P256) => vec!["P-256".to_owned()],
        KeyKind::Ec(Curve::P384) => vec!["P-384".to_owned()],
        KeyKind::Ec(Curve::P521) => vec!["P-521".to_owned()],
        KeyKind::Ed25519 => vec!["Ed25519".to_owned()],
        KeyKind::MlDsa(set) => vec![format!("MLDSA{set}"), format!("ML-DSA-{set}")],
        KeyKind::SlhDsa(set) => vec![set.name.to_owned()],
    }
}

/// One of the words, exactly.
fn choice(body: &Map<String, Value>, name: &str, words: &[&str]) -> Result<String, ApiError> {
    let given = text(body, name)?;
    let message = || format!("{name} must be {}; it is '{given}'.", words.join(" or "));
    words.contains(&given).then(|| given.to_owned()).ok_or_else(|| ApiError::invalid_field(message()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::MlDsaSet;
    use serde_json::json;

    /// The tutorial's body with other values; `null` removes a member.
    fn body(changes: Value) -> Map<String, Value> {
        let mut body = json!({"alias": "a", "key_alg": "RSA", "key_storage": "HSM", "key_type": "PRODUCTION",
                              "properties": {"key_size": 3072}, "status": "ONLINE"});
        for (name, value) in changes.as_object().unwrap() {
            body[name] = value.clone();
        }
        body.as_object().unwrap().clone().into_iter().filter(|(_, value)| !value.is_null()).collect()
    }

    fn asked(changes: Value) -> Result<Plan, ApiError> {
        plan(&body(changes))
    }

    /// The machine-readable code of the refusal.
    fn code(changes: Value) -> String {
        let refusal = asked(changes.clone()).err().unwrap_or_else(|| panic!("accepted: {changes}"));
        assert_eq!(refusal.status, 400);
        let error = if refusal.body["error"].is_object() { &refusal.body["error"] } else { &refusal.body["errors"][0] };
        error.get("status").or(error.get("code")).and_then(Value::as_str).unwrap_or_default().to_owned()
    }

    #[test]
    fn the_documented_bodies_make_the_documented_keys() {
        for (key_alg, properties, kind) in [
            ("RSA", json!({"key_size": 3072}), KeyKind::Rsa(3072)),
            ("RSA", json!({"key_size": 4096, "curve": "curve_value"}), KeyKind::Rsa(4096)),
            ("ECDSA", json!({"curve": "P-521"}), KeyKind::Ec(Curve::P521)),
            ("ECDSA", json!({"key_size": 0, "curve": "P-256"}), KeyKind::Ec(Curve::P256)),
            ("EdDSA", json!({"key_size": 0, "curve": "Ed25519"}), KeyKind::Ed25519),
            ("MLDSA", json!({"security_level": "MLDSA87"}), KeyKind::MlDsa(MlDsaSet::Set87)),
            ("MLDSA", json!({"parameter_set": "ML-DSA-44"}), KeyKind::MlDsa(MlDsaSet::Set44)),
            ("SLHDSA", json!({}), KeyKind::SlhDsa(&SETS[0])),
        ] {
            let plan = asked(json!({"key_alg": key_alg, "properties": properties})).unwrap();
            assert_eq!(plan.kind, kind, "{key_alg} {properties}");
        }
    }

    #[test]
    fn an_algorithm_is_refused_unless_it_is_spelt_as_documented() {
        for wrong in ["DSA", "rsa", "ecdsa", "EDDSA", "RSA "] {
            assert_eq!(code(json!({"key_alg": wrong})), "INVALID_KEY_ALG", "{wrong}");
        }
    }

    #[test]
    fn properties_are_refused_unless_they_have_the_documented_names_types_and_values() {
        for (key_alg, wrong) in [
            ("RSA", json!(null)),
            ("RSA", json!([])),
            ("RSA", json!({})),
            ("RSA", json!({"key_size": 1024})),
            ("RSA", json!({"key_size": "2048"})),
            ("RSA", json!({"key_size": 2048.0})),
            ("RSA", json!({"key_size": 2048, "size": 1})),
            ("RSA", json!({"key_size": 0, "curve": "P-256"})),
            ("ECDSA", json!({"key_size": 256})),
            ("ECDSA", json!({"curve": "p-256"})),
            ("ECDSA", json!({"curve": "secp256r1"})),
            ("ECDSA", json!({"curve": "P-224"})),
            ("EdDSA", json!({})),
            ("EdDSA", json!({"curve": "ed25519"})),
            ("MLDSA", json!({})),
        ] {
            let refused = code(json!({"key_alg": key_alg, "properties": wrong}));
            assert_eq!(refused, "INVALID_PROPERTIES", "{key_alg} {wrong}");
        }
    }

    #[test]
    fn every_member_is_required_has_one_type_and_is_spelt_as_documented() {
        for name in ["alias", "key_alg", "key_storage", "key_type", "status"] {
            assert_eq!(code(json!({name: null})), "invalid_input_field", "{name} is missing");
            assert_eq!(code(json!({name: 1})), "invalid_request", "{name} is a number");
            assert_eq!(code(json!({name: " "})), "invalid_input_field", "{name} is empty");
        }
        for (name, wrong) in [("key_storage", "hsm"), ("key_type", "Test"), ("status", "online"), ("status", "BUSY")] {
            assert_eq!(code(json!({name: wrong})), "invalid_input_field", "{name} {wrong}");
        }
        assert_eq!(code(json!({"generate_cert": "true"})), "invalid_request");
    }

    #[test]
    fn a_keypair_has_a_certificate_only_where_the_body_asks_for_one() {
        assert!(asked(json!({})).unwrap().certificate.is_none());
        assert!(asked(json!({"generate_cert": true})).unwrap().certificate.is_some());
    }
}
