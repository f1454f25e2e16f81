//! `GET /keypairs` and `GET /keypairs/{id}`.

use super::lists::ListQuery;
use super::{Answer, Call};
use crate::errors::ApiError;
use crate::service::Service;

pub fn list(service: &Service, call: &Call) -> Result<Answer, ApiError> {
    let query = ListQuery::of(call, &service.behaviour, &[])?;
    Ok(query.answer(service.store.keypairs(&query.filter, query.offset, query.limit, &service.behaviour)))
}

pub fn get(service: &Service, id: &str) -> Result<Answer, ApiError> {
    let keypair = service.store.by_id(id).ok_or_else(|| ApiError::keypair_not_present(id))?;
    let mut body = Vec::new();
    keypair.write_json(&mut body);
    Ok(Answer::object(200, body, &service.behaviour))
}
