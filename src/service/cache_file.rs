//! A file of the cache: two lines with its identity and time, then JSON.
//!
//! A file is ours only if it begins like ours. Any other file belongs to another program: it is not read, replaced or
//! removed, whatever the settings say. `SM_PKCS11_DB_DSN` also names the database of DigiCert's own module.

use data_encoding::HEXLOWER;
use serde::Serialize;
use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The beginning of the first line in every version.
const OURS: &[u8] = b"stm-pkcs11 cache ";
/// The first line. Files of other versions do not match, but may be replaced.
const HEAD: &str = "stm-pkcs11 cache 2\n";

/// What exists under a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// No file, or one that cannot be read.
    Nothing,
    /// A file that this module wrote, of any version.
    Ours,
    /// A file of another program, a link, a directory, or something that cannot be examined.
    Foreign,
}

/// A file that was read.
pub struct Content {
    text: String,
    body: usize,
    /// When it was written, in milliseconds since 1970.
    pub written: u64,
}

impl Content {
    pub fn body(&self) -> &str {
        &self.text[self.body..]
    }
}

/// Examines a path. Never blocks, and never follows a link.
pub fn look(path: &Path) -> Found {
    let mut head = [0; OURS.len()];
    match open(path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Found::Nothing,
        Ok(mut file) if file.metadata().is_ok_and(|meta| meta.is_file()) => match file.read_exact(&mut head) {
            Ok(()) if head == *OURS => Found::Ours,
            _ => Found::Foreign,
        },
        _ => Found::Foreign,
    }
}

/// Reads a file of at most `longest` bytes that this identity wrote within `lifetime`. `None` if it is missing, too
/// old, or of another identity or version.
///
/// # Errors
/// The file is damaged, too long, or other users can write to it.
pub fn read(path: &Path, identity: &str, longest: u64, lifetime: Duration) -> io::Result<Option<Content>> {
    panic_point!("cache");
    let mut file = match open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let meta = file.metadata()?;
    if !meta.is_file() || meta.len() > longest {
        return Err(io::Error::other("it is not a file of a length that is read for this"));
    }
    if !is_private(&meta) {
        return Err(io::Error::other("it does not belong to this user alone"));
    }
    let mut bytes = Vec::with_capacity(meta.len() as usize + 1);
    Read::by_ref(&mut file).take(longest).read_to_end(&mut bytes)?;
    let damaged = || io::Error::other("it is damaged or of another version");
    let text = String::from_utf8(bytes).map_err(|_| damaged())?;
    let (whose, body) = text.strip_prefix(HEAD).and_then(|rest| rest.split_once('\n')).ok_or_else(damaged)?;
    let mut words = whose.split(' ');
    let (Some(owner), Some(written), Some(checksum)) = (words.next(), words.next(), words.next()) else {
        return Err(damaged());
    };
    let written: u64 = written.parse().map_err(|_| damaged())?;
    if checksum != checksum_of(owner, written, body) {
        return Err(damaged());
    }
    if owner != identity || !is_fresh(written, now(), lifetime) {
        return Ok(None);
    }
    let body = text.len() - body.len();
    Ok(Some(Content { text, body, written }))
}

/// A time in the future is accepted only within the lifetime.
fn is_fresh(written: u64, now: u64, lifetime: Duration) -> bool {
    u128::from(now.abs_diff(written)) <= lifetime.as_millis()
}

/// Writes a whole file or nothing, and replaces only files of ours.
///
/// # Errors
/// Another program's file has this name, or the disk reports an error. In both cases nothing was changed.
pub fn write(path: &Path, identity: &str, body: &impl Serialize) -> io::Result<()> {
    let folder = path.parent().ok_or(ErrorKind::NotFound)?;
    crate::log::make_folder(folder)?;
    let content = framed(identity, now(), &serde_json::to_string(body)?);
    let mut file = tempfile::Builder::new().prefix(".stm-pkcs11-").tempfile_in(folder)?;
    file.write_all(content.as_bytes())?;
    let file = match file.persist_noclobber(path) {
        Ok(_) => return Ok(()),
        // There is a file, or this file system cannot rename without replacing.
        Err(failed) => failed.file,
    };
    if look(path) == Found::Foreign {
        return Err(io::Error::new(ErrorKind::AlreadyExists, "it was not written by this module, and is left alone"));
    }
    file.persist(path).map(drop).map_err(|failed| failed.error)
}

/// Removes a file of ours; returns whether there was one.
pub fn remove(path: &Path) -> bool {
    look(path) == Found::Ours && std::fs::remove_file(path).is_ok()
}

/// A body with its two lines.
pub fn framed(identity: &str, written: u64, body: &str) -> String {
    format!("{HEAD}{identity} {written} {}\n{body}", checksum_of(identity, written, body))
}

fn checksum_of(identity: &str, written: u64, body: &str) -> String {
    let whole = Sha256::new().chain_update(format!("{identity} {written}\n")).chain_update(body).finalize();
    HEXLOWER.encode(&whole)
}

/// Milliseconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_millis() as u64)
}

fn open(path: &Path) -> io::Result<File> {
    options().read(true).open(path)
}

/// Opens a file of the cache directory: never through a link, and never blocking. A new one is for its owner alone.
pub fn options() -> OpenOptions {
    #[cfg_attr(not(unix), expect(unused_mut, reason = "only unix has more to set"))]
    let mut options = OpenOptions::new();
    #[cfg(unix)]
    {
        use rustix::fs::OFlags;
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600).custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY).bits() as i32);
    }
    options
}

/// Whether only this user can have written it.
fn is_private(meta: &std::fs::Metadata) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        meta.mode() & 0o022 == 0 && meta.uid() == crate::host::user()
    }
    #[cfg(not(unix))]
    {
        let _ = meta;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const LONG: Duration = Duration::from_secs(600);

    /// The body of a file, or why it is not read.
    fn said(path: &Path, longest: u64) -> Result<Option<String>, String> {
        let content = read(path, "one", longest, LONG).map_err(|error| error.to_string())?;
        Ok(content.map(|content| content.body().to_owned()))
    }

    #[test]
    fn a_missing_file_is_none_and_one_that_cannot_be_a_cache_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let (path, directory) = (folder.path().join("file"), folder.path().join("directory"));
        assert_eq!(said(&path, 1000), Ok(None));
        let other = Err("it is not a file of a length that is read for this".to_owned());
        fs::create_dir(&directory).unwrap();
        assert_eq!(said(&directory, u64::MAX), other);
        write(&path, "one", &7).unwrap();
        let length = fs::metadata(&path).unwrap().len();
        assert_eq!(said(&path, length), Ok(Some("7".to_owned())));
        assert_eq!(said(&path, length - 1), other);
        #[cfg(unix)]
        {
            let link = folder.path().join("link");
            std::os::unix::fs::symlink(&path, &link).unwrap();
            assert!(said(&link, 1000).unwrap_err().contains("symbolic link"));
        }
    }

    #[test]
    fn a_file_is_fresh_for_its_lifetime() {
        let lifetime = Duration::from_millis(100);
        for (written, expected) in [(899, false), (900, true), (1000, true), (1100, true), (1101, false)] {
            assert_eq!(is_fresh(written, 1000, lifetime), expected, "{written}");
        }
    }

    #[test]
    fn only_our_own_file_is_replaced_or_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        assert!(!remove(&path), "there is none");
        write(&path, "one", &7).unwrap();
        write(&path, "one", &8).unwrap();
        assert_eq!(said(&path, 1000), Ok(Some("8".to_owned())));
        assert!(remove(&path) && !path.exists());
        fs::write(&path, "a diary").unwrap();
        let refused = write(&path, "one", &7).unwrap_err().to_string();
        assert_eq!(refused, "it was not written by this module, and is left alone");
        assert!(!remove(&path));
        assert_eq!(fs::read(&path).unwrap(), b"a diary");
    }

    #[cfg(unix)]
    #[test]
    fn nothing_is_read_from_a_pipe() {
        use std::io::Read;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let mut pipe = OpenOptions::new().read(true).write(true).open(&path).unwrap();
        pipe.write_all(OURS).unwrap();
        assert_eq!(look(&path), Found::Foreign);
        let mut head = [0; OURS.len()];
        pipe.read_exact(&mut head).unwrap();
        assert_eq!(head, *OURS);
    }
}
