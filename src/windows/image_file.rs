//! The library's files in System32 and SysWOW64, where Windows looks for the image of a provider.
//!
//! A library that programs use can be neither overwritten nor removed, but it can be renamed. So a new build is placed
//! beside the old one, under its own name ([`image_name`](super::image_name)), and what no registration names any more
//! is removed, at the latest when Windows restarts. No program that is signing notices.

use super::image_name::{is_leftover, is_ours};
use super::machine::{Directory, Host, Machine};
use super::registration::wide;
use std::ffi::c_void;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::windows::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use windows_sys::Win32::Foundation::{ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION};
use windows_sys::Win32::Storage::FileSystem::*;
use windows_sys::Win32::System::Threading::{GetCurrentProcess, IsWow64Process2};

/// How long another process that registers is waited for.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long "access denied" may mean that another process is just removing its lock file.
const REMOVAL: Duration = Duration::from_secs(1);

/// This machine, as this process sees it.
pub fn host() -> Host {
    let process = Machine::OF_THIS_PROGRAM;
    let (mut emulated, mut native) = (0, 0);
    // SAFETY: the handle is that of this process and needs no closing; both numbers are writable.
    let known = unsafe { IsWow64Process2(GetCurrentProcess(), &mut emulated, &mut native) } != 0;
    let native = if known { Machine::of_number(native) } else { None };
    Host { native: native.unwrap_or(process), process }
}

/// The path of a file in a directory, for messages: as 64-bit programs write it.
pub fn shown(directory: Directory, name: &str) -> PathBuf {
    windows().join(directory.name()).join(name)
}

/// The path of a file in a directory, for this process.
pub fn path(directory: Directory, name: &str) -> PathBuf {
    windows().join(host().path_name(directory)).join(name)
}

/// Whether this machine has the directory.
pub fn has(directory: Directory) -> bool {
    path(directory, "").is_dir()
}

fn windows() -> PathBuf {
    std::env::var_os("SystemRoot").map_or_else(|| PathBuf::from(r"C:\Windows"), PathBuf::from)
}

/// Only one process at a time changes the registration. Released when dropped, and when the process ends.
pub struct Turn {
    _file: File,
}

/// Waits for the turn. An error says that this user may not write to System32, or that another process is stuck.
pub fn turn() -> io::Result<Turn> {
    let path = path(Directory::System32, "stm_pkcs11.lock");
    let begun = Instant::now();
    loop {
        let mut options = File::options();
        let opened = options.write(true).create(true).share_mode(0).custom_flags(FILE_FLAG_DELETE_ON_CLOSE).open(&path);
        match opened {
            Ok(file) => return Ok(Turn { _file: file }),
            Err(error) => {
                let code = error.raw_os_error().map(i32::cast_unsigned);
                let patience = match code {
                    Some(ERROR_SHARING_VIOLATION) => PATIENCE,
                    Some(ERROR_ACCESS_DENIED) => REMOVAL,
                    _ => Duration::ZERO,
                };
                if begun.elapsed() >= patience {
                    return Err(error);
                }
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Writes the library to a directory under this name, unless it is there. The caller has the turn.
pub fn place(directory: Directory, name: &str, content: &[u8]) -> io::Result<()> {
    let path = path(directory, name);
    if is_there(directory, name, content) {
        return Ok(());
    }
    // Whole or not at all: a program may load it at any moment.
    let new = with_end(&path, "new", std::process::id());
    let written = (|| {
        let mut file = File::create(&new)?;
        file.write_all(content)?;
        file.sync_all()
    })();
    written.and_then(|()| fs::rename(&new, &path)).inspect_err(|_| {
        let _ = fs::remove_file(&new);
    })
}

/// Whether the file is in a directory with this content.
pub fn is_there(directory: Directory, name: &str, content: &[u8]) -> bool {
    fs::read(path(directory, name)).is_ok_and(|there| there == content)
}

/// What became of a file that is no longer needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removal {
    Removed(PathBuf),
    /// A program uses it: Windows removes it at the next restart, and the next registration earlier if it can.
    AtRestart(PathBuf),
    /// It stays for now, with the reason.
    Kept(PathBuf, String),
}

/// Removes the library's files that no registration needs. The caller has the turn. `needed` are bare file names.
pub fn tidy(needed: &[String]) -> Vec<Removal> {
    let is_needed = |name: &str| needed.iter().any(|needed| needed.eq_ignore_ascii_case(name));
    let superfluous = files().into_iter().filter(|(_, name)| !is_needed(name));
    superfluous.map(|(directory, name)| remove(directory, &name)).collect()
}

/// Directories and bare names of all files of ours: libraries, and what was left behind.
pub fn files() -> Vec<(Directory, String)> {
    let of = |directory: &Directory| {
        let entries = fs::read_dir(path(*directory, "")).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<String> = names.filter(|name| is_ours(name) || is_leftover(name)).collect();
        names.sort();
        names.into_iter().map(|name| (*directory, name)).collect::<Vec<_>>()
    };
    host().directories().iter().flat_map(of).collect()
}

fn remove(directory: Directory, name: &str) -> Removal {
    let (path, shown) = (path(directory, name), shown(directory, name));
    if fs::remove_file(&path).is_ok() {
        return Removal::Removed(shown);
    }
    let renamed = if is_leftover(name) { Ok(path) } else { moved_aside(&path) };
    let sysnative = host().path_name(directory) != directory.name();
    match renamed.and_then(|aside| if sysnative { Err(in_use()) } else { remove_at_restart(&aside) }) {
        Ok(()) => Removal::AtRestart(shown),
        Err(error) => Removal::Kept(shown, error.to_string()),
    }
}

/// A 32-bit process cannot name a file of System32 in the list for the restart: there is no Sysnative then.
fn in_use() -> io::Error {
    io::Error::from_raw_os_error(ERROR_SHARING_VIOLATION.cast_signed())
}

/// Gives a file that is in use another name, so that its own is free.
fn moved_aside(path: &Path) -> io::Result<PathBuf> {
    let mut last = io::Error::from(io::ErrorKind::AlreadyExists);
    for number in 1..1000 {
        let aside = with_end(path, "old", number);
        if aside.exists() {
            continue;
        }
        match fs::rename(path, &aside) {
            Ok(()) => return Ok(aside),
            Err(error) => last = error,
        }
        break;
    }
    Err(last)
}

fn with_end(path: &Path, end: &str, number: u32) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{end}{number}"));
    PathBuf::from(name)
}

fn remove_at_restart(path: &Path) -> io::Result<()> {
    let path = wide(&path.to_string_lossy());
    // SAFETY: the path has a terminator; without a second name the file is removed.
    let done = unsafe { MoveFileExW(path.as_ptr(), std::ptr::null(), MOVEFILE_DELAY_UNTIL_REBOOT) };
    if done == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// The version of a library as its resource has it, such as `1.2.3`; `None` if it has none.
pub fn version(path: &Path) -> Option<String> {
    let path = wide(&path.to_string_lossy());
    let mut ignored = 0;
    // SAFETY: the path has a terminator, and the number is writable.
    let size = unsafe { GetFileVersionInfoSizeW(path.as_ptr(), &mut ignored) };
    // Words, so that the structures inside are aligned.
    let mut room = vec![0_u64; (size as usize).div_ceil(8)];
    if room.is_empty() {
        return None;
    }
    let root = wide(r"\");
    let (mut found, mut length): (*mut c_void, u32) = (std::ptr::null_mut(), 0);
    // SAFETY: the buffer has `size` bytes; the answer points into it, and is read only if it is as long as the structure.
    let fixed = unsafe {
        let read = GetFileVersionInfoW(path.as_ptr(), 0, size, room.as_mut_ptr().cast()) != 0
            && VerQueryValueW(room.as_ptr().cast(), root.as_ptr(), &mut found, &mut length) != 0;
        if !read || found.is_null() || (length as usize) < size_of::<VS_FIXEDFILEINFO>() {
            return None;
        }
        found.cast::<VS_FIXEDFILEINFO>().read_unaligned()
    };
    let (high, low) = (fixed.dwFileVersionMS, fixed.dwFileVersionLS);
    Some(format!("{}.{}.{}", high >> 16, high & 0xffff, low >> 16))
}
