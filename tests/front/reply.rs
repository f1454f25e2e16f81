//! A service that answers in a way of its own: what it is asked, and what it says.

use serde_json::Value;
use std::io;
use std::time::Duration;

/// Where the service's API is.
pub const API: &str = "/signingmanager/api/v1";

/// A request as a service sees it.
pub struct Asked {
    pub method: String,
    /// Below [`API`], without the query.
    pub path: String,
    pub query: Vec<(String, String)>,
    pub body: Value,
    /// How many requests with this method and path came before.
    pub before: usize,
}

impl Asked {
    /// Reads `GET /path?query HTTP/1.1` and the body. `earlier`: the lines of the requests that came before.
    pub fn new<'a>(line: &str, body: &[u8], earlier: impl Iterator<Item = &'a str>) -> Self {
        let (method, target) = split(line);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let before =
            earlier.filter(|line| split(line).0 == method && split(line).1.split('?').next() == Some(path)).count();
        Self {
            method: method.to_owned(),
            path: path.strip_prefix(API).unwrap_or(path).to_owned(),
            query: query
                .split('&')
                .filter_map(|pair| pair.split_once('='))
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            body: serde_json::from_slice(body).unwrap_or_default(),
            before,
        }
    }

    /// A parameter of the query.
    pub fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// The same as a number; 0 where it is not there.
    pub fn number(&self, name: &str) -> usize {
        self.query(name).and_then(|value| value.parse().ok()).unwrap_or(0)
    }

    /// `GET /keypairs` or `GET /certificates`
    pub fn lists(&self) -> bool {
        self.method == "GET" && (self.path == "/keypairs" || self.path == "/certificates")
    }

    /// `GET /keypairs` for all of them.
    pub fn lists_keypairs(&self) -> bool {
        self.lists() && self.path == "/keypairs"
    }

    /// `GET /keypairs/{id}`
    pub fn keypair(&self) -> bool {
        self.method == "GET" && self.path.starts_with("/keypairs/")
    }

    /// `GET /signatures/{id}`
    pub fn record(&self) -> bool {
        self.path.starts_with("/signatures/")
    }

    /// `POST /keypairs/{id}/sign`
    pub fn signs(&self) -> bool {
        self.method == "POST" && self.path.ends_with("/sign")
    }
}

fn split(line: &str) -> (&str, &str) {
    let mut words = line.split(' ');
    (words.next().unwrap_or_default(), words.next().unwrap_or_default())
}

/// What it says.
pub enum Reply {
    /// What the emulated service says.
    Forward,
    /// What it says to another request: below the API.
    ForwardAs(&'static str),
    /// The same as [`Reply::Forward`], changed.
    Edited(Box<dyn Fn(&mut Value)>),
    /// The emulated service executes the request, and something else is said.
    Executed(u16, Value),
    /// Something of its own, and nothing is executed.
    Json(u16, Value),
    /// The same, in text of some media type.
    Text(u16, &'static str, &'static str),
    /// Late by so many milliseconds.
    Late(u64, Box<Reply>),
}

/// A forwarded request's answer: head and body.
pub type Forwarded = Option<(Vec<u8>, Vec<u8>)>;

impl Reply {
    pub fn edited(change: impl Fn(&mut Value) + 'static) -> Self {
        Self::Edited(Box::new(change))
    }

    /// The answer as it goes over the wire.
    pub fn bytes(&mut self, forward: &mut dyn FnMut(Option<&str>) -> Forwarded) -> io::Result<Vec<u8>> {
        let gone = || io::Error::other("the service gave no answer");
        Ok(match self {
            Self::Forward => {
                let (head, body) = forward(None).ok_or_else(gone)?;
                [head, body].concat()
            }
            Self::ForwardAs(target) => {
                let (head, body) = forward(Some(target)).ok_or_else(gone)?;
                [head, body].concat()
            }
            Self::Edited(change) => {
                let (head, body) = forward(None).ok_or_else(gone)?;
                let mut value: Value = serde_json::from_slice(&body).map_err(io::Error::other)?;
                change(&mut value);
                let status = String::from_utf8_lossy(&head).split(' ').nth(1).and_then(|text| text.parse().ok());
                answer(status.unwrap_or(200), "application/json", value.to_string().as_bytes())
            }
            Self::Executed(status, value) => {
                forward(None).ok_or_else(gone)?;
                answer(*status, "application/json", value.to_string().as_bytes())
            }
            Self::Json(status, value) => answer(*status, "application/json", value.to_string().as_bytes()),
            Self::Text(status, kind, text) => answer(*status, kind, text.as_bytes()),
            Self::Late(millis, reply) => {
                std::thread::sleep(Duration::from_millis(*millis));
                reply.bytes(forward)?
            }
        })
    }
}

fn answer(status: u16, kind: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}
