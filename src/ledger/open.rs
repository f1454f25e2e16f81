//! Opens the ledger's files: only regular files, never through a link, and never blocking.

use std::fmt;
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::path::Path;

/// Why the ledger cannot be used: the problem and the fix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    cause: String,
    remedy: String,
}

impl Refusal {
    /// `cause` is a clause about the ledger, `remedy` an imperative.
    pub fn new(cause: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { cause: cause.into(), remedy: remedy.into() }
    }

    pub fn cause(&self) -> &str {
        &self.cause
    }

    pub fn remedy(&self) -> &str {
        &self.remedy
    }

    /// The system's error for the action `what`.
    pub fn io(what: &str, error: &io::Error) -> Self {
        let remedy = match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                "let this user write to the file and its directory, or set STM_PKCS11_LEDGER to another path"
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free space on its disk",
            _ => "set STM_PKCS11_LEDGER to a path that this user can write to",
        };
        Self::new(format!("{what} ({error})"), remedy)
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}; {}", self.cause, self.remedy)
    }
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(
        &mut options,
        libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC,
    );
    // FILE_FLAG_OPEN_REPARSE_POINT opens the link itself, which is not a regular file.
    #[cfg(windows)]
    std::os::windows::fs::OpenOptionsExt::custom_flags(&mut options, 0x0020_0000);
    options
}

/// Creates with access for the owner only, or with the mode of `like`.
fn create(options: &mut OpenOptions, like: Option<&Metadata>) {
    options.create(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
        options.mode(like.map_or(0o600, |like| like.mode() & 0o666));
    }
    let _ = like;
}

fn checked(path: &Path, opened: io::Result<File>) -> Result<File, Refusal> {
    let is_link = || path.symlink_metadata().is_ok_and(|meta| meta.is_symlink());
    let foreign = |what: &str| {
        let remedy = "set STM_PKCS11_LEDGER to the path of a regular file, or of none yet";
        Refusal::new(format!("{} is {what}", path.display()), remedy)
    };
    let file = match opened {
        Err(error) if error.kind() != io::ErrorKind::NotFound && is_link() => return Err(foreign("a symbolic link")),
        Err(error) if error.kind() == io::ErrorKind::IsADirectory => return Err(foreign("a directory")),
        Err(error) => return Err(Refusal::io(&format!("{} cannot be opened", path.display()), &error)),
        Ok(file) => file,
    };
    match file.metadata() {
        Ok(meta) if meta.is_file() => Ok(file),
        Ok(meta) if meta.is_symlink() => Err(foreign("a symbolic link")),
        Ok(_) => Err(foreign("not a regular file")),
        Err(error) => Err(Refusal::io(&format!("{} cannot be looked at", path.display()), &error)),
    }
}

/// Opens a ledger for reading and appending; `None` if there is none.
pub fn append(path: &Path) -> Result<Option<File>, Refusal> {
    match options().append(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        opened => checked(path, opened).map(Some),
    }
}

/// Opens a ledger to read it; `None` if there is none.
pub fn read(path: &Path) -> Result<Option<File>, Refusal> {
    match options().open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        opened => checked(path, opened).map(Some),
    }
}

/// Opens the lock file `path` of `ledger`, and creates it if necessary, for all users who may write to the ledger.
pub fn lock(path: &Path, ledger: &Path) -> Result<File, Refusal> {
    let opened = match options().append(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
                let made = crate::log::make_folder(folder);
                made.map_err(|error| Refusal::io(&format!("{} cannot be created", folder.display()), &error))?;
            }
            let like = ledger.symlink_metadata().ok();
            let mut options = options();
            create(options.append(true), like.as_ref());
            let made = options.open(path);
            #[cfg(unix)]
            if let (Ok(file), Some(like)) = (&made, &like) {
                // Set despite the umask: every user who may write to the ledger must be able to lock it.
                use std::os::unix::fs::{MetadataExt, PermissionsExt};
                let _ = file.set_permissions(std::fs::Permissions::from_mode(like.mode() & 0o666));
            }
            made
        }
        opened => opened,
    };
    checked(path, opened)
}
