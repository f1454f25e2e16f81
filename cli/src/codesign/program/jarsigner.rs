//! jarsigner: Java archives, by the module. The time stamp is put in afterwards, so that it costs no second signature where the
//! first answer of the server is none.

use super::java::{self, spent};
use super::process::{command, run};
use super::{Job, Made, Trust, Unfit, Use, Verified};
use crate::codesign::archive::{self, Entry};
use crate::codesign::cms::{self, StampAttribute};
use crate::codesign::options::{Existing, java_hash_name};
use crate::print::Failure;
use std::fs;
use std::path::{Path, PathBuf};

const REMEDY: &str = "read what the module says above; stm-pkcs11 doctor checks each step";

pub fn can(program: &Path, wanted: &Use<'_>) -> Result<(), Unfit> {
    java::can(wanted)?;
    java::without_description(wanted)?;
    java::help(program, &["-help"], "a Java development kit").map(drop)
}

pub fn sign(program: &Path, job: &Job<'_>) -> Result<Made, Failure> {
    let source = prepared(job)?;
    let name = signature_name(job.signer.alias(), &archive::names(&source)?);
    let hash = java_hash_name(job.options.digest);
    let algorithm = format!("{}with{}", hash.replace('-', ""), if job.signer.is_rsa() { "RSA" } else { "ECDSA" });
    let configuration = java::configuration(job)?;
    // What kept the room for it.
    let _ = fs::remove_file(&job.signed);
    let mut command = command(program, ["-J-Duser.language=en", "-keystore", "NONE", "-storetype", "PKCS11"]);
    // The token needs no PIN: any word keeps jarsigner from asking.
    command.args(["-storepass", "none", "-providerClass", "sun.security.pkcs11.SunPKCS11", "-providerArg"]);
    command.arg(configuration).args(["-digestalg", hash, "-sigalg", &algorithm, "-sigfile", &name]);
    command.arg("-signedjar").arg(&job.signed).arg(&source);
    command.arg(java::alias(job.signer.alias()).expect("can() has seen it"));
    let (said, records) = java::run_with_module(job, command)?;
    if !said.ok || !job.signed.is_file() {
        return Err(spent(Failure::new("sign with jarsigner", said.why(), REMEDY), &records));
    }
    let stamp = stamp(job, &name).map_err(|failure| spent(failure, &records))?;
    Ok(Made { records, stamp, verified: None })
}

/// The archive to sign: without its signatures, where they are to be replaced.
fn prepared(job: &Job<'_>) -> Result<PathBuf, Failure> {
    if !(job.is_signed && job.options.existing == Existing::Replace) {
        return Ok(job.source.clone());
    }
    let bare = job.work.join("bare.jar");
    let becomes = |name: &str| if archive::is_of_signature(name) { Entry::LeftOut } else { Entry::AsItIs };
    archive::copy(&job.source, &bare, becomes)?;
    Ok(bare)
}

/// The name of the signature's files in `META-INF`, as jarsigner makes it of an alias; one that is free.
fn signature_name(alias: &str, entries: &[String]) -> String {
    let letter = |letter: char| if letter.is_ascii_alphanumeric() { letter.to_ascii_uppercase() } else { '_' };
    let name: String = alias.chars().take(8).map(letter).collect();
    let taken = |name: &str| entries.iter().any(|entry| entry.eq_ignore_ascii_case(&format!("META-INF/{name}.SF")));
    let mut free = if name.is_empty() { "STM".to_owned() } else { name.clone() };
    let mut number = 1;
    while taken(&free) {
        number += 1;
        free = format!("{}{number}", &name[..name.len().min(6)]);
    }
    free
}

/// Stamps the signature in the signed archive.
fn stamp(job: &Job<'_>, name: &str) -> Result<Option<String>, Failure> {
    let Some(authority) = job.authority else { return Ok(None) };
    let block = format!("META-INF/{name}.{}", if job.signer.is_rsa() { "RSA" } else { "EC" });
    let wrong = |error: der::Error| Failure::new(format!("read {block}"), error, "report it with the version of Java");
    let mut data = cms::signed_data(&archive::read(&job.signed, &block)?).map_err(wrong)?;
    let signature = cms::signature(&data).map(<[u8]>::to_vec).unwrap_or_default();
    let stamped = authority.stamp(&signature)?;
    cms::add_stamp(&mut data, &stamped.token, StampAttribute::Standard).map_err(wrong)?;
    let message = cms::message(&data).map_err(wrong)?;
    let copy = job.work.join("stamped.jar");
    archive::copy(&job.signed, &copy, |entry| if entry == block { Entry::With(&message) } else { Entry::AsItIs })?;
    fs::rename(&copy, &job.signed)
        .map_err(|error| Failure::new(format!("write {}", job.signed.display()), error, "make room on the disk"))?;
    Ok(Some(stamped.time))
}

/// The words with which it says that it trusts no certificate above the signer's.
const UNTRUSTED: [&str; 2] = ["certificate chain is invalid", "PKIX path building failed"];

pub fn verify(program: &Path, file: &Path, trust: &Trust<'_>) -> Result<Verified, Failure> {
    let mut command = command(program, ["-J-Duser.language=en", "-verify", "-verbose:summary", "-certs"]);
    if trust.strict {
        command.arg("-keystore").arg(java::trust_store(program, trust)?).args(["-storepass", "changeit"]);
    }
    command.arg(file);
    let said = run(command)?;
    let trusted = !trust.strict || !UNTRUSTED.iter().any(|words| said.text.contains(words));
    if said.ok && said.text.contains("jar verified.") && trusted {
        return Ok(Verified::Wholly);
    }
    Err(Failure::new(
        "verify with jarsigner",
        said.why(),
        "sign the file again, or verify it with other --ca-file roots",
    ))
}

#[cfg(test)]
mod tests {
    use super::signature_name;

    #[test]
    fn the_name_of_a_signature_is_jarsigners_and_free() {
        let entries = |names: &[&str]| names.iter().map(|name| format!("META-INF/{name}.SF")).collect::<Vec<_>>();
        assert_eq!(signature_name("release-key-2026", &[]), "RELEASE_");
        assert_eq!(signature_name("", &[]), "STM");
        assert_eq!(signature_name("schlüssel", &[]), "SCHL_SSE");
        assert_eq!(signature_name("release-key", &entries(&["release_"])), "RELEAS2");
        assert_eq!(signature_name("release-key", &entries(&["RELEASE_", "RELEAS2"])), "RELEAS3");
    }
}
