//! Files and directories of one user.

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

/// Options for a file with these permissions, if it is created. On Windows, those of its directory.
pub fn options(mode: u32) -> OpenOptions {
    #[cfg(unix)]
    {
        let mut options = OpenOptions::new();
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
        options
    }
    #[cfg(windows)]
    {
        let _ = mode;
        OpenOptions::new()
    }
}

/// Creates a directory and those above it, for their owner alone.
pub fn create_dir(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(path)
}

/// The absolute path of a directory that exists.
pub fn absolute(path: &Path) -> io::Result<PathBuf> {
    // On Windows a canonical path begins with `\\?\`, which many programs do not understand.
    if cfg!(windows) { std::path::absolute(path) } else { path.canonicalize() }
}
