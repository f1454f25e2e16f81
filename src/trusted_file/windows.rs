//! On systems where owner and mode of a file do not say whom to trust, any regular file is accepted.

use super::{Refusal, Trust};
use std::fs::{File, Metadata};
use std::path::Path;

pub fn open_to_read(_: &Trust, path: &Path) -> Result<File, Refusal> {
    Ok(File::open(path)?)
}

pub fn open_to_append(_: &Trust, path: &Path) -> Result<File, Refusal> {
    Ok(File::options().create(true).append(true).open(path)?)
}

pub fn check(_: &Trust, _: &Path, meta: &Metadata) -> Result<bool, Refusal> {
    if meta.is_file() { Ok(false) } else { Err(Refusal::untrusted("it is not a file", "name a regular file")) }
}

pub fn check_folder(_: &Trust, _: &Path) -> Result<(), Refusal> {
    Ok(())
}

pub fn check_log(trust: &Trust, path: &Path, meta: &Metadata) -> Result<(), Refusal> {
    check(trust, path, meta).map(drop)
}
