//! `stm-pkcs11 sign-file`: files signed in their own formats, with whatever program can.

use crate::account::Choice;
use crate::codesign::{Existing, Options, Opus, Outcome, Pace, Plan, Signer, Target, Tool, Verified, Which, digest};
use crate::print::{self, Exit, Failure, shown, table};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use stm_pkcs11::mechanism::Digest;
use stm_pkcs11::plural::counted;

#[derive(clap::Args)]
pub struct SignFile {
    /// The files to sign, in place; on Windows also patterns with * and ?
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Alias, or id, of the keypair; default: the only keypair that can sign code
    #[arg(long, value_name = "ALIAS|ID")]
    keypair: Option<String>,
    /// SHA-1 or SHA-256 of the certificate, in hexadecimal digits, instead of --keypair
    #[arg(long, value_name = "HEX", conflicts_with = "keypair")]
    fingerprint: Option<String>,
    /// Write the signed file here: a path for one file, a directory for several
    #[arg(long, value_name = "PATH")]
    out: Option<PathBuf>,
    /// Sign all files in the directories that are named, and in those below, that can carry a signature
    #[arg(long)]
    recursive: bool,
    /// Leave files alone that are signed already
    #[arg(long, conflicts_with_all = ["append", "force"])]
    skip_signed: bool,
    /// Add a signature to files that are signed already
    #[arg(long, conflicts_with = "force")]
    append: bool,
    /// Replace signatures that are there, and the files of --out
    #[arg(long)]
    force: bool,
    /// What the file calls itself: Windows shows it when it asks for permission
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    /// Where people read about it, in the signature
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// The hash function: SHA-256, SHA-384 or SHA-512
    #[arg(long, default_value = "SHA-256", value_parser = digest)]
    hash: Digest,
    /// Use this program
    #[arg(long, value_enum)]
    tool: Option<Tool>,
    /// URL of the time-stamping server; default: STM_PKCS11_TIMESTAMP, or else http://timestamp.digicert.com
    #[arg(long, value_name = "URL")]
    timestamp: Option<String>,
    /// Sign without a time stamp: the signature is valid until the certificate expires
    #[arg(long, conflicts_with = "timestamp")]
    no_timestamp: bool,
    /// How many signatures are requested at the same time
    #[arg(long, value_name = "N", default_value = "4", value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: u16,
    /// The PKCS#11 module, for programs that load it; default: where it is installed, or beside this program
    #[arg(long, value_name = "FILE")]
    module: Option<PathBuf>,
    /// Try all that can fail, show what would be signed with what, and spend nothing
    #[arg(long)]
    dry_run: bool,
    /// JSON instead of a table
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    account: Choice,
}

pub fn run(arguments: &SignFile) -> Result<(), Failure> {
    let files = crate::files::expand(&arguments.files, arguments.recursive)?;
    let targets = targets(&files, arguments.out.as_deref())?;
    let options = options(arguments, arguments.account.timestamp());
    let which = match (&arguments.keypair, &arguments.fingerprint) {
        (Some(name), _) => Which::Keypair(name),
        (_, Some(digits)) => Which::Fingerprint(digits),
        (None, None) => Which::Only,
    };
    let signer = Signer::choose(&arguments.account, arguments.module.as_deref(), which)?;
    let plan = Plan::new(&signer, targets, &options)?;
    if !plan.problems.is_empty() {
        return Err(refused(arguments, &plan));
    }
    if arguments.dry_run {
        show_plan(arguments, &plan);
        return Ok(());
    }
    let outcomes = sign(&plan, usize::from(arguments.jobs));
    report(arguments, &plan, &outcomes)
}

fn options(arguments: &SignFile, configured: Option<String>) -> Options {
    let existing = match arguments {
        SignFile { skip_signed: true, .. } => Existing::Skip,
        SignFile { append: true, .. } => Existing::Append,
        SignFile { force: true, .. } => Existing::Replace,
        _ => Existing::Refuse,
    };
    Options {
        digest: arguments.hash,
        timestamp: arguments.timestamp.clone().or(configured).filter(|_| !arguments.no_timestamp),
        opus: Opus { description: arguments.description.clone(), url: arguments.url.clone() },
        existing,
        tool: arguments.tool,
        module: arguments.module.clone(),
    }
}

/// Where each signed file goes: its own place, or that of `--out`.
fn targets(files: &[PathBuf], out: Option<&Path>) -> Result<Vec<Target>, Failure> {
    let Some(out) = out else { return Ok(files.iter().cloned().map(Target::in_place).collect()) };
    if let ([one], false) = (files, out.is_dir()) {
        return Ok(vec![Target { input: one.clone(), output: out.to_owned() }]);
    }
    if !out.is_dir() {
        let why = format!("{} files are named, and {} is not a directory", files.len(), out.display());
        return Err(Failure::new("read --out", why, "name a directory that is there").exit(Exit::Usage));
    }
    let mut targets: Vec<Target> = Vec::new();
    for file in files {
        let output = out.join(file.file_name().unwrap_or_default());
        if let Some(other) = targets.iter().find(|target| target.output == output) {
            let why = format!("{} and {} would both be {}", other.input.display(), file.display(), output.display());
            return Err(Failure::new("read --out", why, "sign them one after the other").exit(Exit::Usage));
        }
        targets.push(Target { input: file.clone(), output });
    }
    Ok(targets)
}

/// Nothing is signed where one file cannot be.
fn refused(arguments: &SignFile, plan: &Plan<'_>) -> Failure {
    if arguments.json {
        let problems = plan.problems.iter().map(|(path, failure)| problem_json(path, failure));
        print::json(&Value::Array(problems.collect()));
    }
    plan.problems.iter().skip(1).for_each(|(_, failure)| print::note(&failure.to_string()));
    let (_, first) = &plan.problems[0];
    first.clone().after("nothing was signed, and no signature was spent")
}

fn problem_json(path: &Path, failure: &Failure) -> Value {
    json!({
        "file": path.display().to_string(), "status": "failed", "what": failure.what(), "why": failure.why(),
        "remedy": failure.remedy(),
    })
}

fn show_plan(arguments: &SignFile, plan: &Plan<'_>) {
    if arguments.json {
        let tasks = plan.tasks.iter().map(|task| {
            json!({
                "file": task.target.input.display().to_string(), "out": task.target.output.display().to_string(),
                "status": "planned", "kind": task.kind.name(), "program": task.found.program.name,
                "path": task.found.path.display().to_string(), "signatures": 1,
            })
        });
        return print::json(&Value::Array(tasks.chain(skipped_json(plan)).collect()));
    }
    let rows = plan.tasks.iter().map(|task| {
        let [input, output] = [&task.target.input, &task.target.output].map(|path| path.display().to_string());
        vec![input, task.kind.name().to_owned(), task.found.path.display().to_string(), output]
    });
    table::print(&["file", "kind", "program", "signed file"], &rows.collect::<Vec<_>>());
    let stamps = plan.authority.as_ref().map_or("none", |authority| authority.url());
    print::line(&format!("keypair: {}; time stamps: {stamps}", shown(plan.signer.alias())));
    let (count, skipped) = (plan.cost(), plan.skipped.len());
    print::line(&format!("would spend {}; {} signed already", counted(count, "signature"), counted(skipped, "file")));
}

fn skipped_json<'a>(plan: &'a Plan<'_>) -> impl Iterator<Item = Value> + 'a {
    let skipped = |(path, kind): &(PathBuf, crate::codesign::kind::Kind)| json!({"file": path.display().to_string(), "status": "skipped", "kind": kind.name()});
    plan.skipped.iter().map(skipped)
}

fn sign(plan: &Plan<'_>, jobs: usize) -> Vec<Outcome> {
    let stop = Arc::new(AtomicBool::new(false));
    let on_signal = Arc::clone(&stop);
    // What is begun is brought to its end: it may have been paid.
    let _ = ctrlc::set_handler(move || on_signal.store(true, Ordering::Relaxed));
    let bar = print::progress::bar(Some(plan.tasks.len() as u64), "{bar:30} {pos}/{len} {wide_msg}");
    bar.tick();
    let done = |outcome: &Outcome| {
        bar.set_message(shown(&outcome.target.input.display().to_string()).into_owned());
        bar.inc(1);
    };
    let outcomes = plan.run(&Pace { jobs, stop_at_failure: false, stop: &stop }, &done);
    bar.finish_and_clear();
    outcomes
}

fn report(arguments: &SignFile, plan: &Plan<'_>, outcomes: &[Outcome]) -> Result<(), Failure> {
    if arguments.json {
        print::json(&Value::Array(outcomes.iter().map(outcome_json).chain(skipped_json(plan)).collect()));
    } else {
        let signed = outcomes.iter().filter_map(|outcome| Some((outcome, outcome.result.as_ref().ok()?)));
        let rows: Vec<Vec<String>> = signed
            .map(|(outcome, signed)| {
                let stamp = signed.made.stamp.clone().unwrap_or_else(|| "none".to_owned());
                let records = signed.made.records.join(" ");
                vec![outcome.target.output.display().to_string(), outcome.program.to_owned(), stamp, records]
            })
            .collect();
        if !rows.is_empty() {
            table::print(&["signed file", "program", "time stamp (UTC)", "record"], &rows);
        }
        let skipped = plan.skipped.iter();
        skipped.for_each(|(path, _)| print::line(&format!("signed already: {}", shown(&path.display().to_string()))));
        let unverified = outcomes
            .iter()
            .filter(|outcome| outcome.result.as_ref().is_ok_and(|signed| signed.verified == Verified::SignatureOnly));
        unverified.for_each(|outcome| {
            let path = outcome.target.output.display().to_string();
            print::note(&format!(
                "note: {}: no program here verifies a {}; its signature was verified",
                shown(&path),
                outcome.kind
            ));
        });
    }
    let failed: Vec<&Failure> = outcomes.iter().filter_map(|outcome| outcome.result.as_ref().err()).collect();
    let (all, begun) = (plan.tasks.len(), outcomes.len());
    for failure in failed.iter().skip(1) {
        print::note(&failure.to_string());
    }
    match failed.first() {
        Some(first) => {
            Err((*first).clone().after(format!("signed {} of {}", begun - failed.len(), counted(all, "file"))))
        }
        None if begun < all => {
            let remedy = "run it again with --skip-signed for the others";
            Err(Failure::new(
                "sign all files",
                format!("interrupted: signed {begun} of {}", counted(all, "file")),
                remedy,
            ))
        }
        None => Ok(()),
    }
}

fn outcome_json(outcome: &Outcome) -> Value {
    let signed = match &outcome.result {
        Ok(signed) => signed,
        Err(failure) => return problem_json(&outcome.target.input, failure),
    };
    json!({
        "file": outcome.target.input.display().to_string(), "out": outcome.target.output.display().to_string(),
        "status": "signed", "kind": outcome.kind, "program": outcome.program, "timestamp": signed.made.stamp,
        "records": signed.made.records,
        "verified": match signed.verified { Verified::Wholly => "file", Verified::SignatureOnly => "signature" },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_file_goes_to_a_path_and_several_to_a_directory() {
        let folder = tempfile::tempdir().unwrap();
        let files = ["a/one.exe", "b/two.exe", "c/one.exe"].map(PathBuf::from);
        let outputs = |files: &[PathBuf], out: &Path| -> Result<Vec<PathBuf>, String> {
            let targets = targets(files, Some(out)).map_err(|failure| failure.to_string())?;
            Ok(targets.into_iter().map(|target| target.output).collect())
        };
        let new = folder.path().join("new.exe");
        assert_eq!(outputs(&files[..1], &new).unwrap(), std::slice::from_ref(&new));
        assert_eq!(outputs(&files[..1], folder.path()).unwrap(), [folder.path().join("one.exe")]);
        assert_eq!(outputs(&files[..2], folder.path()).unwrap().len(), 2);
        assert!(outputs(&files[..2], &new).unwrap_err().contains("is not a directory"));
        assert!(outputs(&files, folder.path()).unwrap_err().contains("would both be"));
        assert_eq!(targets(&files, None).unwrap()[1].output, files[1]);
    }
}
