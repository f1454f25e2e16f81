//! Opens a path directory by directory, and checks the owners.

use super::{Refusal, Trust};
use rustix::fs::{AtFlags, FileType, Mode, OFlags};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fs::{File, Metadata};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Component, Path};

/// The number of links that the kernel itself follows.
const MOST_LINKS: usize = 40;

/// Directories in the path are opened only to pass through them, on systems that have such a flag.
#[cfg(any(target_os = "linux", target_os = "android", target_os = "freebsd"))]
const PASSING: OFlags = OFlags::PATH;
#[cfg(not(any(target_os = "linux", target_os = "android", target_os = "freebsd")))]
const PASSING: OFlags = OFlags::RDONLY;

pub fn open_to_read(trust: &Trust, path: &Path) -> Result<File, Refusal> {
    open(trust, path, OFlags::RDONLY, Mode::empty())
}

pub fn open_to_append(trust: &Trust, path: &Path) -> Result<File, Refusal> {
    open(trust, path, OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE, Mode::RUSR | Mode::WUSR)
}

/// Opens one directory after another, so that nobody can insert a link after a check.
fn open(trust: &Trust, path: &Path, flags: OFlags, mode: Mode) -> Result<File, Refusal> {
    let always = OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let mut folder = root()?;
    let mut ahead = Vec::new();
    put_ahead(&mut ahead, &std::path::absolute(path)?);
    let mut links = 0;
    while let Some(name) = ahead.pop() {
        let last = ahead.is_empty();
        let step = if last { flags | always } else { PASSING | OFlags::DIRECTORY | always };
        match rustix::fs::openat(&folder, &name, step, mode) {
            Ok(opened) if last => return Ok(File::from(opened)),
            Ok(opened) => folder = opened,
            Err(error) => {
                let Some(target) = link(trust, path, &folder, &name)? else { return Err(io(error)) };
                #[cfg(any(target_os = "linux", target_os = "android"))]
                if last && is_process_file(&folder) {
                    // The kernel's own link to a file that this process has open.
                    let flags = (flags | always) - OFlags::NOFOLLOW;
                    return rustix::fs::openat(&folder, &name, flags, mode).map(File::from).map_err(io);
                }
                links += 1;
                if links > MOST_LINKS {
                    return Err(io(Errno::LOOP));
                }
                let target = Path::new(&target);
                if target.is_absolute() {
                    folder = root()?;
                }
                put_ahead(&mut ahead, target);
            }
        }
    }
    Err(io(Errno::ISDIR))
}

fn io(error: Errno) -> Refusal {
    match error {
        // The error of opening a FIFO for writing without a reader.
        Errno::NXIO => Refusal::untrusted("it is a FIFO or a socket", "name a regular file"),
        error => Refusal::Io(error.into()),
    }
}

fn root() -> Result<OwnedFd, Refusal> {
    rustix::fs::open("/", PASSING | OFlags::CLOEXEC, Mode::empty()).map_err(io)
}

fn put_ahead(ahead: &mut Vec<OsString>, path: &Path) {
    ahead.extend(path.components().rev().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    }));
}

/// The target of a link; `None` if the name is not a link.
fn link(trust: &Trust, path: &Path, folder: &OwnedFd, name: &OsStr) -> Result<Option<OsString>, Refusal> {
    // The link itself is opened, if possible, so that owner and target belong to the same link.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let opened =
        match rustix::fs::openat(folder, name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()) {
            Ok(opened) => opened,
            Err(_) => return Ok(None),
        };
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let (folder, name, stat) = (&opened, OsStr::new(""), rustix::fs::fstat(&opened));
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let stat = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW);
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let _ = AtFlags::empty();
    let Ok(stat) = stat else { return Ok(None) };
    if FileType::from_raw_mode(stat.st_mode as _) != FileType::Symlink {
        return Ok(None);
    }
    if !trust.users.contains(&stat.st_uid) {
        let problem = format!("the symbolic link on the way to it was made by another user ({})", stat.st_uid);
        return Err(Refusal::untrusted(
            problem,
            format!("use a path without that link, or remove it: ls -l {}", path.display()),
        ));
    }
    let target = rustix::fs::readlinkat(folder, name, Vec::new()).map_err(io)?;
    Ok(Some(OsString::from_vec(target.into_bytes())))
}

/// Whether names in this directory belong to `/proc`: `/dev/fd/3` and `/dev/stdout` lead there.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn is_process_file(folder: &OwnedFd) -> bool {
    rustix::fs::fstatfs(folder).is_ok_and(|system| system.f_type == rustix::fs::PROC_SUPER_MAGIC)
}

/// Refuses a file that other users may have created or can change. Returns whether others can read it, although the
/// user could prevent that.
pub fn check(trust: &Trust, path: &Path, meta: &Metadata) -> Result<bool, Refusal> {
    check_kind(meta, meta.is_file())?;
    check_owner(trust, path, meta)?;
    check_mode(path, meta)?;
    Ok(meta.mode() & 0o044 != 0 && meta.uid() == crate::host::user())
}

/// Checks that nobody else can replace a file in this directory.
pub fn check_folder(trust: &Trust, path: &Path) -> Result<(), Refusal> {
    let meta = path.metadata()?;
    check_owner(trust, path, &meta)?;
    check_mode(path, &meta)
}

fn check_mode(path: &Path, meta: &Metadata) -> Result<(), Refusal> {
    if meta.mode() & 0o022 == 0 {
        return Ok(());
    }
    let what = if meta.is_dir() { "what is in its directory" } else { "it" };
    let problem = format!("other users can change {what} (mode {:04o})", meta.mode() & 0o7777);
    Err(Refusal::untrusted(problem, format!("run: chmod go-w {}", path.display())))
}

/// The same check for a log file, which may be a character device (`/dev/null`).
pub fn check_log(trust: &Trust, path: &Path, meta: &Metadata) -> Result<(), Refusal> {
    let device = meta.file_type().is_char_device();
    check_kind(meta, meta.is_file() || device)?;
    if device { Ok(()) } else { check_owner(trust, path, meta) }
}

fn check_kind(meta: &Metadata, fits: bool) -> Result<(), Refusal> {
    if fits {
        return Ok(());
    }
    let kind = meta.file_type();
    let kind = if kind.is_dir() {
        "a directory"
    } else if kind.is_fifo() {
        "a FIFO"
    } else if kind.is_socket() {
        "a socket"
    } else {
        "a device"
    };
    Err(Refusal::untrusted(format!("it is {kind}"), "name a regular file"))
}

fn check_owner(trust: &Trust, path: &Path, meta: &Metadata) -> Result<(), Refusal> {
    if trust.of_anybody || trust.users.contains(&meta.uid()) {
        return Ok(());
    }
    let owner = trust.users.last().copied().unwrap_or_default();
    let allowed = if owner == 0 { "root".to_owned() } else { format!("root and user {owner}") };
    let problem = format!("it belongs to user {}; this process obeys files of {allowed} only", meta.uid());
    let path = path.display();
    // A mounted file keeps the owner that it has outside the container.
    let remedy = format!("set its values in the environment, copy it, or run: chown {owner} {path}");
    Err(Refusal::untrusted(problem, remedy))
}
