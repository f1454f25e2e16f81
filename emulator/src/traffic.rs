//! The log of requests, and the counters on the admin port.

use parking_lot::Mutex;
use serde::Serialize;
use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::sync::watch;
use tokio_rustls::rustls::HandshakeKind;

/// One request of the API port.
#[derive(Serialize, Clone, Debug)]
pub struct Entry {
    /// `GET`, `POST`, ...
    pub method: String,
    /// Path with query, as sent.
    pub path: String,
    /// Status of the response; `null` before the response, and if a fault dropped the connection.
    pub status: Option<u16>,
    /// Number of the connection, counted from 1.
    pub connection: u64,
    /// `HTTP/1.1` or `HTTP/2.0`.
    pub version: String,
    /// Whether the client presented a certificate.
    pub client_certificate: bool,
    /// The client's `User-Agent`; `null` if it sent none.
    pub user_agent: Option<String>,
    /// When the headers had arrived, RFC 3339 with fractions of a second.
    pub start: String,
    /// The time until the response was ready, including delays; `null` before that.
    pub duration_ms: Option<f64>,
    /// Whether a rule of `PUT /faults` applied to this request.
    pub fault: bool,
}

/// Refers to an entry, even after the log was cleared.
#[derive(Clone, Copy)]
pub struct Ticket {
    number: u64,
    started: Instant,
}

/// The log and the counters.
#[derive(Default)]
pub struct Traffic {
    log: Mutex<Log>,
    kinds: Mutex<BTreeMap<String, u64>>,
    connections: AtomicU64,
    handshakes: AtomicU64,
    resumed_handshakes: AtomicU64,
    failed_handshakes: AtomicU64,
    /// Marked whenever an entry begins or ends.
    news: watch::Sender<()>,
}

#[derive(Default)]
struct Log {
    entries: VecDeque<Entry>,
    /// Number of the first entry; requests are numbered over the whole run.
    first: u64,
    /// The numbers of the entries that began or ended last, oldest first.
    changed: VecDeque<u64>,
    /// How many began or ended over the whole run.
    changes: u64,
}

impl Log {
    fn note(&mut self, number: u64) {
        if self.changed.len() == CHANGES_KEPT {
            self.changed.pop_front();
        }
        self.changed.push_back(number);
        self.changes += 1;
    }
}

/// Entries with their numbers, counted from 0 over the whole run.
pub struct Changes {
    pub entries: Vec<(u64, Entry)>,
    /// The position after them, for the next call.
    pub position: u64,
    /// Whether more happened since the last position than is remembered.
    pub gap: bool,
}

/// The content of `GET /stats`.
#[derive(Serialize)]
pub struct Stats {
    /// TCP connections accepted on the API port.
    pub connections: u64,
    pub tls_handshakes: u64,
    /// Those among them that resumed an earlier session.
    pub tls_resumed: u64,
    pub tls_failures: u64,
    /// Requests, by method and kind of path.
    pub requests: BTreeMap<String, u64>,
    pub keypairs: usize,
    /// Signatures recorded, including those of earlier runs.
    pub signatures: usize,
}

/// The largest number of entries in the log; the oldest are dropped first.
const LOG_LIMIT: usize = 1_000_000;

/// How many changes [`Traffic::changes`] can go back.
const CHANGES_KEPT: usize = 1000;

impl Traffic {
    /// A connection was accepted; returns its number.
    pub fn connection(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Counts a handshake; `None` if it failed.
    pub fn handshake(&self, kind: Option<HandshakeKind>) {
        let counter = if kind.is_some() { &self.handshakes } else { &self.failed_handshakes };
        counter.fetch_add(1, Ordering::Relaxed);
        if kind == Some(HandshakeKind::Resumed) {
            self.resumed_handshakes.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub fn begin(&self, entry: Entry, kind: String) -> Ticket {
        *self.kinds.lock().entry(kind).or_default() += 1;
        let mut log = self.log.lock();
        if log.entries.len() == LOG_LIMIT {
            log.entries.pop_front();
            log.first += 1;
        }
        log.entries.push_back(entry);
        let number = log.first + log.entries.len() as u64 - 1;
        log.note(number);
        drop(log);
        self.news.send_replace(());
        Ticket { number, started: Instant::now() }
    }

    /// A request has its response, or will never get one.
    pub fn end(&self, ticket: Ticket, status: Option<u16>, fault: bool) {
        let mut log = self.log.lock();
        let first = log.first;
        let Some(place) = ticket.number.checked_sub(first) else { return };
        if let Some(entry) = log.entries.get_mut(place as usize) {
            entry.status = status;
            entry.fault = fault;
            entry.duration_ms = Some((ticket.started.elapsed().as_secs_f64() * 1e6).round() / 1e3);
            log.note(ticket.number);
        }
        drop(log);
        self.news.send_replace(());
    }

    /// Marked as changed whenever a request begins or ends.
    pub fn news(&self) -> watch::Receiver<()> {
        self.news.subscribe()
    }

    /// The newest entries, newest first, and the position for [`Traffic::changes`].
    pub fn newest(&self, limit: usize) -> (Vec<(u64, Entry)>, u64) {
        let log = self.log.lock();
        let numbered = log.entries.iter().enumerate().rev().take(limit);
        (numbered.map(|(place, entry)| (log.first + place as u64, entry.clone())).collect(), log.changes)
    }

    /// At most `limit` entries that began or ended after a position, each once and as it is now.
    pub fn changes(&self, position: u64, limit: usize) -> Changes {
        let log = self.log.lock();
        let known = log.changes - log.changed.len() as u64;
        if position < known || position > log.changes {
            return Changes { entries: Vec::new(), position: log.changes, gap: true };
        }
        let mut numbers: Vec<u64> = log.changed.iter().skip((position - known) as usize).take(limit).copied().collect();
        let position = position + numbers.len() as u64;
        numbers.sort_unstable();
        numbers.dedup();
        let entry = |number: u64| Some((number, log.entries.get(number.checked_sub(log.first)? as usize)?.clone()));
        Changes { entries: numbers.into_iter().filter_map(entry).collect(), position, gap: false }
    }

    /// The log as JSON, oldest first.
    pub fn log_json(&self) -> Vec<u8> {
        serde_json::to_vec(&self.log.lock().entries).unwrap_or_default()
    }

    /// Clears the log; the counters continue.
    pub fn clear(&self) {
        let mut log = self.log.lock();
        log.first += log.entries.len() as u64;
        log.entries.clear();
    }

    pub fn stats(&self, keypairs: usize, signatures: usize) -> Stats {
        Stats {
            connections: self.connections.load(Ordering::Relaxed),
            tls_handshakes: self.handshakes.load(Ordering::Relaxed),
            tls_resumed: self.resumed_handshakes.load(Ordering::Relaxed),
            tls_failures: self.failed_handshakes.load(Ordering::Relaxed),
            requests: self.kinds.lock().clone(),
            keypairs,
            signatures,
        }
    }
}

/// The current time for [`Entry::start`].
pub fn start_time() -> String {
    OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str) -> Entry {
        Entry {
            method: "GET".to_owned(),
            path: path.to_owned(),
            status: None,
            connection: 1,
            version: "HTTP/1.1".to_owned(),
            client_certificate: true,
            user_agent: None,
            start: start_time(),
            duration_ms: None,
            fault: false,
        }
    }

    #[test]
    fn an_answer_reaches_its_own_entry_and_never_one_that_came_after_clearing() {
        let traffic = Traffic::default();
        let early = traffic.begin(entry("/early"), "x".to_owned());
        traffic.clear();
        let late = traffic.begin(entry("/late"), "x".to_owned());
        traffic.end(early, Some(500), false);
        assert_eq!(traffic.log.lock().entries[0].status, None);
        traffic.end(late, Some(200), true);
        assert_eq!(traffic.log.lock().entries[0].status, Some(200));
        assert!(traffic.log.lock().entries[0].duration_ms.is_some());
        assert_eq!(traffic.stats(0, 0).requests["x"], 2);
    }

    #[test]
    fn changes_after_a_position_come_once_each_and_a_reader_that_is_too_late_is_not_deceived() {
        let traffic = Traffic::default();
        let (_, start) = traffic.newest(10);
        let first = traffic.begin(entry("/1"), "x".to_owned());
        traffic.begin(entry("/2"), "x".to_owned());
        traffic.end(first, Some(200), false);
        let changes = traffic.changes(start, 10);
        let seen: Vec<_> = changes.entries.iter().map(|(number, entry)| (*number, entry.status)).collect();
        assert_eq!((seen, changes.gap), (vec![(0, Some(200)), (1, None)], false));
        assert!(traffic.changes(changes.position, 10).entries.is_empty());
        assert_eq!(traffic.changes(start, 1).position, start + 1);
        // Cleared entries are not shown, and the numbers continue.
        traffic.clear();
        assert!(traffic.changes(start, 10).entries.is_empty());
        traffic.begin(entry("/3"), "x".to_owned());
        assert_eq!(traffic.changes(changes.position, 10).entries[0].0, 2);
        for _ in 0..CHANGES_KEPT {
            traffic.begin(entry("/4"), "x".to_owned());
        }
        assert!(traffic.changes(start, 10).gap);
        assert!(traffic.changes(u64::MAX, 10).gap);
    }
}
