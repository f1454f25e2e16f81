//! A second file for errors: the one that scripts print after a failure of the vendor's program in whose place this library
//! works. It is opened, and made, by the first error.

use super::stream;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

#[derive(Clone)]
pub enum ErrorCopy {
    /// Errors are not copied.
    Off,
    /// Nothing was written yet. The bare name of the file.
    Named(&'static str),
    Open(Arc<File>),
    /// The file cannot be written; errors are in the log itself.
    Failed,
}

impl ErrorCopy {
    /// Writes a line to the file of this name in `folder`, unless that is the log itself.
    pub fn write(&mut self, folder: Option<&PathBuf>, log: Option<&Path>, line: &str) {
        if let Self::Named(name) = *self {
            let path = folder.map(|folder| folder.join(name));
            *self = match path.filter(|path| Some(&**path) != log).map(|path| super::open(&path)) {
                Some(Ok(file)) => Self::Open(Arc::new(file)),
                _ => Self::Failed,
            };
        }
        if let Self::Open(file) = self {
            stream::write(&mut &**file, line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_made_by_the_first_error_and_never_the_log_itself() {
        let folder = tempfile::tempdir().unwrap();
        let logs = folder.path().join("logs");
        let path = logs.join("smksp.log");
        let mut copy = ErrorCopy::Named("smksp.log");
        assert!(!path.exists());
        copy.write(Some(&logs), None, "one\n");
        copy.write(Some(&logs), None, "two\n");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\ntwo\n");
        ErrorCopy::Named("smksp.log").write(Some(&logs), Some(&path), "three\n");
        ErrorCopy::Named("smksp.log").write(None, None, "four\n");
        ErrorCopy::Off.write(Some(&logs), None, "five\n");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\ntwo\n");
    }
}
