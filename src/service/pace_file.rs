//! The file through which processes share their pace: one line, changed under a lock that the system releases when its
//! process ends. Whatever goes wrong with it, there is just no common pace.

use super::pace::Pace;
use super::shared_lock::{self, SharedLock};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The beginning of the file, for a person who looks.
const HEAD: &str = "stm-pkcs11 pace 1 ";
/// The length of the file, in bytes: with a single write of all of it, no state is half old and half new.
const LENGTH: usize = 512;
/// The longest wait for the lock, which is held for microseconds. A process that holds it longer was stopped.
const PATIENCE: Duration = Duration::from_millis(50);

#[derive(Debug)]
pub struct PaceFile {
    path: PathBuf,
}

impl PaceFile {
    /// Opens nothing.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Changes the pace; `change` also gets the time, in microseconds since 1970. `None` if the file cannot be used.
    pub fn change<T>(&self, change: impl FnOnce(&mut Pace, u64) -> T) -> Option<T> {
        let mut lock = shared_lock::within(PATIENCE, || SharedLock::exclusive(&self.path))?;
        let file = lock.file();
        let mut bytes = Vec::with_capacity(LENGTH + 1);
        Read::by_ref(file).take(LENGTH as u64 + 1).read_to_end(&mut bytes).ok()?;
        let mut pace = match bytes.as_slice() {
            [] => Pace::default(),
            bytes => read(bytes)?,
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_micros() as u64);
        let known = pace.clone();
        let result = change(&mut pace, now);
        if pace != known {
            let line = format!("{HEAD}{}", serde_json::to_string(&pace).ok()?);
            file.seek(SeekFrom::Start(0)).ok()?;
            file.write_all(format!("{line:<width$}\n", width = LENGTH - 1).as_bytes()).ok()?;
        }
        Some(result)
    }
}

/// `None` for a file of another program. One of ours that is damaged begins anew.
fn read(bytes: &[u8]) -> Option<Pace> {
    let text = bytes.strip_prefix(HEAD.as_bytes()).filter(|_| bytes.len() <= LENGTH)?;
    Some(serde_json::from_slice(text).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_and_processes_draw_their_turns_one_after_the_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new").join("pace");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let file = PaceFile::new(path.clone());
                    for _ in 0..25 {
                        file.change(|pace, now| pace.turn(now, Duration::MAX)).unwrap();
                    }
                });
            }
        });
        let due = |pace: &mut Pace, now| pace.turn(now, Duration::MAX).unwrap().wait;
        let wait = PaceFile::new(path.clone()).change(due).unwrap();
        assert!(wait > Duration::from_millis(100), "100 turns came before: {wait:?}");
        assert_eq!(std::fs::metadata(path).unwrap().len(), LENGTH as u64);
    }

    #[test]
    fn a_damaged_file_begins_anew_and_one_of_others_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pace");
        let file = PaceFile::new(path.clone());
        assert!(file.change(|_, _| ()).is_some());
        for damaged in [format!("{HEAD}{{\"due\":"), HEAD.to_owned()] {
            std::fs::write(&path, damaged).unwrap();
            assert!(file.change(|pace, now| pace.turn(now, Duration::MAX)).is_some());
        }
        for other in ["a diary".to_owned(), format!("{HEAD}{}", " ".repeat(LENGTH))] {
            std::fs::write(&path, &other).unwrap();
            assert!(file.change(|pace, now| pace.turn(now, Duration::MAX)).is_none());
            assert_eq!(std::fs::read_to_string(&path).unwrap(), other);
        }
    }
}
