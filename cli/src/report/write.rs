//! Writes the files of a report. Only a report is replaced, and only as a whole.

use super::GENERATOR;
use crate::print::{Failure, unwritten};
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::Path;

/// What the first bytes of each kind of file are.
pub fn head(path: &Path) -> String {
    match path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("svg")) {
        true => format!("<svg data-generator=\"{GENERATOR}\""),
        false => format!(
            "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"generator\" content=\"{GENERATOR}\">"
        ),
    }
}

/// Whether a file may be written: it is not there yet, or is a report.
pub fn allowed(path: &Path) -> Result<(), Failure> {
    let refused = |why: &str| {
        let remedy = "name a file that is not there yet, or an earlier report";
        Err(Failure::new(format!("write {}", path.display()), why, remedy))
    };
    match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(unwritten(&path.display().to_string(), &error)),
        Ok(meta) if meta.is_symlink() => return refused("it is a symbolic link"),
        Ok(meta) if !meta.is_file() => return refused("it is not a regular file"),
        Ok(_) => {}
    }
    let head = head(path);
    let mut begin = Vec::new();
    let read = File::open(path).and_then(|file| file.take(head.len() as u64).read_to_end(&mut begin));
    read.map_err(|error| unwritten(&path.display().to_string(), &error))?;
    if begin == head.as_bytes() {
        Ok(())
    } else {
        refused("the file there is not a report of stm-pkcs11, and was left unchanged")
    }
}

/// Writes a file beside its path and renames it, so that no reader sees a part of it. A new file is for its owner only, as the ledger
/// is; a file that is replaced keeps its permissions.
pub fn file(path: &Path, text: &str) -> Result<(), Failure> {
    allowed(path)?;
    let failed = |error: io::Error| unwritten(&path.display().to_string(), &error);
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut new = tempfile::Builder::new().prefix(".report").tempfile_in(folder).map_err(failed)?;
    new.write_all(stm_pkcs11::redact::text(text).as_bytes()).map_err(failed)?;
    match fs::metadata(path) {
        Ok(meta) => {
            new.as_file().set_permissions(meta.permissions()).map_err(failed)?;
            new.persist(path).map_err(|error| failed(error.error))?;
        }
        Err(_) => {
            new.persist_noclobber(path).map_err(|error| failed(error.error))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_replaced_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["page.html", "chart.svg"] {
            let path = folder.path().join(name);
            let text = format!("{}...", head(&path));
            file(&path, &text).unwrap();
            file(&path, &format!("{text} again")).unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), format!("{text} again"));
            for other in ["my diary", "", "<svg>", "<!DOCTYPE html><html lang=\"en\">"] {
                fs::write(&path, other).unwrap();
                let said = file(&path, &text).unwrap_err().to_string();
                assert!(
                    said.contains("the file there is not a report of stm-pkcs11, and was left unchanged"),
                    "{said}"
                );
                assert_eq!(fs::read_to_string(&path).unwrap(), other);
            }
        }
        let said = file(folder.path(), "x").unwrap_err().to_string();
        assert!(said.contains("it is not a regular file"), "{said}");
        let said = file(&folder.path().join("none/x.html"), "x").unwrap_err().to_string();
        assert!(said.contains("choose a place that can be written to"), "{said}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing else is left");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_not_followed_and_permissions_are_kept() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (folder.path().join("page.html"), folder.path().join("link.html"));
        file(&path, &head(&path)).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        file(&path, &head(&path)).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
        symlink(&path, &link).unwrap();
        let said = file(&link, "x").unwrap_err().to_string();
        assert!(said.contains("it is a symbolic link"), "{said}");
    }
}
