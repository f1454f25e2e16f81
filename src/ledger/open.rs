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
    std::os::unix::fs::OpenOptionsExt::mode(options, like.map_or(0o600, mode));
    let _ = like;
}

/// Who may read and write a file; nobody executes it.
#[cfg(unix)]
fn mode(file: &Metadata) -> u32 {
    std::os::unix::fs::MetadataExt::mode(file) & 0o666
}

fn checked(path: &Path, opened: io::Result<File>) -> Result<File, Refusal> {
    let is_link = || path.symlink_metadata().is_ok_and(|meta| meta.is_symlink());
    let foreign = |what: &str| {
        let remedy = "set STM_PKCS11_LEDGER to the path of a regular file, or of none yet";
        Refusal::new(format!("{} is {what}", path.display()), remedy)
    };
    let file = match opened {
        Err(_) if is_link() => return Err(foreign("a symbolic link")),
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
                let _ = file.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(mode(like)));
            }
            made
        }
        opened => opened,
    };
    checked(path, opened)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_refusal_says_what_failed_and_what_to_do() {
        let write = "set STM_PKCS11_LEDGER to a path that this user can write to";
        let permit = "let this user write to the file and its directory, or set STM_PKCS11_LEDGER to another path";
        for (kind, remedy) in [
            (io::ErrorKind::PermissionDenied, permit),
            (io::ErrorKind::ReadOnlyFilesystem, permit),
            (io::ErrorKind::StorageFull, "free space on its disk"),
            (io::ErrorKind::QuotaExceeded, "free space on its disk"),
            (io::ErrorKind::NotADirectory, write),
        ] {
            let error = io::Error::from(kind);
            let refusal = Refusal::io("l cannot be written", &error);
            assert_eq!((refusal.cause(), refusal.remedy()), (&*format!("l cannot be written ({error})"), remedy));
            assert_eq!(refusal.to_string(), format!("l cannot be written ({error}); {remedy}"));
        }
    }

    #[cfg(unix)]
    #[test]
    fn only_a_regular_file_is_opened_and_a_missing_one_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name);
        let ledger = place("ledger");
        fs::write(&ledger, "").unwrap();
        fs::create_dir(place("directory")).unwrap();
        std::os::unix::fs::symlink(&ledger, place("link")).unwrap();
        let said = |path: &str, opened: Result<Option<File>, Refusal>| match opened {
            Ok(Some(_)) => "opened".to_owned(),
            Ok(None) => "none".to_owned(),
            Err(refusal) => refusal.cause().replace(&place(path).display().to_string(), "it"),
        };
        let blocked = "it cannot be opened (Not a directory (os error 20))";
        for (path, appended, seen, locked) in [
            ("ledger", "opened", "opened", "opened"),
            ("none", "none", "none", "opened"),
            ("link", "it is a symbolic link", "it is a symbolic link", "it is a symbolic link"),
            ("directory", "it is a directory", "it is not a regular file", "it is a directory"),
            ("ledger/below", blocked, blocked, blocked),
        ] {
            assert_eq!(said(path, append(&place(path))), appended, "{path}");
            assert_eq!(said(path, read(&place(path))), seen, "{path}");
            assert_eq!(said(path, lock(&place(path), &ledger).map(Some)), locked, "{path}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn all_who_may_write_to_the_ledger_may_lock_it_and_nobody_else() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (ledger, path) = (folder.path().join("ledger"), folder.path().join("ledger.lock"));
        let made = || {
            let mode = lock(&path, &ledger).unwrap().metadata().unwrap().permissions().mode();
            fs::remove_file(&path).unwrap();
            mode & 0o7777
        };
        assert_eq!(made(), 0o600, "before there is a ledger");
        fs::write(&ledger, "").unwrap();
        for (mode, expected) in [(0o600, 0o600), (0o664, 0o664), (0o755, 0o644), (0o666, 0o666)] {
            fs::set_permissions(&ledger, PermissionsExt::from_mode(mode)).unwrap();
            assert_eq!(made(), expected, "{mode:o}");
        }
    }
}
