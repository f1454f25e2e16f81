//! When a call of the application has to be over.

use super::failure::{Failure, Kind};
use std::time::{Duration, Instant};

/// Programs that took less than this are not worth a word.
const NOTABLE: Duration = Duration::from_millis(100);

/// One moment for all requests of a call, retries and pauses included.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    at: Instant,
    length: Duration,
    /// How much of it the programs took that print secrets.
    secrets: Duration,
}

impl Deadline {
    pub fn after(length: Duration) -> Self {
        Self { at: Instant::now() + length, length, secrets: Duration::ZERO }
    }

    pub fn at(&self) -> Instant {
        self.at
    }

    /// What is left of it.
    pub fn left(&self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }

    /// The same, of which the programs that print secrets took so much.
    pub fn with_secrets(self, took: Duration) -> Self {
        Self { secrets: self.secrets + took, ..self }
    }

    /// Whether it has passed.
    pub fn is_over(&self) -> bool {
        Instant::now() >= self.at
    }

    /// A moment halfway to it: what takes so long leaves time for another way.
    pub fn half(self) -> Self {
        let now = Instant::now();
        Self { at: now + self.left() / 2, ..self }
    }

    /// The failure that its passing is.
    pub fn passed(&self, what: &str) -> Failure {
        let mut cause = format!("{what} within {} s", self.length.as_secs());
        if self.secrets >= NOTABLE {
            cause += &format!(", of which command: secrets took {:.1} s", self.secrets.as_secs_f32());
        }
        Failure::new(Kind::Timeout, cause, "try again, or raise STM_PKCS11_TIMEOUT")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_used_the_time_is_named() {
        let deadline = Deadline::after(Duration::from_secs(2));
        assert_eq!(deadline.passed("no answer").cause, "no answer within 2 s");
        let deadline = deadline.with_secrets(Duration::from_millis(1500));
        assert_eq!(deadline.passed("no answer").cause, "no answer within 2 s, of which command: secrets took 1.5 s");
    }
}
