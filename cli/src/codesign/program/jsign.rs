//! jsign: Windows' formats and packages on any system, by the module. It signs first and stamps in a second run, so that a stamp
//! that fails costs no second signature.

use super::java::{self, spent};
use super::process::{command, run};
use super::second_run;
use super::{Job, Made, Tool, Trust, Use, Verified, present};
use crate::codesign::options::{Existing, java_hash_name};
use crate::print::Failure;
use std::fs;
use std::path::Path;

pub fn can(program: &Path, wanted: &Use<'_>) -> Result<(), String> {
    java::can(wanted)?;
    let help = run(command(program, ["--help"])).map_err(|failure| failure.why().to_owned())?;
    match help.text.contains("timestamp") {
        true => Ok(()),
        false => Err("is too old: it has no command timestamp".to_owned()),
    }
}

pub fn sign(program: &Path, job: &Job<'_>) -> Result<Made, Failure> {
    let configuration = java::configuration(job)?;
    // It signs in place.
    fs::copy(&job.source, &job.signed)
        .map_err(|error| Failure::new(format!("write {}", job.signed.display()), error, "make room on the disk"))?;
    let mut signs = command(program, ["sign", "--storetype", "PKCS11", "--storepass", "none", "--keystore"]);
    signs.arg(configuration).arg("--alias");
    signs.arg(java::alias(job.signer.alias()).expect("can() has seen it"));
    signs.args(["--alg", java_hash_name(job.options.digest)]);
    for (option, value) in [("--name", &job.options.opus.description), ("--url", &job.options.opus.url)] {
        if let Some(value) = value {
            signs.args([option, value]);
        }
    }
    if job.is_signed && job.options.existing == Existing::Replace {
        signs.arg("--replace");
    }
    signs.arg(&job.signed);
    let (said, records) = java::run_with_module(job, signs)?;
    if !said.ok {
        let remedy = "read what the module says above; stm-pkcs11 doctor checks each step";
        return Err(spent(Failure::new("sign with jsign", said.why(), remedy), &records));
    }
    let stamped = second_run::stamp(job, |authority| {
        let mut stamps = command(program, ["timestamp", "--tsmode", "RFC3161", "--tsaurl", authority.url()]);
        stamps.arg(&job.signed);
        stamps
    });
    let stamp = stamped.map_err(|failure| spent(failure, &records))?;
    Ok(Made { records, stamp, verified: None })
}

/// By osslsigncode, where it is installed and knows the kind; jsign itself does not verify.
pub fn verify(_: &Path, file: &Path, trust: &Trust<'_>) -> Result<Verified, Failure> {
    let by_osslsigncode = trust.kind.tools().contains(&Tool::Osslsigncode);
    if let Some(found) = Tool::Osslsigncode.find().filter(|_| by_osslsigncode) {
        return found.verify(file, trust);
    }
    present(trust.kind, file, "jsign")
}
