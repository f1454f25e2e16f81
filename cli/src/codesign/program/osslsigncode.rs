//! osslsigncode: Windows' formats on any system. It takes the file apart and puts the signature in; the message between is made
//! here, so that it needs neither an OpenSSL engine nor a provider.

use super::process::{Said, command, run};
use super::{Job, Made, Use, Verified};
use crate::account::describe::pem;
use crate::codesign::cms::{self, StampAttribute, Unsigned};
use crate::codesign::kind::Kind;
use crate::codesign::options::{Existing, hash_name};
use crate::print::{Failure, shown};
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use stm_pkcs11::x509::Certificate;

const REMEDY: &str = "report it with the output above; the original file is as it was";

/// Where systems keep the roots that they trust, as one file.
const SYSTEM_ROOTS: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
    "/usr/local/etc/ssl/cert.pem",
];

pub fn can(program: &Path, _: &Use<'_>) -> Result<(), String> {
    let help = run(command(program, ["--help"])).map_err(|failure| failure.to_string())?;
    if !help.text.contains("extract-data") {
        return Err("is too old: it has no command extract-data".to_owned());
    }
    Ok(())
}

pub fn sign(program: &Path, job: &Job<'_>) -> Result<Made, Failure> {
    let digest = job.options.digest;
    let extracted = match job.kind {
        // A catalogue is a message by itself.
        Kind::Cat => fs::read(&job.source).map_err(|error| io(&job.source, &error))?,
        _ => extract(program, job)?,
    };
    let made = |error: der::Error| {
        let remedy = "choose another program with --tool, or another certificate";
        Failure::new(format!("make the signature of {}", name(&job.source)), error, remedy)
    };
    let unsigned = Unsigned::new(&extracted, &job.signer.certificates(), digest, &job.options.opus).map_err(made)?;
    let signed = job.signer.sign(digest, &unsigned.to_be_signed().map_err(made)?)?;
    let spent = |failure: Failure| match &signed.id {
        Some(id) => failure.after(format!("a signature was spent for it (record {})", shown(id))),
        None => failure.after("a signature was spent for it"),
    };
    let mut message = unsigned.with(&signed.signature).map_err(|error| spent(made(error)))?;
    let mut stamp = None;
    if let Some(authority) = job.authority {
        let stamped = authority.stamp(&signed.signature).map_err(spent)?;
        cms::add_stamp(&mut message, &stamped.token, StampAttribute::Authenticode)
            .map_err(|error| spent(made(error)))?;
        stamp = Some(stamped.time);
    }
    let message = cms::message(&message).map_err(|error| spent(made(error)))?;
    match job.kind {
        Kind::Cat => fs::write(&job.signed, message).map_err(|error| spent(io(&job.signed, &error)))?,
        _ => attach(program, job, &message).map_err(spent)?,
    }
    Ok(Made { records: signed.id.into_iter().collect(), stamp })
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn io(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("use {}", path.display()), error, "make room, and check the permissions of the directory")
}

fn extract(program: &Path, job: &Job<'_>) -> Result<Vec<u8>, Failure> {
    let data = job.work.join("data");
    let words = [OsStr::new("extract-data"), "-h".as_ref(), hash_name(job.options.digest).as_ref()];
    let mut command = command(program, words);
    command.arg("-in").arg(&job.source).arg("-out").arg(&data);
    let said = run(command)?;
    match fs::read(&data) {
        Ok(data) if said.ok => Ok(data),
        _ => {
            let remedy = "check that the file is whole; --tool chooses another program";
            Err(Failure::new(format!("read {} with osslsigncode", name(&job.source)), said.why(), remedy))
        }
    }
}

fn attach(program: &Path, job: &Job<'_>, message: &[u8]) -> Result<(), Failure> {
    let file = job.work.join("signature.p7");
    fs::write(&file, message).map_err(|error| io(&file, &error))?;
    // What kept the room for it.
    let _ = fs::remove_file(&job.signed);
    let mut command = command(program, ["attach-signature"]);
    if job.is_signed && job.options.existing == Existing::Append {
        command.arg("-nest");
    }
    command.arg("-h").arg(hash_name(job.options.digest)).arg("-sigin").arg(&file);
    command.arg("-CAfile").arg(roots(job)?).arg("-in").arg(&job.source).arg("-out").arg(&job.signed);
    let said = run(command)?;
    // It verifies what it attached, time stamps of servers that are not trusted here included; verify has the last word.
    match job.signed.is_file() {
        true => Ok(()),
        false => Err(Failure::new("attach the signature with osslsigncode", said.why(), REMEDY)),
    }
}

/// A file with the certificates above the signer's, and with the system's roots where none of these is one.
fn roots(job: &Job<'_>) -> Result<PathBuf, Failure> {
    let path = job.work.join("roots.pem");
    let mut text: String = job.signer.certificates().iter().skip(1).map(|der| pem("CERTIFICATE", der)).collect();
    if !has_root(job) {
        let named = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
        let system =
            named.into_iter().chain(SYSTEM_ROOTS.map(PathBuf::from)).find_map(|path| fs::read_to_string(path).ok());
        text += &system.unwrap_or_default();
    }
    fs::write(&path, text).map_err(|error| io(&path, &error))?;
    Ok(path)
}

/// Whether the service shows the root of the signer's certificate.
fn has_root(job: &Job<'_>) -> bool {
    let all = job.signer.certificates();
    all.into_iter().filter_map(|der| Certificate::parse(der).ok()).any(|certificate| certificate.is_self_signed())
}

pub fn verify(program: &Path, file: &Path, job: &Job<'_>) -> Result<Verified, Failure> {
    let mut command = command(program, ["verify", "-ignore-timestamp"]);
    command.arg("-CAfile").arg(roots(job)?).arg("-in").arg(file);
    let said = run(command)?;
    if said.ok && said.text.contains("Signature verification: ok") {
        return Ok(Verified::Wholly);
    }
    // Where the service shows no root, and the system does not know it either, the file itself can still be checked.
    let rootless = !has_root(job) && said.text.contains("unable to get");
    if rootless && digests_agree(&said) {
        return Ok(Verified::Wholly);
    }
    Err(Failure::new(format!("verify {} with osslsigncode", name(file)), said.why(), REMEDY))
}

/// Whether each digest that the file was signed with is the file's.
fn digests_agree(said: &Said) -> bool {
    let values = |label: &str| -> Vec<String> {
        let lines = said.text.lines().filter_map(|line| line.trim().strip_prefix(label)?.split_once(':'));
        lines.map(|(_, value)| value.trim().to_owned()).collect()
    };
    let (current, calculated) = (values("Current message digest"), values("Calculated message digest"));
    !current.is_empty() && current == calculated
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_agree_where_each_is_the_files() {
        let said = |text: &str| Said { ok: false, text: text.to_owned(), pid: 0 };
        let text = "Current message digest    : AB \nCalculated message digest : AB\n";
        assert!(digests_agree(&said(text)));
        assert!(!digests_agree(&said(&text.replacen("AB", "CD", 1))));
        assert!(!digests_agree(&said("")));
    }
}
