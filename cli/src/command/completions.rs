//! Shell completions and man pages, written by the program itself: they cannot be out of date.

use crate::print::{self, Failure};
use std::path::PathBuf;

#[derive(clap::Args)]
pub struct Completions {
    /// The shell
    shell: clap_complete::Shell,
}

#[derive(clap::Args)]
pub struct Man {
    /// The directory for the pages
    folder: PathBuf,
}

/// To standard output.
pub fn completions(arguments: &Completions) -> Result<(), Failure> {
    let mut text = Vec::new();
    clap_complete::generate(arguments.shell, &mut crate::examples::command(), "stm-pkcs11", &mut text);
    print::bytes(&text);
    Ok(())
}

/// A page for the program and one for each command.
pub fn man(arguments: &Man) -> Result<(), Failure> {
    let folder = &arguments.folder;
    let written =
        std::fs::create_dir_all(folder).and_then(|()| clap_mangen::generate_to(crate::examples::command(), folder));
    written.map_err(|error| {
        Failure::new(
            format!("write the pages into {}", folder.display()),
            error,
            "name a folder that can be written to",
        )
    })
}
