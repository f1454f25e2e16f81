//! The cost of a run: counted during the run, logged at its end.

use crate::lock::Mutex;
use crate::plural::counted;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

#[derive(Default)]
pub struct Stats {
    pub operations: AtomicU64,
    pub signatures: AtomicU64,
    pub requests: AtomicU64,
    /// When the service last answered, with any status.
    pub last_answer: Mutex<Option<Instant>>,
    pub retries: AtomicU64,
    pub cache_hits: AtomicU64,
    pub sent: AtomicU64,
    pub received: AtomicU64,
    pub waited_micros: AtomicU64,
}

impl Stats {
    pub fn add(counter: &AtomicU64, amount: u64) {
        counter.fetch_add(amount, Relaxed);
    }

    pub(super) fn waited(&self, time: Duration) {
        Self::add(&self.waited_micros, time.as_micros() as u64);
    }

    /// A summary for the log; `None` if nothing was requested.
    pub fn summary(&self) -> Option<String> {
        let get = |counter: &AtomicU64| counter.load(Relaxed);
        if get(&self.operations) == 0 {
            return None;
        }
        Some(format!(
            "{}, {}, {}, {}, {} from the cache, {} sent, {} received, {} ms waited",
            counted(get(&self.operations), "operation"),
            counted(get(&self.signatures), "signature"),
            counted(get(&self.requests), "request"),
            counted(get(&self.retries), "retry"),
            get(&self.cache_hits),
            counted(get(&self.sent), "byte"),
            get(&self.received),
            get(&self.waited_micros) / 1000
        ))
    }
}
