//! A separate logger for each process. A forked child may inherit its parent's lock while a thread that does not exist
//! in the child holds it. So the child gets a lock of its own, with its parent's settings if they can still be read.

use super::State;
use crate::config::LogOutput;
use crate::lock::Mutex;
use once_cell::race::OnceBox;
use std::sync::MutexGuard;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// The longest wait for the records of other threads.
const PATIENCE: Duration = Duration::from_millis(200);
const PAUSE: Duration = Duration::from_micros(100);

/// The logger of the first process, and in `next` that of the process forked from it. They are never freed: there is
/// one for each generation of processes.
pub struct Own {
    /// 0 = not claimed yet.
    process: AtomicU32,
    state: Mutex<State>,
    next: OnceBox<Own>,
}

impl Own {
    pub const fn new(state: State) -> Self {
        Self { process: AtomicU32::new(0), state: Mutex::new(state), next: OnceBox::new() }
    }

    /// This process's state; `None` if other threads hold it for long.
    pub fn state(&'static self) -> Option<MutexGuard<'static, State>> {
        let own = self.of(std::process::id());
        let begun = Instant::now();
        loop {
            if let Some(state) = own.state.try_lock() {
                return Some(state);
            }
            if begun.elapsed() > PATIENCE {
                return None;
            }
            std::thread::sleep(PAUSE);
        }
    }

    fn of(&'static self, process: u32) -> &'static Self {
        let mut last = self;
        loop {
            while let Some(next) = last.next.get() {
                last = next;
            }
            let owner = last.process.compare_exchange(0, process, Ordering::AcqRel, Ordering::Acquire);
            if owner.is_ok() || owner == Err(process) {
                return last;
            }
            let state = last.state.try_lock().map_or_else(|| State::new(LogOutput::Stderr), |state| state.inherited());
            // If another thread of this process was faster, its state is the next one.
            let _ = last.next.set(Box::new(Self::new(state)));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use log::LevelFilter;

    fn with_level(level: LevelFilter) -> &'static Own {
        let mut state = State::new(LogOutput::Discard);
        state.level = level;
        Box::leak(Box::new(Own::new(state)))
    }

    #[test]
    fn a_process_keeps_its_own() {
        let first = with_level(LevelFilter::Trace);
        assert!(std::ptr::eq(first.of(7), first));
        assert!(std::ptr::eq(first.of(7), first));
    }

    #[test]
    fn a_child_has_its_own_lock_and_its_parents_settings() {
        let first = with_level(LevelFilter::Trace);
        let parent = first.of(7);
        let child = first.of(8);
        assert!(!std::ptr::eq(parent, child));
        assert!(std::ptr::eq(first.of(8), child));
        assert_eq!(child.state.lock().level, LevelFilter::Trace);
    }

    #[test]
    fn a_child_that_inherits_a_held_lock_logs_errors_all_the_same() {
        let first = with_level(LevelFilter::Trace);
        let held = first.of(7).state.lock();
        let child = first.of(8);
        assert_eq!(child.state.try_lock().expect("free").level, LevelFilter::Error);
        drop(held);
    }
}
