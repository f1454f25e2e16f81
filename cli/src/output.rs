//! Where a command's text goes.

use crate::failure::Failure;
use std::path::Path;

/// Into a file, if one is named, and to standard output else.
pub fn write(text: &str, file: Option<&Path>) -> Result<(), Failure> {
    let Some(path) = file else {
        print!("{text}");
        return Ok(());
    };
    std::fs::write(path, text).map_err(|error| {
        Failure::new(format!("write {}", path.display()), error, "name a file in a folder that can be written to")
    })
}
