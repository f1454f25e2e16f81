//! A file that stays open between two lines.

use std::fs::File;
use std::io;
use std::ops::{Deref, DerefMut};
use std::path::Path;

/// An open file, and which one it is. The host may close all descriptors, as daemons do when they start, and open files of its
/// own under the same numbers: those are neither written nor closed.
#[derive(Debug)]
pub struct KeptFile {
    /// `None` only while it is dropped.
    file: Option<File>,
    identity: Identity,
}

/// Which file it is.
#[cfg(unix)]
#[derive(Debug, PartialEq)]
struct Identity {
    device: rustix::fs::Dev,
    inode: u64,
}

#[cfg(unix)]
impl Identity {
    fn of_stat(stat: &rustix::fs::Stat) -> Self {
        Self { device: stat.st_dev, inode: stat.st_ino }
    }

    fn of(file: &File) -> io::Result<Self> {
        Ok(Self::of_stat(&rustix::fs::fstat(file)?))
    }

    fn is_at(&self, path: &Path) -> bool {
        rustix::fs::lstat(path).is_ok_and(|stat| Self::of_stat(&stat) == *self)
    }

    fn is_of(&self, file: &File) -> bool {
        Self::of(file).is_ok_and(|identity| identity == *self)
    }

    fn length(&self, file: &File) -> Option<u64> {
        let stat = rustix::fs::fstat(file).ok()?;
        if Self::of_stat(&stat) != *self || stat.st_nlink == 0 { None } else { stat.st_size.try_into().ok() }
    }
}

/// Volume and index, for which the system needs an open file. Nobody closes another's handles here.
#[cfg(windows)]
#[derive(Debug)]
struct WindowsIdentity(same_file::Handle);

#[cfg(windows)]
type Identity = WindowsIdentity;

#[cfg(windows)]
impl WindowsIdentity {
    fn of(file: &File) -> io::Result<Self> {
        Ok(Self(same_file::Handle::from_file(file.try_clone()?)?))
    }

    fn is_at(&self, path: &Path) -> bool {
        same_file::Handle::from_path(path).is_ok_and(|other| other == self.0)
    }

    fn is_of(&self, _: &File) -> bool {
        true
    }

    fn length(&self, file: &File) -> Option<u64> {
        Some(file.metadata().ok()?.len())
    }
}

impl KeptFile {
    /// # Errors
    /// The system does not say which file it is.
    pub fn new(file: File) -> io::Result<Self> {
        let identity = Identity::of(&file)?;
        Ok(Self { file: Some(file), identity })
    }

    /// Length in bytes; `None` if the descriptor is another file now, or the file was removed.
    pub fn length(&self) -> Option<u64> {
        self.identity.length(self)
    }

    /// Whether the path, which may be a link, is this file.
    pub fn is_at(&self, path: &Path) -> bool {
        self.identity.is_at(path)
    }
}

impl Deref for KeptFile {
    type Target = File;

    fn deref(&self) -> &File {
        self.file.as_ref().unwrap_or_else(|| unreachable!("it is open until it is dropped"))
    }
}

impl DerefMut for KeptFile {
    fn deref_mut(&mut self) -> &mut File {
        self.file.as_mut().unwrap_or_else(|| unreachable!("it is open until it is dropped"))
    }
}

impl Drop for KeptFile {
    fn drop(&mut self) {
        if !self.identity.is_of(self) {
            std::mem::forget(self.file.take());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_file_that_was_moved_away_and_replaced_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, moved) = (folder.path().join("file"), folder.path().join("moved"));
        let kept = KeptFile::new(File::create(&path).unwrap()).unwrap();
        fs::rename(&path, &moved).unwrap();
        assert!(!kept.is_at(&path) && kept.is_at(&moved));
        File::create(&path).unwrap();
        assert!(!kept.is_at(&path) && kept.is_at(&moved));
    }

    #[test]
    #[cfg(unix)]
    fn a_descriptor_that_the_host_gave_to_another_file_is_noticed_and_left_open() {
        use std::os::fd::{AsRawFd, OwnedFd};
        let folder = tempfile::tempdir().unwrap();
        let (ours, theirs) = (folder.path().join("ours"), folder.path().join("theirs"));
        let mut kept = KeptFile::new(File::create(&ours).unwrap()).unwrap();
        assert!(kept.is_at(&ours) && !kept.is_at(&theirs));
        assert_eq!(kept.length(), Some(0));
        let number = kept.as_raw_fd();
        // What `closefrom` and an `open` after it do.
        let mut descriptor = OwnedFd::from(kept.file.take().unwrap());
        rustix::io::dup2(File::create(&theirs).unwrap(), &mut descriptor).unwrap();
        kept.file = Some(descriptor.into());
        assert_eq!(kept.length(), None);
        drop(kept);
        assert!(fs::read_link(format!("/proc/self/fd/{number}")).unwrap().ends_with("theirs"));
    }

    #[test]
    #[cfg(unix)]
    fn our_own_file_is_closed() {
        use std::os::fd::AsRawFd;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let kept = KeptFile::new(File::create(&path).unwrap()).unwrap();
        let place = format!("/proc/self/fd/{}", kept.as_raw_fd());
        assert_eq!(fs::read_link(&place).unwrap(), path);
        drop(kept);
        // Another test may have a file under the same number by now.
        assert_ne!(fs::read_link(&place).ok(), Some(path));
    }

    #[test]
    #[cfg(unix)]
    fn a_file_that_was_removed_has_no_length() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let kept = KeptFile::new(File::create(&path).unwrap()).unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(kept.length(), None);
    }
}
