//! One request to the service.

use super::budget::LONGEST_PAGE;
use super::progress::Progress;
use super::retry::Effect;
use super::subject::Subject;
use reqwest::{Method, Url};
use serde_json::Value;
use std::sync::Arc;

/// The longest single record, in bytes. Parsed JSON can take a hundred times its length in memory.
const RECORD_LIMIT: usize = 1 << 20;

#[derive(Clone)]
pub struct Request {
    pub method: Method,
    /// Below the API's path, beginning with a slash.
    pub path: String,
    pub query: Vec<(&'static str, String)>,
    pub body: Option<Value>,
    pub effect: Effect,
    /// Where the progress is recorded, for callers that need it.
    pub progress: Option<Arc<Progress>>,
    /// The longest successful response, in bytes. Pages of a list have a limit of their own ([`super::budget::Budget`]).
    pub limit: usize,
    /// A plainer request exists: this one gets half of the time that is left, and is not repeated after a 504.
    pub hasty: bool,
}

impl Request {
    /// A read: repeated where `retry.rs` allows it.
    pub fn get(path: impl Into<String>) -> Self {
        let path = path.into();
        let (method, effect) = (Method::GET, Effect::Read);
        Self { method, path, query: Vec::new(), body: None, effect, progress: None, limit: RECORD_LIMIT, hasty: false }
    }

    /// A page of a list.
    pub fn list(path: &str) -> Self {
        Self { limit: LONGEST_PAGE, ..Self::get(path) }
    }

    /// A request that must be executed only once.
    pub fn post(path: impl Into<String>, body: Value) -> Self {
        Self { method: Method::POST, body: Some(body), effect: Effect::Once, ..Self::get(path) }
    }

    /// A request with a plainer alternative.
    pub fn hasty(self) -> Self {
        Self { hasty: true, ..self }
    }

    pub fn subject(&self) -> Subject {
        match (&self.method, self.path.trim_matches('/').split_once('/')) {
            (&Method::POST, None) => Subject::Creation,
            (&Method::POST, Some(_)) => Subject::Sign,
            (_, None) => Subject::List,
            (_, Some(("signatures", _))) => Subject::Record,
            (_, Some(_)) => Subject::Keypair,
        }
    }

    /// Adds a query parameter.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.query.push((name, value.into()));
        self
    }
}

/// An arbitrary text as one segment of a path.
pub fn segment(text: &str) -> String {
    let mut url = Url::parse("https://h/").unwrap_or_else(|_| unreachable!("a constant URL"));
    if let Ok(mut path) = url.path_segments_mut() {
        path.push(text);
    }
    url.path().trim_start_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_knows_what_it_is_about() {
        let body = || serde_json::json!({});
        for (request, subject) in [
            (Request::list("/keypairs"), Subject::List),
            (Request::list("/certificates"), Subject::List),
            (Request::get("/keypairs/1"), Subject::Keypair),
            (Request::get("/signatures/1"), Subject::Record),
            (Request::post("/keypairs", body()), Subject::Creation),
            (Request::post("/keypairs/1/sign", body()), Subject::Sign),
        ] {
            assert_eq!(request.subject(), subject, "{}", request.path);
        }
    }

    #[test]
    fn a_list_may_be_longer_than_a_record_and_only_a_post_has_an_effect() {
        let (get, list, post) = (Request::get("/x"), Request::list("/x"), Request::post("/x", Value::Null));
        assert_eq!((get.limit, list.limit, post.limit), (RECORD_LIMIT, LONGEST_PAGE, RECORD_LIMIT));
        assert_eq!((get.effect, list.effect, post.effect), (Effect::Read, Effect::Read, Effect::Once));
        assert_eq!((list.method.as_str(), post.method.as_str()), ("GET", "POST"));
        assert!(!list.hasty && list.hasty().hasty);
    }

    #[test]
    fn a_segment_cannot_leave_its_place_in_the_path() {
        assert_eq!(segment("a/b?c#d"), "a%2Fb%3Fc%23d");
        assert_eq!(segment("01234567-89ab"), "01234567-89ab");
        assert_eq!(segment("é %"), "%C3%A9%20%25");
    }
}
