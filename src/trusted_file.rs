//! Files that other users may have created or changed: opened once, directory by directory, and checked after opening.
//!
//! A file that controls the module (settings, properties, certificates, keys, secrets, the cache) is read only if it
//! - is a regular file of limited size, so a FIFO or a device never blocks the module;
//! - belongs to root or to the user that runs the program;
//! - is not writable by its group or by others.
//!
//! A credential that the settings name (client certificate, key) may belong to any user, like ssh's identity files,
//! unless the host is privileged. Containers run as root over directories of other users, and so does `sudo`. The owner
//! of such a file can make signing fail, or supply a certificate that the service does not know with this API key. The
//! owner cannot run a command, and cannot choose the service or the CAs to trust. Files that can do so (settings,
//! properties, CA certificates) must belong to the user or to root, because another user could otherwise make root run
//! a command.
//!
//! A symbolic link in the path is followed if root or the user created it, such as links in a home directory,
//! `/etc/alternatives`, and the `..data` of a mounted Kubernetes secret. A link of another user is refused. A
//! privileged host ([`crate::host::is_privileged`]) reads only files of root in [`MACHINE`].

#[cfg(unix)]
mod unix;
#[cfg(not(unix))]
mod windows;

use crate::open_files;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
#[cfg(unix)]
use unix as system;
#[cfg(not(unix))]
use windows as system;
use zeroize::Zeroizing;

/// The machine's settings directory: the only one that a privileged host reads.
pub const MACHINE: &str = "/etc/stm-pkcs11";

/// The machine's settings directory, on systems that have one.
///
/// Windows has no directory that every user may read and only administrators may write to, unless an installer sets
/// such permissions. So none is read. `STM_PKCS11_CONFIG` in the machine's environment, which only administrators can
/// set, names a file for all users.
pub fn machine() -> Option<PathBuf> {
    cfg!(unix).then(|| MACHINE.into())
}

/// Why a file is not used.
#[derive(Debug)]
pub enum Refusal {
    Io(io::Error),
    /// Another user may have created it or can change it, or it is not a regular file.
    Untrusted {
        /// The problem, as a clause: `it ...`.
        problem: String,
        remedy: String,
    },
}

impl Refusal {
    fn untrusted(problem: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self::Untrusted { problem: problem.into(), remedy: remedy.into() }
    }

    /// Whether the file does not exist.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == io::ErrorKind::NotFound)
    }

    /// The problem, as a clause whose subject is the file: `cannot be read (...)`.
    pub fn clause(&self) -> String {
        match self {
            Self::Io(error) => format!("cannot be read ({error})"),
            Self::Untrusted { problem, .. } => format!("is refused ({problem})"),
        }
    }

    pub fn remedy(&self) -> &str {
        match self {
            Self::Io(error) if open_files::are_exhausted(error) => open_files::REMEDY,
            Self::Io(_) => "check the path and who may read it",
            Self::Untrusted { remedy, .. } => remedy,
        }
    }
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

#[derive(Debug, Clone)]
struct Trust {
    /// The users whose files and links are trusted.
    #[cfg_attr(not(unix), allow(dead_code, reason = "Windows has no user numbers"))]
    users: Vec<u32>,
    /// The only directory to read from; `None` for any.
    below: Option<PathBuf>,
    /// Whether the file itself, but not a link in its path, may belong to any user.
    #[cfg_attr(not(unix), allow(dead_code, reason = "Windows has no user numbers"))]
    of_anybody: bool,
}

impl Trust {
    /// The rule for this process.
    fn of_process() -> Self {
        match crate::host::is_privileged() {
            true => Self { users: vec![0], below: Some(MACHINE.into()), of_anybody: false },
            #[cfg(unix)]
            false => Self { users: vec![0, crate::host::user()], below: None, of_anybody: false },
            #[cfg(not(unix))]
            false => Self { users: Vec::new(), below: None, of_anybody: false },
        }
    }

    /// The same for a credential.
    fn of_credentials() -> Self {
        let trust = Self::of_process();
        Self { of_anybody: trust.below.is_none(), ..trust }
    }

    fn check_place(&self, path: &Path) -> Result<(), Refusal> {
        use std::path::Component;
        let Some(below) = &self.below else { return Ok(()) };
        if path.starts_with(below) && !path.components().any(|part| part == Component::ParentDir) {
            return Ok(());
        }
        let below = below.display();
        Err(Refusal::untrusted(
            format!("it is not in {below}, and this program runs with rights that its caller does not have"),
            format!("put it into {below}, owned by root"),
        ))
    }
}

#[derive(Debug)]
pub struct Content {
    /// The whole content; wiped when dropped, because it may be a key.
    pub bytes: Zeroizing<Vec<u8>>,
    /// Whether its group or others can read it. Always false on Windows.
    pub open_to_others: bool,
}

/// Reads a file that controls the module, of at most `limit` bytes. Never blocks on a FIFO or a device.
///
/// # Errors
/// [`Refusal`], with a message for the user.
pub fn read(path: &Path, limit: u64) -> Result<Content, Refusal> {
    read_if(&Trust::of_process(), path, limit)
}

/// The same for a client certificate or its key.
///
/// # Errors
/// As [`read`].
pub fn read_credential(path: &Path, limit: u64) -> Result<Content, Refusal> {
    read_if(&Trust::of_credentials(), path, limit)
}

/// Whether [`read_credential`] would read it now. Returns whether its group or others can read it.
///
/// # Errors
/// As [`read`].
pub fn check_credential(path: &Path, limit: u64) -> Result<bool, Refusal> {
    open_if(&Trust::of_credentials(), path, limit).map(|(_, open_to_others)| open_to_others)
}

/// Whether [`read`] would read it now, without reading it. Returns whether its group or others can read it.
///
/// # Errors
/// As [`read`]. The file may be replaced before it is read; reading checks again.
pub fn check(path: &Path, limit: u64) -> Result<bool, Refusal> {
    open_if(&Trust::of_process(), path, limit).map(|(_, open_to_others)| open_to_others)
}

fn open_if(trust: &Trust, path: &Path, limit: u64) -> Result<(File, bool), Refusal> {
    trust.check_place(path)?;
    if let Some(below) = &trust.below {
        path.ancestors()
            .skip(1)
            .take_while(|folder| folder.starts_with(below))
            .try_for_each(|folder| system::check_folder(trust, folder))?;
    }
    let file = system::open_to_read(trust, path)?;
    let meta = file.metadata()?;
    let open_to_others = system::check(trust, path, &meta)?;
    if meta.len() > limit { Err(too_long(limit)) } else { Ok((file, open_to_others)) }
}

fn read_if(trust: &Trust, path: &Path, limit: u64) -> Result<Content, Refusal> {
    let (file, open_to_others) = open_if(trust, path, limit)?;
    let length = file.metadata()?.len() as usize;
    // Allocated for the whole content: a growing vector leaves copies in memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(length + 1));
    file.take(limit + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit { Err(too_long(limit)) } else { Ok(Content { bytes, open_to_others }) }
}

fn too_long(limit: u64) -> Refusal {
    Refusal::untrusted(format!("it is longer than {} kB", limit >> 10), "check that it is the right file")
}

/// Opens a log file to append to it, and creates it for its owner alone if it does not exist. Links of other users are
/// not followed. Files of other users, FIFOs and sockets are refused. It never blocks.
///
/// # Errors
/// [`Refusal`]; `PermissionDenied` in a privileged host.
pub fn open_log(path: &Path) -> Result<File, Refusal> {
    let trust = Trust::of_process();
    if trust.below.is_some() {
        return Err(io::Error::from(io::ErrorKind::PermissionDenied).into());
    }
    let file = system::open_to_append(&trust, path)?;
    system::check_log(&trust, path, &file.metadata()?)?;
    Ok(file)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::fs::{self, Permissions};
    use std::os::unix::fs::{PermissionsExt, chown, symlink};
    use std::os::unix::net::UnixListener;

    const LIMIT: u64 = 100;

    fn file(folder: &Path, name: &str, mode: u32) -> PathBuf {
        let path = folder.join(name);
        fs::write(&path, "content").unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path
    }

    fn said(path: &Path) -> String {
        read(path, LIMIT)
            .map_or_else(|refusal| format!("{}: {}", refusal.clause(), refusal.remedy()), |_| "read".into())
    }

    #[test]
    fn a_file_of_the_users_own_is_read_with_links_of_the_users_own_on_the_way() {
        let folder = tempfile::tempdir().unwrap();
        let path = file(folder.path(), "file", 0o600);
        symlink("file", folder.path().join("relative")).unwrap();
        symlink(&path, folder.path().join("absolute")).unwrap();
        // Kubernetes mounts secrets like this: file -> ..data/file, ..data -> ..2026_01_01.
        let data = folder.path().join("..2026_01_01");
        fs::create_dir(&data).unwrap();
        file(&data, "mounted", 0o644);
        symlink("..2026_01_01", folder.path().join("..data")).unwrap();
        symlink("..data/mounted", folder.path().join("mounted")).unwrap();
        symlink("../..data/mounted", data.join("up")).unwrap();
        for name in ["file", "relative", "absolute", "mounted", "..data/up", "./..data/../file"] {
            assert_eq!(read(&folder.path().join(name), LIMIT).unwrap().bytes.as_slice(), b"content", "{name}");
        }
        assert!(!read(&path, LIMIT).unwrap().open_to_others);
        let checked = |name: &str| check(&folder.path().join(name), LIMIT).ok();
        assert_eq!((checked("file"), checked("mounted"), checked("none")), (Some(false), Some(true), None));
        assert!(read(&folder.path().join("mounted"), LIMIT).unwrap().open_to_others);
        let open = fs::File::open(&path).unwrap();
        let descriptor = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&open));
        assert_eq!(read(Path::new(&descriptor), LIMIT).unwrap().bytes.as_slice(), b"content");
    }

    #[test]
    fn what_is_not_there_or_leads_nowhere_is_the_systems_error() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(machine().as_deref(), Some(Path::new(MACHINE)));
        assert!(read(&folder.path().join("none"), LIMIT).unwrap_err().is_not_found());
        symlink("none", folder.path().join("dangling")).unwrap();
        assert!(read(&folder.path().join("dangling"), LIMIT).unwrap_err().is_not_found());
        symlink("circle", folder.path().join("circle")).unwrap();
        assert!(said(&folder.path().join("circle")).contains("cannot be read (Too many levels"));
        let path = file(folder.path(), "file", 0o600);
        assert!(said(&path.join("below")).contains("cannot be read (Not a directory"));
        assert!(!read(&path.join("below"), LIMIT).unwrap_err().is_not_found());
        // As many links as the kernel itself follows, and one more.
        symlink("file", folder.path().join("link1")).unwrap();
        for number in 2..=41 {
            symlink(format!("link{}", number - 1), folder.path().join(format!("link{number}"))).unwrap();
        }
        assert!(read(&folder.path().join("link40"), LIMIT).is_ok());
        assert!(said(&folder.path().join("link41")).contains("cannot be read (Too many levels"));
    }

    #[test]
    fn what_others_can_change_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        for mode in [0o620, 0o602, 0o666, 0o777] {
            let path = file(folder.path(), "file", mode);
            assert!(said(&path).starts_with("is refused (other users can change it (mode 0"), "{}", said(&path));
            assert!(said(&path).contains("run: chmod go-w /"), "{}", said(&path));
        }
    }

    #[test]
    fn what_is_not_a_file_or_too_long_is_refused_without_waiting() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        let made = std::process::Command::new("mkfifo").arg(&fifo).status();
        assert!(made.unwrap().success());
        assert_eq!(said(&fifo), "is refused (it is a FIFO): name a regular file");
        assert_eq!(said(folder.path()), "is refused (it is a directory): name a regular file");
        assert_eq!(said(Path::new("/dev/zero")), "is refused (it is a device): name a regular file");
        assert!(open_log(&fifo).is_err_and(|refusal| refusal.clause().contains("it is a FIFO")));
        let socket = folder.path().join("socket");
        let _listener = UnixListener::bind(&socket).unwrap();
        assert_eq!(said(&socket), "is refused (it is a FIFO or a socket): name a regular file");
        let long = folder.path().join("long");
        fs::write(&long, [0; LIMIT as usize]).unwrap();
        assert_eq!(read(&long, LIMIT).unwrap().bytes.len() as u64, LIMIT);
        fs::write(&long, [0; LIMIT as usize + 1]).unwrap();
        assert!(said(&long).starts_with("is refused (it is longer than "));
        // The size of a file in /proc is 0.
        assert_eq!(said(Path::new("/proc/self/status")), said(&long));
    }

    #[test]
    fn a_log_file_is_made_for_its_owner_alone_and_written_behind_what_it_holds() {
        use std::io::Write;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        writeln!(open_log(&path).unwrap(), "one").unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        writeln!(open_log(&path).unwrap(), "two").unwrap();
        // As `/dev/stdout` leads to an open file.
        let open = fs::File::options().append(true).open(&path).unwrap();
        let descriptor = format!("/proc/self/fd/{}", std::os::fd::AsRawFd::as_raw_fd(&open));
        writeln!(open_log(Path::new(&descriptor)).unwrap(), "three").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\nthree\n");
    }

    /// Only root can change owners, so the tests change the list of trusted users instead.
    fn trusting(users: &[u32]) -> Trust {
        Trust { users: users.to_vec(), below: None, of_anybody: false }
    }

    #[test]
    fn files_and_links_of_other_users_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let own = crate::host::user();
        let path = file(folder.path(), "file", 0o600);
        let stranger = trusting(&[own + 1]);
        let refusal = read_if(&stranger, &path, LIMIT).unwrap_err();
        assert!(refusal.clause().contains(&format!("it belongs to user {own}")), "{}", refusal.clause());
        assert!(refusal.remedy().contains("chown"), "{}", refusal.remedy());
        assert!(refusal.remedy().starts_with("set its values in the environment, copy it, or run: chown "));
        // A credential may belong to any user, but only its owner may write to it, and links to it must be trusted.
        let credentials = Trust { of_anybody: true, ..stranger.clone() };
        assert_eq!(read_if(&credentials, &path, LIMIT).unwrap().bytes.as_slice(), b"content");
        let open = file(folder.path(), "open", 0o620);
        let refusal = read_if(&credentials, &open, LIMIT).unwrap_err();
        assert!(refusal.clause().contains("other users can change it"), "{}", refusal.clause());
        let link = folder.path().join("link");
        symlink(&path, &link).unwrap();
        assert!(read_if(&credentials, &link, LIMIT).unwrap_err().clause().contains("was made by another user"));
        let (below, on_the_way) = (folder.path().join("below"), folder.path().join("on-the-way"));
        fs::create_dir(&below).unwrap();
        file(&below, "file", 0o600);
        symlink(&below, &on_the_way).unwrap();
        let refusal = read_if(&credentials, &on_the_way.join("file"), LIMIT).unwrap_err();
        assert!(refusal.clause().contains("was made by another user"), "{}", refusal.clause());
        let refusal = read_if(&trusting(&[0]), &path, LIMIT);
        if own != 0 {
            assert!(refusal.unwrap_err().clause().contains("this process obeys files of root only"));
        }
        let allowed = |users: &[u32]| read_if(&trusting(users), &path, LIMIT).unwrap_err().clause();
        let (one, other) = (own + 1, own + 2);
        assert!(allowed(&[one, other]).contains(&format!("obeys files of root and user {other} only")));
        let refusal = read_if(&stranger, &link, LIMIT).unwrap_err();
        assert!(
            refusal.clause().contains("the symbolic link on the way to it was made by another user"),
            "{}",
            refusal.clause()
        );
        assert!(refusal.remedy().contains("use a path without that link"), "{}", refusal.remedy());
        if own == 0 {
            chown(&path, Some(65_534), None).unwrap();
            assert!(said(&path).starts_with("is refused (it belongs to user 65534"), "{}", said(&path));
            assert!(open_log(&path).is_err_and(|refusal| refusal.clause().contains("it belongs to user 65534")));
        }
    }

    #[test]
    fn a_privileged_host_reads_only_below_one_directory_that_nobody_else_can_change() {
        let folder = tempfile::tempdir().unwrap();
        let below = folder.path().join("etc");
        fs::create_dir(&below).unwrap();
        fs::set_permissions(&below, Permissions::from_mode(0o755)).unwrap();
        let trust = Trust { users: vec![crate::host::user()], below: Some(below.clone()), of_anybody: false };
        let inside = file(&below, "inside", 0o600);
        let outside = file(folder.path(), "outside", 0o600);
        assert!(read_if(&trust, &inside, LIMIT).is_ok());
        for path in [outside, below.join("../outside"), PathBuf::from("inside")] {
            let refusal = read_if(&trust, &path, LIMIT).unwrap_err();
            assert!(refusal.clause().contains("rights that its caller does not have"), "{}", refusal.clause());
        }
        fs::set_permissions(&below, Permissions::from_mode(0o775)).unwrap();
        let refusal = read_if(&trust, &inside, LIMIT).unwrap_err();
        assert!(refusal.clause().contains("other users can change what is in its directory"), "{}", refusal.clause());
    }
}
