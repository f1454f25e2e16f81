//! HTTP/1.1 messages, as far as this server needs to understand them.

use super::reply;
use std::io::{self, BufRead};

/// An answer of our own: `head` without its end, and a body.
pub fn own(head: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes = format!("{head}\r\nContent-Length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// An HTTP/1.1 message with a `Content-Length`.
pub struct Message {
    pub head: Vec<u8>,
    pub body: Vec<u8>,
}

impl Message {
    /// The same request for something else of the API.
    pub fn to(&self, target: &str) -> Self {
        let head = String::from_utf8_lossy(&self.head);
        let (line, rest) = head.split_once('\n').unwrap_or((&head, ""));
        let method = line.split(' ').next().unwrap_or_default();
        let head = format!("{method} {}{target} HTTP/1.1\r\n{rest}", reply::API);
        Self { head: head.into_bytes(), body: self.body.clone() }
    }

    pub fn bytes(&self) -> Vec<u8> {
        [&self.head[..], &self.body].concat()
    }
}

/// The next message; `None` at the end.
pub fn read_message(stream: &mut impl BufRead) -> io::Result<Option<Message>> {
    let mut head = Vec::new();
    let mut length = 0;
    loop {
        let begun = head.len();
        if stream.read_until(b'\n', &mut head)? == 0 {
            return if head.is_empty() { Ok(None) } else { Err(io::ErrorKind::UnexpectedEof.into()) };
        }
        let line = String::from_utf8_lossy(&head[begun..]).to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length:") {
            length = value.trim().parse().map_err(io::Error::other)?;
        }
        if line.trim().is_empty() {
            break;
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(Some(Message { head, body }))
}
