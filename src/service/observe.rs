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

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::{Method, Url, header};
    use std::sync::mpsc::channel;

    #[test]
    fn an_observer_sees_request_and_response_as_they_were() {
        let observation = Observation::default();
        let (sender, receiver) = channel();
        observation.begin(Box::new(move |exchange| {
            let Exchange { method, path_and_query, status, content_type, header_names, body } = exchange;
            let names = header_names.join(",");
            let _ = sender.send(format!("{method} {path_and_query} {status} {content_type} {names} {body:?}"));
        }));
        for (url, path_and_query) in [("https://h/a/b?c=d", "/a/b?c=d"), ("https://h/a", "/a")] {
            let call = Call { method: Method::GET, url: Url::parse(url).unwrap(), body: None, limit: 9 };
            let answer = Answer {
                status: 404,
                content_type: "text/html".into(),
                request_id: String::new(),
                header_names: vec![header::DATE, header::CONTENT_TYPE],
                retry_after: None,
                date: None,
                body: vec![1, 2],
            };
            observation.show(&call, &answer);
            let expected = format!("GET {path_and_query} 404 text/html date,content-type [1, 2]");
            assert_eq!(receiver.try_recv(), Ok(expected));
        }
    }
}
