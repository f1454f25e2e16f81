//! `POST /keypairs/{id or alias}/sign`.

use super::{Answer, Call, failed, need_multi_factor, object};
use crate::errors::ApiError;
use crate::journal::SignatureRecord;
use crate::records::{Keypair, USER_NAME};
use crate::service::{Service, timestamp};
use crate::sig_alg::{Refusal, SigAlg};
use crate::state::new_id;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;

pub fn sign(service: &Service, call: &Call, id_or_alias: &str) -> Result<Answer, ApiError> {
    need_multi_factor(call, "sign")?;
    let keypair = service.store.by_id_or_alias(id_or_alias).ok_or_else(|| ApiError::keypair_not_found(id_or_alias))?;
    let body = object(&call.body)?;
    let hash_text = text(&body, "hash")?;
    let sig_alg_text = text(&body, "sig_alg")?;
    if !keypair.record.signable {
        return Err(ApiError::no_rights(&service.who.user_id, &keypair.record.id));
    }
    if !keypair.record.online {
        return Err(ApiError::offline());
    }
    let hash = BASE64.decode(hash_text).map_err(|_| ApiError::invalid_field("hash is not valid base64."))?;
    let sig_alg = SigAlg::by_name(sig_alg_text)
        .ok_or_else(|| ApiError::invalid_sig_alg(format!("Signature algorithm {sig_alg_text} is not supported.")))?;
    let signature = sig_alg.sign(&keypair.key, &hash).map_err(|refusal| match refusal {
        Refusal::WrongKey => ApiError::invalid_sig_alg(format!(
            "Signature algorithm {sig_alg_text} cannot be used with a keypair of algorithm {}.",
            keypair.key.kind.key_alg()
        )),
        Refusal::WrongLength(message) => ApiError::invalid_field(message),
        Refusal::Failed(error) => failed(call, error),
    })?;

    let record = record(service, call, &keypair, sig_alg_text, hash_text, &signature);
    let answer = json!({"id": record.id, "signature": record.signature});
    service.journal.record(record).map_err(|error| failed(call, error))?;
    if keypair.record.dynamic {
        service.renew_dynamic(&keypair).map_err(|error| failed(call, format!("{error:?}")))?;
    }
    Ok(Answer::json(200, answer.to_string()))
}

fn text<'a>(body: &'a Map<String, Value>, name: &str) -> Result<&'a str, ApiError> {
    match body.get(name) {
        Some(Value::String(text)) if !text.is_empty() => Ok(text),
        Some(Value::String(_)) | Some(Value::Null) | None => {
            Err(ApiError::invalid_field(format!("{name} must not be empty.")))
        }
        Some(_) => Err(ApiError::invalid_request(format!("{name} must be a string."))),
    }
}

fn record(
    service: &Service,
    call: &Call,
    keypair: &Keypair,
    sig_alg: &str,
    hash: &str,
    signature: &[u8],
) -> SignatureRecord {
    let who = &service.who;
    let now = timestamp(OffsetDateTime::now_utc());
    SignatureRecord {
        id: new_id(),
        keypair_id: keypair.record.id.clone(),
        key_pair: keypair.record.alias.clone(),
        signature: BASE64.encode(signature),
        sig_alg: sig_alg.to_owned(),
        hash: hash.to_owned(),
        signing_status: "SUCCESS".to_owned(),
        account: vec![who.account_id.clone()],
        created_on: now.clone(),
        created_by: who.user_id.clone(),
        created_by_user: USER_NAME.to_owned(),
        modified_on: now,
        modified_by: who.user_id.clone(),
        modified_by_user: USER_NAME.to_owned(),
        client_ip: call.client_ip.to_string(),
        certificate_id: keypair.default_certificate().map(|certificate| certificate.record.id.clone()),
        client_type: call.user_agent.clone(),
        signature_type: "HASH".to_owned(),
    }
}
