//! A TLS server between the module and the emulated service that misbehaves on demand, at any stage of a connection or
//! a request, and records what the module sent.

#![allow(dead_code, reason = "a server that can misbehave in more ways than one test binary asks for")]

mod message;
pub mod reply;
mod socket;
pub mod tls;

use crate::support::Emulator;
use message::{Message, own, read_message};
use reply::{Asked, Reply};
use rustls::{ServerConnection, StreamOwned};
use socket::{drop_packets, reset};
use std::io::{self, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tls::Identity;

/// What happens to a connection before any request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Greeting {
    /// TLS with this certificate; requests are read.
    Tls(Identity),
    /// Connections are refused.
    Refuse,
    /// Accepted and reset.
    Reset,
    /// Accepted, without any further reaction.
    Silence,
    /// Not TLS: these bytes.
    Say(&'static str),
    /// The client's first bytes are read; then the connection is reset.
    ResetAfterHello,
    /// The client's first bytes are read; then nothing happens.
    SilenceAfterHello,
    /// The handshake completes; then the connection is reset.
    ResetAfterHandshake,
    /// The handshake completes; then the connection is closed.
    CloseAfterHandshake,
}

/// What happens to an idle connection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum HangUp {
    /// The end of the stream.
    Fin,
    /// A reset.
    Reset,
    /// Silence: incoming packets are dropped, and none are sent.
    BlackHole,
}

/// What happens to a request.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// The service executes it.
    Forward,
    /// Sends the service's response, if there is one.
    Answer,
    /// Sends the service's response with a changed body.
    Edited(fn(&[u8]) -> Vec<u8>),
    /// Sends the first part of the service's response: this percentage of head and body.
    Part(usize),
    /// Sends the service's response byte by byte, with this many milliseconds in between.
    Drip(u64),
    /// Sends another response: status line and headers without a length, and a body.
    Own(&'static str, fn() -> Vec<u8>),
    /// Sends these bytes.
    Raw(&'static str),
    /// Sends this many bytes of JSON blanks.
    Flood(usize),
    /// Sends this many bytes, made piece by piece from an increasing number, and blanks where no further piece fits.
    Made(fn(u64) -> String, usize),
    /// The first steps for this many requests, and then the others.
    Until(u64, &'static [Step], &'static [Step]),
    /// Waits this many milliseconds.
    Wait(u64),
    /// Sends nothing more until the client closes the connection.
    Silence,
    /// Closes the connection with a TLS alert.
    Close,
    /// Closes the connection without a TLS alert.
    CloseRudely,
    /// Ends the connection by a TCP reset.
    Reset,
}

/// The behaviour of the front.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// To connections.
    pub greeting: Greeting,
    /// For this many connections; 0 means all.
    pub connections: u64,
    /// For requests that begin with this (`POST`, `GET /signingmanager/api/v1/keypairs`).
    pub on: &'static str,
    /// For this many requests; 0 means all.
    pub times: u64,
    /// The steps; other requests are forwarded and answered.
    pub steps: &'static [Step],
    /// Answers every request with this function; then only the greeting above counts.
    pub service: Option<fn(&Asked) -> Reply>,
}

impl Plan {
    /// No faults.
    pub const FAIR: Self = Self {
        greeting: Greeting::Tls(Identity::Good),
        connections: 0,
        on: "",
        times: 0,
        steps: FORWARD,
        service: None,
    };
}

const FORWARD: &[Step] = &[Step::Forward, Step::Answer];

/// A request that arrived, complete or not.
#[derive(Clone, Debug)]
pub struct Seen {
    /// `POST /path HTTP/1.1`
    pub line: String,
    /// What came with it.
    pub body: Vec<u8>,
    /// The connection's number, from 1.
    pub connection: u64,
}

struct State {
    plan: Plan,
    connections_left: u64,
    requests_left: u64,
    /// How many requests met the plan.
    met: u64,
    seen: Vec<Seen>,
    /// The accepted connections, for ending them.
    streams: Vec<TcpStream>,
}

struct Shared {
    state: Mutex<State>,
    connections: AtomicU64,
    pem_dir: std::path::PathBuf,
    upstream: SocketAddr,
}

/// A running front. Its threads end with the process.
pub struct Front {
    /// `https://127.0.0.1:PORT`
    pub host: String,
    shared: Arc<Shared>,
}

impl Front {
    /// Starts one in front of an emulator.
    pub fn start(emulator: &Emulator) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("its address");
        let upstream = emulator.host.trim_start_matches("https://").parse().expect("the emulator's address");
        let state = State {
            plan: Plan::FAIR,
            connections_left: u64::MAX,
            requests_left: u64::MAX,
            met: 0,
            seen: Vec::new(),
            streams: Vec::new(),
        };
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            connections: AtomicU64::new(0),
            pem_dir: emulator.dir.clone(),
            upstream,
        });
        let for_thread = Arc::clone(&shared);
        std::thread::spawn(move || accept(&for_thread, listener, address));
        Self { host: format!("https://{address}"), shared }
    }

    /// Sets the behaviour, and clears the recorded requests.
    pub fn set(&self, plan: Plan) {
        let unlimited = |number: u64| if number == 0 { u64::MAX } else { number };
        let mut state = self.shared.state.lock().expect("no panic");
        state.connections_left = unlimited(plan.connections);
        state.requests_left = unlimited(plan.times);
        state.met = 0;
        state.seen.clear();
        state.plan = plan;
        drop(state);
        // The listener is looked after a few milliseconds later.
        std::thread::sleep(Duration::from_millis(20));
    }

    /// Ends all connections.
    pub fn hang_up(&self, how: HangUp) {
        let streams = std::mem::take(&mut self.shared.state.lock().expect("no panic").streams);
        for stream in streams {
            match how {
                HangUp::Fin => drop(stream.shutdown(std::net::Shutdown::Write)),
                HangUp::Reset => drop(reset(&stream)),
                HangUp::BlackHole => {
                    drop_packets(&stream);
                    // Closing it would send a packet.
                    std::mem::forget(stream);
                }
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    }

    /// The requests since the plan was set.
    pub fn seen(&self) -> Vec<Seen> {
        self.shared.state.lock().expect("no panic").seen.clone()
    }

    /// The number of connections accepted so far.
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::SeqCst)
    }
}

impl Shared {
    /// The greeting for the next connection.
    fn greeting(&self) -> Greeting {
        let mut state = self.state.lock().expect("no panic");
        let fair = Plan::FAIR.greeting;
        if state.plan.greeting == fair || state.connections_left == 0 {
            return fair;
        }
        state.connections_left -= 1;
        state.plan.greeting
    }

    fn refuses(&self) -> bool {
        let state = self.state.lock().expect("no panic");
        state.plan.greeting == Greeting::Refuse && state.connections_left > 0
    }

    /// The response to a request, if the plan has a service of its own.
    fn reply(&self, line: &str, body: &[u8]) -> Option<Reply> {
        let state = self.state.lock().expect("no panic");
        let service = state.plan.service?;
        let asked = Asked::new(line, body, state.seen.iter().map(|seen| seen.line.as_str()));
        drop(state);
        Some(service(&asked))
    }

    /// The steps for a request, which is recorded.
    fn steps(&self, line: &str, body: &[u8], connection: u64) -> &'static [Step] {
        let mut state = self.state.lock().expect("no panic");
        state.seen.push(Seen { line: line.to_owned(), body: body.to_owned(), connection });
        if !line.starts_with(state.plan.on) || state.requests_left == 0 {
            return FORWARD;
        }
        state.requests_left -= 1;
        state.met += 1;
        match state.plan.steps {
            [Step::Until(first, before, after)] => {
                if state.met <= *first {
                    before
                } else {
                    after
                }
            }
            steps => steps,
        }
    }
}

fn accept(shared: &Arc<Shared>, listener: TcpListener, address: SocketAddr) {
    let mut open = Some(listener);
    loop {
        if shared.refuses() {
            open = None;
        } else if open.is_none() {
            open = TcpListener::bind(address).ok();
        }
        let taken = open.as_ref().and_then(|listener| {
            listener.set_nonblocking(true).ok()?;
            listener.accept().ok()
        });
        match taken {
            Some((stream, _)) => {
                let shared = Arc::clone(shared);
                let number = shared.connections.fetch_add(1, Ordering::SeqCst) + 1;
                std::thread::spawn(move || {
                    let _ = stream.set_nonblocking(false);
                    let _ = stream.set_nodelay(true);
                    let end = stream.try_clone();
                    let _ = greet(&shared, stream, number);
                    // Copies are kept for ending connections; shut it down now anyway.
                    let _ = end.map(|end| end.shutdown(std::net::Shutdown::Both));
                });
            }
            None => std::thread::sleep(Duration::from_millis(2)),
        }
    }
}

fn greet(shared: &Shared, mut stream: TcpStream, number: u64) -> io::Result<()> {
    let mut first = [0; 16];
    if let Ok(copy) = stream.try_clone() {
        shared.state.lock().expect("no panic").streams.push(copy);
    }
    let tls = |identity| {
        let config = tls::server(&shared.pem_dir, identity);
        ServerConnection::new(config).map_err(io::Error::other)
    };
    let greeting = shared.greeting();
    match greeting {
        Greeting::Tls(identity) => serve(shared, StreamOwned::new(tls(identity)?, stream), number),
        Greeting::ResetAfterHandshake | Greeting::CloseAfterHandshake => {
            let mut tls = tls(Identity::Good)?;
            while tls.is_handshaking() {
                tls.complete_io(&mut stream)?;
            }
            if greeting == Greeting::ResetAfterHandshake { reset(&stream) } else { Ok(()) }
        }
        Greeting::Refuse | Greeting::Reset => reset(&stream),
        Greeting::Silence => drain(&mut stream),
        Greeting::Say(text) => {
            stream.write_all(text.as_bytes())?;
            drain(&mut stream)
        }
        Greeting::ResetAfterHello => {
            stream.read_exact(&mut first)?;
            reset(&stream)
        }
        Greeting::SilenceAfterHello => {
            stream.read_exact(&mut first)?;
            drain(&mut stream)
        }
    }
}

fn drain(stream: &mut impl Read) -> io::Result<()> {
    let mut rest = [0; 4096];
    while stream.read(&mut rest)? > 0 {}
    Ok(())
}

type Tls = StreamOwned<ServerConnection, TcpStream>;

fn serve(shared: &Shared, tls: Tls, number: u64) -> io::Result<()> {
    let mut client = BufReader::new(tls);
    let mut upstream = None;
    while let Some(request) = read_message(&mut client)? {
        let line = String::from_utf8_lossy(&request.head).lines().next().unwrap_or_default().to_owned();
        let mut answer = None;
        let reply = shared.reply(&line, &request.body);
        let steps = shared.steps(&line, &request.body, number);
        if let Some(mut reply) = reply {
            let mut forward = |target: Option<&str>| {
                let other = target.map(|target| request.to(target));
                let answer = forward(shared, &mut upstream, other.as_ref().unwrap_or(&request))?;
                Some((answer.head, answer.body))
            };
            client.get_mut().write_all(&reply.bytes(&mut forward)?)?;
            client.get_mut().flush()?;
            continue;
        }
        for step in steps {
            if let Step::Forward = step {
                answer = forward(shared, &mut upstream, &request);
            } else if !perform(*step, answer.as_ref(), client.get_mut())? {
                return Ok(());
            }
        }
    }
    // The client has gone.
    client.get_mut().conn.send_close_notify();
    let _ = client.get_mut().flush();
    Ok(())
}

/// Returns whether the connection continues.
fn perform(step: Step, answer: Option<&Message>, out: &mut Tls) -> io::Result<bool> {
    let no_answer = || io::Error::other("the service gave no answer");
    match step {
        Step::Forward | Step::Until(..) => {}
        Step::Answer => out.write_all(&answer.ok_or_else(no_answer)?.bytes())?,
        Step::Edited(edit) => {
            let body = edit(&answer.ok_or_else(no_answer)?.body);
            out.write_all(&own("HTTP/1.1 200 OK\r\nContent-Type: application/json", &body))?;
        }
        Step::Part(percent) => {
            let bytes = answer.ok_or_else(no_answer)?.bytes();
            out.write_all(&bytes[..bytes.len() * percent / 100])?;
        }
        Step::Drip(pause) => {
            for byte in answer.ok_or_else(no_answer)?.bytes() {
                out.write_all(&[byte])?;
                out.flush()?;
                std::thread::sleep(Duration::from_millis(pause));
            }
        }
        Step::Own(head, body) => out.write_all(&own(head, &body()))?,
        Step::Raw(text) => out.write_all(text.as_bytes())?,
        Step::Flood(size) => {
            let blanks = [b' '; 65536];
            let mut left = size;
            while left > 0 {
                out.write_all(&blanks[..left.min(blanks.len())])?;
                left -= left.min(blanks.len());
            }
        }
        Step::Made(make, size) => {
            static NUMBER: AtomicU64 = AtomicU64::new(0);
            let (mut left, mut buffer) = (size, Vec::new());
            loop {
                let piece = make(NUMBER.fetch_add(1, Ordering::Relaxed));
                if piece.len() > left {
                    break;
                }
                left -= piece.len();
                buffer.extend_from_slice(piece.as_bytes());
                if buffer.len() > 65536 {
                    out.write_all(&buffer)?;
                    buffer.clear();
                }
            }
            buffer.resize(buffer.len() + left, b' ');
            out.write_all(&buffer)?;
        }
        Step::Wait(millis) => std::thread::sleep(Duration::from_millis(millis)),
        Step::Silence => drain(out)?,
        Step::Close => {
            out.conn.send_close_notify();
            out.flush()?;
            return Ok(false);
        }
        Step::CloseRudely => return Ok(false),
        Step::Reset => reset(&out.sock)?,
    }
    out.flush()?;
    Ok(true)
}

type Upstream = BufReader<StreamOwned<rustls::ClientConnection, TcpStream>>;

/// The service's response; `None` if it closes the connection instead.
fn forward(shared: &Shared, kept: &mut Option<Upstream>, request: &Message) -> Option<Message> {
    if kept.is_none() {
        let stream = TcpStream::connect(shared.upstream).ok()?;
        let _ = stream.set_nodelay(true);
        *kept = Some(BufReader::new(StreamOwned::new(tls::client(&shared.pem_dir), stream)));
    }
    let upstream = kept.as_mut()?;
    let sent = upstream.get_mut().write_all(&request.bytes()).and_then(|()| upstream.get_mut().flush());
    let answer = sent.and_then(|()| read_message(upstream)).ok().flatten();
    if answer.is_none() {
        *kept = None;
    }
    answer
}
