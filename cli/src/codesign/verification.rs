//! A signed file verified: which signatures it has, and whether a program that verifies its kind accepts them.

use super::anchors::Anchors;
use super::kind::{self, Kind};
use super::program::{Found, Verified};
use super::signatures::{self, Signature};
use crate::print::{Exit, Failure};
use std::path::Path;

/// What was found out of a file.
pub struct Verification {
    pub kind: Kind,
    /// Those that can be read here.
    pub signatures: Vec<Signature>,
    /// The program that verified it.
    pub program: &'static str,
}

/// Verifies all signatures of a file. A file without one is a failure, and so is one that no program here verifies.
pub fn verify(path: &Path, anchors: &Anchors) -> Result<Verification, Failure> {
    let what = || format!("verify {}", path.display());
    let unreadable = |error| Failure::new(what(), error, "name a file that is there and can be read");
    let kind = Kind::of(path).map_err(unreadable)?.ok_or_else(|| {
        let remedy = "verify a signature of its bytes with stm-pkcs11 verify";
        Failure::new(what(), "files of this kind carry no signature", remedy).exit(Exit::Usage)
    })?;
    if !kind::is_signed(kind, path).map_err(unreadable)? {
        return Err(Failure::new(what(), "the file is not signed", "sign it with stm-pkcs11 sign-file"));
    }
    let work =
        tempfile::tempdir().map_err(|error| Failure::new(what(), error, "make room in the temporary directory"))?;
    let trust = anchors.trust(kind, work.path());
    for tool in kind.tools() {
        let Some(found): Option<Found> = tool.find() else { continue };
        let verified = found.verify(path, &trust).map_err(|failure| failure.about(what()))?;
        if verified == Verified::Wholly {
            let signatures = signatures::read(kind, path, work.path())?;
            return Ok(Verification { kind, signatures, program: found.program.name });
        }
    }
    let install = kind.tools().iter().find_map(|tool| tool.to_verify(kind));
    let why = format!("no program here verifies {}", kind.with_article());
    Err(Failure::new(what(), why, install.unwrap_or("verify the file on the system that uses it")))
}
