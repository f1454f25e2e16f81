//! The state directory: everything that outlives a run, and the files for clients.

use crate::keys::{KeyKind, KeyMaterial};
use crate::pki;
use crate::private;
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The directory given as `--state`, locked by one emulator at a time.
pub struct StateDir {
    path: PathBuf,
    /// Open while the emulator runs, because the lock belongs to the file handle.
    _lock: File,
}

impl StateDir {
    /// Creates the directory if it is missing, and locks it for this process.
    ///
    /// # Errors
    /// The directory cannot be created, or another emulator uses it.
    pub fn open(path: &Path) -> io::Result<StateDir> {
        for folder in ["", "keys", "pki", "certs"] {
            private::create_dir(&path.join(folder)).map_err(|error| named(error, &path.join(folder)))?;
        }
        let path = private::absolute(path)?;
        let lock = private::options(0o600).create(true).truncate(false).write(true).open(path.join("lock"))?;
        if lock.try_lock().is_err() {
            let text = format!("{}: another stm-emulator works in this directory", path.display());
            return Err(io::Error::new(io::ErrorKind::AddrInUse, text));
        }
        Ok(StateDir { path, _lock: lock })
    }

    /// The absolute path of a file in the directory.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// The file's bytes; `None` where there is no such file.
    pub fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.file(name)) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(named(error, &self.file(name))),
        }
    }

    /// Writes a file that anyone may read.
    pub fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.write_with_mode(name, bytes, 0o644)
    }

    /// Writes a file that only its owner may read.
    pub fn write_secret(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.write_with_mode(name, bytes, 0o600)
    }

    /// Written beside and renamed, so that nobody ever sees an incomplete file.
    fn write_with_mode(&self, name: &str, bytes: &[u8], mode: u32) -> io::Result<()> {
        let target = self.file(name);
        let beside = self.file(&format!("{name}.new"));
        let write = || {
            let mut file = private::options(mode).write(true).create(true).truncate(true).open(&beside)?;
            file.write_all(bytes)?;
            fs::rename(&beside, &target)
        };
        write().map_err(|error| named(error, &target))
    }

    /// Removes a file; it may be missing.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.file(name)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(named(error, &self.file(name))),
            _ => Ok(()),
        }
    }

    /// A file for appending lines, readable only by its owner.
    pub fn appender(&self, name: &str) -> io::Result<File> {
        let path = self.file(name);
        private::options(0o600).create(true).append(true).open(&path).map_err(|error| named(error, &path))
    }

    /// Stores a key as `keys/<id>.pem`.
    pub fn keep_key(&self, id: &str, key: &KeyMaterial) -> io::Result<()> {
        self.write_secret(&format!("keys/{id}.pem"), pki::pem("PRIVATE KEY", key.pkcs8()).as_bytes())
    }

    /// Reads the key from `keys/<id>.pem`; `None` if there is none.
    pub fn read_key(&self, id: &str, kind: KeyKind) -> io::Result<Option<KeyMaterial>> {
        let Some(der) = self.read_pem(&format!("keys/{id}.pem"))? else { return Ok(None) };
        KeyMaterial::from_pkcs8(kind, der).map(Some).map_err(|error| invalid(&format!("keys/{id}.pem: {error}")))
    }

    /// The DER in a PEM file; `None` where there is no such file.
    pub fn read_pem(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let Some(bytes) = self.read(name)? else { return Ok(None) };
        pki::first_pem(&String::from_utf8_lossy(&bytes)).map(Some).map_err(|error| invalid(&format!("{name}: {error}")))
    }
}

/// An error that names its file.
fn named(error: io::Error, path: &Path) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// A file of the state directory has invalid content.
pub fn invalid(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text.to_owned())
}

/// The user of the emulated service, with the credentials.
#[derive(Serialize, Deserialize, Clone)]
pub struct Credentials {
    /// What `x-api-key` must carry.
    pub api_key: String,
    /// Opens the PKCS#12 files.
    pub password: String,
    /// UUID of the user.
    pub user_id: String,
    /// UUID of the account.
    pub account_id: String,
}

impl Credentials {
    /// The credentials kept in the directory, made at the first run.
    pub fn of(state: &StateDir) -> io::Result<Credentials> {
        const FILE: &str = "credentials.json";
        if let Some(bytes) = state.read(FILE)? {
            return serde_json::from_slice(&bytes).map_err(|error| invalid(&format!("{FILE}: {error}")));
        }
        let made = Credentials {
            api_key: format!("01{}_{}", random_hex(12), random_hex(32)),
            password: random_hex(8),
            user_id: new_id(),
            account_id: new_id(),
        };
        state.write_secret(FILE, &serde_json::to_vec_pretty(&made)?)?;
        Ok(made)
    }
}

/// That many random bytes in hexadecimal.
pub fn random_hex(bytes: usize) -> String {
    let mut buffer = vec![0u8; bytes];
    aws_lc_rs::rand::fill(&mut buffer).expect("the system's random source works");
    HEXLOWER.encode(&buffer)
}

/// A random UUID (version 4).
pub fn new_id() -> String {
    let mut bytes = [0u8; 16];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system's random source works");
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex = HEXLOWER.encode(&bytes);
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_uuids_and_never_repeat() {
        let id = new_id();
        assert_eq!(id.len(), 36);
        assert_eq!(&id[14..15], "4");
        assert_ne!(id, new_id());
    }
}
