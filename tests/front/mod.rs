//! A TLS server between the module and the emulated service that misbehaves as it is told, at any stage of a connection
//! or a request, and keeps book of what the module sent.

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
    /// TLS with this certificate, and requests are read.
    Tls(Identity),
    /// Nobody listens.
    Refuse,
    /// Taken and reset.
    Reset,
    /// Taken, and then nothing.
    Silence,
    /// Not TLS: these bytes.
    Say(&'static str),
    /// The first bytes of the client are read, and then the connection is reset.
    ResetAfterHello,
    /// The first bytes of the client are read, and then nothing.
    SilenceAfterHello,
    /// The handshake is done, and then the connection is reset.
    ResetAfterHandshake,
    /// The handshake is done, and then the connection is closed.
    CloseAfterHandshake,
}

/// What becomes of a connection that nobody uses at the moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum HangUp {
    /// The end of the stream.
    Fin,
    /// A reset.
    Reset,
    /// Nothing is heard of it any more: packets that come in are dropped, and none goes out.
    BlackHole,
}

/// What happens to a request.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// The service executes it.
    Forward,
    /// The service's answer, or none.
    Answer,
    /// The service's answer, its body changed.
    Edited(fn(&[u8]) -> Vec<u8>),
    /// The first part of the service's answer: so many percent of its head and body.
    Part(usize),
    /// The service's answer a byte at a time, with so many milliseconds between.
    Drip(u64),
    /// An answer of our own: status line and headers without length, and a body.
    Own(&'static str, fn() -> Vec<u8>),
    /// Bytes as they are.
    Raw(&'static str),
    /// So many bytes of JSON blanks, as they are.
    Flood(usize),
    /// So many bytes, made piece by piece out of a number that is never the same; blanks where no further piece fits.
    Made(fn(u64) -> String, usize),
    /// These steps for the first so many requests, and then those.
    Until(u64, &'static [Step], &'static [Step]),
    /// Waits so many milliseconds.
    Wait(u64),
    /// Nothing more, until the client goes.
    Silence,
    /// The end, with a TLS farewell.
    Close,
    /// The end, without.
    CloseRudely,
    /// The end by a TCP reset.
    Reset,
}

/// How the front behaves.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// To connections.
    pub greeting: Greeting,
    /// To so many connections only; to all where 0.
    pub connections: u64,
    /// To requests that begin with this (`POST`, `GET /signingmanager/api/v1/keypairs`).
    pub on: &'static str,
    /// To so many requests only; to all where 0.
    pub times: u64,
    /// Does this; requests that the plan does not concern are forwarded and answered.
    pub steps: &'static [Step],
    /// Answers every request in this service's way; nothing of the above then counts but the greeting.
    pub service: Option<fn(&Asked) -> Reply>,
}

impl Plan {
    /// All goes well.
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

/// A request that came in, whole or not.
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
    /// The connections that were taken, to hang up on them.
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
    /// Starts one before an emulator.
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

    /// Behaves like this from now on, and forgets what it saw.
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
                    // Its end would be heard.
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

    /// How many connections were taken so far.
    pub fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::SeqCst)
    }
}

impl Shared {
    /// What is done to the next connection.
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

    /// The answer to a request, where the plan is a service of its own.
    fn reply(&self, line: &str, body: &[u8]) -> Option<Reply> {
        let state = self.state.lock().expect("no panic");
        let service = state.plan.service?;
        let asked = Asked::new(line, body, state.seen.iter().map(|seen| seen.line.as_str()));
        drop(state);
        Some(service(&asked))
    }

    /// What is done to a request; it is written down.
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
                    // Copies of it are kept for hanging up; it ends now all the same.
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

/// Whether the connection goes on.
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

/// The service's answer; `None` where it closes the connection instead.
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
