//! The lower bound: one TLS connection, and HTTP/1.1 written by hand without a library.

use crate::settings::{API, Settings};
use rustls::{ClientConnection, StreamOwned};
use rustls_pki_types::ServerName;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

/// A separate connection.
pub struct Bare {
    stream: StreamOwned<ClientConnection, TcpStream>,
    host: String,
    api_key: String,
    buffer: Vec<u8>,
}

impl Bare {
    /// Connects and completes the handshake.
    pub fn connect(settings: &Settings) -> Self {
        let socket = TcpStream::connect(settings.address).expect("the service is there");
        socket.set_nodelay(true).expect("TCP_NODELAY");
        let name = ServerName::IpAddress(settings.address.ip().into());
        let session = ClientConnection::new(Arc::new(settings.tls.clone()), name).expect("TLS");
        let mut stream = StreamOwned::new(session, socket);
        while stream.conn.is_handshaking() {
            stream.conn.complete_io(&mut stream.sock).expect("the handshake succeeds");
        }
        Self { stream, host: settings.address.to_string(), api_key: settings.api_key.clone(), buffer: Vec::new() }
    }

    /// One POST; panics unless the status is 200.
    pub fn post(&mut self, path: &str, body: &str) -> &[u8] {
        let length = body.len();
        let head = self.head("POST", path, &format!("Content-Type: application/json\r\nContent-Length: {length}\r\n"));
        self.exchange(&(head + body))
    }

    /// One GET; panics unless the status is 200.
    pub fn get(&mut self, path: &str) -> &[u8] {
        let head = self.head("GET", path, "");
        self.exchange(&head)
    }

    fn head(&self, method: &str, path: &str, more: &str) -> String {
        format!("{method} {API}{path} HTTP/1.1\r\nHost: {}\r\nx-api-key: {}\r\n{more}\r\n", self.host, self.api_key)
    }

    fn exchange(&mut self, request: &str) -> &[u8] {
        self.stream.write_all(request.as_bytes()).expect("the request is sent");
        self.stream.flush().expect("the request is sent");
        self.buffer.clear();
        let mut whole = None;
        let mut part = [0; 16 << 10];
        let start = loop {
            if let Some((start, end)) = whole {
                if self.buffer.len() >= end {
                    break start;
                }
            } else if let Some(start) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                let head = String::from_utf8_lossy(&self.buffer[..start]).to_ascii_lowercase();
                assert!(head.starts_with("http/1.1 200"), "{}", String::from_utf8_lossy(&self.buffer));
                let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
                let length: usize = length.expect("a length").trim().parse().expect("a number");
                whole = Some((start + 4, start + 4 + length));
                continue;
            }
            let count = self.stream.read(&mut part).expect("an answer");
            assert!(count > 0, "the connection ended");
            self.buffer.extend_from_slice(&part[..count]);
        };
        &self.buffer[start..]
    }
}
