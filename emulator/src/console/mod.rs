//! The web console on the admin port: what the service's own console would show of the account, and what arrives.
//!
//! Every page works without scripts: forms are sent with POST, and answered with a redirect. A few lines of JavaScript
//! (`assets/console.js`) keep tables up to date and copy text.

mod certificates;
mod details;
mod events;
mod faults;
mod form;
mod keypairs;
mod overview;
mod page;
mod presets;
mod requests;
mod signatures;
mod table;

pub use page::{Answer, HEADERS};

use crate::body::Reply;
use crate::pipeline::Shared;
use crate::state::random_hex;
use form::Form;
use hyper::body::Bytes;
use hyper::http::request::Parts;
use hyper::{Response, StatusCode};
use std::sync::Arc;
use tokio::sync::{Notify, Semaphore};

/// The most event streams at a time.
const STREAMS: usize = 32;

pub struct Console {
    shared: Arc<Shared>,
    /// The address of the API, as `SM_HOST` has it.
    api: String,
    /// The address of the timestamp server.
    tsa: String,
    /// In every form, so that only pages of this console can send one; another at every start.
    token: String,
    /// In every event id, because positions begin again at every start.
    run: String,
    streams: Arc<Semaphore>,
}

/// A request to the console.
pub struct Request {
    path: String,
    query: Form,
    /// The fields of a POST; empty otherwise.
    form: Form,
}

impl Request {
    /// A number in the query, such as a page; `None` if it is missing or not a number.
    fn number(&self, name: &str) -> Option<usize> {
        self.query.get(name).parse().ok()
    }
}

/// Why there is no page.
pub enum Failure {
    NotFound,
    /// The request makes no sense; the text says why.
    Bad(String),
    /// The token of the form is missing, or not that of this run.
    Token,
}

impl Console {
    pub fn new(shared: Arc<Shared>, api: String, tsa: String) -> Console {
        let streams = Arc::new(Semaphore::new(STREAMS));
        Console { shared, api, tsa, token: random_hex(32), run: random_hex(8), streams }
    }

    /// Whether a request is for the console, and not for a call of the admin port.
    pub fn serves(request: &Parts) -> bool {
        let path = request.uri.path();
        path.starts_with("/console/") || (path == "/" && request.method == "GET" && page::asks_for_page(request))
    }

    /// Responds to a request. `dead` closes the connection of a reader that does not keep up.
    pub async fn handle(self: &Arc<Console>, parts: Parts, body: Bytes, dead: Arc<Notify>) -> Response<Reply> {
        let request = Request {
            path: parts.uri.path().to_owned(),
            query: Form::parse(parts.uri.query().unwrap_or_default().as_bytes()),
            form: Form::parse(&body),
        };
        if parts.method == "GET" && request.path == "/console/events" {
            return self.events(&parts, &request, dead);
        }
        let (console, method, is_form) = (self.clone(), parts.method, form::is_form(&parts.headers));
        // Not on the serving threads, because generating a key takes seconds.
        let work = move || {
            match method.as_str() {
                "GET" => console.show(&request),
                "POST" if is_form && console.is_token(request.form.get("token")) => console.act(&request),
                "POST" => Err(Failure::Token),
                _ => Err(Failure::NotFound),
            }
            .unwrap_or_else(|failure| console.failure(&failure))
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(answer) => answer.into_response(),
            Err(_) => {
                let mut response = Response::new(Reply::whole("the emulator failed; its stderr has the cause".into()));
                *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
                response
            }
        }
    }

    /// The pages and files.
    fn show(&self, request: &Request) -> Result<Answer, Failure> {
        match segments(&request.path)[..] {
            [] => Ok(overview::page(self, request)),
            ["keypairs"] => Ok(keypairs::page(self, request)),
            ["keypairs", id] => keypairs::details(self, request, id),
            ["keypairs", id, "delete"] => keypairs::confirm(self, id),
            ["certificates", id, file] => certificates::file(self, id, file),
            ["signatures"] => Ok(signatures::page(self, request)),
            ["signatures", id] => signatures::details(self, id),
            ["requests"] => Ok(requests::page(self, request)),
            ["faults"] => Ok(faults::page(self, request)),
            ["console.css"] => Ok(Answer::file("text/css; charset=utf-8", include_str!("assets/console.css"))),
            ["console.js"] => Ok(Answer::file("text/javascript; charset=utf-8", include_str!("assets/console.js"))),
            ["icon.svg"] => Ok(Answer::file("image/svg+xml", include_str!("assets/icon.svg"))),
            _ => Err(Failure::NotFound),
        }
    }

    /// The forms; the token was checked.
    fn act(&self, request: &Request) -> Result<Answer, Failure> {
        match segments(&request.path)[..] {
            ["secrets"] => Ok(overview::secrets(self)),
            ["keypairs"] => keypairs::create(self, request),
            ["keypairs", id, action] => keypairs::act(self, request, id, action),
            ["certificates", id, "default"] => certificates::make_default(self, id),
            ["requests", "clear"] => Ok(requests::clear(self)),
            ["faults", action] => faults::act(self, request, action),
            _ => Err(Failure::NotFound),
        }
    }

    /// Compares in constant time.
    fn is_token(&self, given: &str) -> bool {
        aws_lc_rs::constant_time::verify_slices_are_equal(given.as_bytes(), self.token.as_bytes()).is_ok()
    }
}

/// The path below `/console`, without its slashes.
fn segments(path: &str) -> Vec<&str> {
    path.strip_prefix("/console").unwrap_or(path).split('/').filter(|segment| !segment.is_empty()).collect()
}
