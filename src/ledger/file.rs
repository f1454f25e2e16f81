//! The ledger on disk. Lines are appended under a lock, each with one write; existing lines never change.
//!
//! A long file is renamed to `PATH.1`, `PATH.2`, and so on. A higher number is younger, and no file is ever
//! overwritten. The next file continues the old one, with the number of the next line, the totals and the hash of the
//! last line. A process may end at any moment, even in the middle of a line. The next process then begins a new line.

use super::draft::{Draft, Place};
use super::end::End;
use super::kept_file::KeptFile;
use super::line;
use super::lock::{Lock, LockFile, PATIENCE, beside};
use super::open::{self, Refusal};
use super::spent::Spent;
use crate::timestamp::{Clock, timestamp};
use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

/// The length after which a new file begins, in bytes.
const LONGEST: u64 = 16 << 20;

/// The ledger at a path.
#[derive(Debug, Clone)]
pub struct LedgerFile {
    path: PathBuf,
    longest: u64,
    /// As this process left it.
    left: Arc<Mutex<Left>>,
}

/// What stays open after a line. A thread that finds nothing here, because another one writes, opens its own.
#[derive(Debug, Default)]
struct Left {
    lock: Option<LockFile>,
    /// The file and its end after our last line. Where another process wrote since, or renamed it, it is opened and read again.
    file: Option<(KeptFile, End)>,
    clock: Clock,
    /// Memory for the next line.
    text: Vec<u8>,
}

impl LedgerFile {
    /// Opens nothing.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), longest: LONGEST, left: Arc::default() }
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a line; returns its number and the date that it counts for. `decide` gets the totals of this day, and sets those
    /// after the line; if it refuses, nothing is written.
    pub fn append<E>(
        &self,
        draft: &Draft<'_>,
        decide: impl FnOnce(&mut Spent) -> Result<(), E>,
    ) -> Result<Result<(u64, String), E>, Refusal> {
        let left = self.left.try_lock().map(|mut left| std::mem::take(&mut *left)).unwrap_or_default();
        let Left { lock, file, mut clock, mut text } = left;
        let lock = Lock::take(&self.path, lock, PATIENCE)?;
        let (lock, (mut file, end)) = match file.filter(|(file, end)| self.is_as_we_left_it(file, end, draft)) {
            Some(left) => (lock, left),
            None => (lock.at(&self.path)?, self.open()?),
        };
        let time = clock.at(SystemTime::now());
        let mut spent = end.spent.clone();
        spent.advance(&time[..10]);
        let (end, added) = match decide(&mut spent) {
            Err(refused) => (end, Err(refused)),
            Ok(()) => {
                let end =
                    add(&mut file, end, draft, time, spent, &mut text).map_err(|error| self.unwritable(&error))?;
                let added = (end.n, end.spent.date.clone());
                (end, Ok(added))
            }
        };
        let lock = lock.release();
        if let Ok(mut left) = self.left.try_lock() {
            *left = Left { lock, file: Some((file, end)), clock, text };
        }
        Ok(added)
    }

    /// Whether it is still the file that the line belongs to, with our last line at its end. Under the lock, which keeps others
    /// from writing meanwhile. An outcome belongs to the file of its request, even if somebody has moved that.
    fn is_as_we_left_it(&self, file: &KeptFile, end: &End, draft: &Draft<'_>) -> bool {
        end.length < self.longest && file.length() == Some(end.length) && (draft.completes() || file.is_at(&self.path))
    }

    /// The totals of this day, without writing. `None` if there is no ledger.
    pub fn spent(&self) -> Result<Option<Spent>, Refusal> {
        let Some(mut file) = open::read(&self.path)? else { return Ok(None) };
        let mut spent = self.end(&mut file)?.spent;
        spent.advance(&timestamp(SystemTime::now())[..10]);
        Ok(Some(spent))
    }

    /// All existing files, the oldest first.
    pub fn files(&self) -> Vec<PathBuf> {
        let mut files: Vec<PathBuf> = self.older().into_iter().map(|number| self.numbered(number)).collect();
        files.push(self.path.clone());
        files.retain(|path| path.symlink_metadata().is_ok());
        files
    }

    /// The same, for readers of the whole ledger.
    ///
    /// # Errors
    /// There are none.
    pub fn all_files(&self) -> Result<Vec<PathBuf>, Refusal> {
        let files = self.files();
        if files.is_empty() { Err(line::missing(&self.path)) } else { Ok(files) }
    }

    /// The numbers of the renamed files, in order.
    fn older(&self) -> Vec<u64> {
        let Some(name) = self.path.file_name().and_then(|name| name.to_str()) else { return Vec::new() };
        let entries = std::fs::read_dir(self.folder()).into_iter().flatten().flatten();
        let number = |entry: std::fs::DirEntry| {
            let other = entry.file_name();
            let digits = other.to_str()?.strip_prefix(name)?.strip_prefix('.')?;
            digits.parse::<u64>().ok().filter(|number| number.to_string() == digits)
        };
        let mut numbers: Vec<u64> = entries.filter_map(number).collect();
        numbers.sort_unstable();
        numbers
    }

    fn folder(&self) -> &Path {
        self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
    }

    fn numbered(&self, number: u64) -> PathBuf {
        beside(&self.path, &number.to_string())
    }

    fn unwritable(&self, error: &io::Error) -> Refusal {
        Refusal::io(&format!("{} cannot be written", self.path.display()), error)
    }

    fn unreadable(&self, error: &io::Error) -> Refusal {
        Refusal::io(&format!("{} cannot be read", self.path.display()), error)
    }

    /// The file that the next line goes to, and its end. Under the lock.
    fn open(&self) -> Result<(KeptFile, End), Refusal> {
        let (file, end) = self.open_end()?;
        Ok((KeptFile::new(file).map_err(|error| self.unreadable(&error))?, end))
    }

    fn open_end(&self) -> Result<(File, End), Refusal> {
        if let Some(mut file) = open::append(&self.path)? {
            let end = self.end(&mut file)?;
            if end.length > 0 && end.length < self.longest {
                return Ok((file, end));
            }
            if end.length == 0 {
                // Somebody created it empty, to set its permissions or owner.
                return self.begin(file);
            }
            drop(file);
            let number = self.older().last().map_or(1, |last| last + 1);
            std::fs::rename(&self.path, self.numbered(number)).map_err(|error| self.unwritable(&error))?;
        }
        // Written beside its path and renamed, so that a file without its first line never exists there.
        let new = tempfile::Builder::new().prefix(".ledger").tempfile_in(self.folder());
        let mut new = new.map_err(|error| self.unwritable(&error))?;
        #[cfg(unix)]
        if let Some(meta) = self.older().last().and_then(|number| self.numbered(*number).symlink_metadata().ok()) {
            let _ = new.as_file().set_permissions(meta.permissions());
        }
        let head = self.head()?;
        new.write_all(&head).map_err(|error| self.unwritable(&error))?;
        new.persist_noclobber(&self.path).map_err(|error| self.unwritable(&error.error))?;
        let gone = || Refusal::new(format!("{} was removed this moment", self.path.display()), "retry");
        let mut file = open::append(&self.path)?.ok_or_else(gone)?;
        let end = self.end(&mut file)?;
        Ok((file, end))
    }

    /// Writes the first line into an empty file.
    fn begin(&self, mut file: File) -> Result<(File, End), Refusal> {
        let head = self.head()?;
        write(&mut file, &head, 0).map_err(|error| self.unwritable(&error))?;
        let end = self.end(&mut file)?;
        Ok((file, end))
    }

    /// The first line of the next file: it continues the youngest of the older ones.
    fn head(&self) -> Result<Vec<u8>, Refusal> {
        let before = self.older().last().map(|number| self.numbered(*number));
        let (follows, end) = match &before {
            None => (None, End::none()),
            Some(path) => {
                let end = match open::read(path)? {
                    Some(mut file) => self.end(&mut file)?,
                    None => End::none(),
                };
                (path.file_name().map(|name| name.to_string_lossy().into_owned()), end)
            }
        };
        let time = timestamp(SystemTime::now());
        let mut spent = end.spent;
        spent.advance(&time[..10]);
        let place = Place { n: end.n + 1, time: &time, spent: &spent, prev: &end.hash };
        let mut text = Vec::new();
        Draft::Head { follows: follows.as_deref() }.write(&place, &mut text);
        text.push(b'\n');
        Ok(text)
    }

    /// Reads the end of a file, and no more than necessary. A file that does not begin like a ledger is refused.
    fn end(&self, file: &mut File) -> Result<End, Refusal> {
        End::read(file).map_err(|error| self.unreadable(&error))?.ok_or_else(|| {
            let cause = format!("{} is not a ledger of stm-pkcs11 and was left unchanged", self.path.display());
            Refusal::new(cause, "set STM_PKCS11_LEDGER to another path, or move that file away")
        })
    }
}

/// Writes a line at the end of a file; returns its new end. `text` is memory for it. Called under the lock.
fn add(file: &mut File, end: End, draft: &Draft<'_>, time: &str, spent: Spent, text: &mut Vec<u8>) -> io::Result<End> {
    let n = end.n + 1;
    text.clear();
    draft.write(&Place { n, time, spent: &spent, prev: &end.hash }, text);
    let hash = line::hash(text);
    text.push(b'\n');
    if end.torn {
        text.insert(0, b'\n');
    }
    write(file, text, end.length)?;
    Ok(End { n, spent, hash, torn: false, length: end.length + text.len() as u64 })
}

/// Writes all of a text, or nothing if the disk is full. Called under the lock.
fn write(file: &mut File, text: &[u8], length: u64) -> io::Result<()> {
    write_at_once(file, text).inspect_err(|_| drop(file.set_len(length)))
}

/// Writes a text with one write, which a signal may interrupt before it begins.
fn write_at_once(file: &mut impl Write, text: &[u8]) -> io::Result<()> {
    loop {
        match file.write(text) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(count) if count < text.len() => return Err(io::ErrorKind::StorageFull.into()),
            written => return written.map(drop),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::draft::{Fields, Subject};
    use super::super::end::GLANCE;
    use super::super::line::{HEAD, Line};
    use super::super::{Ending, Outcome};
    use super::*;
    use std::fs;

    fn ledger(longest: u64) -> (tempfile::TempDir, LedgerFile) {
        let folder = tempfile::tempdir().unwrap();
        let file = LedgerFile { path: folder.path().join("ledger"), longest, left: Arc::default() };
        (folder, file)
    }

    /// A line as it is stored, with its content if it is complete.
    type Stored = (Vec<u8>, Option<Line>);

    fn lines(path: &Path) -> Result<Vec<Stored>, Refusal> {
        let mut lines = Vec::new();
        line::each(path, |text, line| lines.push((text.to_vec(), line)))?;
        Ok(lines)
    }

    fn request<E>(
        file: &LedgerFile,
        decide: impl FnOnce(&mut Spent) -> Result<(), E>,
    ) -> Result<Result<(u64, String), E>, Refusal> {
        let subject = Subject { keypair: "k", keypair_id: "1", sig_alg: "SHA256WithRSA", hash: &[7; 32] };
        file.append(&Draft::Request { caller: &Fields::default(), subject: &subject }, decide)
    }

    /// Adds a request; returns its number and date.
    fn spend(file: &LedgerFile) -> (u64, String) {
        let added = request(file, |spent| {
            spent.add();
            Ok::<_, ()>(())
        });
        added.unwrap().unwrap()
    }

    /// Adds a request; returns its line as it is stored.
    fn add(file: &LedgerFile) -> Line {
        let (n, date) = spend(file);
        let line = lines(file.path()).unwrap().pop().unwrap().1.unwrap();
        assert_eq!((line.n, &line.spent.date), (n, &date));
        line
    }

    #[test]
    fn lines_are_numbered_counted_and_chained() {
        let (_folder, file) = ledger(LONGEST);
        let (first, second) = (add(&file), add(&file));
        assert_eq!((first.n, second.n, second.spent.total), (2, 3, 2));
        let lines = lines(file.path()).unwrap();
        assert_eq!(lines.len(), 3);
        assert_eq!(second.prev, line::hash(&lines[1].0));
        assert_eq!(lines[2].1.as_ref(), Some(&second));
    }

    #[test]
    fn what_another_process_wrote_cut_off_or_put_there_is_seen() {
        let (_folder, file) = ledger(LONGEST);
        let other = LedgerFile::new(file.path());
        assert_eq!([add(&file).n, add(&other).n, add(&file).n, add(&file).n, add(&other).n], [2, 3, 4, 5, 6]);
        // Truncated by hand: the next line follows what is left.
        let text = fs::read_to_string(file.path()).unwrap();
        fs::write(file.path(), &text[..text.trim_end().rfind('\n').unwrap() + 1]).unwrap();
        assert_eq!(add(&other).n, 6);
        // Moved away, as a rotation would do.
        fs::rename(file.path(), file.numbered(1)).unwrap();
        assert_eq!((add(&other).n, add(&file).n), (8, 9));
        // A file of the same length that is not a ledger.
        let length = fs::metadata(file.path()).unwrap().len() as usize;
        fs::remove_file(file.path()).unwrap();
        fs::write(file.path(), vec![b'x'; length]).unwrap();
        assert!(request(&file, |_| Ok::<_, ()>(())).is_err());
        assert_eq!(fs::read(file.path()).unwrap(), vec![b'x'; length]);
    }

    #[test]
    fn an_outcome_belongs_to_the_file_of_its_request_even_if_that_was_moved() {
        let (folder, file) = ledger(LONGEST);
        let (of, _) = spend(&file);
        let moved = folder.path().join("moved");
        fs::rename(file.path(), &moved).unwrap();
        let ending = Ending::of(Outcome::Signed);
        file.append(&Draft::Completed { of, ending: &ending, ms: 0 }, |_| Ok::<_, ()>(())).unwrap().unwrap();
        let last = lines(&moved).unwrap().pop().unwrap().1.unwrap();
        assert_eq!((last.of, last.outcome, file.path().exists()), (Some(of), Some(Outcome::Signed), false));
    }

    #[test]
    fn a_line_is_written_at_once_or_reported_as_not_written() {
        /// Gives these results, one after the other.
        struct Results(Vec<io::Result<usize>>);
        impl Write for Results {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                self.0.remove(0)
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let interrupted = || Err(io::ErrorKind::Interrupted.into());
        for (results, expected) in [
            (vec![Ok(4)], Ok(())),
            (vec![interrupted(), interrupted(), Ok(4)], Ok(())),
            (vec![Ok(3), Ok(1)], Err(io::ErrorKind::StorageFull)),
            (vec![interrupted(), Err(io::ErrorKind::QuotaExceeded.into()), Ok(4)], Err(io::ErrorKind::QuotaExceeded)),
        ] {
            assert_eq!(write_at_once(&mut Results(results), b"line").map_err(|error| error.kind()), expected);
        }
    }

    #[test]
    fn a_refused_line_is_not_written() {
        let (_folder, file) = ledger(LONGEST);
        add(&file);
        let before = fs::read(file.path()).unwrap();
        assert_eq!(request(&file, |_| Err("no")).unwrap(), Err("no"));
        assert_eq!(fs::read(file.path()).unwrap(), before);
    }

    #[test]
    fn after_a_line_that_is_not_whole_comes_a_line_of_its_own_and_nothing_is_lost() {
        let (_folder, file) = ledger(LONGEST);
        add(&file);
        let mut bytes = fs::read(file.path()).unwrap();
        bytes.extend_from_slice(b"{\"n\":3,\"line\":\"requ");
        fs::write(file.path(), &bytes).unwrap();
        let next = add(&file);
        assert_eq!((next.n, next.spent.total), (3, 2));
        let lines = lines(file.path()).unwrap();
        assert_eq!(lines.len(), 4);
        assert_eq!(next.prev, line::hash(&lines[2].0));
        assert!(fs::read(file.path()).unwrap().starts_with(&bytes));
    }

    #[test]
    fn long_lines_at_the_end_are_read_back_to_a_whole_one() {
        let (_folder, file) = ledger(LONGEST);
        add(&file);
        let mut bytes = fs::read(file.path()).unwrap();
        bytes.extend(std::iter::repeat_n(b'x', 3 * GLANCE as usize));
        fs::write(file.path(), &bytes).unwrap();
        assert_eq!(add(&file).n, 3);
    }

    #[test]
    fn files_of_others_are_refused_and_left_as_they_are() {
        let (folder, file) = ledger(LONGEST);
        for content in [&b"my diary\n"[..], b"{", b"\n", b"{\"ledger\":\"other\",\"n\":1}\n", &HEAD.as_bytes()[..9]] {
            fs::write(file.path(), content).unwrap();
            let refused = request(&file, |_| Ok::<_, ()>(())).unwrap_err().to_string();
            assert!(refused.contains("is not a ledger of stm-pkcs11 and was left unchanged"), "{refused}");
            assert_eq!(fs::read(file.path()).unwrap(), content);
        }
        assert!(fs::read_dir(folder.path()).unwrap().flatten().count() <= 2, "nothing but the lock was made");
    }

    #[test]
    fn an_empty_file_that_an_administrator_made_is_begun() {
        let (_folder, file) = ledger(LONGEST);
        fs::write(file.path(), "").unwrap();
        assert_eq!(add(&file).n, 2);
    }

    #[cfg(unix)]
    #[test]
    fn links_and_fifos_are_refused_and_nobody_waits() {
        let (folder, file) = ledger(LONGEST);
        let target = folder.path().join("target");
        std::os::unix::fs::symlink(&target, file.path()).unwrap();
        let refused = request(&file, |_| Ok::<_, ()>(())).unwrap_err().to_string();
        assert!(refused.contains("is a symbolic link; set STM_PKCS11_LEDGER"), "{refused}");
        assert!(!target.exists());
        fs::remove_file(file.path()).unwrap();
        let made = std::process::Command::new("mkfifo").arg(file.path()).status().unwrap();
        assert!(made.success());
        let refused = request(&file, |_| Ok::<_, ()>(())).unwrap_err().to_string();
        assert!(refused.contains("is not a regular file"), "{refused}");
    }

    #[cfg(unix)]
    #[test]
    fn what_is_made_is_for_its_owner_alone() {
        use std::os::unix::fs::PermissionsExt;
        let (folder, file) = ledger(1000);
        (0..9).for_each(|_| drop(add(&file)));
        for entry in fs::read_dir(folder.path()).unwrap().flatten() {
            assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o077, 0, "{entry:?}");
        }
    }

    #[test]
    fn a_long_file_is_followed_by_another_and_numbers_totals_and_chain_go_on() {
        let (folder, file) = ledger(1000);
        fs::write(folder.path().join("ledger.2"), "{\"ledger\":\"stm-pkcs11\",\"n\":5}\n").unwrap();
        fs::write(folder.path().join("ledger.old"), "not ours").unwrap();
        (0..19).for_each(|_| drop(add(&file)));
        let last = add(&file);
        let files = file.files();
        assert!(files.len() > 3, "{files:?}");
        assert_eq!(files[0].file_name().unwrap(), "ledger.2");
        assert_eq!(fs::read_to_string(&files[0]).unwrap(), "{\"ledger\":\"stm-pkcs11\",\"n\":5}\n");
        assert_eq!(last.spent.total, 20);
        let (mut hash, mut n) = (line::hash(b"{\"ledger\":\"stm-pkcs11\",\"n\":5}"), 5);
        for path in &files[1..] {
            for (text, line) in lines(path).unwrap() {
                let line = line.unwrap();
                assert_eq!((line.n, &line.prev), (n + 1, &hash));
                (hash, n) = (line::hash(&text), line.n);
            }
        }
        assert_eq!(n, last.n);
    }

    #[test]
    fn a_file_that_has_reached_its_longest_length_is_followed_by_another() {
        let (_folder, file) = ledger(LONGEST);
        for (number, left) in [(1, Arc::clone(&file.left)), (2, Arc::default())] {
            add(&file);
            let full = LedgerFile { longest: fs::metadata(file.path()).unwrap().len(), left, ..file.clone() };
            add(&full);
            assert_eq!(file.older().last(), Some(&number));
        }
    }

    #[test]
    fn a_ledger_whose_rotation_was_interrupted_goes_on() {
        let (_folder, file) = ledger(LONGEST);
        add(&file);
        fs::rename(file.path(), file.numbered(1)).unwrap();
        let next = add(&file);
        assert_eq!((next.n, next.spent.total), (4, 2));
        assert_eq!(lines(file.path()).unwrap()[0].1.as_ref().unwrap().follows.as_deref(), Some("ledger.1"));
    }

    #[test]
    fn threads_write_one_after_the_other() {
        let (_folder, file) = ledger(20_000);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..25).for_each(|_| drop(spend(&file))));
            }
        });
        assert_eq!(file.spent().unwrap().unwrap().total, 200);
    }
}
