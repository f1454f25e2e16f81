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

    /// The failure that its passing is.
    pub fn passed(&self, what: &str) -> Failure {
        let cause = format!("{what} within {} s", self.length.as_secs());
        Failure::new(Kind::Timeout, cause, "try again; STM_PKCS11_TIMEOUT sets how long is waited")
    }
}
