//! `GET /signatures/{id}`.

use super::Answer;
use crate::errors::ApiError;
use crate::service::Service;
use serde_json::Value;

pub fn get(service: &Service, id: &str) -> Result<Answer, ApiError> {
    let absent = || ApiError::not_present("Signature", id);
    let (record, earlier) = service.journal.read(id).ok_or_else(absent)?;
    let behaviour = &service.behaviour;
    let Some(earlier) = earlier.checked_sub(behaviour.late_records) else { return Err(absent()) };
    let mut json = serde_json::to_value(&*record).unwrap_or_default();
    if earlier < behaviour.asynchronous_signatures {
        json["signing_status"] = Value::from("IN_PROGRESS");
        json["signature"] = Value::Null;
    }
    Ok(Answer::object(200, json.to_string().into_bytes(), behaviour))
}
