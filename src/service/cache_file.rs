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
    Read::by_ref(&mut file).take(longest + 1).read_to_end(&mut bytes)?;
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
    // A time in the future is accepted only within the lifetime.
    if owner != identity || u128::from(now().abs_diff(written)) > lifetime.as_millis() {
        return Ok(None);
    }
    let body = text.len() - body.len();
    Ok(Some(Content { text, body, written }))
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
    let foreign = || io::Error::new(ErrorKind::AlreadyExists, "it was not written by this module, and is left alone");
    let file = match look(path) {
        Found::Foreign => return Err(foreign()),
        Found::Ours => file,
        Found::Nothing => match file.persist_noclobber(path) {
            Ok(_) => return Ok(()),
            Err(failed) if failed.error.kind() == ErrorKind::AlreadyExists && look(path) == Found::Foreign => {
                return Err(foreign());
            }
            // Another process was faster, or this file system cannot rename without replacing.
            Err(failed) => failed.file,
        },
    };
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
#[cfg(unix)]
fn is_private(meta: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    meta.mode() & 0o022 == 0 && meta.uid() == crate::host::user()
}

#[cfg(not(unix))]
fn is_private(_: &std::fs::Metadata) -> bool {
    true
}
