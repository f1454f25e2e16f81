//! The event stream (server-sent events) that keeps the tables of a page up to date.

use super::{Console, Failure, Request, requests, signatures};
use crate::body::Reply;
use crate::pipeline::Shared;
use hyper::Response;
use hyper::body::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio::time::{sleep, timeout};

/// A reader that accepts nothing for this long is dropped.
const PATIENCE: Duration = Duration::from_secs(5);
/// Without events, a comment is sent this often, which fails if the reader is gone.
const IDLE: Duration = Duration::from_secs(15);
/// Collects what happens at almost the same time.
const PAUSE: Duration = Duration::from_millis(50);
/// The most rows of one message.
const BATCH: usize = 200;

/// Up to where a page knows what happened.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Position {
    /// Of [`crate::traffic::Traffic::changes`].
    requests: u64,
    /// The number of signatures in the log.
    signatures: usize,
}

impl Position {
    /// As an event id has it: `RUN-REQUESTS-SIGNATURES`.
    fn text(self, run: &str) -> String {
        format!("{run}-{}-{}", self.requests, self.signatures)
    }

    /// `None` for a position of another run of the emulator, or none at all.
    fn parse(text: &str, run: &str) -> Option<Position> {
        let (requests, signatures) = text.strip_prefix(run)?.strip_prefix('-')?.split_once('-')?;
        Some(Position { requests: requests.parse().ok()?, signatures: signatures.parse().ok()? })
    }

    fn now(shared: &Shared) -> Position {
        let (_, requests) = shared.traffic.newest(0);
        Position { requests, signatures: shared.service.journal.len() }
    }
}

impl Console {
    /// The position before a page reads what it shows, so that its event stream misses nothing.
    pub fn position(&self) -> String {
        Position::now(&self.shared).text(&self.run)
    }

    /// Opens a stream that begins after the position in `Last-Event-ID` or in the query.
    pub fn events(self: &Arc<Console>, parts: &Parts, request: &Request, dead: Arc<Notify>) -> Response<Reply> {
        let Ok(permit) = self.streams.clone().try_acquire_owned() else {
            let text = "too many pages are open; close one, or reload this page to see what is new".to_owned();
            let mut response = self.failure(&Failure::Bad(text)).into_response();
            *response.status_mut() = hyper::StatusCode::SERVICE_UNAVAILABLE;
            return response;
        };
        let last = parts.headers.get("last-event-id").and_then(|value| value.to_str().ok());
        let position = Position::parse(last.unwrap_or(request.query.get("after")), &self.run);
        let (sender, receiver) = mpsc::channel(1);
        let console = self.clone();
        tokio::spawn(async move {
            if !console.feed(position, &sender).await {
                dead.notify_one();
            }
            drop(permit);
        });
        let mut response = Response::new(Reply::Stream(receiver));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        response
    }

    /// Sends events until the reader is gone; `false` if it is there, but does not read.
    async fn feed(&self, start: Option<Position>, sender: &mpsc::Sender<Bytes>) -> bool {
        let mut news = self.shared.traffic.news();
        let mut position = start.unwrap_or_else(|| Position::now(&self.shared));
        let mut text = "retry: 1000\n: connected\n\n".to_owned();
        if start.is_none() {
            text.push_str(&self.gap(position));
        }
        loop {
            if text.is_empty() {
                news.mark_unchanged();
                (text, position) = self.since(position);
            }
            if text.is_empty() {
                text = tokio::select! {
                    _ = news.changed() => {
                        sleep(PAUSE).await;
                        continue;
                    }
                    () = sleep(IDLE) => ": nothing new\n\n".to_owned(),
                    () = sender.closed() => return true,
                };
            }
            match timeout(PATIENCE, sender.send(std::mem::take(&mut text).into())).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return true,
                Err(_) => return false,
            }
        }
    }

    /// The events after a position, and the position after them.
    fn since(&self, position: Position) -> (String, Position) {
        let changes = self.shared.traffic.changes(position.requests, BATCH);
        let (signatures, total) = self.shared.service.journal.after(position.signatures, BATCH);
        if changes.gap || position.signatures > total {
            let now = Position::now(&self.shared);
            return (self.gap(now), now);
        }
        let next = Position { requests: changes.position, signatures: position.signatures + signatures.len() };
        let rows = changes.entries.iter().map(|(number, entry)| requests::row(*number, entry));
        let rows = rows.chain(signatures.iter().map(|record| signatures::row(record)));
        let mut text = String::new();
        // Each row has the id of the whole batch: a reader that is cut off between two gets both again, and replaces one.
        for row in rows {
            let json = serde_json::to_string(&row).unwrap_or_default();
            text.push_str(&format!("event: row\ndata: {json}\n\n"));
        }
        if next != position {
            text.push_str(&format!("event: position\nid: {}\ndata: {total}\n\n", next.text(&self.run)));
        }
        (text, next)
    }

    /// Tells the page that it misses something.
    fn gap(&self, position: Position) -> String {
        format!("event: gap\nid: {}\ndata: reload\n\n", position.text(&self.run))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_of_another_run_is_none() {
        let position = Position { requests: 12, signatures: 3 };
        assert_eq!(Position::parse(&position.text("ab"), "ab"), Some(position));
        for other in ["", "cd-12-3", "ab", "ab-", "ab-12", "ab-12-x", "ab--1-2", "abc-1-2", "ab-12-3-4"] {
            assert_eq!(Position::parse(other, "ab"), None, "{other}");
        }
    }
}
