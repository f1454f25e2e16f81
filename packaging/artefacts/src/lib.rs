//! Reads the files of a release: machine, exports, imports, protections, version and signature. `tests/released.rs` checks those of
//! releases, and the module's own `tests/artefacts.rs` the library that cargo builds for tests.

mod kind;
mod read;
mod signature;

pub use kind::{KINDS, Kind, faults};
pub use read::{Image, System};

use std::path::Path;

/// The content of a file, and the images in it: several in a universal file of macOS. Panics with the path if it is not a program or library.
pub fn images(path: &Path) -> (Vec<u8>, Vec<Image>) {
    let data = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let images = read::images(&data).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(!images.is_empty(), "{}: no image", path.display());
    (data, images)
}
