//! The event stream of the console: what arrives, what is missed, and readers that do not read.

mod common;

use common::{Directory, Emulator};
use serde_json::Value;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// An open stream.
struct Stream {
    socket: TcpStream,
    text: String,
}

/// One event; comments are none.
#[derive(Debug)]
struct Event {
    kind: String,
    id: String,
    data: String,
}

impl Stream {
    fn open(emulator: &Emulator, after: &str, headers: &str) -> Stream {
        let address = emulator.admin.strip_prefix("http://").unwrap();
        let mut socket = TcpStream::connect(address).unwrap();
        let request = format!("GET /console/events?after={after} HTTP/1.1\r\nHost: {address}\r\n{headers}\r\n");
        socket.write_all(request.as_bytes()).unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        Stream { socket, text: String::new() }
    }

    /// Reads what is there; `false` when the connection is closed.
    fn read(&mut self) -> bool {
        let mut buffer = [0; 1 << 16];
        match self.socket.read(&mut buffer) {
            Ok(0) => false,
            Ok(length) => {
                self.text.push_str(&String::from_utf8_lossy(&buffer[..length]));
                true
            }
            Err(error) => [ErrorKind::WouldBlock, ErrorKind::TimedOut].contains(&error.kind()),
        }
    }

    /// Reads until the events satisfy a condition, for at most 20 seconds, and gives them.
    fn until(&mut self, good: impl Fn(&[Event]) -> bool) -> Vec<Event> {
        let started = Instant::now();
        loop {
            let events = self.events();
            if good(&events) || started.elapsed().as_secs() > 20 {
                assert!(good(&events), "{}", self.text);
                return events;
            }
            self.read();
        }
    }

    fn events(&self) -> Vec<Event> {
        let (_, body) = self.text.split_once("\r\n\r\n").unwrap_or_default();
        // The sizes of chunks are on lines of their own, between events.
        let lines: Vec<&str> = body.lines().collect();
        let blocks = lines.split(|line| line.is_empty());
        let field = |block: &[&str], name: &str| {
            block.iter().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned()
        };
        blocks
            .filter(|block| block.iter().any(|line| line.starts_with("data:")))
            .map(|block| Event { kind: field(block, "event:"), id: field(block, "id:"), data: field(block, "data:") })
            .collect()
    }

    fn status(&mut self) -> String {
        while self.text.is_empty() && self.read() {}
        self.text.split(' ').nth(1).unwrap_or_default().to_owned()
    }
}

fn position(emulator: &Emulator) -> String {
    let page = emulator.page("/console/requests").text();
    page.split_once("data-after=\"").unwrap().1.split('"').next().unwrap().to_owned()
}

/// The rows of a table among the events, as the texts of their cells.
fn rows(events: &[Event], table: &str) -> Vec<Vec<String>> {
    let rows = events.iter().filter(|event| event.kind == "row");
    let rows = rows.map(|event| serde_json::from_str::<Value>(&event.data).unwrap());
    rows.filter(|row| row["table"] == table)
        .map(|row| {
            let cells = row["cells"].as_array().unwrap().iter();
            cells.map(|cell| cell["text"].as_str().unwrap().to_owned()).collect()
        })
        .collect()
}

#[test]
fn requests_and_signatures_arrive_in_order_and_a_reader_continues_where_it_was() {
    let directory = Directory::new();
    let emulator = Emulator::with_ec(&directory, &[]);
    let before = position(&emulator);
    let mut stream = Stream::open(&emulator, &before, "");
    assert_eq!(stream.status(), "200");
    assert!(stream.text.contains("text/event-stream"));
    let started = Instant::now();
    emulator.sign("ec", "SHA256WithECDSA", &[1; 32]);
    let signed = |events: &[Event]| !rows(events, "signatures").is_empty() && !events.last().unwrap().id.is_empty();
    let events = stream.until(signed);
    assert!(started.elapsed().as_secs() < 5, "at once, not with the next comment");
    let requests = rows(&events, "requests");
    assert_eq!(requests.last().unwrap()[1..3], ["POST /signingmanager/api/v1/keypairs/ec/sign", "200"]);
    assert_eq!(rows(&events, "signatures")[0][1..4], ["ec", "SHA256WithECDSA", "SUCCESS"]);
    let last = events.last().unwrap().id.clone();
    drop(stream);

    emulator.get("/keypairs?offset=5");
    for (after, header) in [(last.as_str(), String::new()), (&before, format!("Last-Event-ID: {last}\r\n"))] {
        let events = Stream::open(&emulator, after, &header).until(|events| !events.is_empty());
        let requests = rows(&events, "requests");
        assert_eq!(requests.len(), 1, "{requests:?}");
        assert_eq!(requests[0][1], "GET /signingmanager/api/v1/keypairs?offset=5");
        assert!(rows(&events, "signatures").is_empty());
    }
}

#[test]
fn a_reader_that_cannot_continue_is_told_so() {
    let directory = Directory::new();
    let emulator = Emulator::start(&directory, &["--seed", "empty"]);
    let start = position(&emulator);
    for unknown in ["", "nonsense", "00112233aabbccdd-0-0", &format!("{start}9999")] {
        let events =
            Stream::open(&emulator, unknown, "").until(|events| events.iter().any(|event| event.kind == "gap"));
        assert!(rows(&events, "requests").is_empty(), "{unknown}");
        assert!(events[0].id.starts_with(start.split('-').next().unwrap()), "{unknown}");
    }
    // More happened than is remembered.
    let url = format!("{}&x=[1-1001]", emulator.api("/keypairs?limit=1"));
    emulator.call(&["--parallel", "--output", "/dev/null", &url]);
    let events = Stream::open(&emulator, &start, "").until(|events| !events.is_empty());
    assert_eq!(events[0].kind, "gap");
}

#[test]
fn a_value_with_line_breaks_is_one_event() {
    let directory = Directory::new();
    let emulator = Emulator::start(&directory, &["--seed", "empty"]);
    let alias = "a\r\n\r\nevent: row\rdata: {}\n\nid: x\u{2028}y";
    let mut body = common::eddsa(alias);
    body["alias"] = alias.into();
    let created = emulator.post("/keypairs", &body).json();
    let mut stream = Stream::open(&emulator, &position(&emulator), "");
    emulator.sign(created["id"].as_str().unwrap(), "Ed25519", b"x");
    let events = stream.until(|events| !rows(events, "signatures").is_empty());
    assert!(
        events
            .iter()
            .all(|event| event.kind == "row" || (event.kind == "position" && event.id.contains(char::is_numeric))),
        "{events:?}"
    );
    // Characters that no one sees are shown; line breaks stay.
    assert_eq!(rows(&events, "signatures")[0][1], "a\\u{d}\n\\u{d}\nevent: row\\u{d}data: {}\n\nid: x\\u{2028}y");
}

#[test]
fn a_reader_that_does_not_read_is_dropped_and_keeps_nobody_waiting() {
    let directory = Directory::new();
    let emulator = Emulator::with_ec(&directory, &[]);
    let mut stream = Stream::open(&emulator, &position(&emulator), "");
    assert_eq!(stream.status(), "200");
    // More than the buffers of a connection hold, while nothing is read. The log of paths is cut off at 4 kB each.
    let long = "x".repeat(5000);
    for _ in 0..8 {
        let url = format!("{}&{long}=[1-500]", emulator.api("/keypairs?limit=1"));
        emulator.call(&["--output", "/dev/null", &url]);
        let started = Instant::now();
        emulator.sign("ec", "SHA256WithECDSA", &[1; 32]);
        assert!(started.elapsed().as_secs() < 5, "a signature waits for the reader");
    }
    std::thread::sleep(Duration::from_secs(7));
    let started = Instant::now();
    while stream.read() {
        assert!(started.elapsed().as_secs() < 20, "the connection is still open");
    }
    let read = stream.text.len();
    assert!(read < 8 * 500 * 4000, "everything was delivered ({read} bytes), so the reader was not slow");
}

#[test]
fn streams_are_limited_and_given_back() {
    let directory = Directory::new();
    let emulator = Emulator::start(&directory, &["--seed", "empty"]);
    let open = || {
        let mut stream = Stream::open(&emulator, "", "");
        let status = stream.status();
        (stream, status)
    };
    let streams: Vec<_> = (0..32).map(|_| open()).collect();
    assert!(streams.iter().all(|(_, status)| status == "200"));
    assert_eq!(open().1, "503");
    // Pages, calls and signatures are not affected.
    assert_eq!(emulator.page("/console/requests").status, 200);
    drop(streams);
    let started = Instant::now();
    while open().1 != "200" {
        assert!(started.elapsed().as_secs() < 20, "no stream was given back");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn the_end_of_the_emulator_closes_the_streams() {
    let directory = Directory::new();
    let emulator = Emulator::start(&directory, &["--seed", "empty"]);
    let mut stream = Stream::open(&emulator, "", "");
    assert_eq!(stream.status(), "200");
    let started = Instant::now();
    assert_eq!(emulator.end("-TERM"), Some(0));
    while stream.read() {
        assert!(started.elapsed().as_secs() < 10, "the stream is still open");
    }
}
