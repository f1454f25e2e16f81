//! A directory beside the file that is signed: what is made there takes the file's place whole, or not at all.

use crate::print::{Failure, unwritten};
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;
use tempfile::TempDir;

/// More than a signature with its certificates and its time stamp adds to a file.
const ADDED: u64 = 64 << 10;

/// What a file was like: if that differs, somebody wrote to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen {
    length: u64,
    modified: Option<SystemTime>,
}

impl Seen {
    pub fn of(path: &Path) -> io::Result<Seen> {
        Ok(Seen::from(&fs::metadata(path)?))
    }
}

impl From<&Metadata> for Seen {
    fn from(metadata: &Metadata) -> Seen {
        Seen { length: metadata.len(), modified: metadata.modified().ok() }
    }
}

pub struct Place {
    folder: TempDir,
    /// The file that is signed, with links followed.
    input: PathBuf,
    output: PathBuf,
    original: Metadata,
}

impl Place {
    /// In the directory of `output`, which may be `input`. Links are followed: the file that is replaced is the one that they lead to.
    pub fn beside(input: &Path, output: &Path) -> Result<Place, Failure> {
        let unreadable = |error| {
            Failure::new(format!("read {}", input.display()), error, "name a file that is there and can be read")
        };
        let original = fs::metadata(input).map_err(unreadable)?;
        let resolved = fs::canonicalize(input).map_err(unreadable)?;
        let output = fs::canonicalize(output).unwrap_or_else(|_| output.to_owned());
        let parent = output.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folder = tempfile::Builder::new().prefix(".stm-pkcs11-").tempdir_in(parent);
        let folder = folder.map_err(|error| unwritten(&format!("into {}", parent.display()), &error))?;
        Ok(Place { folder, input: resolved, output, original })
    }

    /// Tries what is done at the end: a file there with the mode and the owner of the original.
    pub fn rehearse(&self) -> Result<(), Failure> {
        let trial = self.path("trial");
        File::create(&trial).and_then(|_| self.dress(&trial)).map_err(|error| self.refused(&error))
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A path in it.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A copy of the original under its own name, which some programs read, in a directory of its own.
    pub fn copy(&self) -> Result<PathBuf, Failure> {
        let folder = self.path("original");
        let copy = folder.join(self.input.file_name().unwrap_or_default());
        let copied = fs::create_dir(&folder).and_then(|()| fs::copy(&self.input, &copy));
        copied.map_err(|error| unwritten(&format!("into {}", self.folder.path().display()), &error))?;
        Ok(copy)
    }

    /// The path of the signed file, with room kept there for the original and its signature: a full disk is met before anything is
    /// spent.
    pub fn room(&self) -> Result<PathBuf, Failure> {
        let folder = self.path("signed");
        let path = folder.join(self.input.file_name().unwrap_or_default());
        let write = || -> io::Result<()> {
            fs::create_dir(&folder)?;
            let mut file = File::create(&path)?;
            let mut left = self.original.len() + ADDED;
            let zeros = [0; 64 << 10];
            while left > 0 {
                let part = left.min(zeros.len() as u64);
                file.write_all(&zeros[..part as usize])?;
                left -= part;
            }
            file.flush()
        };
        write().map_err(|error| unwritten(&format!("into {}", self.folder.path().display()), &error))?;
        Ok(path)
    }

    /// Refuses an original that is not as it was seen.
    pub fn expect(&self, seen: Seen) -> Result<(), Failure> {
        let now = Seen::of(&self.input).map_err(|error| self.refused(&error))?;
        if now == seen {
            return Ok(());
        }
        let what = format!("sign {}", self.input.display());
        let remedy = "sign it when nothing else writes to it";
        Err(Failure::new(what, "the file was changed while it was signed", remedy))
    }

    /// Puts the signed file in its place, with the mode and the owner of the original, if that was not changed meanwhile.
    pub fn put(self, signed: &Path) -> Result<(), Failure> {
        self.expect(Seen::from(&self.original))?;
        let put = || -> io::Result<()> {
            // For writing: Windows flushes no other.
            OpenOptions::new().append(true).open(signed)?.sync_all()?;
            self.dress(signed)?;
            fs::rename(signed, &self.output)
        };
        put().map_err(|error| self.refused(&error))
    }

    fn refused(&self, error: &io::Error) -> Failure {
        let remedy = "sign as the file's owner, or write to another place with --out";
        Failure::new(format!("write {} with the mode and owner of the original", self.output.display()), error, remedy)
    }

    #[cfg(unix)]
    fn dress(&self, file: &Path) -> io::Result<()> {
        use std::os::unix::fs::{MetadataExt, chown};
        let own = fs::metadata(file)?;
        let differs = |old: u32, new: u32| (old != new).then_some(old);
        let (user, group) = (differs(self.original.uid(), own.uid()), differs(self.original.gid(), own.gid()));
        if user.is_some() || group.is_some() {
            chown(file, user, group)?;
        }
        // After the owner, whose change drops set-user-id.
        fs::set_permissions(file, self.original.permissions())
    }

    #[cfg(not(unix))]
    fn dress(&self, file: &Path) -> io::Result<()> {
        let mut permissions = self.original.permissions();
        #[expect(
            clippy::permissions_set_readonly_false,
            reason = "Windows' attribute: a file with it cannot be replaced"
        )]
        permissions.set_readonly(false);
        fs::set_permissions(file, permissions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_that_is_left_leaves_nothing_and_one_that_is_put_replaces_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "original").unwrap();
        let place = Place::beside(&file, &file).unwrap();
        place.rehearse().unwrap();
        assert_eq!(fs::read(place.copy().unwrap()).unwrap(), b"original");
        drop(place);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        let place = Place::beside(&file, &file).unwrap();
        let signed = place.room().unwrap();
        assert_eq!(fs::metadata(&signed).unwrap().len(), 8 + ADDED);
        fs::write(&signed, "signed").unwrap();
        place.put(&signed).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"signed");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_was_changed_meanwhile_is_not_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "original").unwrap();
        let place = Place::beside(&file, &file).unwrap();
        let signed = place.room().unwrap();
        fs::write(&file, "somebody else's").unwrap();
        let said = place.put(&signed).unwrap_err().to_string();
        assert!(said.contains("changed while it was signed"), "{said}");
        assert_eq!(fs::read(&file).unwrap(), b"somebody else's");
    }

    #[cfg(unix)]
    #[test]
    fn mode_and_links_are_kept() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let [file, link] = ["file", "link"].map(|name| folder.path().join(name));
        fs::write(&file, "original").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o751)).unwrap();
        symlink("file", &link).unwrap();
        let place = Place::beside(&link, &link).unwrap();
        let signed = place.room().unwrap();
        fs::write(&signed, "signed").unwrap();
        place.put(&signed).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&file).unwrap(), b"signed");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o751);
    }

    #[test]
    fn a_directory_that_is_not_there_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "original").unwrap();
        let said = Place::beside(&file, &folder.path().join("none/file")).err().unwrap().to_string();
        assert!(said.contains("none"), "{said}");
        let said = Place::beside(&folder.path().join("nothing"), &file).err().unwrap().to_string();
        assert!(said.contains("nothing") && said.contains("name a file"), "{said}");
    }
}
