//! A time stamp that the signing program puts in by a run of its own: one that fails costs no second signature.

use super::Job;
use super::process::run;
use crate::codesign::timestamp::{Authority, PAUSES};
use crate::print::{Exit, Failure};
use std::process::Command;

/// Runs `command` until the file is stamped. When it was stamped is not known: the program does not say.
pub fn stamp(job: &Job<'_>, command: impl Fn(&Authority) -> Command) -> Result<Option<String>, Failure> {
    let Some(authority) = job.authority else { return Ok(None) };
    let mut pauses = PAUSES.iter();
    loop {
        let said = run(command(authority))?;
        match (said.ok, pauses.next()) {
            (true, _) => return Ok(Some("yes".to_owned())),
            (false, Some(pause)) => std::thread::sleep(*pause),
            (false, None) => {
                let what = format!("get a time stamp from {}", authority.url());
                let remedy = "check the server, or name another one with --timestamp";
                return Err(Failure::new(what, said.why(), remedy).exit(Exit::Network));
            }
        }
    }
}
