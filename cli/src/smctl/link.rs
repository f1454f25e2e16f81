//! `smctl link`: a link to this program by one of the vendor's names, in a directory of the user's choice.

use super::program::NAMES;
use crate::on_path;
use crate::print::{self, Exit, Failure, shown, unwritten};
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub struct Link {
    /// Where to make the link
    #[arg(value_name = "DIRECTORY")]
    folder: PathBuf,
    /// Name of the link; may be repeated
    #[arg(long = "name", default_value = "smctl", value_parser = clap::builder::PossibleValuesParser::new(NAMES.iter().map(|name| name.name)))]
    names: Vec<String>,
}

pub fn run(arguments: &Link) -> Result<(), Failure> {
    let program =
        std::env::current_exe().map_err(|error| Failure::new("find this program", error, "call it by its path"))?;
    if !arguments.folder.is_dir() {
        let why = "there is no such directory";
        return Err(Failure::new(format!("link into {}", arguments.folder.display()), why, "make the directory first")
            .exit(Exit::Usage));
    }
    for name in &arguments.names {
        let name = if cfg!(windows) { format!("{name}.exe") } else { name.clone() };
        let link = arguments.folder.join(&name);
        let shown_link = shown(&link.display().to_string()).into_owned();
        if made(&program, &link)? {
            print::line(&format!("linked: {shown_link} to {}", shown(&program.display().to_string())));
        } else {
            print::line(&format!("linked already: {shown_link}"));
        }
        print::line(&first_on_path(&name, &program));
    }
    Ok(())
}

/// Makes the link; says whether it was not there yet. What is there and is not a link to this program stays as it is.
fn made(program: &Path, link: &Path) -> Result<bool, Failure> {
    let name = link.display().to_string();
    if std::fs::symlink_metadata(link).is_ok() {
        if same(program, link) {
            return Ok(false);
        }
        // A link to this program at another place, which an update may have taken away.
        let ours = std::fs::read_link(link).is_ok_and(|target| target.file_name() == program.file_name());
        if !ours {
            let remedy = "choose another directory, or move it away";
            return Err(Failure::new(format!("make {name}"), "it exists, and is not a link to stm-pkcs11", remedy));
        }
        std::fs::remove_file(link).map_err(|error| unwritten(&name, &error))?;
    }
    place(program, link).map_err(|error| unwritten(&name, &error))?;
    Ok(true)
}

#[cfg(unix)]
fn place(program: &Path, link: &Path) -> std::io::Result<()> {
    std::os::unix::fs::symlink(program, link)
}

/// Symbolic links require a right on Windows that few users have.
#[cfg(windows)]
fn place(program: &Path, link: &Path) -> std::io::Result<()> {
    std::fs::hard_link(program, link).or_else(|_| std::fs::copy(program, link).map(drop))
}

/// Whether both are the same file, or have the same content.
fn same(program: &Path, link: &Path) -> bool {
    let real = |path: &Path| path.canonicalize().ok();
    if real(program).is_some() && real(program) == real(link) {
        return true;
    }
    cfg!(windows) && std::fs::read(program).is_ok_and(|ours| std::fs::read(link).is_ok_and(|theirs| ours == theirs))
}

fn first_on_path(name: &str, program: &Path) -> String {
    match on_path::find(name) {
        None => format!("on PATH: no {name}; add the directory to PATH"),
        Some(first) if same(program, &first) => {
            format!("first on PATH: {}, which is this program", shown(&first.display().to_string()))
        }
        Some(first) => {
            format!(
                "first on PATH: {}, which is another program; put the directory before it",
                shown(&first.display().to_string())
            )
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_link_is_made_once_renewed_and_never_over_what_is_somebody_elses() {
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("stm-pkcs11");
        std::fs::write(&program, "program").unwrap();
        let link = folder.path().join("smctl");
        assert!(made(&program, &link).unwrap());
        assert!(!made(&program, &link).unwrap());
        std::fs::remove_file(&link).unwrap();
        symlink("/gone/stm-pkcs11", &link).unwrap();
        assert!(made(&program, &link).unwrap(), "a link to a place that is gone is renewed");
        assert_eq!(std::fs::read_link(&link).unwrap(), program);
        std::fs::remove_file(&link).unwrap();
        let file = |link: &Path| std::fs::write(link, "theirs").unwrap();
        let other = |link: &Path| symlink("/opt/theirs/smctl", link).unwrap();
        for theirs in [&file as &dyn Fn(&Path), &other] {
            theirs(&link);
            let said = made(&program, &link).unwrap_err().to_string();
            assert!(said.contains("it exists, and is not a link to stm-pkcs11"), "{said}");
            std::fs::remove_file(&link).unwrap();
        }
    }
}
