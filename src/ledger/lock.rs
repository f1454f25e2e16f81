//! The ledger's lock: an empty file beside it, `PATH.lock`.
//!
//! The system releases the lock when the process that holds it ends, however it ends. A process keeps the file open between
//! two lines. A forked child opens its own: what it inherits shares its parent's lock, and would exclude nobody.

use super::kept_file::KeptFile;
use super::open::{self, Refusal};
use std::fs::TryLockError;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// The longest wait for a lock. A process that holds it for so long was stopped.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// The first pause between two attempts.
const FIRST_PAUSE: Duration = Duration::from_micros(50);
/// The longest pause of those who have not waited for long.
const SHORT_PAUSE: Duration = Duration::from_millis(2);
/// The longest pause of all.
const LONGEST_PAUSE: Duration = Duration::from_millis(50);

/// The pause after this one and this time of waiting: hundreds that ask every 2 ms leave no processor to the one that has the
/// lock.
fn next_pause(pause: Duration, waited: Duration) -> Duration {
    (pause * 2).min((waited / 16).clamp(SHORT_PAUSE, LONGEST_PAUSE))
}

/// The lock file, open, of this process; not locked.
#[derive(Debug)]
pub struct LockFile {
    file: KeptFile,
    process: u32,
}

/// The lock, held until it is released or dropped.
pub struct Lock {
    file: Option<LockFile>,
}

impl Lock {
    /// Unlocks; the file stays open, for the next line.
    pub fn release(mut self) -> Option<LockFile> {
        self.unlock()
    }

    /// The lock of the ledger that is at `path` now: if the lock file was moved away, the one that is there instead.
    pub fn at(self, path: &Path) -> Result<Self, Refusal> {
        let is_there = self.file.as_ref().is_some_and(|lock| lock.file.is_at(&beside(path, "lock")));
        if is_there { Ok(self) } else { Self::take(path, None, PATIENCE) }
    }

    fn unlock(&mut self) -> Option<LockFile> {
        // A child that was forked at this moment has the same lock: closing the file would not be enough.
        self.file.take().inspect(|lock| drop(lock.file.unlock()))
    }

    /// Takes the lock of the ledger at `path`; `kept` is the file that an earlier lock left.
    pub fn take(path: &Path, kept: Option<LockFile>, patience: Duration) -> Result<Self, Refusal> {
        let process = crate::host::process();
        let mut kept = kept.filter(|kept| kept.process == process);
        let mut begun = None;
        let mut pause = FIRST_PAUSE;
        loop {
            // Looked at before it is locked: a lock on a file of the host, which the descriptor may be by now, would be the host's.
            // One that was removed excludes nobody.
            let file = match kept.take().filter(|kept| kept.file.length().is_some()) {
                Some(kept) => kept.file,
                None => open(path)?,
            };
            match file.try_lock() {
                Ok(()) => return Ok(Self { file: Some(LockFile { file, process }) }),
                Err(TryLockError::WouldBlock) if begun.get_or_insert_with(Instant::now).elapsed() < patience => {}
                Err(TryLockError::WouldBlock) => {
                    let place = beside(path, "lock");
                    let cause =
                        format!("another process has held its lock {} for {} s", place.display(), patience.as_secs());
                    return Err(Refusal::new(cause, "find the process with fuser or lsof, and end it"));
                }
                Err(TryLockError::Error(error)) => {
                    let cause = format!("its lock {} cannot be taken ({error})", beside(path, "lock").display());
                    return Err(Refusal::new(cause, "put the ledger on a file system that has locks"));
                }
            }
            kept = Some(LockFile { file, process });
            std::thread::sleep(pause);
            pause = next_pause(pause, begun.map_or(Duration::ZERO, |begun| begun.elapsed()));
        }
    }
}

/// Opens the lock file of the ledger at `path`, and creates it if necessary.
fn open(path: &Path) -> Result<KeptFile, Refusal> {
    let place = beside(path, "lock");
    let unseen = |error| Refusal::io(&format!("{} cannot be looked at", place.display()), &error);
    KeptFile::new(open::lock(&place, path)?).map_err(unseen)
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.unlock();
    }
}

/// `PATH.SUFFIX`
pub fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.to_owned().into_os_string();
    name.push(".");
    name.push(suffix);
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holds_it_and_the_next_gets_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        let first = Lock::take(&path, None, PATIENCE).unwrap();
        let late = Lock::take(&path, None, Duration::from_millis(20)).err().expect("it is held");
        assert!(late.to_string().contains("another process has held its lock"), "{late}");
        drop(first);
        assert!(Lock::take(&path, None, Duration::ZERO).is_ok());
    }

    #[test]
    fn who_has_waited_for_long_asks_less_often() {
        let pauses = [0, 30, 160, 800, 9600].map(|ms| next_pause(LONGEST_PAUSE, Duration::from_millis(ms)));
        assert_eq!(pauses, [2, 2, 10, 50, 50].map(Duration::from_millis));
        assert_eq!(next_pause(FIRST_PAUSE, Duration::ZERO), FIRST_PAUSE * 2);
    }

    #[cfg(unix)]
    #[test]
    fn a_lock_is_given_up_at_once_even_if_a_forked_child_has_it_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        let give_up: [fn(Lock); 2] =
            [drop, |lock| assert!(lock.release().is_some(), "it stays open for the next line")];
        for give_up in give_up {
            let lock = Lock::take(&path, None, PATIENCE).unwrap();
            let _of_the_child = lock.file.as_ref().unwrap().file.try_clone().unwrap();
            give_up(lock);
            assert!(Lock::take(&path, None, Duration::ZERO).is_ok());
        }
    }

    #[test]
    fn a_lock_that_is_released_leaves_its_file_open_and_nobody_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        let kept = Lock::take(&path, None, PATIENCE).unwrap().release();
        let other = Lock::take(&path, None, Duration::ZERO).unwrap();
        let late = Lock::take(&path, kept, Duration::from_millis(20)).err().expect("it is held");
        assert!(late.to_string().contains("another process has held its lock"), "{late}");
        drop(other);
        assert!(Lock::take(&path, None, Duration::ZERO).is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn the_file_of_a_parent_or_one_that_was_removed_is_not_locked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        let release = || Lock::take(&path, None, PATIENCE).unwrap().release();
        let held = Lock::take(&path, None, PATIENCE).unwrap();
        let copy = held.file.as_ref().unwrap().file.try_clone().unwrap();
        let inherited = LockFile { file: KeptFile::new(copy).unwrap(), process: 0 };
        assert!(Lock::take(&path, Some(inherited), Duration::ZERO).is_err(), "it would share the lock");
        drop(held);
        let kept = release();
        std::fs::remove_file(folder.path().join("ledger.lock")).unwrap();
        let held = Lock::take(&path, kept, PATIENCE).unwrap();
        assert!(Lock::take(&path, None, Duration::ZERO).is_err(), "the lock that is there now");
        drop(held);
    }

    #[cfg(unix)]
    #[test]
    fn a_lock_file_that_is_a_link_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("ledger.lock")).unwrap();
        let refusal = Lock::take(&folder.path().join("ledger"), None, PATIENCE).err().expect("refused");
        assert!(refusal.to_string().contains("symbolic link"), "{refusal}");
    }
}
