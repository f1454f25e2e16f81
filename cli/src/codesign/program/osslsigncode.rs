//! osslsigncode: Windows' formats on any system. It takes the file apart and puts the signature in; the message between is made
//! here, so that it needs neither an OpenSSL engine nor a provider.

use super::process::{Said, command, run};
use super::{Job, Look, Made, Tool, Trust, Use, Verified};
use crate::codesign::cms::{self, StampAttribute, Unsigned};
use crate::codesign::kind::Kind;
use crate::codesign::options::{Existing, hash_name};
use crate::print::{Failure, shown};
use std::fs;
use std::path::Path;

const REMEDY: &str = "report it with the output above; the original file is as it was";

pub fn can(program: &Path, _: &Use<'_>) -> Result<(), String> {
    let help = run(command(program, ["--help"])).map_err(|failure| failure.to_string())?;
    if !help.text.contains("extract-data") {
        return Err("is too old: it has no command extract-data".to_owned());
    }
    Ok(())
}

pub fn sign(program: &Path, job: &Job<'_>) -> Result<Made, Failure> {
    let digest = job.options.digest;
    let made = |error: der::Error| {
        let remedy = "choose another program with --tool, or another certificate";
        Failure::new(format!("make the signature of {}", name(&job.source)), error, remedy)
    };
    let unsigned = Unsigned::new(job.prepared, &job.signer.certificates(), digest, &job.options.opus).map_err(made)?;
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
    let verified = match job.kind {
        Kind::Cat => fs::write(&job.signed, message).map(|()| None).map_err(|error| spent(io(&job.signed, &error)))?,
        _ => attach(program, job, &message).map_err(spent)?,
    };
    Ok(Made { records: signed.id.into_iter().collect(), stamp, verified })
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn io(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("use {}", path.display()), error, "make room, and check the permissions of the directory")
}

/// The content that the signature will be of, in a message without signers.
pub fn prepare(program: &Path, look: &Look<'_>) -> Result<Vec<u8>, Failure> {
    let remedy = "check that the file is whole; --tool chooses another program";
    let failed = |why: String| Failure::new(format!("read {} with osslsigncode", name(look.path)), why, remedy);
    // A catalogue is a message by itself.
    let message = match look.kind {
        Kind::Cat => fs::read(look.path).map_err(|error| io(look.path, &error))?,
        _ => {
            let data = look.work.join("data");
            let mut command = command(program, ["extract-data", "-h", hash_name(look.options.digest)]);
            command.arg("-in").arg(look.path).arg("-out").arg(&data);
            let said = run(command)?;
            let read = fs::read(&data);
            let _ = fs::remove_file(&data);
            read.ok().filter(|_| said.ok).ok_or_else(|| failed(said.why()))?
        }
    };
    cms::signed_data(&message).map_err(|error| failed(error.to_string()))?;
    Ok(message)
}

/// Puts the message into the file. It verifies what it attached, too: that saves a run, unless it is the time stamp's root that is
/// not trusted here.
fn attach(program: &Path, job: &Job<'_>, message: &[u8]) -> Result<Option<Verified>, Failure> {
    let file = job.work.join("signature.p7");
    fs::write(&file, message).map_err(|error| io(&file, &error))?;
    // What kept the room for it.
    let _ = fs::remove_file(&job.signed);
    let mut command = command(program, ["attach-signature"]);
    if job.is_signed && job.options.existing == Existing::Append {
        command.arg("-nest");
    }
    command.arg("-h").arg(hash_name(job.options.digest)).arg("-sigin").arg(&file);
    command.arg("-CAfile").arg(job.trust.anchors).arg("-TSA-CAfile").arg(job.trust.anchors);
    command.arg("-in").arg(&job.source).arg("-out").arg(&job.signed);
    let said = run(command)?;
    match (job.signed.is_file(), said.ok && is_good(&said)) {
        (false, _) => Err(Failure::new("attach the signature with osslsigncode", said.why(), REMEDY)),
        (true, true) => Ok(Some(Verified::Wholly)),
        (true, false) => Ok(None),
    }
}

pub fn verify(program: &Path, file: &Path, trust: &Trust<'_>) -> Result<Verified, Failure> {
    let mut command = command(program, ["verify"]);
    match trust.stamps {
        true => command.arg("-TSA-CAfile").arg(trust.anchors),
        false => command.arg("-ignore-timestamp"),
    };
    command.arg("-CAfile").arg(trust.anchors).arg("-in").arg(file);
    let said = run(command)?;
    let rootless = !trust.strict && said.text.contains("unable to get");
    if (said.ok && is_good(&said)) || (rootless && digests_agree(&said)) {
        return Ok(Verified::Wholly);
    }
    Err(Failure::new(format!("verify {} with osslsigncode", name(file)), said.why(), REMEDY))
}

fn is_good(said: &Said) -> bool {
    said.text.lines().any(|line| line.starts_with("Signature verification: ok"))
}

/// Whether each digest that the file was signed with is the file's: for chains of which no root is known here.
fn digests_agree(said: &Said) -> bool {
    let values = |label: &str| -> Vec<String> {
        let lines = said.text.lines().filter_map(|line| line.trim().strip_prefix(label)?.split_once(':'));
        lines.map(|(_, value)| value.trim().to_owned()).collect()
    };
    let (current, calculated) = (values("Current message digest"), values("Calculated message digest"));
    !current.is_empty() && current == calculated
}

/// The message in a signed file; `None` where osslsigncode is not installed, or finds none.
pub fn extract_signature(path: &Path, work: &Path) -> Result<Option<Vec<u8>>, Failure> {
    let Some(found) = Tool::Osslsigncode.find() else { return Ok(None) };
    let out = work.join("extracted.p7");
    let mut command = command(&found.path, ["extract-signature"]);
    command.arg("-in").arg(path).arg("-out").arg(&out);
    let said = run(command)?;
    let read = fs::read(&out).ok().filter(|_| said.ok);
    let _ = fs::remove_file(&out);
    Ok(read)
}

/// Writes a file without its signatures.
pub fn remove_signature(program: &Path, source: &Path, bare: &Path) -> Result<(), Failure> {
    // It does not overwrite what kept the room.
    let _ = fs::remove_file(bare);
    let mut command = command(program, ["remove-signature"]);
    command.arg("-in").arg(source).arg("-out").arg(bare);
    let said = run(command)?;
    match said.ok && bare.is_file() {
        true => Ok(()),
        false => Err(Failure::new("run osslsigncode remove-signature", said.why(), REMEDY)),
    }
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
