//! A file that stays open between two lines.

use std::fs::{File, Metadata};
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

/// Device and inode; on Windows, where nobody closes another's handles and an open file cannot be replaced, nothing.
#[cfg(unix)]
type Identity = (u64, u64);
#[cfg(not(unix))]
type Identity = ();

#[cfg(unix)]
fn identity(meta: &Metadata) -> Identity {
    use std::os::unix::fs::MetadataExt;
    (meta.dev(), meta.ino())
}

#[cfg(not(unix))]
fn identity(_: &Metadata) -> Identity {}

/// Whether the file still has a name.
#[cfg(unix)]
fn is_linked(meta: &Metadata) -> bool {
    std::os::unix::fs::MetadataExt::nlink(meta) > 0
}

#[cfg(not(unix))]
fn is_linked(_: &Metadata) -> bool {
    true
}

impl KeptFile {
    /// # Errors
    /// The system does not say which file it is.
    pub fn new(file: File) -> io::Result<Self> {
        let identity = identity(&file.metadata()?);
        Ok(Self { file: Some(file), identity })
    }

    /// Length in bytes; `None` if the descriptor is another file now, or the file was removed.
    pub fn length(&self) -> Option<u64> {
        let meta = self.metadata().ok()?;
        (identity(&meta) == self.identity && is_linked(&meta)).then_some(meta.len())
    }

    /// Whether the path, which may be a link, is this file.
    pub fn is_at(&self, path: &Path) -> bool {
        path.symlink_metadata().is_ok_and(|meta| identity(&meta) == self.identity)
    }

    /// Whether the descriptor is still this file.
    fn is_open(&self) -> bool {
        self.metadata().is_ok_and(|meta| identity(&meta) == self.identity)
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
        if !self.is_open() {
            std::mem::forget(self.file.take());
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::fs;
    use std::os::fd::{AsRawFd, OwnedFd};

    #[test]
    fn a_descriptor_that_the_host_gave_to_another_file_is_noticed_and_left_open() {
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
    fn a_file_that_was_removed_has_no_length() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let kept = KeptFile::new(File::create(&path).unwrap()).unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(kept.length(), None);
    }
}
