//! `smctl sign verify`: the signatures of files.

use super::input;
use super::literals;
use super::tool::Tool;
use crate::codesign::anchors::Anchors;
use crate::codesign::kind::{self, Kind};
use crate::codesign::verification::{Verification, verify};
use crate::print::{self, Exit, Failure, shown};
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub struct SignVerify {
    /// A file, a directory or a pattern; may be repeated
    #[arg(short, long, value_name = "PATH")]
    input: Vec<PathBuf>,
    /// SHA-1 of the certificate that must have signed, in hexadecimal digits
    #[arg(short, long, value_name = "HEX")]
    fingerprint: Option<String>,
    /// Only files that this program can sign
    #[arg(short, long, value_enum, ignore_case = true)]
    tool: Option<Tool>,
    /// Say nothing; the status tells
    #[arg(short, long)]
    quiet: bool,
    /// Show each signature
    #[arg(short, long)]
    verbose: bool,
}

pub fn run(arguments: &SignVerify) -> Result<(), Failure> {
    let anchors = Anchors::of(None)?;
    let mut first = None;
    for file in input::files(&arguments.input, arguments.tool)? {
        let name = shown(&file.display().to_string()).into_owned();
        match look(&file, &anchors, arguments.fingerprint.as_deref()) {
            Ok(_) if arguments.quiet => {}
            Ok(verification) => {
                let signatures = verification.signatures.iter().filter(|_| arguments.verbose);
                signatures.for_each(|signature| {
                    let stamp = signature.stamp.as_ref().map_or("none", |(time, _)| time);
                    print::line(&format!(
                        "Signed by: {} ({}), time stamp: {stamp}",
                        shown(&signature.signer),
                        signature.fingerprint
                    ));
                });
                print::line(&literals::verified(&name, verification.program));
            }
            Err(failure) => {
                if !arguments.quiet {
                    if is_unsigned(&file) {
                        print::line(literals::UNSIGNED);
                    }
                    print::line(&literals::not_verified(&name));
                }
                first.get_or_insert(failure);
            }
        }
    }
    first.map_or(Ok(()), Err)
}

fn look(file: &Path, anchors: &Anchors, fingerprint: Option<&str>) -> Result<Verification, Failure> {
    let verification = verify(file, anchors)?;
    let Some(wanted) = fingerprint else { return Ok(verification) };
    let plain: String = wanted.chars().filter(char::is_ascii_hexdigit).collect();
    let by = |signature: &crate::codesign::signatures::Signature| signature.fingerprint.eq_ignore_ascii_case(&plain);
    if verification.signatures.iter().any(by) {
        return Ok(verification);
    }
    let found: Vec<&str> = verification.signatures.iter().map(|signature| signature.fingerprint.as_str()).collect();
    let why = match found.as_slice() {
        [] => "who signed files of this kind is not known here".to_owned(),
        found => format!("it is signed by {}", found.join(", ")),
    };
    let what = format!("find a signature by {} in {}", shown(wanted), file.display());
    Err(Failure::new(what, why, "check --fingerprint and the file").exit(Exit::NotFound))
}

fn is_unsigned(file: &Path) -> bool {
    let kind = Kind::of(file).ok().flatten();
    kind.is_some_and(|kind| kind::is_signed(kind, file).is_ok_and(|signed| !signed))
}
