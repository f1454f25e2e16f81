//! How far a request came that must be executed once: how often it was sent, and whether it may have been executed.

use super::retry::{self, Outcome};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};

/// Shared with whoever has to know it, whatever becomes of the request: a panic, too.
#[derive(Debug, Default)]
pub struct Progress {
    attempts: AtomicU32,
    /// An attempt is under way, or has ended so that nobody knows whether it was executed.
    executed: AtomicBool,
    /// The service has answered the last attempt.
    answered: AtomicBool,
    /// The id of the service's record, where the signature itself did not come with the answer.
    record: OnceLock<String>,
}

impl Progress {
    /// How often it was sent, or tried to be.
    pub fn attempts(&self) -> u32 {
        self.attempts.load(Relaxed)
    }

    /// Whether the service may have executed it.
    pub fn may_be_executed(&self) -> bool {
        self.executed.load(Relaxed)
    }

    /// Whether the service has answered the last attempt.
    pub fn is_answered(&self) -> bool {
        self.answered.load(Relaxed)
    }

    /// The id of the service's record, where the signature itself did not come with the answer.
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
}
