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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_has_every_count_and_nothing_costs_nothing() {
        let stats = Stats::default();
        assert_eq!(stats.summary(), None);
        let Stats { operations, signatures, requests, retries, cache_hits, sent, received, .. } = &stats;
        for (counter, amount) in
            [operations, signatures, requests, retries, cache_hits, sent, received].into_iter().zip(1..)
        {
            Stats::add(counter, amount);
        }
        stats.waited(Duration::from_micros(7_999));
        stats.waited(Duration::from_micros(1));
        let expected =
            "1 operation, 2 signatures, 3 requests, 4 retries, 5 from the cache, 6 bytes sent, 7 received, 8 ms waited";
        assert_eq!(stats.summary().as_deref(), Some(expected));
    }
}
