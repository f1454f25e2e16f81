//! The emulated service, as a child process that never outlives the demo.

use super::cleanup::Cleanup;
use crate::print::Failure;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

/// Making ten key pairs, RSA 4096 among them, takes seconds; a slow machine may take a minute.
const PATIENCE: Duration = Duration::from_secs(180);

pub struct Emulator {
    /// What to set in a client's environment: `SM_HOST` and its companions.
    pub settings: BTreeMap<String, String>,
    /// Host and port of the service, as its ready line says.
    pub address: String,
    admin: String,
    state: PathBuf,
}

impl Emulator {
    /// Starts the emulator on ports of its own choice and waits for its ready line.
    pub fn start(program: &Path, state: &Path, cleanup: &Cleanup) -> Result<Emulator, Failure> {
        let log = state.join("emulator.log");
        let failed = |why: String| {
            Failure::new(
                "start the emulator of the service",
                why,
                format!("its own words are in {}; run `{} --help`", log.display(), program.display()),
            )
        };
        let errors = File::create(&log).map_err(|error| failed(error.to_string()))?;
        let mut child = Command::new(program)
            .arg("--state")
            .arg(state)
            .args(["--seed", "demo", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .map_err(|error| failed(error.to_string()))?;
        let ready = child.stdout.take().map(first_line).unwrap_or(Err("it has no output".to_owned()));
        cleanup.end_process(child);
        let Some((address, admin)) = ready.as_deref().ok().and_then(addresses) else {
            let said = fs::read_to_string(&log).unwrap_or_default();
            let last: Vec<&str> = said.lines().rev().take(3).collect();
            return Err(failed(match ready {
                Ok(line) => format!("it said \"{line}\" in place of its ready line\n{}", last.join("\n")),
                Err(why) => format!("{why}\n{}", last.join("\n")),
            }));
        };
        let file = state.join("client.env");
        let text = fs::read_to_string(&file).map_err(|error| failed(format!("{}: {error}", file.display())))?;
        let mut settings = exports(&text);
        // The caches and the settings of the person who runs the demo stay out of it.
        for (name, folder) in [("HOME", "home"), ("XDG_CACHE_HOME", "home/.cache"), ("XDG_CONFIG_HOME", "home/.config")]
        {
            settings.insert(name.to_owned(), state.join(folder).display().to_string());
        }
        Ok(Emulator { settings, address, admin, state: state.to_owned() })
    }

    /// Gives a command the environment of a client of this service, and of nothing else.
    pub fn environment(settings: &BTreeMap<String, String>, command: &mut Command) {
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            // The log's settings may stay: whoever sets them wants to see more of the demo.
            let ours = ["SM_", "STM_PKCS11_", "PKCS11_", "OPENSSL_CONF"].iter().any(|start| text.starts_with(start));
            if ours && !text.starts_with("SM_LOG_") {
                command.env_remove(&name);
            }
        }
        command.envs(settings);
    }

    /// The certificate that every signing certificate of the emulator leads to, in DER.
    pub fn signing_root(&self) -> PathBuf {
        self.state.join("signing-root.pem")
    }

    /// What the service has been asked so far: (requests, signatures).
    pub fn bill(&self) -> Result<(usize, usize), Failure> {
        let failed = |why: String| {
            Failure::new("ask the emulator what it was asked", why, "report this as a defect of the emulator")
        };
        let body = get(&self.admin, "/requests").map_err(failed)?;
        let requests: Vec<serde_json::Value> =
            serde_json::from_str(&body).map_err(|error| failed(error.to_string()))?;
        let signatures = requests
            .iter()
            .filter(|request| request["method"] == "POST")
            .filter(|request| request["path"].as_str().is_some_and(|path| path.ends_with("/sign")))
            .count();
        Ok((requests.len(), signatures))
    }
}

/// Reads on another thread, so that a silent child cannot hold the demo for ever.
fn first_line(output: impl Read + Send + 'static) -> Result<String, String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut lines = BufReader::new(output).lines();
        let _ = sender.send(lines.next());
        // Keep reading: a child whose output pipe is closed would die of its next word.
        lines.for_each(drop);
    });
    match receiver.recv_timeout(PATIENCE) {
        Ok(Some(Ok(line))) => Ok(line),
        Ok(_) => Err("it ended before it was ready".to_owned()),
        Err(_) => Err(format!("it was not ready within {} seconds", PATIENCE.as_secs())),
    }
}

/// `ready https://127.0.0.1:PORT admin http://127.0.0.1:PORT` -> the two addresses without their schemes.
fn addresses(line: &str) -> Option<(String, String)> {
    let mut words = line.split_whitespace();
    let (ready, service, admin, address) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let service = service.strip_prefix("https://")?;
    let address = address.strip_prefix("http://")?;
    (ready == "ready" && admin == "admin").then(|| (service.to_owned(), address.to_owned()))
}

/// The `export NAME=value` lines of a shell file; a value may stand in single or double quotes.
fn exports(text: &str) -> BTreeMap<String, String> {
    let lines = text.lines().filter_map(|line| line.trim().strip_prefix("export ")?.split_once('='));
    lines.map(|(name, value)| (name.to_owned(), value.trim_matches(['\'', '"']).to_owned())).collect()
}

/// A GET of HTTP/1.0, whose answer ends when the connection does.
fn get(address: &str, path: &str) -> Result<String, String> {
    let mut stream = TcpStream::connect(address).map_err(|error| format!("{address}: {error}"))?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).map_err(|error| error.to_string())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).map_err(|error| error.to_string())?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("the response is not HTTP")?;
    match head.split_whitespace().nth(1) {
        Some("200") => Ok(body.to_owned()),
        _ => Err(format!("the answer is \"{}\"", head.lines().next().unwrap_or_default())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ready_line_gives_both_addresses() {
        let line = "ready https://127.0.0.1:4001 admin http://127.0.0.1:4002";
        assert_eq!(addresses(line), Some(("127.0.0.1:4001".to_owned(), "127.0.0.1:4002".to_owned())));
        assert_eq!(addresses("listening on 4001"), None);
    }

    #[test]
    fn settings_are_read_with_and_without_quotes() {
        let settings = exports("# client\nexport SM_HOST='https://h'\nexport SM_API_KEY=a=b\n");
        assert_eq!(settings["SM_HOST"], "https://h");
        assert_eq!(settings["SM_API_KEY"], "a=b");
        assert_eq!(settings.len(), 2);
    }

    #[test]
    fn a_child_that_ends_at_once_is_not_ready() {
        assert_eq!(first_line(&b""[..]), Err("it ended before it was ready".to_owned()));
        assert_eq!(first_line(&b"ready\nmore\n"[..]), Ok("ready".to_owned()));
    }
}
