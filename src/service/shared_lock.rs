//! Locks between the processes of one user: files in the cache directory, which nobody else can open.
//!
//! The system releases a lock when its process ends, however it ends. So a lock is never stale. Whoever cannot use the file
//! continues without it: the locks save requests, and protect nothing.

use super::cache_file::options;
use std::fs::{File, TryLockError};
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_millis(20);

/// A lock in hand; dropping it releases it.
#[derive(Debug)]
pub struct SharedLock(File);

/// Why there is no lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoLock {
    /// Another process holds it.
    Taken,
    /// There can be none: the file cannot be opened or locked, or is not of this user alone.
    Unusable,
}

impl SharedLock {
    /// The lock that excludes all others, if nobody holds it.
    pub fn exclusive(path: &Path) -> Result<Self, NoLock> {
        Self::of(path, File::try_lock)
    }

    /// The lock that excludes only exclusive ones.
    pub fn shared(path: &Path) -> Result<Self, NoLock> {
        Self::of(path, File::try_lock_shared)
    }

    fn of(path: &Path, lock: fn(&File) -> Result<(), TryLockError>) -> Result<Self, NoLock> {
        let file = open(path).map_err(|_| NoLock::Unusable)?;
        match lock(&file) {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(NoLock::Taken),
            Err(TryLockError::Error(_)) => Err(NoLock::Unusable),
        }
    }

    pub fn file(&mut self) -> &mut File {
        &mut self.0
    }
}

impl Drop for SharedLock {
    fn drop(&mut self) {
        // A child that was forked meanwhile has the same lock: closing the file would not be enough.
        let _ = self.0.unlock();
    }
}

/// Tries until the lock is there; `None` if it is unusable, or taken for longer than `patience`.
pub fn within(patience: Duration, lock: impl Fn() -> Result<SharedLock, NoLock>) -> Option<SharedLock> {
    let begun = Instant::now();
    let mut pause = Duration::from_micros(100);
    loop {
        match lock() {
            Ok(lock) => return Some(lock),
            Err(NoLock::Unusable) => return None,
            Err(NoLock::Taken) if begun.elapsed() >= patience => return None,
            Err(NoLock::Taken) => std::thread::sleep(pause),
        }
        pause = next(pause);
    }
}

fn next(pause: Duration) -> Duration {
    (pause * 2).min(LONGEST_PAUSE)
}

fn open(path: &Path) -> io::Result<File> {
    try_open(path).or_else(|error| {
        // The directory may be missing.
        crate::log::make_folder(path.parent().ok_or(error)?)?;
        try_open(path)
    })
}

/// Only a regular file of this user alone, which nobody else can open.
fn try_open(path: &Path) -> io::Result<File> {
    let file = options().read(true).write(true).create(true).truncate(false).open(path)?;
    let meta = file.metadata()?;
    #[cfg(unix)]
    let private = {
        use std::os::unix::fs::MetadataExt;
        meta.mode() & 0o077 == 0 && meta.uid() == crate::host::user()
    };
    #[cfg(not(unix))]
    let private = true;
    if meta.is_file() && private { Ok(file) } else { Err(io::ErrorKind::PermissionDenied.into()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exclusive_lock_excludes_all_and_a_shared_one_only_exclusive_ones() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new").join("lock");
        let held = SharedLock::exclusive(&path).unwrap();
        assert_eq!(SharedLock::exclusive(&path).err(), Some(NoLock::Taken));
        assert_eq!(SharedLock::shared(&path).err(), Some(NoLock::Taken));
        assert!(within(Duration::from_millis(5), || SharedLock::shared(&path)).is_none());
        drop(held);
        let (_one, _two) = (SharedLock::shared(&path).unwrap(), SharedLock::shared(&path).unwrap());
        assert_eq!(SharedLock::exclusive(&path).err(), Some(NoLock::Taken));
    }

    #[test]
    fn who_waits_gets_the_lock_when_it_is_released() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let held = SharedLock::exclusive(&path).unwrap();
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| within(Duration::from_secs(60), || SharedLock::exclusive(&path)).is_some());
            std::thread::sleep(Duration::from_millis(20));
            drop(held);
            assert!(waiting.join().unwrap());
        });
        let pauses = [100, 10_000, 15_000, 20_000].map(|micros| next(Duration::from_micros(micros)));
        assert_eq!(pauses, [200, 20_000, 20_000, 20_000].map(Duration::from_micros));
    }

    #[test]
    fn a_lock_is_released_even_if_a_forked_child_has_it_too() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let held = SharedLock::exclusive(&path).unwrap();
        let _of_the_child = held.0.try_clone().unwrap();
        drop(held);
        assert!(SharedLock::exclusive(&path).is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn what_others_can_open_or_put_there_is_not_locked() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (open, link, dir) = (folder.path().join("open"), folder.path().join("link"), folder.path().to_owned());
        std::fs::write(&open, "").unwrap();
        std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o644)).unwrap();
        symlink(&open, &link).unwrap();
        for path in [open, link, dir] {
            assert_eq!(SharedLock::exclusive(&path).err(), Some(NoLock::Unusable), "{}", path.display());
        }
    }
}
