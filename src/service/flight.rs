//! Processes of one user with the same search: one asks the service, and the others wait for what it stores in the cache.

use super::deadline;
use super::shared_lock::{self, NoLock, SharedLock};
use std::path::Path;
use std::time::Instant;

/// What this process does next.
#[derive(Debug)]
pub enum Flight {
    /// Asks the service. Others wait until the lock is dropped; `None` if nobody can be made to wait.
    Own(Option<SharedLock>),
    /// Another process asked, and has ended.
    Others,
}

/// Waits while another process asks for the same, for at most half of the time until `end`: a process that was stopped keeps
/// nobody from asking.
pub fn join(path: Option<&Path>, end: Instant) -> Flight {
    let Some(path) = path else { return Flight::Own(None) };
    match SharedLock::exclusive(path) {
        Ok(lock) => Flight::Own(Some(lock)),
        Err(NoLock::Unusable) => Flight::Own(None),
        Err(NoLock::Taken) => {
            // Shared, so that all who wait go on at once.
            drop(shared_lock::within(deadline::half(Instant::now(), end), || SharedLock::shared(path)));
            Flight::Others
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn one_asks_and_the_others_wait_for_it_but_not_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let soon = |millis| Instant::now() + Duration::from_millis(millis);
        let Flight::Own(Some(lock)) = join(Some(&path), soon(1000)) else { panic!("nobody else asks") };
        let begun = Instant::now();
        assert!(matches!(join(Some(&path), soon(100)), Flight::Others));
        std::thread::scope(|scope| {
            let others: Vec<_> = (0..4).map(|_| scope.spawn(|| join(Some(&path), soon(60_000)))).collect();
            std::thread::sleep(Duration::from_millis(50));
            drop(lock);
            for other in others {
                // One that came when nobody asked any more asks itself.
                assert!(matches!(other.join().unwrap(), Flight::Others | Flight::Own(Some(_))));
            }
        });
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        assert!(matches!(join(None, soon(1000)), Flight::Own(None)));
    }
}
