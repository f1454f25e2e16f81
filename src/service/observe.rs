//! Shows each request with its response to an observer: `stm-pkcs11 doctor --shape` describes them.

use super::transport::{Answer, Call};
use std::sync::OnceLock;

/// A request and its response, with any status.
pub struct Exchange<'a> {
    /// `GET` or `POST`.
    pub method: &'a str,
    /// Path and query, as sent.
    pub path_and_query: &'a str,
    pub status: u16,
    /// The header `Content-Type`; empty if there is none.
    pub content_type: &'a str,
    /// The names of the response's headers, in their order.
    pub header_names: &'a [&'a str],
    pub body: &'a [u8],
}

/// Receives every exchange, on the thread that sent the request.
pub type Observer = Box<dyn Fn(&Exchange<'_>) + Send + Sync>;

/// The observer; none until [`Observation::begin`].
#[derive(Default)]
pub struct Observation(OnceLock<Observer>);

impl Observation {
    /// Starts to show exchanges. Only the first observer counts.
    pub fn begin(&self, observer: Observer) {
        let _ = self.0.set(observer);
    }

    pub fn show(&self, call: &Call, answer: &Answer) {
        let Some(observer) = self.0.get() else { return };
        let query = call.url.query().map(|query| format!("?{query}")).unwrap_or_default();
        let header_names: Vec<&str> = answer.header_names.iter().map(|name| name.as_str()).collect();
        observer(&Exchange {
            method: call.method.as_str(),
            path_and_query: &format!("{}{query}", call.url.path()),
            status: answer.status,
            content_type: &answer.content_type,
            header_names: &header_names,
            body: &answer.body,
        });
    }
}
