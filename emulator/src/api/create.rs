//! `POST /keypairs`.

use super::{Answer, Call, failed, need_multi_factor, object};
use crate::errors::ApiError;
use crate::keys::{Curve, KeyKind};
use crate::service::{Plan, Service};
use crate::slh::SETS;
use crate::store::AddError;
use serde_json::{Map, Value};

pub fn create(service: &Service, call: &Call) -> Result<Answer, ApiError> {
    need_multi_factor(call, "generate")?;
    let body = object(&call.body)?;
    let plan = plan(&body)?;
    let keypair = service.create(&plan).map_err(|error| match error {
        AddError::Duplicate(alias) => ApiError::duplicate(&alias),
        AddError::Io(error) => failed(call, error),
    })?;
    let mut json = Vec::new();
    keypair.write_json(&mut json);
    Ok(Answer::json(201, json))
}

/// What the body asks for. Members that this service does not know are ignored.
fn plan(body: &Map<String, Value>) -> Result<Plan, ApiError> {
    let alias = text(body, "alias")?.map(str::trim).filter(|alias| !alias.is_empty());
    let alias = alias.ok_or_else(|| ApiError::invalid_field("alias must not be empty."))?;
    let key_alg = text(body, "key_alg")?.ok_or_else(|| ApiError::invalid_key_alg("key_alg must not be empty."))?;
    let no_properties = Map::new();
    let properties = match body.get("properties") {
        None | Some(Value::Null) => &no_properties,
        Some(Value::Object(properties)) => properties,
        Some(_) => return Err(ApiError::invalid_properties("properties must be an object.")),
    };
    let mut plan = Plan::new(alias, kind(key_alg, properties)?);
    plan.key_type = choice(body, "key_type", &["PRODUCTION", "TEST"])?;
    plan.key_storage = choice(body, "key_storage", &["HSM", "DISK"])?;
    plan.online = choice(body, "status", &["ONLINE", "OFFLINE"])? == "ONLINE";
    if body.get("generate_cert") != Some(&Value::Bool(true)) {
        plan.certificate = None;
    }
    Ok(plan)
}

/// The kind of key that algorithm and properties name.
fn kind(key_alg: &str, properties: &Map<String, Value>) -> Result<KeyKind, ApiError> {
    let key_alg = key_alg.to_ascii_uppercase();
    let kinds: Vec<KeyKind> = KeyKind::all().filter(|kind| kind.key_alg().to_ascii_uppercase() == key_alg).collect();
    if kinds.is_empty() {
        let message =
            format!("Key algorithm {key_alg} is not supported; it must be RSA, ECDSA, EdDSA, MLDSA or SLHDSA.");
        return Err(ApiError::invalid_key_alg(message));
    }
    // RSA has `key_size`, curves have `curve`. How the service names the parameter sets of the newer families is not
    // published; `parameter_set` is what its own answers here carry, and the other two names are taken as well.
    let given = ["key_size", "curve", "parameter_set"].iter().find_map(|name| properties.get(*name));
    let given = match given {
        None | Some(Value::Null) => None,
        Some(Value::String(text)) => Some(squeezed(text)),
        Some(other) => Some(squeezed(&other.to_string())),
    };
    let found = match &given {
        Some(given) => kinds.into_iter().find(|kind| spellings(*kind).contains(given)),
        // These two families have an evident default; for the others the size must be said.
        None => kinds.into_iter().find(|kind| *kind == KeyKind::Ed25519 || *kind == KeyKind::SlhDsa(&SETS[0])),
    };
    found.ok_or_else(|| {
        let wanted = match key_alg.as_str() {
            "RSA" => "key_size must be 2048, 3072 or 4096",
            "ECDSA" => "curve must be P-256, P-384 or P-521",
            "EDDSA" => "curve must be Ed25519",
            "MLDSA" => "parameter_set must be ML-DSA-44, ML-DSA-65 or ML-DSA-87",
            _ => "parameter_set must be one of FIPS 205, such as SLH-DSA-SHA2-128f",
        };
        ApiError::invalid_properties(format!("Invalid properties for key algorithm {key_alg}: {wanted}."))
    })
}

/// How a kind can be named in `properties`, squeezed.
fn spellings(kind: KeyKind) -> Vec<String> {
    match kind {
        KeyKind::Rsa(bits) => vec![bits.to_string()],
        KeyKind::Ec(Curve::P256) => vec!["p256".to_owned(), "secp256r1".to_owned()],
        KeyKind::Ec(Curve::P384) => vec!["p384".to_owned(), "secp384r1".to_owned()],
        KeyKind::Ec(Curve::P521) => vec!["p521".to_owned(), "secp521r1".to_owned()],
        KeyKind::MlDsa(level) => vec![level.to_string(), squeezed(&kind.name())],
        KeyKind::Ed25519 | KeyKind::SlhDsa(_) => vec![squeezed(&kind.name())],
    }
}

/// Lower case, letters and digits only: `ML-DSA-44`, `MLDSA44` and `ml_dsa_44` are one name.
fn squeezed(text: &str) -> String {
    text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

fn text<'a>(body: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, ApiError> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(ApiError::invalid_request(format!("{name} must be a string."))),
    }
}

/// One of the words, the first where the body does not say.
fn choice(body: &Map<String, Value>, name: &str, words: &[&str]) -> Result<String, ApiError> {
    let Some(given) = text(body, name)? else { return Ok(words[0].to_owned()) };
    let found = words.iter().find(|word| word.eq_ignore_ascii_case(given));
    let message = || format!("{name} must be {}; it is '{given}'.", words.join(" or "));
    found.map(|word| (*word).to_owned()).ok_or_else(|| ApiError::invalid_field(message()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn asked(body: Value) -> Result<Plan, ApiError> {
        plan(body.as_object().unwrap())
    }

    fn code(body: Value) -> String {
        let refusal = asked(body).err().unwrap();
        refusal.body["errors"][0]["code"].as_str().unwrap_or("").to_owned()
    }

    #[test]
    fn the_documented_bodies_make_the_documented_keys() {
        let rsa = json!({"alias": "a", "key_alg": "RSA", "properties": {"key_size": 3072}});
        assert_eq!(asked(rsa).unwrap().kind, KeyKind::Rsa(3072));
        let ec = json!({"alias": "a", "key_alg": "ECDSA", "properties": {"curve": "P-521"}});
        assert_eq!(asked(ec).unwrap().kind, KeyKind::Ec(Curve::P521));
        assert_eq!(asked(json!({"alias": "a", "key_alg": "EdDSA"})).unwrap().kind, KeyKind::Ed25519);
        let ml = json!({"alias": "a", "key_alg": "MLDSA", "properties": {"parameter_set": "MLDSA87"}});
        assert_eq!(asked(ml).unwrap().kind, KeyKind::MlDsa(87));
    }

    #[test]
    fn an_unknown_algorithm_and_a_wrong_size_have_codes_of_their_own() {
        assert_eq!(code(json!({"alias": "a", "key_alg": "DSA"})), "INVALID_KEY_ALG");
        assert_eq!(code(json!({"alias": "a", "key_alg": "RSA"})), "INVALID_PROPERTIES");
        assert_eq!(
            code(json!({"alias": "a", "key_alg": "RSA", "properties": {"key_size": 1024}})),
            "INVALID_PROPERTIES"
        );
        assert_eq!(
            code(json!({"alias": "a", "key_alg": "ECDSA", "properties": {"curve": "P-224"}})),
            "INVALID_PROPERTIES"
        );
    }

    #[test]
    fn a_keypair_has_a_certificate_only_where_the_body_asks_for_one() {
        assert!(asked(json!({"alias": "a", "key_alg": "EdDSA"})).unwrap().certificate.is_none());
        assert!(asked(json!({"alias": "a", "key_alg": "EdDSA", "generate_cert": true})).unwrap().certificate.is_some());
    }
}
