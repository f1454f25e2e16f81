//! The files that a command line names: themselves, those of directories, and patterns where the shell does not fill them in.

use crate::codesign::kind::Kind;
use crate::print::{Exit, Failure};
use std::path::{Path, PathBuf};

/// All files, in the order in which they are named; those of a directory by their names. In directories only files that can carry a
/// signature count; a file that is named is there whatever it is.
pub fn expand(named: &[PathBuf], recursive: bool) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for path in named {
        for path in matching(path)? {
            match (path.is_dir(), recursive) {
                (false, _) => files.push(path),
                (true, true) => below(&path, &mut files)?,
                (true, false) => {
                    let remedy = "use --recursive to sign what is in it, or name files";
                    let what = format!("sign {}", path.display());
                    return Err(Failure::new(what, "it is a directory", remedy).exit(Exit::Usage));
                }
            }
        }
    }
    if files.is_empty() {
        let remedy = "name a file, or a directory that has one";
        return Err(Failure::new("sign files", "no file there can carry a signature", remedy).exit(Exit::Usage));
    }
    Ok(files)
}

/// What a path stands for: itself, or on Windows, whose shells leave patterns as they are, the files that fit it.
pub fn matching(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    let text = path.to_string_lossy();
    if !cfg!(windows) || path.exists() || !text.contains(['*', '?', '[']) {
        return Ok(vec![path.to_owned()]);
    }
    let wrong = |why: String| Failure::new(format!("find {text}"), why, "name files that are there").exit(Exit::Usage);
    let found: Vec<PathBuf> = glob::glob(&text).map_err(|error| wrong(error.to_string()))?.flatten().collect();
    if found.is_empty() { Err(wrong("no file fits this pattern".to_owned())) } else { Ok(found) }
}

/// Links to directories are not followed: they may lead in a circle.
fn below(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Failure> {
    let unreadable = |error| Failure::new(format!("read {}", folder.display()), error, "check its permissions");
    let entries = folder.read_dir().map_err(unreadable)?;
    let mut paths =
        entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>().map_err(unreadable)?;
    paths.sort();
    for path in paths {
        if path.is_dir() {
            if !path.is_symlink() {
                below(&path, files)?;
            }
        } else if path.is_file() && Kind::of(&path).map_err(unreadable)?.is_some() {
            files.push(path);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_give_the_files_below_them_that_can_be_signed() {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("inner");
        std::fs::create_dir(&inner).unwrap();
        for (folder, name) in [(root.path(), "b.ps1"), (root.path(), "readme.txt"), (&inner, "a.ps1")] {
            std::fs::write(folder.join(name), "text").unwrap();
        }
        let all = expand(&[root.path().to_owned()], true).unwrap();
        assert_eq!(all, [root.path().join("b.ps1"), inner.join("a.ps1")]);
        let named = root.path().join("readme.txt");
        assert_eq!(expand(std::slice::from_ref(&named), false).unwrap(), std::slice::from_ref(&named));
        let said = expand(&[root.path().to_owned()], false).unwrap_err().to_string();
        assert!(said.contains("it is a directory") && said.contains("--recursive"), "{said}");
        std::fs::remove_file(inner.join("a.ps1")).unwrap();
        assert!(expand(&[inner], true).unwrap_err().to_string().contains("no file there can carry"));
    }
}
