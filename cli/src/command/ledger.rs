//! `stm-pkcs11 ledger`: what was signed, by whom, and what it cost.

use crate::account::{Account, Choice, configuration, refused};
use crate::ledger::filter::Filter;
use crate::ledger::sum::{By, Sum, sums};
use crate::ledger::{chart, csv};
use crate::print::{self, Exit, Failure, table};
use clap::Subcommand;
use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use std::path::PathBuf;
use stm_pkcs11::config::LedgerSettings;
use stm_pkcs11::ledger::{Entry, Ledger, Outcome, Refusal};
use stm_pkcs11::plural::counted;
use stm_pkcs11::service::SignatureRecord;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List the sign requests
    List(List),
    /// Add them up by day, keypair, command or outcome
    Summary(Summary),
    /// Draw them: a page for a browser, charts, or the summary of a job
    Report(super::ledger_report::Report),
    /// Check that no line was changed, removed or inserted; prints the hash to pass to the next check
    Verify(Verify),
    /// Compare the ledger with the service's signature log; does not use up a signature
    Reconcile(Reconcile),
}

#[derive(clap::Args)]
pub struct Place {
    /// The ledger file; default: that of the settings
    #[arg(long, value_name = "PATH")]
    file: Option<PathBuf>,
}

#[derive(clap::Args)]
struct Form {
    /// Print JSON instead of a table
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print CSV instead of a table
    #[arg(long)]
    csv: bool,
}

#[derive(clap::Args)]
struct List {
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    form: Form,
}

#[derive(clap::Args)]
struct Summary {
    /// What to add up by
    #[arg(long, value_enum, default_value = "day")]
    by: By,
    /// Print a bar chart instead of a table
    #[arg(long, conflicts_with_all = ["json", "csv"])]
    chart: bool,
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    form: Form,
}

#[derive(clap::Args)]
struct Verify {
    /// A hash that an earlier verification printed: it must be in the ledger still
    #[arg(long, value_name = "HASH")]
    noted: Option<String>,
    #[command(flatten)]
    place: Place,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
struct Reconcile {
    #[command(flatten)]
    filter: Filter,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    account: Choice,
    /// Print JSON instead of a table
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::List(arguments) => list(arguments),
        Command::Summary(arguments) => summary(arguments),
        Command::Report(arguments) => super::ledger_report::report(arguments),
        Command::Verify(arguments) => verify(arguments),
        Command::Reconcile(arguments) => reconcile(arguments),
    }
}

/// The failure of reading the ledger.
pub fn unreadable(refusal: Refusal) -> Failure {
    Failure::new("read the ledger", refusal.cause(), refusal.remedy())
}

impl Place {
    /// Path and budget: those of the settings, or only the path that was named.
    pub fn settings(&self) -> Result<LedgerSettings, Failure> {
        if let Some(path) = &self.file {
            return Ok(LedgerSettings { path: Some(path.clone()), ..LedgerSettings::default() });
        }
        let config = configuration();
        if config.ledger.path.is_none() {
            let remedy = "set STM_PKCS11_LEDGER to its path, or name it with --file";
            return Err(Failure::new("find the ledger", "the settings name none", remedy).exit(Exit::Settings));
        }
        Ok(config.ledger)
    }

    fn open(&self) -> Result<Ledger, Failure> {
        self.settings().map(|settings| Ledger::new(&settings))
    }

    fn entries(&self, filter: &Filter) -> Result<Vec<Entry>, Failure> {
        let mut entries = self.open()?.entries().map_err(unreadable)?;
        entries.retain(|entry| filter.fits(entry));
        Ok(entries)
    }
}

fn json_of(entry: &Entry) -> Value {
    json!({
        "n": entry.n, "time": entry.time, "host": entry.host, "user": entry.user, "pid": entry.pid, "process": entry.process,
        "command": entry.command, "keypair": entry.keypair, "keypair_id": entry.keypair_id, "sig_alg": entry.sig_alg,
        "digest": entry.digest, "outcome": entry.outcome_name(), "counts": entry.counts(), "why": entry.why,
        "signature_id": entry.signature_id, "ms": entry.ms, "attempts": entry.attempts, "bytes": entry.bytes,
    })
}

const COLUMNS: [&str; 17] = [
    "n",
    "time",
    "host",
    "user",
    "pid",
    "process",
    "command",
    "keypair",
    "keypair_id",
    "sig_alg",
    "digest",
    "outcome",
    "why",
    "signature_id",
    "ms",
    "attempts",
    "bytes",
];

/// The cell of a value in CSV.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn list(arguments: &List) -> Result<(), Failure> {
    let entries = arguments.place.entries(&arguments.filter)?;
    if arguments.form.json {
        print::json(&Value::Array(entries.iter().map(json_of).collect()));
    } else if arguments.form.csv {
        print::text(&csv::row(COLUMNS));
        for value in entries.iter().map(json_of) {
            let cells = COLUMNS.map(|name| plain(&value[name]));
            print::text(&csv::row(cells.iter().map(String::as_str)));
        }
    } else {
        let rows: Vec<_> = entries
            .into_iter()
            .map(|entry| {
                let outcome = entry.outcome_name().to_owned();
                let who = format!("{}@{}", entry.user, entry.host);
                let id = entry.signature_id.or(entry.why).unwrap_or_default();
                vec![entry.time, who, entry.process, entry.keypair, entry.sig_alg, outcome, id]
            })
            .collect();
        table::print(&["TIME", "WHO", "PROGRAM", "KEYPAIR", "ALGORITHM", "OUTCOME", "SIGNATURE"], &rows);
    }
    Ok(())
}

fn summary(arguments: &Summary) -> Result<(), Failure> {
    let entries = arguments.place.entries(&arguments.filter)?;
    let sums = sums(entries.iter(), arguments.by);
    let numbers = |sum: &Sum| [sum.spent, sum.signed, sum.reused, sum.failed, sum.unsure];
    const NAMES: [&str; 5] = ["spent", "signed", "reused", "failed", "unsure"];
    let cells = |sum: &Sum| {
        let numbers = numbers(sum).map(|number| number.to_string());
        [sum.key.clone()].into_iter().chain(numbers).collect::<Vec<_>>()
    };
    if arguments.form.json {
        let object = |sum: &Sum| {
            let numbers = NAMES.into_iter().zip(numbers(sum)).map(|(name, number)| (name.to_owned(), json!(number)));
            let key = (arguments.by.name().to_owned(), json!(sum.key));
            Value::Object([key].into_iter().chain(numbers).collect())
        };
        print::json(&Value::Array(sums.iter().map(object).collect()));
    } else if arguments.form.csv {
        print::text(&csv::row([arguments.by.name()].into_iter().chain(NAMES)));
        sums.iter().for_each(|sum| print::text(&csv::row(cells(sum).iter().map(String::as_str))));
    } else if arguments.chart {
        let rows: Vec<_> = sums.iter().map(|sum| (print::shown(&sum.key).into_owned(), sum.spent)).collect();
        chart::bars(&rows, print::terminal::width()).iter().for_each(|line| print::line(line));
    } else {
        let head = [arguments.by.name()].into_iter().chain(NAMES).map(str::to_uppercase).collect::<Vec<_>>();
        let head: Vec<&str> = head.iter().map(String::as_str).collect();
        table::print(&head, &sums.iter().map(cells).collect::<Vec<_>>());
    }
    Ok(())
}

fn verify(arguments: &Verify) -> Result<(), Failure> {
    let ledger = arguments.place.open()?;
    let found = ledger.verify(arguments.noted.as_deref()).map_err(unreadable)?;
    let found = found.unwrap_or_else(|| unreachable!("it was opened by its path"));
    if arguments.json {
        print::json(&json!({
            "lines": found.lines, "head": found.head, "has_noted": found.has_noted, "problems": found.problems,
            "notes": found.notes, "unfinished": found.unfinished.iter().map(json_of).collect::<Vec<_>>(),
            "spent": {"date": found.spent.date, "day": found.spent.day, "month": found.spent.month, "year": found.spent.year,
                      "total": found.spent.total},
        }));
    } else {
        found.notes.iter().for_each(|note| print::line(&format!("note: {}", print::shown(note))));
        for entry in &found.unfinished {
            let who = format!("{}@{} with {} (process {})", entry.user, entry.host, entry.process, entry.pid);
            let line = format!("unfinished: line {} of {}, keypair {}, by {who}", entry.n, entry.time, entry.keypair);
            print::line(&print::shown(&line));
        }
        found.problems.iter().for_each(|problem| print::line(&format!("WRONG: {}", print::shown(problem))));
        print::line(&format!(
            "{}, {} unfinished, hash of the last: {}",
            counted(found.lines, "line"),
            found.unfinished.len(),
            found.head
        ));
    }
    if let Some(problem) = found.problems.first() {
        let remedy = "compare the ledger with a backup, and with the service's signature logs";
        return Err(Failure::new("verify the ledger", problem, remedy));
    }
    if found.has_noted == Some(false) {
        let remedy = "compare the ledger with a backup, and with the service's signature logs";
        return Err(Failure::new(
            "verify the ledger",
            "the noted hash is not in it: lines are missing at its end",
            remedy,
        ));
    }
    Ok(())
}

/// What a comparison with the service's record found.
fn compare(entry: &Entry, record: &SignatureRecord) -> Result<&'static str, String> {
    let differs = |what: &str, value: Option<&str>| Err(format!("the record has {what} {}", value.unwrap_or("none")));
    if record.keypair_id.as_deref() != Some(&entry.keypair_id) {
        return differs("the keypair", record.keypair_id.as_deref());
    }
    if !record.sig_alg.as_deref().is_some_and(|name| name.eq_ignore_ascii_case(&entry.sig_alg)) {
        return differs("the algorithm", record.sig_alg.as_deref());
    }
    let digest = record.hash.as_deref().map(|hash| HEXLOWER.encode(hash));
    if !entry.digest.starts_with("sha256:") && digest.as_deref() != Some(&entry.digest) {
        return differs("the digest", digest.as_deref());
    }
    if record.signing_status.as_deref().is_some_and(|status| status.eq_ignore_ascii_case("SUCCESS")) {
        return Ok("signed: the record agrees");
    }
    differs("the status", record.signing_status.as_deref())
}

fn look(account: &Account, entry: &Entry) -> Result<(bool, String), Failure> {
    let Some(id) = &entry.signature_id else {
        let text = format!(
            "no id came: look in the service's signature logs for {} by {} at {}",
            entry.sig_alg, entry.keypair, entry.time
        );
        return Ok((false, text));
    };
    match account.service.signature(id, account.service.deadline()) {
        Ok(record) => Ok(compare(entry, &record).map_or_else(|why| (false, why), |text| (true, text.to_owned()))),
        Err(failure) if failure.kind() == stm_pkcs11::service::Kind::NotFound => {
            Ok((false, "the service has no record of this id".to_owned()))
        }
        Err(failure) => Err(refused(format!("read the record {id}"), &failure)),
    }
}

fn reconcile(arguments: &Reconcile) -> Result<(), Failure> {
    let account = arguments.account.open()?;
    let mut entries = arguments.place.entries(&arguments.filter)?;
    entries.retain(|entry| entry.counts() && (entry.signature_id.is_some() || entry.outcome != Some(Outcome::Signed)));
    let mut found = Vec::new();
    for entry in entries {
        let (agrees, text) = look(&account, &entry)?;
        found.push((entry, agrees, text));
    }
    if arguments.json {
        let values = found.iter().map(|(entry, agrees, text)| {
            let mut value = json_of(entry);
            value["agrees"] = json!(agrees);
            value["found"] = json!(text);
            value
        });
        print::json(&Value::Array(values.collect()));
    } else {
        let rows: Vec<_> = found
            .iter()
            .map(|(entry, _, text)| {
                vec![
                    entry.n.to_string(),
                    entry.time.clone(),
                    entry.keypair.clone(),
                    entry.outcome_name().into(),
                    text.clone(),
                ]
            })
            .collect();
        table::print(&["LINE", "TIME", "KEYPAIR", "OUTCOME", "SERVICE"], &rows);
    }
    let open = found.iter().filter(|(_, agrees, _)| !agrees).count();
    if open == 0 {
        return Ok(());
    }
    let why = format!("{open} of {} not confirmed by a record of the service", counted(found.len(), "entry"));
    Err(Failure::new(
        "reconcile the ledger",
        why,
        "look for them in the service's web page: Software Trust Manager, Logs, Signature logs",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_agrees_only_if_all_of_it_does() {
        let entry = Entry {
            keypair_id: "k".into(),
            sig_alg: "SHA256WithRSA".into(),
            digest: "0102".into(),
            ..Entry::default()
        };
        let good = SignatureRecord {
            keypair_id: Some("k".into()),
            sig_alg: Some("SHA256withRSA".into()),
            hash: Some(vec![1, 2]),
            signing_status: Some("SUCCESS".into()),
            ..SignatureRecord::default()
        };
        assert_eq!(compare(&entry, &good), Ok("signed: the record agrees"));
        let other = SignatureRecord { keypair_id: Some("x".into()), ..good.clone() };
        assert_eq!(compare(&entry, &other), Err("the record has the keypair x".into()));
        let other = SignatureRecord { hash: Some(vec![1, 3]), ..good.clone() };
        assert_eq!(compare(&entry, &other), Err("the record has the digest 0103".into()));
        let other = SignatureRecord { signing_status: Some("FAILED".into()), ..good.clone() };
        assert_eq!(compare(&entry, &other), Err("the record has the status FAILED".into()));
        let other = SignatureRecord { sig_alg: None, ..good };
        assert_eq!(compare(&entry, &other), Err("the record has the algorithm none".into()));
    }
}
