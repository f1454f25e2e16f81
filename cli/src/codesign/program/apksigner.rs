//! apksigner: Android packages, by the module.

use super::java::{self, spent};
use super::process::{command, run};
use super::{Job, Made, Trust, Unfit, Use, Verified};
use crate::print::Failure;
use std::fs;
use std::path::Path;
use stm_pkcs11::mechanism::Digest;

pub fn can(program: &Path, wanted: &Use<'_>) -> Result<(), Unfit> {
    java::can(wanted)?;
    java::without_description(wanted)?;
    if wanted.options.digest != Digest::Sha256 {
        return Err(Unfit::new("chooses the hash function by itself", "leave out --hash"));
    }
    let package = "the Android build tools, 30.0 or later";
    let help = java::help(program, &["sign", "--help"], package)?;
    match SCHEMES.iter().filter(|word| word.starts_with("--")).find(|option| !help.contains(**option)) {
        Some(option) => Err(Unfit::new(format!("is too old: it does not know {option}"), format!("install {package}"))),
        None => Ok(()),
    }
}

/// Scheme v2, which all versions of Android since 7 (2016) accept: one signature. A signature of scheme v1 or v3 would be one more.
const SCHEMES: [&str; 10] = [
    "--min-sdk-version",
    "24",
    "--v1-signing-enabled",
    "false",
    "--v2-signing-enabled",
    "true",
    "--v3-signing-enabled",
    "false",
    "--v4-signing-enabled",
    "false",
];

pub fn sign(program: &Path, job: &Job<'_>) -> Result<Made, Failure> {
    let configuration = java::configuration(job)?;
    // What kept the room for it.
    let _ = fs::remove_file(&job.signed);
    // Since Java 9 a class of another module must be let in by name.
    let mut command = command(program, ["-J-add-exports=jdk.crypto.cryptoki/sun.security.pkcs11=ALL-UNNAMED", "sign"]);
    command.args(["--provider-class", "sun.security.pkcs11.SunPKCS11", "--provider-arg"]).arg(configuration);
    command.args(["--ks", "NONE", "--ks-type", "PKCS11", "--ks-pass", "pass:any", "--ks-key-alias"]);
    command.arg(java::alias(job.signer.alias()).expect("can() has seen it")).args(SCHEMES);
    command.arg("--in").arg(&job.source).arg("--out").arg(&job.signed);
    let (said, records) = java::run_with_module(job, command)?;
    if !said.ok || !job.signed.is_file() {
        let remedy = "read what the module says above; stm-pkcs11 doctor checks each step";
        return Err(spent(Failure::new("sign with apksigner", said.why(), remedy), &records));
    }
    Ok(Made { records, stamp: None, verified: None })
}

pub fn verify(program: &Path, file: &Path, _: &Trust<'_>) -> Result<Verified, Failure> {
    let mut command = command(program, ["verify", "--min-sdk-version", "24"]);
    command.arg(file);
    let said = run(command)?;
    if said.ok {
        return Ok(Verified::Wholly);
    }
    Err(Failure::new("verify with apksigner", said.why(), "report it with the output above; the original is as it was"))
}
