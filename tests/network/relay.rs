//! A relay between the module and the service that can stop, fall silent, or be a proxy.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// A running relay; clones are the same one. It lives as long as the process.
#[derive(Clone)]
pub struct Relay {
    /// `127.0.0.1:PORT`
    pub address: String,
    state: Arc<State>,
}

struct State {
    /// Where connections go; `None` for a proxy, which learns it from the client.
    target: Option<String>,
    /// The `Proxy-Authorization` that a proxy requires.
    credentials: Option<&'static str>,
    /// Connections up to this number no longer forward anything.
    silent: AtomicU64,
    stopped: AtomicBool,
    connections: Mutex<Vec<TcpStream>>,
    targets: Mutex<Vec<String>>,
}

impl Relay {
    /// To a service.
    pub fn to(target: &str) -> Self {
        Self::start(Some(target.to_owned()), None)
    }

    /// A proxy for `CONNECT`.
    pub fn proxy(credentials: Option<&'static str>) -> Self {
        Self::start(None, credentials)
    }

    fn start(target: Option<String>, credentials: Option<&'static str>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address").to_string();
        let state = Arc::new(State {
            target,
            credentials,
            silent: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
            connections: Mutex::default(),
            targets: Mutex::default(),
        });
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for (stream, number) in listener.incoming().zip(1..) {
                let (Ok(stream), state) = (stream, Arc::clone(&shared)) else { continue };
                if state.stopped.load(Ordering::SeqCst) {
                    continue;
                }
                std::thread::spawn(move || carry(&state, stream, number));
            }
        });
        Self { address, state }
    }

    /// Ends every connection, and refuses new ones.
    pub fn stop(&self) {
        self.state.stopped.store(true, Ordering::SeqCst);
        for stream in self.state.connections.lock().expect("no panic").drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Accepts connections again.
    pub fn go_on(&self) {
        self.state.stopped.store(false, Ordering::SeqCst);
    }

    /// Drops everything on existing connections from now on; new ones work.
    pub fn fall_silent(&self) {
        self.state.silent.store(u64::MAX >> 1, Ordering::SeqCst);
        let count = self.state.connections.lock().expect("no panic").len() as u64 / 2;
        self.state.silent.store(count, Ordering::SeqCst);
    }

    /// The targets that clients requested from a proxy.
    pub fn targets(&self) -> Vec<String> {
        self.state.targets.lock().expect("no panic").clone()
    }
}

fn carry(state: &Arc<State>, mut client: TcpStream, number: u64) -> Option<()> {
    let target = match &state.target {
        Some(target) => target.clone(),
        None => connect(state, &mut client)?,
    };
    let server = TcpStream::connect(target).ok()?;
    {
        let mut connections = state.connections.lock().expect("no panic");
        connections.extend([client.try_clone().ok()?, server.try_clone().ok()?]);
    }
    let (from_client, from_server) = (client.try_clone().ok()?, server.try_clone().ok()?);
    let shared = Arc::clone(state);
    std::thread::spawn(move || pump(&shared, number, from_server, client));
    pump(state, number, from_client, server);
    Some(())
}

fn pump(state: &State, number: u64, mut from: TcpStream, mut to: TcpStream) {
    let mut room = [0; 16 << 10];
    while let Ok(count @ 1..) = from.read(&mut room) {
        if number > state.silent.load(Ordering::SeqCst) && to.write_all(&room[..count]).is_err() {
            break;
        }
    }
    if number > state.silent.load(Ordering::SeqCst) {
        let _ = to.shutdown(Shutdown::Write);
    }
}

/// `CONNECT host:port`
fn connect(state: &State, client: &mut TcpStream) -> Option<String> {
    let mut reader = BufReader::new(client.try_clone().ok()?);
    let (mut target, mut credentials) = (String::new(), String::new());
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let line = line.trim_end();
        if line.is_empty() {
            break;
        }
        if let Some(rest) = line.strip_prefix("CONNECT ") {
            target = rest.split(' ').next()?.to_owned();
        }
        if let Some((name, value)) = line.split_once(": ")
            && name.eq_ignore_ascii_case("proxy-authorization")
        {
            credentials = value.to_owned();
        }
    }
    if state.credentials.is_some_and(|wanted| wanted != credentials) {
        let refusal =
            "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n";
        client.write_all(refusal.as_bytes()).ok()?;
        return None;
    }
    state.targets.lock().expect("no panic").push(target.clone());
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").ok()?;
    Some(target)
}
