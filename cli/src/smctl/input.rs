//! `--input`: a file, the files of a directory that can carry a signature, or those that fit a pattern.

use super::tool::Tool;
use crate::codesign::kind::Kind;
use crate::files;
use crate::print::{Exit, Failure};
use std::path::{Path, PathBuf};

/// The files to sign, each as it was named. Of directories and patterns only those that `tool` signs.
///
/// # Errors
/// There is none; a directory below holds files that can be signed, and it is not known whether they are meant.
pub fn files(named: &[PathBuf], tool: Option<Tool>) -> Result<Vec<PathBuf>, Failure> {
    if named.is_empty() || named.iter().any(|path| path.as_os_str().is_empty()) {
        let why = "--input is missing, or empty";
        return Err(Failure::new("sign files", why, "name a file or a directory with --input").exit(Exit::Usage));
    }
    let mut all = Vec::new();
    for path in named {
        let found = if path.is_dir() { of_directory(path)? } else { files::matching(path)? };
        let chosen = found.len() > 1 || path.is_dir();
        let fits =
            |file: &PathBuf| tool.is_none_or(|tool| Kind::of(file).ok().flatten().is_some_and(|kind| tool.signs(kind)));
        match (chosen, found.iter().find(|file| file.exists() && !fits(file))) {
            (true, _) => all.extend(found.into_iter().filter(fits)),
            (false, Some(file)) => {
                let why = format!("files of this kind are not signed by {}", tool.map_or("", |tool| tool.name()));
                return Err(Failure::new(format!("sign {}", file.display()), why, "leave --tool out").exit(Exit::Usage));
            }
            (false, None) => all.extend(found),
        }
    }
    if all.is_empty() {
        let why = "there is no file that can be signed";
        return Err(Failure::new("sign files", why, "name a file, or a directory that has one").exit(Exit::Usage));
    }
    Ok(all)
}

fn of_directory(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let all = files::expand(std::slice::from_ref(&folder.to_owned()), true)?;
    let Some(below) = all.iter().find(|file| file.parent() != Some(folder)) else { return Ok(all) };
    let place = below.parent().unwrap_or(folder).display();
    let why = format!("the directory {place} in it has files that can be signed");
    let remedy = format!("sign it by its own path, with --input {place}, or name files");
    Err(Failure::new(format!("sign the files in {}", folder.display()), why, remedy).exit(Exit::Usage))
}
