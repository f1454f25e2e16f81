//! The ledger's lock: a file beside it, `PATH.lock`, that is never written to.
//!
//! The system lets go of the lock when the process that holds it ends, however it ends. It is opened anew each time: a forked
//! child inherits no lock, for its parent holds one for microseconds only, and never during a request.

use super::open::{self, Refusal};
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Longest time that a lock is waited for: a process that holds it so long was stopped.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// Longest pause between two looks.
const LONGEST_PAUSE: Duration = Duration::from_millis(2);

/// The lock, held until it is dropped.
pub struct Lock {
    file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // A child that was forked this moment has the same lock: closing the file would not be enough.
        let _ = self.file.unlock();
    }
}

impl Lock {
    /// Takes the lock of the ledger at `path`.
    pub fn take(path: &Path, patience: Duration) -> Result<Self, Refusal> {
        let place = beside(path, "lock");
        let begun = Instant::now();
        let mut pause = Duration::from_micros(50);
        loop {
            let file = open::lock(&place, path)?;
            match file.try_lock() {
                Ok(()) if open::is_at(&file, &place) => return Ok(Self { file }),
                // It was removed, and another process may hold the one that is there now.
                Ok(()) => continue,
                Err(TryLockError::WouldBlock) if begun.elapsed() < patience => {}
                Err(TryLockError::WouldBlock) => {
                    let cause =
                        format!("another process has held its lock {} for {} s", place.display(), patience.as_secs());
                    return Err(Refusal::new(cause, "find the process with fuser or lsof, and end it"));
                }
                Err(TryLockError::Error(error)) => {
                    let cause = format!("its lock {} cannot be taken ({error})", place.display());
                    return Err(Refusal::new(cause, "put the ledger on a file system that has locks"));
                }
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
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
        let first = Lock::take(&path, PATIENCE).unwrap();
        let late = Lock::take(&path, Duration::from_millis(20)).err().expect("it is held");
        assert!(late.to_string().contains("another process has held its lock"), "{late}");
        drop(first);
        assert!(Lock::take(&path, Duration::ZERO).is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn a_lock_file_that_is_a_link_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("ledger.lock")).unwrap();
        let refusal = Lock::take(&folder.path().join("ledger"), PATIENCE).err().expect("refused");
        assert!(refusal.to_string().contains("symbolic link"), "{refusal}");
    }
}
