//! `GET /signatures/{id}`.

use super::Answer;
use crate::errors::ApiError;
use crate::service::Service;

pub fn get(service: &Service, id: &str) -> Result<Answer, ApiError> {
    let record = service.journal.by_id(id).ok_or_else(|| ApiError::not_present("Signature", id))?;
    let body = serde_json::to_vec(&*record).unwrap_or_default();
    Ok(Answer::json(200, body))
}
