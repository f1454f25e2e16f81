//! The progress of a request that must be executed only once: the number of attempts, and whether it may have been
//! executed.

use super::retry::{self, Outcome};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

/// Shared with the caller, which needs it even after a panic.
#[derive(Debug, Default)]
pub struct Progress {
    attempts: AtomicU32,
    /// An attempt is in progress, or ended without a known outcome.
    executed: AtomicBool,
    /// The service has responded to the last attempt.
    answered: AtomicBool,
    /// The id in the signature log, if the response did not contain the signature.
    record: OnceLock<String>,
}

impl Progress {
    /// The number of attempts.
    pub fn attempts(&self) -> u32 {
        self.attempts.load(Relaxed)
    }

    /// Whether the service may have executed it.
    pub fn may_be_executed(&self) -> bool {
        self.executed.load(Relaxed)
    }

    /// Whether the service has responded to the last attempt.
    pub fn is_answered(&self) -> bool {
        self.answered.load(Relaxed)
    }

    /// The id in the signature log, if the response did not contain the signature.
    pub fn record(&self) -> Option<&str> {
        self.record.get().map(String::as_str)
    }

    pub(super) fn note_record(&self, id: &str) {
        let _ = self.record.set(id.to_owned());
    }

    pub(super) fn begin(&self) {
        self.attempts.fetch_add(1, Relaxed);
        self.executed.store(true, Relaxed);
        self.answered.store(false, Relaxed);
    }

    pub(super) fn end(&self, outcome: Outcome) {
        self.executed.store(retry::may_be_executed(outcome), Relaxed);
        self.answered.store(matches!(outcome, Outcome::Answered { .. }), Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_end_of_an_attempt_says_that_it_was_not_executed() {
        let progress = Progress::default();
        assert_eq!((progress.attempts(), progress.may_be_executed(), progress.is_answered()), (0, false, false));
        progress.begin();
        assert!(progress.may_be_executed());
        progress.end(Outcome::NotConnected);
        assert_eq!((progress.attempts(), progress.may_be_executed(), progress.is_answered()), (1, false, false));
        progress.begin();
        progress.end(Outcome::Answered { status: 200, retry_after: false });
        assert_eq!((progress.attempts(), progress.may_be_executed(), progress.is_answered()), (2, true, true));
    }

    #[test]
    fn the_id_in_the_signature_log_is_known_to_the_caller() {
        let progress = Progress::default();
        assert_eq!(progress.record(), None);
        progress.note_record("7");
        assert_eq!(progress.record(), Some("7"));
    }
}
