//! `stm-pkcs11 verify-file`: which signatures files have, by whom, stamped when, and whether they are good.

use crate::codesign::anchors::Anchors;
use crate::codesign::verification::{Verification, verify};
use crate::print::{self, Failure, table};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

#[derive(clap::Args)]
pub struct VerifyFile {
    /// The signed files
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Verify all files in the directories that are named, and in those below, that can carry a signature
    #[arg(long)]
    recursive: bool,
    /// Root certificates in PEM to verify against; default: those that this system trusts
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// JSON instead of a table
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &VerifyFile) -> Result<(), Failure> {
    let files = crate::files::expand(&arguments.files, arguments.recursive)?;
    let anchors = Anchors::of(arguments.ca_file.as_deref())?;
    let results: Vec<(&PathBuf, Result<Verification, Failure>)> =
        files.iter().map(|path| (path, verify(path, &anchors))).collect();
    if arguments.json {
        print::json(&Value::Array(results.iter().map(|(path, result)| result_json(path, result)).collect()));
    } else {
        show(&results, &anchors);
    }
    let failed: Vec<&Failure> = results.iter().filter_map(|(_, result)| result.as_ref().err()).collect();
    failed.iter().skip(1).for_each(|failure| print::note(&failure.to_string()));
    failed.first().map_or(Ok(()), |first| Err((*first).clone()))
}

fn show(results: &[(&PathBuf, Result<Verification, Failure>)], anchors: &Anchors) {
    let mut rows = Vec::new();
    for (path, verification) in results.iter().filter_map(|(path, result)| Some((path, result.as_ref().ok()?))) {
        let path = path.display().to_string();
        for signature in &verification.signatures {
            let stamp = signature.stamp.as_ref().map_or("none", |(time, _)| time).to_owned();
            rows.push(vec![path.clone(), signature.signer.clone(), stamp, verification.program.to_owned()]);
        }
        if verification.signatures.is_empty() {
            rows.push(vec![
                path,
                "(not shown for this kind)".to_owned(),
                String::new(),
                verification.program.to_owned(),
            ]);
        }
    }
    if !rows.is_empty() {
        table::print(&["file", "signed by", "time stamp (UTC)", "verified by"], &rows);
        print::line(&format!("valid against the roots of {}", print::shown(&anchors.origin)));
    }
}

fn result_json(path: &Path, result: &Result<Verification, Failure>) -> Value {
    let path = path.display().to_string();
    match result {
        Ok(verification) => {
            let signatures = verification.signatures.iter().map(|signature| {
                let (time, server) = signature.stamp.clone().unzip();
                json!({
                    "signer": signature.signer, "issuer": signature.issuer, "sha1": signature.fingerprint,
                    "timestamp": time, "timestamp_server": server,
                })
            });
            json!({
                "file": path, "valid": true, "kind": verification.kind.name(), "program": verification.program,
                "signatures": signatures.collect::<Vec<_>>(),
            })
        }
        Err(failure) => json!({"file": path, "valid": false, "why": failure.why(), "remedy": failure.remedy()}),
    }
}
