//! Files to try a signing tool on.

use crate::demo::pe;
use crate::print::{self, Failure};
use std::path::PathBuf;

#[derive(clap::Args)]
pub struct Arguments {
    /// What kind of file
    kind: Kind,
    /// Where to write it
    path: PathBuf,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Kind {
    /// A Windows program (64-bit PE) that does nothing and exits with 0
    Pe,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let bytes = match arguments.kind {
        Kind::Pe => pe::program(),
    };
    std::fs::write(&arguments.path, bytes)
        .map_err(|error| print::unwritten(&arguments.path.display().to_string(), &error))
}
