//! Programs on the PATH, and in directories.

use std::path::{Path, PathBuf};

/// The program that a shell would run under this name.
pub fn find(name: &str) -> Option<PathBuf> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).find_map(|folder| find_in(&folder, name))
}

/// The program of this name in a directory.
pub fn find_in(folder: &Path, name: &str) -> Option<PathBuf> {
    names(name).iter().map(|name| folder.join(name)).find(|path| is_executable(path))
}

/// What a program's file can be called.
fn names(name: &str) -> Vec<String> {
    match cfg!(windows) && Path::new(name).extension().is_none() {
        true => ["exe", "bat", "cmd"].iter().map(|ending| format!("{name}.{ending}")).collect(),
        false => vec![name.to_owned()],
    }
}

#[cfg(unix)]
fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(windows)]
fn is_executable(path: &Path) -> bool {
    path.is_file()
}
