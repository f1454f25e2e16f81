//! `POST /keypairs/{id or alias}/sign`.

use super::{Answer, Call, failed, need_multi_factor, object, text};
use crate::errors::ApiError;
use crate::journal::SignatureRecord;
use crate::records::{Keypair, USER_NAME};
use crate::service::{Service, timestamp};
use crate::sig_alg::{Refusal, SigAlg};
use crate::state::new_id;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};
use time::OffsetDateTime;

pub fn sign(service: &Service, call: &Call, id_or_alias: &str) -> Result<Answer, ApiError> {
    need_multi_factor(call, "sign")?;
    let keypair = service.store.by_id_or_alias(id_or_alias).ok_or_else(ApiError::keypair_not_found)?;
    let body = object(&call.body, &["hash", "sig_alg", "account"])?;
    let hash_text = text(&body, "hash")?;
    let sig_alg_text = text(&body, "sig_alg")?;
    if !matches!(body.get("account"), None | Some(Value::Null | Value::Object(_))) {
        return Err(ApiError::invalid_request("account must be an object."));
    }
    if !keypair.record.signable {
        return Err(ApiError::no_rights(&service.who.user_id, &keypair.record.id));
    }
    if !keypair.record.online {
        return Err(ApiError::offline());
    }
    let hash = BASE64.decode(hash_text).map_err(|_| ApiError::invalid_field("hash is not valid base64."))?;
    let sig_alg = SigAlg::by_name(sig_alg_text).ok_or_else(ApiError::invalid_sig_alg)?;
    let signature = sig_alg.sign(&keypair.key, &hash).map_err(|refusal| match refusal {
        Refusal::WrongKey => ApiError::invalid_sig_alg(),
        Refusal::WrongLength(message) => ApiError::invalid_field(message),
        Refusal::Failed(error) => failed(call, error),
    })?;

    let record = record(service, call, &keypair, sig_alg_text, hash_text, &signature);
    let answer = match service.behaviour.asynchronous_signatures {
        0 => json!({"id": record.id, "signature": record.signature}),
        _ => json!({"id": record.id}),
    };
    service.journal.record(record).map_err(|error| failed(call, error))?;
    if keypair.record.dynamic {
        service.renew_dynamic(&keypair).map_err(|error| failed(call, format!("{error:?}")))?;
    }
    Ok(Answer::object(200, answer.to_string().into_bytes(), &service.behaviour))
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
