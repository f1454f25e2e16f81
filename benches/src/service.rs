//! The emulated service that everything is measured against.

use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A running `stm-emulator`; ends when it is dropped.
pub struct Service {
    process: Child,
    /// Where its API listens.
    pub address: SocketAddr,
    admin: String,
    dir: PathBuf,
}

/// The service's counters since it started.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counts {
    /// TCP connections.
    pub connections: u64,
    /// Requests of all kinds, including those refused by the rate limit.
    pub requests: u64,
    /// `POST .../sign` among them.
    pub signs: u64,
    /// Signatures recorded.
    pub signatures: u64,
}

impl std::ops::Sub for Counts {
    type Output = Self;
    fn sub(self, before: Self) -> Self {
        Self {
            connections: self.connections - before.connections,
            requests: self.requests - before.requests,
            signs: self.signs - before.signs,
            signatures: self.signatures - before.signatures,
        }
    }
}

impl Service {
    /// Starts one with its state in `dir`, made if missing.
    pub fn start(program: &Path, dir: &Path, options: &[&str]) -> Self {
        let mut process = Command::new(program)
            .arg("--state")
            .arg(dir)
            .args(options)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let mut line = String::new();
        let stdout = process.stdout.take().expect("its stdout");
        BufReader::new(stdout).read_line(&mut line).expect("its ready line");
        let words: Vec<&str> = line.split_whitespace().collect();
        let (Some(host), Some(admin)) = (words.get(1), words.get(3)) else { panic!("the emulator says: {line}") };
        Self {
            process,
            address: host.trim_start_matches("https://").parse().expect("an address"),
            admin: admin.trim_start_matches("http://").to_owned(),
            dir: dir.to_owned(),
        }
    }

    /// Its settings for a client; the client certificate without a password, for a bare client.
    pub fn settings(&self) -> Vec<(String, String)> {
        let text = fs::read_to_string(self.dir.join("client.env")).expect("client.env");
        let api_key = text
            .lines()
            .find_map(|line| line.strip_prefix("export SM_API_KEY="))
            .expect("an API key")
            .trim_matches(['\'', '"']);
        let file = |name: &str| self.dir.join(name).display().to_string();
        vec![
            ("SM_HOST".to_owned(), format!("https://{}", self.address)),
            ("SM_API_KEY".to_owned(), api_key.to_owned()),
            ("SM_CLIENT_CERT_FILE".to_owned(), file("client.pem")),
            ("SM_CA_FILE".to_owned(), file("tls-ca.pem")),
        ]
    }

    /// The same with the client certificate as PKCS#12, the form that users download.
    pub fn settings_with_p12(&self) -> Vec<(String, String)> {
        let text = fs::read_to_string(self.dir.join("client.env")).expect("client.env");
        let password = text.lines().find_map(|line| line.strip_prefix("export SM_CLIENT_CERT_PASSWORD="));
        let mut settings = self.settings();
        settings[2].1 = self.dir.join("client.p12").display().to_string();
        settings.push((
            "SM_CLIENT_CERT_PASSWORD".to_owned(),
            password.expect("a password").trim_matches(['\'', '"']).to_owned(),
        ));
        settings
    }

    /// The id of the keypair with this alias.
    pub fn keypair_id(&self, alias: &str) -> String {
        self.keypair(alias)["id"].as_str().expect("an id").to_owned()
    }

    /// The certificate of the keypair with this alias, DER in Base64.
    pub fn certificate(&self, alias: &str) -> String {
        self.keypair(alias)["certificates"][0]["cert"].as_str().expect("a certificate").to_owned()
    }

    fn keypair(&self, alias: &str) -> Value {
        let text = fs::read_to_string(self.dir.join("keypairs.jsonl")).expect("keypairs.jsonl");
        let mut lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let found = lines.find(|line| line["add"]["alias"] == alias);
        found.unwrap_or_else(|| panic!("no keypair {alias}"))["add"].take()
    }

    /// Every `POST .../sign` takes this much longer from now on.
    pub fn sign_takes(&self, milliseconds: u64) {
        self.call("PUT", "/latency", &format!("{{\"all_ms\":0,\"sign_ms\":{milliseconds}}}"));
    }

    /// Adds keypairs `bulk-1`, `bulk-2`, ...
    pub fn add_keypairs(&self, count: usize) {
        self.call("POST", "/seed", &format!("{{\"keypairs\":{count},\"prefix\":\"bulk-\"}}"));
    }

    /// Its counters.
    pub fn counts(&self) -> Counts {
        let stats: Value = serde_json::from_str(&self.call("GET", "/stats", "")).expect("JSON");
        let number = |value: &Value| value.as_u64().unwrap_or_default();
        let requests = stats["requests"].as_object().expect("an object");
        Counts {
            connections: number(&stats["connections"]),
            requests: requests.values().map(number).sum(),
            signs: number(&stats["requests"]["POST /keypairs/{id}/sign"]),
            signatures: number(&stats["signatures"]),
        }
    }

    /// Runs something, and counts what the service saw.
    pub fn counted<T>(&self, work: impl FnOnce() -> T) -> (T, Counts) {
        let before = self.counts();
        let result = work();
        (result, self.counts() - before)
    }

    fn call(&self, method: &str, path: &str, body: &str) -> String {
        let mut stream = TcpStream::connect(&self.admin).expect("the admin port");
        let head = format!(
            "{method} {path} HTTP/1.0\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
            self.admin,
            body.len()
        );
        stream.write_all((head + body).as_bytes()).expect("the admin port takes the call");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("the admin port answers");
        let (head, body) = answer.split_once("\r\n\r\n").expect("an HTTP answer");
        assert!(head.split(' ').nth(1).is_some_and(|status| status.starts_with('2')), "{method} {path}: {answer}");
        body.to_owned()
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
