//! An emulated service for one test, and its admin port.

use serde_json::Value;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const ADMIN: &str = "STM_PKCS11_TEST_ADMIN";
const STATE: &str = "STM_PKCS11_TEST_STATE";

/// A running `stm-emulator`; ends with the test that started it.
pub struct Emulator {
    process: Option<Child>,
    /// `https://127.0.0.1:PORT`
    pub host: String,
    /// `http://127.0.0.1:PORT`
    pub admin: String,
    /// Its state: credentials and certificates.
    pub dir: PathBuf,
    _keep: Option<tempfile::TempDir>,
}

/// One request that the service saw.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub status: u64,
    pub connection: u64,
}

impl Emulator {
    /// Starts one with a copy of the full seed.
    pub fn start(options: &[&str]) -> Self {
        let keep = tempfile::tempdir().expect("room for the emulator's state");
        let dir = keep.path().join("state");
        copy_dir(&seeded(), &dir);
        Self::start_in(dir, Some(keep), options)
    }

    /// Starts one on an existing state.
    pub fn start_in(dir: PathBuf, keep: Option<tempfile::TempDir>, options: &[&str]) -> Self {
        let mut process = Command::new(binary())
            .arg("--state")
            .arg(&dir)
            .args(["--seed", "full"])
            .args(options)
            .stdout(Stdio::piped())
            .spawn()
            .expect("stm-emulator starts");
        let mut line = String::new();
        let stdout = process.stdout.take().expect("its stdout");
        BufReader::new(stdout).read_line(&mut line).expect("its ready line");
        let words: Vec<&str> = line.split_whitespace().collect();
        assert_eq!((words.first(), words.get(2)), (Some(&"ready"), Some(&"admin")), "unexpected: {line}");
        let (host, admin) = (words[1].to_owned(), words[3].to_owned());
        Self { process: Some(process), host, admin, dir, _keep: keep }
    }

    /// The one that the parent process of this test started.
    pub fn inherited() -> Self {
        let get = |name| std::env::var(name).expect("the parent process sets it");
        Self { process: None, host: get("SM_HOST"), admin: get(ADMIN), dir: get(STATE).into(), _keep: None }
    }

    /// The settings of a client, as `client.env` has them, and how the test finds its emulator again.
    pub fn variables(&self) -> Vec<(String, String)> {
        let text = fs::read_to_string(self.dir.join("client.env")).expect("client.env");
        let mut variables: Vec<(String, String)> = text
            .lines()
            .filter_map(|line| line.trim().strip_prefix("export ")?.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.trim_matches(['\'', '"']).to_owned()))
            .filter(|(name, _)| name != "SM_HOST")
            .collect();
        // A copied state's client.env may name the folder it was copied from.
        for (name, value) in &mut variables {
            if name.ends_with("_FILE") {
                let file = Path::new(value).file_name().expect("a file name").to_owned();
                *value = self.dir.join(file).display().to_string();
            }
        }
        variables.push(("SM_HOST".into(), self.host.clone()));
        variables.push((ADMIN.into(), self.admin.clone()));
        variables.push((STATE.into(), self.dir.display().to_string()));
        variables
    }

    /// What the service saw since the start or the last [`Emulator::clear`].
    pub fn requests(&self) -> Vec<Request> {
        let answer = self.call("GET", "/requests", "");
        let list: Value = serde_json::from_str(&answer).expect("a JSON array");
        let text = |item: &Value, name: &str| item[name].as_str().unwrap_or_default().to_owned();
        list.as_array()
            .expect("a JSON array")
            .iter()
            .map(|item| Request {
                method: text(item, "method"),
                path: text(item, "path"),
                status: item["status"].as_u64().unwrap_or_default(),
                connection: item["connection"].as_u64().unwrap_or_default(),
            })
            .collect()
    }

    /// How many `POST .../sign` it saw.
    pub fn signs(&self) -> usize {
        self.requests().iter().filter(|r| r.method == "POST" && r.path.ends_with("/sign")).count()
    }

    /// Forgets the requests.
    pub fn clear(&self) {
        self.call("DELETE", "/requests", "");
    }

    /// Sets the faults (see the emulator's README).
    pub fn faults(&self, rules: &str) {
        self.call("PUT", "/faults", rules);
    }

    /// One call of the admin port; the answer's body.
    pub fn call(&self, method: &str, path: &str, body: &str) -> String {
        let address = self.admin.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).expect("the admin port");
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nConnection: close\r\n\
             Content-Length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(head.as_bytes()).expect("the admin port takes the call");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("the admin port answers");
        let text = String::from_utf8(answer).expect("text");
        let (head, body) = text.split_once("\r\n\r\n").expect("an HTTP answer");
        assert!(head.starts_with("HTTP/1.1 2"), "{method} {path}: {text}");
        if head.to_ascii_lowercase().contains("transfer-encoding: chunked") { dechunk(body) } else { body.to_owned() }
    }

    /// The PEM file of a keypair's certificate.
    pub fn certificate(&self, alias: &str) -> PathBuf {
        self.dir.join("certs").join(format!("{alias}.pem"))
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn dechunk(mut body: &str) -> String {
    let mut whole = String::new();
    while let Some((size, rest)) = body.split_once("\r\n") {
        let size = usize::from_str_radix(size.trim(), 16).expect("a chunk size");
        if size == 0 {
            break;
        }
        whole.push_str(&rest[..size]);
        body = rest[size..].trim_start_matches("\r\n");
    }
    whole
}

/// The emulator's program: `STM_EMULATOR`, else the one built beside the test, else built now.
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("STM_EMULATOR") {
        return path.into();
    }
    let path = super::target_dir().join("stm-emulator");
    if !path.exists() {
        let mut build = Command::new(env!("CARGO"));
        build.args(["build", "--quiet", "--package", "stm-emulator"]);
        if super::target_dir().ends_with("release") {
            build.arg("--release");
        }
        assert!(build.status().expect("cargo").success(), "stm-emulator cannot be built");
    }
    path
}

/// A state with the full seed, made once and then copied: making RSA keys takes seconds.
fn seeded() -> PathBuf {
    let dir = super::target_dir().join("test-state");
    let lock = fs::File::create(super::target_dir().join("test-state.lock")).expect("a lock file");
    lock.lock().expect("the lock");
    let newer = |path: &Path| fs::metadata(path).and_then(|meta| meta.modified()).ok();
    if newer(&dir.join("client.env")) < newer(&binary()) {
        let _ = fs::remove_dir_all(&dir);
        drop(Emulator::start_in(dir.clone(), None, &[]));
    }
    dir
}

fn copy_dir(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_dir(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a file");
        }
    }
}
