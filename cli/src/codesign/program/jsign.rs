//! jsign: Windows' formats and packages on any system, by the module. It signs first and stamps in a second run, so that a stamp
//! that fails costs no second signature.

use super::java::{self, spent};
use super::process::command;
use super::second_run;
use super::{Job, Made, Tool, Trust, Unfit, Use, Verified, present};
use crate::codesign::kind::Kind;
use crate::codesign::options::{Existing, java_hash_name};
use crate::print::Failure;
use std::fs;
use std::path::Path;

/// The release with all commands and kinds that are used here.
const RELEASE: &str = "jsign 7.0 or later, from https://github.com/ebourg/jsign";

pub fn can(program: &Path, wanted: &Use<'_>) -> Result<(), Unfit> {
    java::can(wanted)?;
    let help = java::help(program, &["--help"], RELEASE)?;
    if !help.contains("timestamp:") {
        return Err(Unfit::new("is too old: it has no command timestamp", format!("install {RELEASE}")));
    }
    match (help.contains(named(wanted.kind)), wanted.kind) {
        (true, _) => Ok(()),
        (false, Kind::Vsix) => {
            let remedy = "sign the extension on Windows, with a program for this format such as dotnet/sign";
            Err(Unfit::new("does not sign files of this kind: its help does not name VSIX", remedy))
        }
        (false, kind) => {
            let why = format!("is too old for files of this kind: its help does not name {}", named(kind));
            Err(Unfit::new(why, format!("install {RELEASE}")))
        }
    }
}

/// The word by which its help names the files of a kind.
fn named(kind: Kind) -> &'static str {
    match kind {
        Kind::Pe => "executable",
        Kind::Msi => "MSI",
        Kind::Cab => "CAB",
        Kind::Cat => "CAT",
        Kind::PowerShell => "PowerShell",
        Kind::WindowsScript => "VBScript",
        Kind::Appx => "APPX",
        Kind::NuGet => "NuGet",
        Kind::Vsix => "VSIX",
        Kind::Jar => "JAR",
        Kind::Apk => "APK",
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
