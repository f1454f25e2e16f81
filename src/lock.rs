//! The standard library's locks without poisoning. A panic leaves nothing half changed here, and must not make every
//! later call of the host fail.
//!
//! Each lock is a word of its own. A table of waiting threads that all locks share could be inherited locked by a
//! forked child, and would block all its locks.

use std::sync::{self, MutexGuard, PoisonError, RwLockReadGuard, RwLockWriteGuard, TryLockError};
use std::time::Instant;

/// [`std::sync::Mutex`]
#[derive(Debug, Default)]
pub struct Mutex<T>(sync::Mutex<T>);

impl<T> Mutex<T> {
    pub const fn new(value: T) -> Self {
        Self(sync::Mutex::new(value))
    }

    pub fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `None` if another thread holds it.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        match self.0.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

/// [`std::sync::RwLock`]
#[derive(Debug, Default)]
pub struct RwLock<T>(sync::RwLock<T>);

impl<T> RwLock<T> {
    pub const fn new(value: T) -> Self {
        Self(sync::RwLock::new(value))
    }

    pub fn read(&self) -> RwLockReadGuard<'_, T> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn write(&self) -> RwLockWriteGuard<'_, T> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// [`std::sync::Condvar`]
#[derive(Debug, Default)]
pub struct Condvar(sync::Condvar);

impl Condvar {
    pub fn notify_all(&self) {
        self.0.notify_all();
    }

    /// Waits for a notification, or until `at`; it may also wake up spuriously.
    pub fn wait_until<'a, T>(&self, guard: MutexGuard<'a, T>, at: Instant) -> MutexGuard<'a, T> {
        let left = at.saturating_duration_since(Instant::now());
        self.0.wait_timeout(guard, left).unwrap_or_else(PoisonError::into_inner).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    #[test]
    fn a_notification_ends_a_wait_long_before_its_time() {
        let (done, changed) = (Mutex::new(false), Condvar::default());
        let (tell, told) = std::sync::mpsc::channel();
        let begun = Instant::now();
        let long = std::time::Duration::from_secs(60);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut held = done.lock();
                tell.send(()).unwrap();
                while !*held && begun.elapsed() < long {
                    held = changed.wait_until(held, begun + long);
                }
            });
            told.recv().unwrap();
            *done.lock() = true;
            changed.notify_all();
        });
        assert!(begun.elapsed() < long);
    }

    #[test]
    fn a_panic_with_a_lock_in_hand_keeps_nobody_out() {
        let (mutex, rw_lock) = (Mutex::new(1), RwLock::new(1));
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let _both = (mutex.lock(), rw_lock.write());
            panic!("injected");
        }));
        assert!(panicked.is_err());
        assert_eq!((*mutex.lock(), *rw_lock.read()), (1, 1));
        assert!(mutex.try_lock().is_some());
        let _held = mutex.lock();
        assert!(mutex.try_lock().is_none());
    }
}
