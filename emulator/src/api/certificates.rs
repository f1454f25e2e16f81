//! `GET /certificates` and `GET /certificates/{id}`.

use super::lists::ListQuery;
use super::{Answer, Call};
use crate::errors::ApiError;
use crate::service::Service;

pub fn list(service: &Service, call: &Call) -> Result<Answer, ApiError> {
    let query = ListQuery::of(call, &service.behaviour, &["certificate_status", "keypair_id"])?;
    Ok(query.answer(service.store.certificates(&query.filter, query.offset, query.limit)))
}

pub fn get(service: &Service, id: &str) -> Result<Answer, ApiError> {
    let json = service.store.certificate(id).ok_or_else(|| ApiError::not_present("Certificate", id))?;
    Ok(Answer::object(200, json, &service.behaviour))
}
