//! `smctl sign`: files signed in place, each with the line that scripts read.

use super::account::Choice;
use super::input;
use super::literals::{self, NOTHING};
use super::tool::Tool;
use crate::codesign::{Existing, Options, Outcome, Pace, Plan, Signer, Target, Which, digest};
use crate::print::{self, Exit, Failure, shown};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use stm_pkcs11::mechanism::Digest;
use stm_pkcs11::plural::counted;

#[derive(clap::Args)]
pub struct SignFile {
    /// Alias of the keypair, or its id
    #[arg(value_name = "KEYPAIR ALIAS", conflicts_with_all = ["keypair_alias", "fingerprint"])]
    keypair: Option<String>,
    /// Alias of the keypair, or its id
    #[arg(short = 'k', long, value_name = "ALIAS", conflicts_with = "fingerprint")]
    keypair_alias: Option<String>,
    /// SHA-1 or SHA-256 of the keypair's certificate, in hexadecimal digits
    #[arg(short, long, value_name = "HEX")]
    fingerprint: Option<String>,
    /// A file, a directory or a pattern; may be repeated
    #[arg(short, long, value_name = "PATH")]
    input: Vec<PathBuf>,
    /// The hash function: SHA-256, SHA-384 or SHA-512
    #[arg(short, long, default_value = "SHA-256", value_parser = digest)]
    digalg: Digest,
    /// Only files that this program can sign
    #[arg(short, long, value_enum, ignore_case = true)]
    tool: Option<Tool>,
    /// With a time stamp
    #[arg(long, default_value = "true")]
    timestamp: bool,
    /// Leave files alone that are signed already; otherwise their signature is replaced
    #[arg(long)]
    unsigned: bool,
    /// Begin no further file after one that was not signed
    #[arg(long)]
    failfast: bool,
    /// End with a status other than 0 after a file that was not signed
    #[arg(long, default_value = "true")]
    exit_non_zero_on_fail: bool,
    /// Request several signatures at the same time
    #[arg(long)]
    bulk: bool,
    /// Show program, time stamp and record of each signature
    #[arg(short, long)]
    verbose: bool,
    /// Accepted: files are always signed without settings of other programs
    #[arg(long)]
    simple: bool,
    /// Accepted: the module is the one beside this program
    #[arg(long, value_name = "FILE")]
    config_file: Option<PathBuf>,
    /// Accepted: the certificate is the keypair's
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    #[arg(long, hide = true)]
    all_metadata: bool,
    #[arg(long, hide = true)]
    checksum_before_signing: bool,
    #[arg(long, hide = true)]
    checksum_after_signing: bool,
    #[command(flatten)]
    account: Choice,
}

/// How many signatures are requested at the same time with `--bulk`.
const BULK: usize = 4;

pub fn run(arguments: &SignFile) -> Result<(), Failure> {
    let files = match input::files(&arguments.input, arguments.tool) {
        Ok(files) => files,
        Err(failure) => {
            print::line(&format!("{NOTHING}\n{}", tell(&failure)));
            return unless_lenient(arguments, failure);
        }
    };
    sign(arguments, &files).or_else(|failure| unless_lenient(arguments, failure))
}

/// A failure that has been told already; none where status 0 was asked for in so many words.
fn unless_lenient(arguments: &SignFile, failure: Failure) -> Result<(), Failure> {
    if arguments.exit_non_zero_on_fail { Err(failure) } else { Ok(()) }
}

fn sign(arguments: &SignFile, files: &[PathBuf]) -> Result<(), Failure> {
    // Nobody has begun: each file is one that was not signed, for the same reason.
    let none = |failure: Failure| {
        files.iter().for_each(|file| not_signed(file, &failure));
        failure
    };
    let account = arguments.account.quiet().map_err(none)?;
    let signer = which(arguments).and_then(|which| Signer::choose(&account, None, which)).map_err(none)?;
    let options = options(arguments, account.timestamp());
    let targets = files.iter().cloned().map(Target::in_place).collect();
    let plan = Plan::new(&signer, targets, &options).map_err(none)?;
    plan.problems.iter().for_each(|(file, failure)| not_signed(file, failure));
    if let Some((_, first)) = plan.problems.first()
        && arguments.exit_non_zero_on_fail
    {
        let waiting = plan.tasks.iter().map(|task| &task.target.input);
        waiting.for_each(|file| print::line(&literals::failed(&name(file))));
        return Err(first.clone().after("nothing was signed, and no signature was spent"));
    }
    plan.skipped.iter().for_each(|(file, _)| print::line(&literals::signed_already(&name(file))));
    let pace = Pace {
        jobs: if arguments.bulk { BULK } else { 1 },
        stop_at_failure: arguments.failfast,
        stop: &AtomicBool::new(false),
    };
    let outcomes = plan.run(&pace, &|outcome| told(outcome, arguments.verbose));
    let not_begun = plan.tasks.iter().skip(outcomes.len()).map(|task| &task.target.input);
    not_begun.for_each(|file| print::line(&literals::failed(&name(file))));
    let failures = outcomes.iter().filter_map(|outcome| outcome.result.as_ref().err());
    let failures: Vec<&Failure> = plan.problems.iter().map(|(_, failure)| failure).chain(failures).collect();
    let all = plan.tasks.len() + plan.problems.len();
    match failures.first() {
        None => Ok(()),
        Some(first) => {
            let signed = outcomes.iter().filter(|outcome| outcome.result.is_ok()).count();
            Err((*first).clone().after(format!("signed {signed} of {}", counted(all, "file"))))
        }
    }
}

fn which(arguments: &SignFile) -> Result<Which<'_>, Failure> {
    let alias = arguments.keypair_alias.as_ref().or(arguments.keypair.as_ref());
    match (alias, &arguments.fingerprint) {
        (Some(alias), _) if alias.trim().is_empty() => Err(missing("the alias is empty")),
        (Some(alias), _) => Ok(Which::Keypair(alias)),
        (None, Some(digits)) if digits.trim().is_empty() => Err(missing("the fingerprint is empty")),
        (None, Some(digits)) => Ok(Which::Fingerprint(digits)),
        (None, None) => Err(missing("neither --keypair-alias nor --fingerprint is given")),
    }
}

fn missing(why: &str) -> Failure {
    Failure::new("choose the keypair", why, "name it with --keypair-alias; smctl keypair list shows the aliases")
        .exit(Exit::Usage)
}

fn options(arguments: &SignFile, server: Option<String>) -> Options {
    Options {
        digest: arguments.digalg,
        timestamp: server.filter(|_| arguments.timestamp),
        existing: if arguments.unsigned { Existing::Skip } else { Existing::Replace },
        ..Options::default()
    }
}

/// A file as it was named, on one line.
fn name(file: &Path) -> String {
    shown(&file.display().to_string()).into_owned()
}

/// One line for a file that is signed; the reason and a line for one that is not.
fn told(outcome: &Outcome, verbose: bool) {
    let file = &outcome.target.input;
    match &outcome.result {
        Err(failure) => not_signed(file, failure),
        Ok(signed) => {
            let stamp = signed.made.stamp.as_deref().unwrap_or("none");
            let details = format!(
                "Program: {}\nTime stamp: {stamp}\nRecord: {}\n",
                outcome.program,
                signed.made.records.join(" ")
            );
            print::line(&format!("{}{}", if verbose { &details } else { "" }, literals::successful(&name(file))));
        }
    }
}

fn not_signed(file: &Path, failure: &Failure) {
    print::line(&format!("{}\n{}", tell(failure), literals::failed(&name(file))));
}

/// The reason and the remedy, as the vendor's program writes reasons with `--verbose`.
fn tell(failure: &Failure) -> String {
    format!("{}\n {}; {}", literals::REASON, shown(failure.why()), shown(failure.remedy()))
}
