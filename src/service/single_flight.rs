//! Parallel callers with the same search share one fetch, even if it fails. Misses are remembered briefly.

use super::deadline::Deadline;
use super::failure::{Failure, Kind};
use super::model::Keypair;
use crate::lock::{Condvar, Mutex};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a missing name is not requested again.
const MISS_LIFETIME: Duration = Duration::from_secs(5);
/// The number of remembered misses.
const MAX_MISSES: usize = 1024;

pub type Found = Result<Vec<Arc<Keypair>>, Failure>;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Key {
    All,
    Alias(String),
    Id(String),
}

#[derive(Default)]
struct Fetch {
    result: Mutex<Option<Found>>,
    landed: Condvar,
}

/// Fetches in progress, and recent misses.
#[derive(Default)]
pub struct SingleFlight {
    under_way: Mutex<HashMap<Key, Arc<Fetch>>>,
    misses: Mutex<HashMap<Key, Instant>>,
}

/// Ends the fetch even if it panics: the waiting threads then get a failure, and do not wait for ever.
struct Landing<'a> {
    single_flight: &'a SingleFlight,
    key: Key,
    shared: Arc<Fetch>,
    result: Option<Found>,
}

impl Drop for Landing<'_> {
    fn drop(&mut self) {
        let given_up = || Err(Failure::new(Kind::Cancelled, "another thread's lookup ended early", "try again"));
        *self.shared.result.lock() = Some(self.result.take().unwrap_or_else(given_up));
        self.single_flight.under_way.lock().remove(&self.key);
        self.shared.landed.notify_all();
    }
}

impl SingleFlight {
    /// The result of `fetch`, or of a fetch for the same key that another thread has in progress.
    pub fn share(&self, key: Key, deadline: Deadline, fetch: impl FnOnce() -> Found) -> Found {
        if self.misses.lock().get(&key).is_some_and(|since| since.elapsed() < MISS_LIFETIME) {
            return Ok(Vec::new());
        }
        let (shared, first) = {
            let mut under_way = self.under_way.lock();
            match under_way.get(&key) {
                Some(shared) => (Arc::clone(shared), false),
                None => {
                    let shared = Arc::new(Fetch::default());
                    under_way.insert(key.clone(), Arc::clone(&shared));
                    (shared, true)
                }
            }
        };
        if !first {
            let mut result = shared.result.lock();
            loop {
                if let Some(result) = &*result {
                    return result.clone();
                }
                // The other thread has an earlier deadline of its own; this one applies if that thread hangs.
                if deadline.is_over() {
                    return Err(deadline.passed("another thread's lookup of the same object brought nothing"));
                }
                result = shared.landed.wait_until(result, deadline.at());
            }
        }
        let mut landing = Landing { single_flight: self, key, shared, result: None };
        let result = fetch();
        if result.as_ref().is_ok_and(Vec::is_empty) {
            self.miss(landing.key.clone());
        }
        landing.result = Some(result.clone());
        result
    }

    fn miss(&self, key: Key) {
        let mut misses = self.misses.lock();
        if misses.len() >= MAX_MISSES {
            misses.clear();
        }
        misses.insert(key, Instant::now());
    }

    /// Forgets the misses, because a keypair was created.
    pub fn forget_misses(&self) {
        self.misses.lock().clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn soon() -> Deadline {
        Deadline::after(Duration::from_secs(10))
    }

    #[test]
    fn threads_that_want_the_same_share_one_fetch_and_its_failure() {
        let single_flight = SingleFlight::default();
        let fetches = AtomicUsize::new(0);
        let barrier = Barrier::new(8);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    barrier.wait();
                    let result = single_flight.share(Key::All, soon(), || {
                        fetches.fetch_add(1, Ordering::SeqCst);
                        std::thread::sleep(Duration::from_millis(200));
                        Err(Failure::new(Kind::Tls, "no", ""))
                    });
                    assert!(result.is_err());
                });
            }
        });
        assert_eq!(fetches.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn who_waits_for_another_threads_fetch_waits_no_longer_than_its_own_deadline() {
        let single_flight = SingleFlight::default();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                single_flight.share(Key::All, soon(), || {
                    std::thread::sleep(Duration::from_millis(500));
                    Ok(Vec::new())
                })
            });
            std::thread::sleep(Duration::from_millis(100));
            let begun = Instant::now();
            let late = single_flight.share(Key::All, Deadline::after(Duration::from_millis(50)), || unreachable!());
            assert_eq!(late.unwrap_err().kind(), Kind::Timeout);
            assert!(begun.elapsed() < Duration::from_millis(300));
        });
    }

    #[test]
    fn a_miss_is_remembered_until_something_is_made() {
        let single_flight = SingleFlight::default();
        let fetches = AtomicUsize::new(0);
        let fetch = || {
            fetches.fetch_add(1, Ordering::SeqCst);
            Ok(Vec::new())
        };
        let key = || Key::Alias("k".into());
        let _ = (single_flight.share(key(), soon(), fetch), single_flight.share(key(), soon(), fetch));
        assert_eq!(fetches.load(Ordering::SeqCst), 1);
        single_flight.forget_misses();
        let _ = single_flight.share(key(), soon(), fetch);
        assert_eq!(fetches.load(Ordering::SeqCst), 2);
    }

    #[test]
    fn only_so_many_misses_are_remembered() {
        let single_flight = SingleFlight::default();
        let miss = |number: usize| {
            let mut fetched = false;
            let found = single_flight.share(Key::Id(number.to_string()), soon(), || {
                fetched = true;
                Ok(Vec::new())
            });
            assert_eq!(found, Ok(Vec::new()));
            fetched
        };
        assert!((0..MAX_MISSES).all(miss));
        assert!(!miss(0) && !miss(MAX_MISSES - 1), "they are remembered");
        assert!(miss(MAX_MISSES) && miss(0), "with one more, all before it are forgotten");
        assert!(!miss(MAX_MISSES));
    }

    #[test]
    fn a_fetch_that_panics_leaves_nobody_waiting() {
        let single_flight = SingleFlight::default();
        let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            single_flight.share(Key::All, soon(), || panic!("injected"))
        }));
        assert!(panicked.is_err());
        assert!(single_flight.share(Key::All, soon(), || Err(Failure::new(Kind::Tls, "no", ""))).is_err());
    }
}
