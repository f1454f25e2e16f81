//! Requests without a response: what happened, how far the request got, and the fix.

use super::deadline::Deadline;
use super::failure::{Failure, Kind};
use super::retry::Outcome;
use super::tls;
use crate::open_files;
use std::error::Error;
use std::io;

pub struct TransportError {
    pub outcome: Outcome,
    pub failure: Failure,
}

/// An error of the HTTP library and all its causes, without the URL.
pub fn chain(error: &reqwest::Error) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if texts.last() != Some(&text) {
            texts.push(text);
        }
        next = cause.source();
    }
    texts.join(": ")
}

/// An error and all its causes, also those inside I/O errors.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error| {
        let error: &'a (dyn Error + 'static) = *error;
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        inner.map(|inner| inner as &(dyn Error + 'static)).or_else(|| error.source())
    })
}

/// The first cause of a type.
fn cause<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    causes(error).find_map(|error| error.downcast_ref::<T>())
}

/// The first cause that is an error of the operating system.
fn system_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a io::Error> {
    causes(error).filter_map(|error| error.downcast_ref::<io::Error>()).find(|error| error.raw_os_error().is_some())
}

/// The destination of a request, for messages.
pub struct Way<'a> {
    pub host: &'a str,
    /// The configured proxy, without credentials; `NO_PROXY` may exclude the host.
    pub proxy: Option<&'a str>,
}

/// How far a request got.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// It has a body, which nobody has read yet: nothing was sent.
    Unsent,
    /// Some of it may have been sent.
    Sent,
    /// The head of the response has arrived.
    Answered,
}

/// The meaning of an error of the HTTP library.
pub fn transport_error(error: &reqwest::Error, way: &Way<'_>, stage: Stage) -> TransportError {
    let host = way.host;
    let connecting = error.is_connect() || stage == Stage::Unsent;
    if let Some(error) = cause::<rustls::Error>(error)
        && (connecting || tls::refuses_client(error))
    {
        // A server that refuses the client certificate may report it only after the request was sent, which it never
        // reads.
        return TransportError { outcome: Outcome::Handshake, failure: tls::failure(error, host) };
    }
    let what = chain(error);
    if connecting {
        return unconnected(error, way, &what);
    }
    let when = if stage == Stage::Answered { "in the middle of the answer" } else { "before the answer" };
    let cause = format!("the connection to {host} broke {when} ({what})");
    TransportError { outcome: Outcome::Lost, failure: Failure::new(Kind::Unreachable, cause, "try again") }
}

/// The deadline has passed.
pub fn late(deadline: Deadline, way: &Way<'_>, stage: Stage) -> TransportError {
    let (outcome, what) = match stage {
        Stage::Unsent => (Outcome::NotConnected, format!("no connection to {}", way.host)),
        Stage::Sent | Stage::Answered => (Outcome::TimedOut, "no answer".into()),
    };
    TransportError { outcome, failure: deadline.passed(&what) }
}

/// No connection was opened.
fn unconnected(error: &reqwest::Error, way: &Way<'_>, what: &str) -> TransportError {
    let host = way.host;
    let io = cause::<io::Error>(error);
    if error.is_timeout() || io.is_some_and(|io| io.kind() == io::ErrorKind::TimedOut) {
        let cause = format!("no connection to {host} in time");
        let remedy = "check the network, HTTPS_PROXY and SM_CONN_TIMEOUT";
        return TransportError { outcome: Outcome::NotConnected, failure: Failure::new(Kind::Timeout, cause, remedy) };
    }
    let system = system_error(error);
    if system.is_some_and(open_files::are_exhausted) {
        let failure = Failure::new(Kind::Resources, format!("no connection to {host} ({what})"), open_files::REMEDY);
        return TransportError { outcome: Outcome::Handshake, failure };
    }
    let lower = what.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| lower.contains(word));
    let refused = system.is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) || says(&["refused"]);
    let (outcome, cause, remedy) = if says(&["proxy authorization"]) {
        let cause = format!("the proxy makes no connection to {host} ({what})");
        (Outcome::Handshake, cause, "set HTTPS_PROXY to http://user:password@host:port")
    } else if says(&["dns", "lookup", "name or service"]) {
        let why = what.rsplit(": ").next().unwrap_or_default();
        let cause = format!("the name {host} cannot be resolved ({why})");
        (Outcome::NotConnected, cause, "check SM_HOST, HTTPS_PROXY and the network's name servers")
    } else if let (true, Some(proxy)) = (refused, way.proxy) {
        let cause = format!("connection to {host} refused by the proxy {proxy}");
        (
            Outcome::NotConnected,
            cause,
            "check HTTPS_PROXY, and that the proxy runs; list hosts that bypass the proxy in NO_PROXY",
        )
    } else if refused {
        let cause = format!("connection refused by {host}");
        (Outcome::NotConnected, cause, "check SM_HOST and its port, and that the service runs")
    } else if says(&["proxy", "tunnel"]) {
        let cause = format!("the proxy makes no connection to {host} ({what})");
        (Outcome::NotConnected, cause, "check HTTPS_PROXY and its user and password")
    } else {
        let cause = format!("no connection to {host} ({what})");
        (Outcome::NotConnected, cause, "check the network, SM_HOST and HTTPS_PROXY")
    };
    TransportError { outcome, failure: Failure::new(Kind::Unreachable, cause, remedy) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_request_that_is_late_was_sent_or_not() {
        let way = Way { host: "h", proxy: None };
        for (stage, outcome, cause) in [
            (Stage::Unsent, Outcome::NotConnected, "no connection to h within 9 s"),
            (Stage::Sent, Outcome::TimedOut, "no answer within 9 s"),
            (Stage::Answered, Outcome::TimedOut, "no answer within 9 s"),
        ] {
            let late = late(Deadline::after(Duration::from_secs(9)), &way, stage);
            assert_eq!((late.outcome, late.failure.cause().as_str()), (outcome, cause));
        }
    }

    #[test]
    fn a_cause_is_found_inside_errors_of_the_system() {
        let inner = io::Error::other(rustls::Error::DecryptError);
        let outer = io::Error::other(inner);
        assert_eq!(cause::<rustls::Error>(&outer), Some(&rustls::Error::DecryptError));
        assert!(cause::<io::Error>(&outer).is_some());
        assert_eq!(cause::<rustls::Error>(&io::Error::other("no")), None);
        let refused = || io::Error::from_raw_os_error(111);
        let wrapped = io::Error::other(io::Error::other(refused()));
        assert_eq!(system_error(&wrapped).map(io::Error::raw_os_error), Some(refused().raw_os_error()));
        assert!(system_error(&io::Error::other("no")).is_none());
    }
}
