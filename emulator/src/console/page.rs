//! The frame around every page, and the headers that keep other sites out of it.

use super::{Console, Failure, Request};
use crate::body::Reply;
use hyper::Response;
use hyper::body::Bytes;
use hyper::header::{ACCEPT, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use maud::{DOCTYPE, Markup, html};

/// On every response of the admin port. A page loads nothing from elsewhere, runs only the script of the console, turns
/// no text into markup with it, and is not shown in a frame.
pub const HEADERS: [(HeaderName, &str); 6] = [
    (
        HeaderName::from_static("content-security-policy"),
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
         frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'",
    ),
    (HeaderName::from_static("x-frame-options"), "DENY"),
    (HeaderName::from_static("x-content-type-options"), "nosniff"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    // Not `no-referrer`: with it, browsers send the console's own forms with `Origin: null`.
    (HeaderName::from_static("referrer-policy"), "same-origin"),
    (HeaderName::from_static("cache-control"), "no-store"),
];

/// What a handler returns.
pub struct Answer {
    pub status: u16,
    headers: Vec<(HeaderName, String)>,
    body: Bytes,
}

impl Answer {
    fn new(status: u16, media_type: &str, body: impl Into<Bytes>) -> Answer {
        let headers = vec![(hyper::header::CONTENT_TYPE, media_type.to_owned())];
        Answer { status, headers, body: body.into() }
    }

    pub fn html(status: u16, markup: Markup) -> Answer {
        Answer::new(status, "text/html; charset=utf-8", markup.into_string())
    }

    pub fn file(media_type: &str, text: &'static str) -> Answer {
        Answer::new(200, media_type, text)
    }

    /// A file that the browser saves under `name`.
    pub fn download(name: &'static str, text: String) -> Answer {
        let mut answer = Answer::new(200, "application/x-pem-file", text);
        answer.headers.push((hyper::header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")));
        answer
    }

    /// To a page, which then says what was done: `done` is a key of [`DONE`]. Neither part is text of a user.
    pub fn redirect(path: &str, done: &str) -> Answer {
        let mut answer = Answer::new(303, "text/plain", Bytes::new());
        answer.headers.push((hyper::header::LOCATION, format!("{path}?done={done}")));
        answer
    }

    pub fn into_response(self) -> Response<Reply> {
        let mut response = Response::new(Reply::whole(self.body));
        *response.status_mut() = hyper::StatusCode::from_u16(self.status).unwrap_or_default();
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::try_from(value) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

/// Whether a client prefers a page to JSON: it names `text/html`, as only browsers do, and rates JSON no higher.
pub fn asks_for_page(request: &Parts) -> bool {
    let values = request.headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let (mut page, mut json) = (0.0, 0.0);
    for range in values.flat_map(|value| value.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
        let quality = parts.find_map(|part| part.strip_prefix("q=")).map_or(1.0, |q| q.parse().unwrap_or(0.0));
        match media_type.as_str() {
            "text/html" | "application/xhtml+xml" => page = f64::max(page, quality),
            "application/json" => json = f64::max(json, quality),
            _ => {}
        }
    }
    page > 0.0 && page >= json
}

/// What the page after a redirect says, by the word in its address.
const DONE: [(&str, &str); 14] = [
    ("created", "The keypair exists. Clients see it at once, except those that cache their list."),
    ("deleted", "The keypair is deleted, with its key and certificates. Its signatures stay in the log."),
    ("online", "The keypair is ONLINE."),
    ("offline", "The keypair is OFFLINE: it does not sign."),
    ("renewed", "The keypair has another certificate."),
    ("default", "New signatures count for this certificate."),
    ("cleared", "The log of requests is empty. Signatures stay."),
    ("latency", "The delays are set."),
    ("limit", "The rate limit is set."),
    ("rule", "The fault is switched on."),
    ("removed", "The fault is switched off."),
    ("rules", "The fault rules are set."),
    ("tsa", "The time-stamping server is set."),
    ("calm", "Everything is switched off: the service behaves as documented."),
];

/// The pages of the navigation: path and name.
const NAVIGATION: [(&str, &str); 5] = [
    ("/", "Overview"),
    ("/console/keypairs", "Keypairs"),
    ("/console/signatures", "Signatures"),
    ("/console/requests", "Requests"),
    ("/console/faults", "Faults"),
];

impl Console {
    /// A page. `section` is its path in the navigation.
    pub fn page(&self, request: Option<&Request>, section: &str, title: &str, content: Markup) -> Answer {
        let done = request.map_or("", |request| request.query.get("done"));
        let done = DONE.iter().find(|(word, _)| *word == done).map(|(_, text)| *text);
        Answer::html(200, self.frame(section, title, done, None, content))
    }

    /// The same after a form that was not accepted; `problem` says why.
    pub fn refused(&self, section: &str, title: &str, problem: &str, content: Markup) -> Answer {
        Answer::html(400, self.frame(section, title, None, Some(problem), content))
    }

    pub fn failure(&self, failure: &Failure) -> Answer {
        let (status, title, text) = match failure {
            Failure::NotFound => {
                (404, "Not found", "This page does not exist, or its keypair, certificate or signature is gone.")
            }
            Failure::Bad(text) => (400, "Not accepted", text.as_str()),
            Failure::Token => (
                403,
                "Not accepted",
                "The form is not from a page of this console since its start; open the page again, and send the form from there.",
            ),
        };
        let content = html! { p { a href="/" { "Overview" } } };
        Answer::html(status, self.frame("", title, None, Some(text), content))
    }

    fn frame(&self, section: &str, title: &str, done: Option<&str>, problem: Option<&str>, content: Markup) -> Markup {
        let disturbed = self.is_disturbed();
        html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    meta name="viewport" content="width=device-width, initial-scale=1";
                    meta name="color-scheme" content="light dark";
                    title { (title) " – stm-emulator" }
                    link rel="icon" href="/console/icon.svg" type="image/svg+xml";
                    link rel="stylesheet" href="/console/console.css";
                    script src="/console/console.js" defer {}
                }
                body {
                    a.skip href="#content" { "Skip to the content" }
                    header {
                        p.brand { a href="/" { "stm-emulator" } }
                        nav aria-label="Console" {
                            ul {
                                @for (path, name) in NAVIGATION {
                                    li {
                                        a href=(path) aria-current=[(path == section).then_some("page")] { (name) }
                                        @if disturbed && path == "/console/faults" { " " span.badge { "on" } }
                                    }
                                }
                            }
                        }
                    }
                    main id="content" {
                        h1 { (title) }
                        @if let Some(text) = problem { p.problem role="alert" { (shown(text)) } }
                        @if let Some(text) = done { p.done role="status" { (text) } }
                        (content)
                    }
                    footer {
                        p { "stm-emulator " (env!("CARGO_PKG_VERSION")) ": throwaway keypairs on this machine. No signature is billed, and none is trusted elsewhere." }
                    }
                }
            }
        }
    }

    /// The hidden field without which no form is accepted.
    pub fn token_field(&self) -> Markup {
        html! { input type="hidden" name="token" value=(self.token); }
    }

    fn is_disturbed(&self) -> bool {
        let shared = &self.shared;
        !shared.weather.rules().is_empty()
            || shared.weather.latency() != Default::default()
            || shared.rate_limit.setting().per_second.is_some()
            || shared.tsa.is_disturbed()
    }
}

/// Text of a client as a page shows it: characters that would be invisible, or that change the order of others, as
/// escapes.
pub fn shown(text: &str) -> String {
    let hidden = |c: char| {
        (c.is_control() && c != '\n' && c != '\t')
            || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if hidden(c) { out.extend(c.escape_unicode()) } else { out.push(c) }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asks(accept: &str) -> bool {
        let request = hyper::Request::builder().header("accept", accept).body(()).unwrap();
        asks_for_page(&request.into_parts().0)
    }

    #[test]
    fn only_who_names_html_gets_a_page() {
        assert!(asks("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"));
        assert!(asks("text/html, application/json;q=0.9"));
        for json in ["*/*", "application/json", "application/json, text/html;q=0.5", "text/html;q=0", "text/*", ""] {
            assert!(!asks(json), "{json}");
        }
    }

    #[test]
    fn characters_that_deceive_are_shown_as_escapes() {
        assert_eq!(shown("größe 鍵 e\u{301}\n"), "größe 鍵 e\u{301}\n");
        assert_eq!(shown("a\u{202e}b\u{1b}[31m\r"), "a\\u{202e}b\\u{1b}[31m\\u{d}");
    }
}
