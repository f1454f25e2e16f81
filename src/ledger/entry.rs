//! An entry: a sign request and its outcome, from two lines; or a reused signature, from one.

use super::file::LedgerFile;
use super::line::{self, Kind, Line, Outcome};
use super::open::Refusal;
use std::collections::BTreeMap;
use std::path::PathBuf;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    /// The number of its line.
    pub n: u64,
    /// The time of the request, in UTC, RFC 3339.
    pub time: String,
    pub host: String,
    pub user: String,
    pub pid: u32,
    /// The program's file name, without its directory.
    pub process: String,
    /// The command line without words that may be secrets.
    pub command: String,
    pub keypair: String,
    pub keypair_id: String,
    /// The service's name of the algorithm.
    pub sig_alg: String,
    /// The signed digest in hexadecimal; for longer data, `sha256:` and its digest.
    pub digest: String,
    /// The outcome; `None` if the request is in progress, or its process ended before the response.
    pub outcome: Option<Outcome>,
    /// Why there is no signature.
    pub why: Option<String>,
    /// The id in the service's signature log.
    pub signature_id: Option<String>,
    /// The duration of the request, in milliseconds.
    pub ms: Option<u64>,
    /// The number of attempts to send it.
    pub attempts: Option<u32>,
    /// The length of the signature, in bytes.
    pub bytes: Option<u64>,
}

impl Entry {
    fn of(line: Line) -> Self {
        Self {
            n: line.n,
            time: line.time,
            host: line.host.unwrap_or_default(),
            user: line.user.unwrap_or_default(),
            pid: line.pid.unwrap_or_default(),
            process: line.process.unwrap_or_default(),
            command: line.command.unwrap_or_default(),
            keypair: line.keypair.unwrap_or_default(),
            keypair_id: line.keypair_id.unwrap_or_default(),
            sig_alg: line.sig_alg.unwrap_or_default(),
            digest: line.digest.unwrap_or_default(),
            outcome: line.outcome,
            why: line.why,
            signature_id: line.signature_id,
            ms: line.ms,
            attempts: line.attempts,
            bytes: line.bytes,
        }
    }

    fn complete(&mut self, line: Line) {
        self.outcome = line.outcome;
        self.why = line.why;
        self.signature_id = line.signature_id;
        self.ms = line.ms;
        self.attempts = line.attempts;
        self.bytes = line.bytes;
    }

    /// The name of the outcome; `unfinished` if there is none.
    pub fn outcome_name(&self) -> &'static str {
        self.outcome.map_or("unfinished", Outcome::name)
    }

    /// Whether it counts towards the budget: an unfinished request may have been executed.
    pub fn counts(&self) -> bool {
        self.outcome.is_none_or(Outcome::counts)
    }

    /// The day of the request, in UTC.
    pub fn day(&self) -> &str {
        self.time.get(..10).unwrap_or(&self.time)
    }
}

/// Puts entries together from their lines, in the order of the ledger.
#[derive(Debug, Default)]
pub struct Joining {
    /// Requests without an outcome so far, by the number of their line.
    open: BTreeMap<u64, Entry>,
}

impl Joining {
    /// Takes the next line; returns the entry that it ends.
    pub fn add(&mut self, line: Line) -> Option<Entry> {
        match line.line {
            Kind::Head => None,
            Kind::Reused => Some(Entry::of(line)),
            Kind::Request => {
                self.open.insert(line.n, Entry::of(line));
                None
            }
            Kind::Completed => {
                let mut entry = self.open.remove(&line.of?)?;
                entry.complete(line);
                Some(entry)
            }
        }
    }

    /// The requests that have no outcome, the oldest first.
    pub fn unfinished(self) -> impl Iterator<Item = Entry> {
        self.open.into_values()
    }
}

/// All entries of a ledger, the oldest first; none if there is no ledger.
pub fn entries(ledger: &LedgerFile) -> Result<Vec<Entry>, Refusal> {
    let mut entries = Vec::new();
    visit_files(ledger.files(), |entry| entries.push(entry))?;
    entries.sort_by_key(|entry| entry.n);
    Ok(entries)
}

/// Calls `with` with every entry of a ledger, each as soon as its outcome is read, and those without one at the end. Only the
/// entries without an outcome are in memory meanwhile.
pub fn visit(ledger: &LedgerFile, with: impl FnMut(Entry)) -> Result<(), Refusal> {
    visit_files(ledger.all_files()?, with)
}

fn visit_files(files: Vec<PathBuf>, mut with: impl FnMut(Entry)) -> Result<(), Refusal> {
    let mut joining = Joining::default();
    for path in files {
        line::each(&path, |_, line| {
            if let Some(entry) = line.and_then(|line| joining.add(line)) {
                with(entry);
            }
        })?;
    }
    joining.unfinished().for_each(with);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::Ending;
    use super::super::draft::{Draft, Fields, Subject};
    use super::*;

    #[test]
    fn requests_and_their_ends_are_put_together() {
        let line = |n, line| Line { n, line, keypair: Some(format!("k{n}")), ..Line::default() };
        let end =
            Line { of: Some(2), outcome: Some(Outcome::Refused), why: Some("no".into()), ..line(4, Kind::Completed) };
        let stray = Line { of: Some(99), outcome: Some(Outcome::Signed), ..line(6, Kind::Completed) };
        let reused = Line { outcome: Some(Outcome::Reused), ..line(5, Kind::Reused) };
        let mut joining = Joining::default();
        let lines = [line(1, Kind::Head), line(2, Kind::Request), line(3, Kind::Request), end, reused, stray];
        let mut found: Vec<_> = lines.into_iter().filter_map(|line| joining.add(line)).collect();
        found.extend(joining.unfinished());
        found.sort_by_key(|entry| entry.n);
        let said: Vec<_> = found.iter().map(|entry| (&*entry.keypair, entry.outcome_name(), entry.counts())).collect();
        assert_eq!(said, [("k2", "refused", false), ("k3", "unfinished", true), ("k5", "reused", false)]);
    }

    #[test]
    fn an_entry_belongs_to_the_day_of_its_request() {
        for (time, day) in [("2026-11-28T23:59:59.999Z", "2026-11-28"), ("", "")] {
            assert_eq!(Entry { time: time.into(), ..Entry::default() }.day(), day);
        }
    }

    #[test]
    fn a_visit_brings_every_entry_once_with_its_outcome() {
        let folder = tempfile::tempdir().unwrap();
        let file = LedgerFile::new(&folder.path().join("ledger"));
        let add = |draft: &Draft<'_>| file.append(draft, |_| Ok::<_, ()>(())).unwrap().unwrap().0;
        let caller = Fields::default();
        let subject = |keypair| Subject { keypair, keypair_id: "1", sig_alg: "SHA256WithRSA", hash: &[7; 32] };
        let request = |keypair| add(&Draft::Request { caller: &caller, subject: &subject(keypair) });
        let (first, _, third) = (request("a"), request("b"), request("c"));
        for (of, outcome) in [(third, Outcome::Signed), (first, Outcome::Refused), (first, Outcome::Signed)] {
            add(&Draft::Completed { of, ending: &Ending::of(outcome), ms: 0 });
        }
        add(&Draft::Reused { caller: &caller, subject: &subject("d"), signature_id: None, bytes: 256 });
        let mut found = Vec::new();
        visit(&file, |entry| found.push((entry.keypair.clone(), entry.outcome_name()))).unwrap();
        let expected = [("c", "signed"), ("a", "refused"), ("d", "reused"), ("b", "unfinished")];
        assert_eq!(found, expected.map(|(keypair, outcome)| (keypair.to_owned(), outcome)));
        let missing = visit(&LedgerFile::new(&folder.path().join("none")), |_| {}).unwrap_err().to_string();
        assert!(missing.contains("none is not there"), "{missing}");
    }
}
