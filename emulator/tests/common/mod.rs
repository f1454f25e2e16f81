//! Starts the emulator and talks to it as a client would: with curl, knowing nothing but the files it wrote.
#![allow(dead_code)]

mod console;

use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Where the API begins.
pub const BASE: &str = "/signingmanager/api/v1";

/// A directory that is gone when the test is over.
pub struct Directory(PathBuf);

impl Directory {
    pub fn new() -> Directory {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{}-{number}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Directory(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// The text of a file in it.
    pub fn text(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub struct Emulator {
    child: Child,
    pub state: PathBuf,
    /// `https://127.0.0.1:PORT`
    pub url: String,
    /// `http://127.0.0.1:PORT`
    pub admin: String,
}

#[derive(Debug)]
pub struct Answer {
    /// HTTP status; 0 where there was no answer.
    pub status: u16,
    /// The headers, one a line, in lower case.
    pub headers: String,
    pub body: Vec<u8>,
    /// curl's own complaint, where it had one.
    pub complaint: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {:?}", String::from_utf8_lossy(&self.body)))
    }
}

impl Emulator {
    /// Starts one in the directory and waits until it is ready.
    pub fn start(directory: &Directory, arguments: &[&str]) -> Emulator {
        let state = directory.path("state");
        let mut command = Command::new(env!("CARGO_BIN_EXE_stm-emulator"));
        command.arg("--state").arg(&state).args(arguments);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let words: Vec<&str> = line.split_whitespace().collect();
        let ["ready", url, "admin", admin] = words[..] else { panic!("the emulator is not ready: {line:?}") };
        Emulator { url: url.to_owned(), admin: admin.to_owned(), child, state }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Asks it to end with that signal and gives its exit code.
    pub fn end(mut self, signal: &str) -> Option<i32> {
        Command::new("kill").arg(signal).arg(self.pid().to_string()).status().unwrap();
        self.child.wait().unwrap().code()
    }

    /// One variable of `client.env`, as a shell reads it.
    pub fn setting(&self, name: &str) -> String {
        let script = format!(". '{}' && printf %s \"${name}\"", self.state.join("client.env").display());
        let out = Command::new("sh").arg("-c").arg(script).output().unwrap();
        String::from_utf8(out.stdout).unwrap()
    }

    /// curl with the CA and nothing else, for tests that leave out or change a credential.
    pub fn curl(&self, arguments: &[&str]) -> Answer {
        let out = Command::new("curl")
            .args(["--silent", "--show-error", "--max-time", "60", "--dump-header", "/dev/stderr"])
            .args(["--write-out", "\n%{http_code}", "--cacert"])
            .arg(self.state.join("tls-ca.pem"))
            .args(arguments)
            .output()
            .unwrap();
        let end = out.stdout.iter().rposition(|&byte| byte == b'\n').unwrap_or(0);
        let status = String::from_utf8_lossy(&out.stdout[end..]).trim().parse().unwrap_or(0);
        let stderr = String::from_utf8_lossy(&out.stderr).to_lowercase();
        let complaint = stderr.lines().find(|line| line.starts_with("curl:")).unwrap_or_default().to_owned();
        Answer { status, headers: stderr, body: out.stdout[..end].to_vec(), complaint }
    }

    /// curl with both factors.
    pub fn call(&self, arguments: &[&str]) -> Answer {
        let certificate = self.state.join("client.pem").display().to_string();
        let key = format!("x-api-key: {}", self.setting("SM_API_KEY"));
        let both = ["--cert", &certificate, "--header", &key];
        self.curl(&[&both, arguments].concat())
    }

    /// A GET below [`BASE`].
    pub fn get(&self, path: &str) -> Answer {
        self.call(&[&self.api(path)])
    }

    /// A POST of JSON below [`BASE`].
    pub fn post(&self, path: &str, body: &Value) -> Answer {
        self.call(&["--header", "content-type: application/json", "--data", &body.to_string(), &self.api(path)])
    }

    /// The URL of a path below [`BASE`].
    pub fn api(&self, path: &str) -> String {
        format!("{}{BASE}{path}", self.url)
    }

    /// A call of the admin port.
    pub fn admin(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        let url = format!("{}{path}", self.admin);
        let text = body.map(Value::to_string).unwrap_or_default();
        let mut arguments = vec!["--request", method, url.as_str()];
        if body.is_some() {
            arguments.extend(["--data", text.as_str()]);
        }
        self.curl(&arguments)
    }

    /// The keypair with that alias.
    pub fn keypair(&self, alias: &str) -> Value {
        let list = self.get(&format!("/keypairs?alias={alias}")).json();
        assert_eq!(list["total"], 1, "{alias}");
        list["items"][0].clone()
    }

    /// Signs and gives the signature; anything but success fails the test.
    pub fn sign(&self, alias: &str, sig_alg: &str, hash: &[u8]) -> Vec<u8> {
        let answer = self.try_sign(alias, sig_alg, hash);
        assert_eq!(answer.status, 200, "{alias} {sig_alg}: {}", String::from_utf8_lossy(&answer.body));
        unbase64(answer.json()["signature"].as_str().unwrap())
    }

    /// Asks for a signature by alias.
    pub fn try_sign(&self, alias: &str, sig_alg: &str, hash: &[u8]) -> Answer {
        let body = serde_json::json!({"hash": base64(hash), "sig_alg": sig_alg});
        self.post(&format!("/keypairs/{alias}/sign"), &body)
    }

    /// The log of requests.
    pub fn log(&self) -> Vec<Value> {
        self.admin("GET", "/requests", None).json().as_array().unwrap().clone()
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Base64 with the standard alphabet.
pub fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// The bytes behind base64.
pub fn unbase64(text: &str) -> Vec<u8> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}

pub fn openssl(arguments: &[&str]) -> Output {
    Command::new("openssl").args(arguments).output().unwrap()
}

/// The body that creates an Ed25519 keypair with a certificate.
pub fn eddsa(alias: &str) -> Value {
    serde_json::json!({"alias": alias, "key_alg": "EdDSA", "key_storage": "HSM", "key_type": "PRODUCTION",
                       "properties": {"curve": "Ed25519"}, "status": "ONLINE", "generate_cert": true})
}

/// The octets of the subject key identifier in what `openssl x509 -text` prints.
pub fn subject_key_identifier(text: &str) -> Vec<u8> {
    let mut lines = text.lines().skip_while(|line| !line.contains("Subject Key Identifier"));
    let hex = lines.nth(1).unwrap_or_default().trim();
    hex.split(':').map(|octet| u8::from_str_radix(octet, 16).unwrap()).collect()
}
