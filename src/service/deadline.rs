//! When a call of the application has to be over.

use super::failure::{Failure, Kind};
use std::time::{Duration, Instant};

/// One moment for all requests of a call, retries and pauses included.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    at: Instant,
    length: Duration,
}

impl Deadline {
    /// So long from now.
    pub fn after(length: Duration) -> Self {
        Self { at: Instant::now() + length, length }
    }

    /// The moment.
    pub fn at(&self) -> Instant {
        self.at
    }

    /// Whether it has passed.
    pub fn is_over(&self) -> bool {
        Instant::now() >= self.at
    }

    /// A moment halfway to it: what takes so long leaves time for another way.
    pub fn half(self) -> Self {
        let now = Instant::now();
        Self { at: now + self.at.saturating_duration_since(now) / 2, ..self }
    }

    /// The failure that its passing is.
    pub fn passed(&self, what: &str) -> Failure {
        let cause = format!("{what} within {} s", self.length.as_secs());
        Failure::new(Kind::Timeout, cause, "try again; STM_PKCS11_TIMEOUT sets how long is waited")
    }
}
