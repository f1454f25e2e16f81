//! A file that is opened before a signature is billed, and written afterwards.

use super::{Failure, unwritten};
use std::fs::{File, OpenOptions};
use std::io::{Seek, Write};
use std::path::{Path, PathBuf};

/// The file for a signature, opened before the signature is billed. An existing file keeps its content until then.
pub struct Place {
    file: File,
    path: PathBuf,
    new: bool,
}

/// Space reserved in a new file; the longest signatures (SLH-DSA) have 50 kB, most a thousandth of that.
const ROOM: usize = 16 << 10;

impl Place {
    /// Opens the file; creates it with room for a signature if it does not exist.
    pub fn open(path: &Path) -> Result<Place, Failure> {
        let refused = |error: &std::io::Error| unwritten(&path.display().to_string(), error);
        let new = !path.exists();
        let file =
            OpenOptions::new().write(true).create(true).truncate(false).open(path).map_err(|error| refused(&error))?;
        let mut place = Place { file, path: path.to_owned(), new };
        if new && let Err(error) = place.file.write_all(&[0; ROOM]).and_then(|()| place.file.flush()) {
            place.leave();
            return Err(refused(&error));
        }
        Ok(place)
    }

    /// Replaces the content.
    pub fn write(mut self, bytes: &[u8]) -> std::io::Result<()> {
        if self.file.metadata()?.is_file() {
            self.file.rewind()?;
            self.file.write_all(bytes)?;
            self.file.set_len(bytes.len() as u64)?;
            return self.file.sync_all();
        }
        self.file.write_all(bytes)
    }

    /// Nothing was signed: removes the file if it did not exist before.
    pub fn leave(self) {
        if self.new {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn a_place_that_is_left_is_as_it_was_and_one_that_is_written_has_the_signature_alone() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        std::fs::write(&old, "what was there").unwrap();
        for path in [&old, &new] {
            Place::open(path).unwrap().leave();
        }
        assert_eq!(std::fs::read(&old).unwrap(), b"what was there");
        assert!(!new.exists());
        for path in [&old, &new] {
            Place::open(path).unwrap().write(b"signature").unwrap();
            assert_eq!(std::fs::read(path).unwrap(), b"signature");
        }
        let said = Place::open(&folder.path().join("none/x")).err().unwrap().to_string();
        assert!(said.contains("No such file or directory") && said.contains("choose a place"), "{said}");
    }
}
