//! The table of retries.
//!
//! A read costs nothing, so it is repeated after anything temporary. A signature costs money, and nobody can ask the
//! service whether a request without a response was executed. So a sign request (or a key generation) is repeated only
//! if it certainly was not.
//!
//! Each attempt ends with an [`Outcome`]. The first row that matches it says whether a read, and whether a request with
//! an effect, is repeated; without a row, neither is. The request's body distinguishes "connection lost" from "no
//! connection", because it knows whether anybody began to read it (`transport.rs`): before that, nothing can have been
//! executed. "No answer in time" is never repeated, because the time of the whole call is used up. 429, and 503 with
//! `Retry-After`, come from a gateway that did not pass the request on, so even a sign request is repeated; 502 and 504
//! come from one that may have.
//!
//! The number of attempts is not limited: they continue until the deadline leaves no time for another pause
//! ([`pause`]). The ledger relies on the table: [`may_be_executed`] is derived from it. `tests/faults/` tests the rows
//! against the emulator.

use std::time::{Duration, SystemTime};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// No connection was opened: nothing was sent.
    NotConnected,
    /// The TLS handshake failed, or this process cannot open connections: nothing was sent, and a retry would fail as
    /// well.
    Handshake,
    /// The connection was lost after some of the request may have been sent.
    Lost,
    /// No answer in time.
    TimedOut,
    /// A response with this status.
    Answered {
        status: u16,
        /// Whether it had a `Retry-After` header.
        retry_after: bool,
    },
}

/// The effect of a request on the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// None: it can be repeated.
    Read,
    /// It creates a signature or a key, and must not be executed twice.
    Once,
}

struct Row {
    what: &'static str,
    matches: fn(Outcome) -> bool,
    read: bool,
    once: bool,
}

/// The first row that matches decides.
const TABLE: &[Row] = &[
    Row { what: "no connection", matches: |o| o == Outcome::NotConnected, read: true, once: true },
    Row { what: "TLS handshake", matches: |o| o == Outcome::Handshake, read: false, once: false },
    Row { what: "connection lost", matches: |o| o == Outcome::Lost, read: true, once: false },
    Row { what: "no answer in time", matches: |o| o == Outcome::TimedOut, read: false, once: false },
    Row { what: "408", matches: |o| status(o) == Some(408), read: true, once: false },
    Row { what: "429", matches: |o| status(o) == Some(429), read: true, once: true },
    Row {
        what: "503 with Retry-After",
        matches: |o| o == Outcome::Answered { status: 503, retry_after: true },
        read: true,
        once: true,
    },
    Row { what: "502, 503, 504", matches: |o| matches!(status(o), Some(502..=504)), read: true, once: false },
];

fn status(outcome: Outcome) -> Option<u16> {
    match outcome {
        Outcome::Answered { status, .. } => Some(status),
        _ => None,
    }
}

/// Whether the table allows another attempt.
pub fn again(outcome: Outcome, effect: Effect) -> bool {
    let row = TABLE.iter().find(|row| (row.matches)(outcome));
    row.is_some_and(|row| if effect == Effect::Read { row.read } else { row.once })
}

/// Whether a gateway refused the request because there are too many of them, so that other processes had better wait as well.
pub fn limits_rate(outcome: Outcome) -> bool {
    status(outcome) == Some(429) || outcome == Outcome::Answered { status: 503, retry_after: true }
}

/// Whether an attempt with this outcome may have been executed. It was not if the status blames the request (4xx,
/// except 408), or if the table repeats it.
pub fn may_be_executed(outcome: Outcome) -> bool {
    let refused = status(outcome).is_some_and(|status| (400..500).contains(&status) && status != 408);
    let unsent = matches!(outcome, Outcome::NotConnected | Outcome::Handshake);
    !(refused || unsent || again(outcome, Effect::Once))
}

/// The table for the documentation, in Markdown.
pub fn markdown() -> String {
    let word = |yes| if yes { "yes" } else { "no" };
    let rows = TABLE.iter().map(|row| format!("| {} | {} | {} |\n", row.what, word(row.read), word(row.once)));
    format!("| what happened | read again | sign again |\n| --- | --- | --- |\n{}", rows.collect::<String>())
}

/// The first pause between attempts.
const BASE: Duration = Duration::from_millis(200);
/// The longest pause that the module chooses itself.
const LONGEST: Duration = Duration::from_secs(8);

/// An attempt that begins with less time than this has no chance to succeed.
const CHANCE: Duration = Duration::from_millis(100);

/// The pause before attempt `attempt` (the second is 1), out of the time that is `left`; `None` if no chance is left
/// for another ([`CHANCE`]). `dice` is uniform in 0..1.
///
/// Full jitter: the pause is anywhere between nothing and the doubled limit, so that a hundred processes that were
/// refused together do not return together. A `Retry-After` is a minimum, with the jitter added. If the module's own
/// pause would be too long, it is half of what is left, so that a service that recovers late is still reached.
pub fn pause(attempt: u32, asked: Option<Duration>, left: Duration, dice: f64) -> Option<Duration> {
    let bound = BASE.saturating_mul(1 << attempt.saturating_sub(1).min(6)).min(LONGEST);
    let jitter = bound.mul_f64(dice.clamp(0.0, 1.0));
    let pause = asked.map_or(jitter, |asked| asked + jitter);
    let late = |pause| pause + CHANCE >= left;
    let pause = if late(pause) && asked.is_none() && left > 2 * BASE { left / 2 } else { pause };
    (!late(pause)).then_some(pause)
}

/// `Retry-After`: seconds or an HTTP date.
pub fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_row_by_row() {
        let answered = |status, retry_after| Outcome::Answered { status, retry_after };
        for (outcome, read, once) in [
            (Outcome::NotConnected, true, true),
            (Outcome::Handshake, false, false),
            (Outcome::Lost, true, false),
            (Outcome::TimedOut, false, false),
            (answered(408, false), true, false),
            (answered(408, true), true, false),
            (answered(429, false), true, true),
            (answered(429, true), true, true),
            (answered(502, true), true, false),
            (answered(503, false), true, false),
            (answered(503, true), true, true),
            (answered(504, false), true, false),
            (answered(500, true), false, false),
            (answered(400, false), false, false),
            (answered(401, false), false, false),
            (answered(403, false), false, false),
            (answered(404, false), false, false),
            (answered(200, false), false, false),
        ] {
            assert_eq!(again(outcome, Effect::Read), read, "read after {outcome:?}");
            assert_eq!(again(outcome, Effect::Once), once, "sign after {outcome:?}");
        }
    }

    #[test]
    fn what_is_sent_again_or_refused_was_not_executed_and_all_else_may_have_been() {
        let answered = |status, retry_after| Outcome::Answered { status, retry_after };
        for outcome in [Outcome::Lost, Outcome::TimedOut] {
            assert!(may_be_executed(outcome), "{outcome:?}");
        }
        for status in [200, 201, 302, 408, 500, 502, 503, 504] {
            assert!(may_be_executed(answered(status, false)), "{status}");
        }
        for status in [400, 401, 403, 404, 409, 413, 429] {
            assert!(!may_be_executed(answered(status, false)), "{status}");
        }
        for outcome in [Outcome::NotConnected, Outcome::Handshake, answered(503, true)] {
            assert!(!may_be_executed(outcome), "{outcome:?}");
        }
    }

    #[test]
    fn only_a_gateway_that_asks_for_a_pause_slows_the_other_processes_down() {
        let answered = |status, retry_after| Outcome::Answered { status, retry_after };
        for outcome in [answered(429, false), answered(429, true), answered(503, true)] {
            assert!(limits_rate(outcome), "{outcome:?}");
        }
        for outcome in [answered(503, false), answered(502, true), answered(200, true), Outcome::NotConnected] {
            assert!(!limits_rate(outcome), "{outcome:?}");
        }
    }

    #[test]
    fn the_documentation_has_the_table_row_by_row() {
        let markdown = markdown();
        assert_eq!(markdown.lines().count(), 2 + TABLE.len());
        for line in ["| no connection | yes | yes |", "| connection lost | yes | no |", "| TLS handshake | no | no |"] {
            assert!(markdown.lines().any(|other| other == line), "{markdown}");
        }
    }

    #[test]
    fn nothing_that_may_have_been_executed_is_signed_again() {
        for row in TABLE {
            assert!(!row.once || row.read, "{}", row.what);
        }
    }

    #[test]
    fn pauses_grow_and_are_bounded_and_honour_what_the_service_asked() {
        let pause = |attempt, asked, dice| pause(attempt, asked, Duration::from_secs(60), dice).expect("time is left");
        assert_eq!(pause(1, None, 0.0), Duration::ZERO);
        assert_eq!(pause(1, None, 1.0), BASE);
        assert_eq!(pause(3, None, 1.0), BASE * 4);
        assert_eq!(pause(30, None, 1.0), LONGEST);
        assert_eq!(pause(1, Some(Duration::from_secs(5)), 0.5), Duration::from_millis(5100));
    }

    #[test]
    fn the_time_that_is_left_is_used_to_the_end() {
        let second = Duration::from_secs(1);
        assert_eq!(pause(30, None, second * 3, 1.0), Some(second * 3 / 2));
        assert_eq!(pause(30, None, BASE * 2, 1.0), None, "too little for another attempt");
        assert_eq!(pause(1, Some(second * 5), second * 3, 0.0), None, "the service does not want us before");
        assert_eq!(pause(1, Some(second - CHANCE), second, 0.0), None, "just too little");
        for dice in 0..=100 {
            let left = BASE * 3 / 2;
            let pause = pause(8, None, left, f64::from(dice) / 100.0);
            assert!(pause.is_none_or(|pause| pause + CHANCE < left), "{pause:?} leaves no time for an attempt");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        assert_eq!(retry_after(" 7 ", now), Some(Duration::from_secs(7)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:49:47 GMT", now), Some(Duration::from_secs(10)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:00:00 GMT", now), Some(Duration::ZERO));
        assert_eq!(retry_after("soon", now), None);
    }
}
