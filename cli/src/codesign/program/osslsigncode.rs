//! osslsigncode: Windows' formats on any system. It takes the file apart and puts the signature in; the message between is made
//! here, so that it needs neither an OpenSSL engine nor a provider.

use super::process::{Said, command, run};
use super::{Job, Look, Made, Tool, Trust, Unfit, Use, Verified, present};
use crate::account::describe::pem;
use crate::codesign::cms::{self, StampAttribute, Unsigned};
use crate::codesign::kind::Kind;
use crate::codesign::options::{Existing, hash_name};
use crate::print::{Failure, shown};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

const REMEDY: &str = "report it with the output above; the original file is as it was";

/// What `--help` says, by which a version is known; asked once for each program.
static HELP: Mutex<Vec<(PathBuf, Arc<str>)>> = Mutex::new(Vec::new());

/// Whether this version has an option, or a command.
fn knows(program: &Path, word: &str) -> bool {
    let mut asked = HELP.lock().expect("no thread panics with it");
    if let Some((_, help)) = asked.iter().find(|(path, _)| path == program) {
        return help.contains(word);
    }
    let help = run(command(program, ["--help"])).map(|said| said.text).unwrap_or_default();
    let found = help.contains(word);
    asked.push((program.to_owned(), help.into()));
    found
}

/// The fix for a version that does not know scripts or packages.
pub const NEWER: &str = "install osslsigncode 2.8 or later (for Debian 12 it is in bookworm-backports)";

pub fn can(program: &Path, wanted: &Use<'_>) -> Result<(), Unfit> {
    match (knows_kind(program, wanted.kind), knows(program, "attach-signature")) {
        (true, true) => Ok(()),
        (false, true) => {
            let remedy = if wanted.options.tool.is_none() { ", or jsign 7.0 or later" } else { "" };
            let why = "is too old for files of this kind: version 2.8 or later signs them";
            Err(Unfit::new(why, format!("{NEWER}{remedy}")))
        }
        (_, false) => {
            let remedy = "install osslsigncode 2.5 or later, and check that osslsigncode --help runs";
            Err(Unfit::new("does not run, or is too old: sign-file requires version 2.5 or later", remedy))
        }
    }
}

/// Whether this version reads files of a kind: packages came with version 2.7, and scripts with 2.8, together with [`EXTRACT_DATA`].
pub fn knows_kind(program: &Path, kind: Kind) -> bool {
    !matches!(kind, Kind::PowerShell | Kind::Appx) || knows(program, EXTRACT_DATA)
}

/// Since version 2.8.
const EXTRACT_DATA: &str = "extract-data";

pub fn sign(program: &Path, job: &Job<'_>) -> Result<Made, Failure> {
    let digest = job.options.digest;
    let made = |error: der::Error| {
        let remedy = "choose another program with --tool, or another certificate";
        Failure::new(format!("make the signature of {}", name(&job.source)), error, remedy)
    };
    let unsigned = Unsigned::new(job.prepared, &job.signer.certificates(), digest, &job.options.opus).map_err(made)?;
    let to_be_signed = unsigned.to_be_signed().map_err(made)?;
    let signed = {
        let _turn = job.turns.take();
        job.signer.sign(digest, &to_be_signed)?
    };
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

/// The content that the signature will be of, in a message.
pub fn prepare(program: &Path, look: &Look<'_>) -> Result<Vec<u8>, Failure> {
    let remedy = "check that the file is whole; --tool chooses another program";
    let failed = |why: String| Failure::new(format!("read {} with osslsigncode", name(look.path)), why, remedy);
    let data = look.work.join("data");
    // A catalogue is a message by itself.
    let message = match look.kind {
        Kind::Cat => fs::read(look.path).map_err(|error| io(look.path, &error))?,
        _ if knows(program, EXTRACT_DATA) => {
            let mut command = command(program, ["extract-data", "-h", hash_name(look.options.digest)]);
            command.arg("-in").arg(look.path).arg("-out").arg(&data);
            let said = run(command)?;
            let read = fs::read(&data);
            let _ = fs::remove_file(&data);
            read.ok().filter(|_| said.ok).ok_or_else(|| failed(said.why()))?
        }
        _ => {
            worthless(program, look, &data).map_err(|why| failed(why.to_string()))?;
            let message = extract(program, &data, look.work)?;
            let _ = fs::remove_file(&data);
            message.ok_or_else(|| failed("no content to sign was found".to_owned()))?
        }
    };
    cms::signed_data(&message).map_err(|error| failed(error.to_string()))?;
    Ok(message)
}

/// Signs a copy with a key that is made for it and forgotten: older versions show the content only in a signature.
fn worthless(program: &Path, look: &Look<'_>, signed: &Path) -> Result<(), Box<dyn std::error::Error>> {
    let made = rcgen::generate_simple_self_signed(["nobody".to_owned()])?;
    let [certificate, key] = ["nobody.pem", "nobody.key"].map(|name| look.work.join(name));
    fs::write(&certificate, made.cert.pem())?;
    fs::write(&key, made.signing_key.serialize_pem())?;
    let mut command = command(program, ["sign", "-h", hash_name(look.options.digest)]);
    command.arg("-certs").arg(&certificate).arg("-key").arg(&key).arg("-in").arg(look.path).arg("-out").arg(signed);
    let said = run(command)?;
    fs::remove_file(&key)?;
    fs::remove_file(&certificate)?;
    if said.ok { Ok(()) } else { Err(said.why().into()) }
}

/// Puts the message into the file. It verifies what it attached, too: that saves a run, unless it is the time stamp's root that is
/// not trusted here.
fn attach(program: &Path, job: &Job<'_>, message: &[u8]) -> Result<Option<Verified>, Failure> {
    let file = job.work.join("signature.pem");
    // In PEM: in DER version 2.5 expects a head before it, for programs alone.
    fs::write(&file, pem("PKCS7", message)).map_err(|error| io(&file, &error))?;
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
    if !knows_kind(program, trust.kind) {
        return present(trust.kind, file, "another program");
    }
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
    match Tool::Osslsigncode.find() {
        Some(found) => extract(&found.path, path, work),
        None => Ok(None),
    }
}

fn extract(program: &Path, path: &Path, work: &Path) -> Result<Option<Vec<u8>>, Failure> {
    let out = work.join("extracted.p7");
    let mut command = command(program, ["extract-signature"]);
    command.arg("-in").arg(path).arg("-out").arg(&out);
    let said = run(command)?;
    let read = fs::read(&out).ok().filter(|_| said.ok);
    let _ = fs::remove_file(&out);
    Ok(read.map(without_head))
}

/// Version 2.5 leaves the eight bytes before the message that a program has there (`WIN_CERTIFICATE`).
fn without_head(mut extracted: Vec<u8>) -> Vec<u8> {
    match extracted.get(4..8) {
        Some([0, 2, 2, 0]) => extracted.split_off(8),
        _ => extracted,
    }
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
    fn the_head_of_a_certificate_table_is_left_out() {
        assert_eq!(without_head(vec![16, 0, 0, 0, 0, 2, 2, 0, 0x30, 0]), [0x30, 0]);
        assert_eq!(without_head(vec![0x30, 0]), [0x30, 0]);
    }

    #[test]
    fn digests_agree_where_each_is_the_files() {
        let said = |text: &str| Said { ok: false, text: text.to_owned(), pid: 0 };
        let text = "Current message digest    : AB \nCalculated message digest : AB\n";
        assert!(digests_agree(&said(text)));
        assert!(!digests_agree(&said(&text.replacen("AB", "CD", 1))));
        assert!(!digests_agree(&said("")));
    }
}
