//! A signature taken out of a file, which is replaced whole or not at all.

use super::kind::{self, Kind};
use super::place::Place;
use super::program::{Tool, remove_signature};
use crate::print::{Exit, Failure};
use std::path::Path;

/// Removes all signatures of a Windows program, installer or cabinet.
///
/// # Errors
/// The file is of another kind, or not signed; osslsigncode is not installed, or refuses.
pub fn remove(path: &Path) -> Result<(), Failure> {
    let what = || format!("remove the signature of {}", path.display());
    let unreadable = |error| Failure::new(what(), error, "name a file that is there and can be read");
    let kind = Kind::of(path).map_err(unreadable)?;
    let Some(kind @ (Kind::Pe | Kind::Msi | Kind::Cab)) = kind else {
        let why = "signatures are removed from Windows programs, installers and cabinets only";
        return Err(Failure::new(what(), why, "build the file again").exit(Exit::Usage));
    };
    if !kind::is_signed(kind, path).map_err(unreadable)? {
        return Err(Failure::new(what(), "the file is not signed", "name a signed file"));
    }
    let tool = Tool::Osslsigncode;
    let found =
        tool.find().ok_or_else(|| Failure::new(what(), "osslsigncode is not installed", tool.program().install))?;
    let place = Place::beside(path, path)?;
    let (source, bare) = (place.copy()?, place.room()?);
    remove_signature(&found.path, &source, &bare).map_err(|failure| failure.about(what()))?;
    match kind::is_signed(kind, &bare) {
        Ok(false) => place.put(&bare),
        _ => Err(Failure::new(what(), "osslsigncode left a signature in it", "build the file again")),
    }
}
