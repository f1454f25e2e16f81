//! `smctl sign remove`: a signature taken out of a file.

use super::input;
use crate::codesign::removal::remove;
use crate::print::{self, Failure, shown};
use std::path::PathBuf;

#[derive(clap::Args)]
pub struct SignRemove {
    /// A file, a directory or a pattern; may be repeated
    #[arg(short, long, value_name = "PATH")]
    input: Vec<PathBuf>,
}

pub fn run(arguments: &SignRemove) -> Result<(), Failure> {
    for file in input::files(&arguments.input, None)? {
        remove(&file)?;
        print::line(&format!("Signature removed from {}", shown(&file.display().to_string())));
    }
    Ok(())
}
