//! The ledger records every sign request before it is sent, and its outcome afterwards. A budget limits the number of
//! requests, and deterministic signatures can be reused.
//!
//! This module is below `token` and beside `service`, and knows neither PKCS#11 nor HTTP. `token` calls
//! [`Ledger::reserve`] before the one place that requests a signature, and [`Reservation::complete`] after it.
//!
//! One request is one entry, however often it is sent: the module sends it again only if it certainly was not executed.
//! A request counts towards the budget from its reservation, unless it ended without being executed
//! ([`Outcome::counts`]). If the process ends in between, the entry stays unfinished, and counts.

mod budget;
mod caller;
mod draft;
mod end;
mod entry;
mod file;
mod kept_file;
mod line;
mod lock;
mod open;
pub mod reuse;
mod spent;
mod verify;

pub use caller::Caller;
pub use draft::Subject;
pub use entry::Entry;
pub use line::Outcome;
pub use open::Refusal;
pub use spent::Spent;
pub use verify::{Findings, verify};

pub use crate::timestamp::timestamp;

use crate::config::{LedgerSettings, Limit, Period};
use draft::{Draft, Fields};
use file::LedgerFile;
use once_cell::race::OnceBox;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Instant;

/// The ledger and the budget of a run.
pub struct Ledger {
    file: Option<LedgerFile>,
    budget: Vec<Limit>,
    /// The fields about the caller: they are the same in all lines.
    caller: OnceBox<Fields>,
    tally: Tally,
    /// Whether the log says already that signatures are made without a record.
    complained: AtomicBool,
}

/// The counts of a run, for its summary.
#[derive(Default)]
struct Tally {
    spent: AtomicU64,
    given_back: AtomicU64,
    reused: AtomicU64,
    refused: AtomicU64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ending {
    pub outcome: Outcome,
    /// Why there is no signature.
    pub why: Option<String>,
    /// The id in the service's signature log.
    pub signature_id: Option<String>,
    /// The number of attempts to send it; 0 if it was never sent.
    pub attempts: u32,
    /// The length of the signature, in bytes.
    pub bytes: Option<u64>,
}

impl Ending {
    /// An outcome without details, after one attempt.
    pub fn of(outcome: Outcome) -> Self {
        Self { outcome, why: None, signature_id: None, attempts: 1, bytes: None }
    }
}

/// A request that may be sent now. If it is dropped, it counts, and stays unfinished in the ledger.
#[must_use = "a reservation that is not completed stays unfinished"]
pub struct Reservation<'a> {
    ledger: &'a Ledger,
    begun: Instant,
    /// Number and day of its line; `None` if there is no ledger, or the line could not be written.
    line: Option<(u64, String)>,
}

impl Ledger {
    /// Opens no file: the first signature opens the ledger.
    pub fn new(settings: &LedgerSettings) -> Self {
        Self {
            file: settings.path.as_deref().map(LedgerFile::new),
            budget: settings.budget.clone(),
            caller: OnceBox::new(),
            tally: Tally::default(),
            complained: AtomicBool::new(false),
        }
    }

    fn caller(&self) -> &Fields {
        self.caller.get_or_init(|| Box::new(Fields::of_caller(&Caller::of_process())))
    }

    /// Reserves one signature of the budget, and records the request.
    ///
    /// # Errors
    /// The message for the user: the budget is used up, or a budget is set and the ledger cannot be written. Without a
    /// budget, a ledger that cannot be written is only an error in the log, and the request may be sent.
    pub fn reserve(&self, subject: &Subject<'_>) -> Result<Reservation<'_>, String> {
        let begun = Instant::now();
        let most = budget::of_process(&self.budget);
        if !budget::PROCESS.take(most) {
            Tally::add(&self.tally.refused);
            return Err(format!(
                "STM_PKCS11_BUDGET={most} is spent, so the request was not sent (this process, {} with number {}, has made \
                 {}); raise the budget, or sign in several processes",
                Caller::of_process().process,
                std::process::id(),
                budget::signatures(most)
            ));
        }
        let line = self.append(subject).inspect_err(|_| {
            budget::PROCESS.give_back();
            Tally::add(&self.tally.refused);
        })?;
        Tally::add(&self.tally.spent);
        Ok(Reservation { ledger: self, begun, line })
    }

    fn append(&self, subject: &Subject<'_>) -> Result<Option<(u64, String)>, String> {
        let Some(file) = &self.file else { return Ok(None) };
        let draft = Draft::Request { caller: self.caller(), subject };
        let appended = file.append(&draft, |spent| match budget::exhausted(&self.budget, spent) {
            None => {
                spent.add();
                Ok(())
            }
            Some(limit) => Err((*limit, spent.clone())),
        });
        match appended {
            Ok(Ok(line)) => Ok(Some(line)),
            Ok(Err((limit, spent))) => Err(budget::message(&limit, &spent, &entry::entries(file).unwrap_or_default())),
            Err(refusal) if self.budget.is_empty() => {
                if !self.complained.swap(true, Relaxed) {
                    log::error!(
                        "STM_PKCS11_LEDGER: {}, so signatures are made without a record; {}",
                        refusal.cause(),
                        refusal.remedy()
                    );
                }
                Ok(None)
            }
            Err(refusal) => Err(format!(
                "STM_PKCS11_LEDGER: {}, so the request was not sent: STM_PKCS11_BUDGET requires a record of it; {}",
                refusal.cause(),
                refusal.remedy()
            )),
        }
    }

    /// Records that a stored signature was returned again.
    pub fn reused(&self, subject: &Subject<'_>, signature_id: Option<&str>, bytes: usize) {
        Tally::add(&self.tally.reused);
        let Some(file) = &self.file else { return };
        let draft = Draft::Reused { caller: self.caller(), subject, signature_id, bytes: bytes as u64 };
        if let Err(refusal) = file.append(&draft, |_| Ok::<_, ()>(())) {
            log::error!(
                "STM_PKCS11_LEDGER: {}, so a reused signature is not recorded; {}",
                refusal.cause(),
                refusal.remedy()
            );
        }
    }

    /// Whether the summary has content: a ledger, a budget, or a reused signature.
    fn told(&self) -> bool {
        self.file.is_some() || !self.budget.is_empty() || self.tally.reused.load(Relaxed) > 0
    }

    /// A summary of the run for the log; `None` if nothing is set, or nothing was signed.
    pub fn summary(&self) -> Option<String> {
        let get = |counter: &AtomicU64| counter.load(Relaxed);
        let Tally { spent, given_back, reused, refused } = &self.tally;
        if !self.told() || get(spent) + get(reused) + get(refused) == 0 {
            return None;
        }
        let budget = match self.limits() {
            Ok(limits) => limits.iter().map(|(limit, count)| format!(", budget {limit}: {count} spent")).collect(),
            Err(_) => String::new(),
        };
        let spent = get(spent).saturating_sub(get(given_back));
        let spent = budget::signatures(spent);
        Some(format!("{spent} spent, {} reused, {} refused{budget}", get(reused), get(refused)))
    }

    /// Each limit, and how much of it is spent now.
    pub fn limits(&self) -> Result<Vec<(Limit, u64)>, Refusal> {
        let spent = self.spent()?.unwrap_or_default();
        let count = |limit: &Limit| match limit.per {
            Period::Process => budget::PROCESS.get(),
            period => spent.of(period).unwrap_or_default(),
        };
        Ok(self.budget.iter().map(|limit| (*limit, count(limit))).collect())
    }

    /// The totals of today; `None` without a ledger.
    pub fn spent(&self) -> Result<Option<Spent>, Refusal> {
        self.file.as_ref().map_or(Ok(None), LedgerFile::spent)
    }

    /// All entries, the oldest first.
    pub fn entries(&self) -> Result<Vec<Entry>, Refusal> {
        self.file.as_ref().map_or(Ok(Vec::new()), entry::entries)
    }

    /// Calls `with` with every entry, in the order in which they ended, and at the end with those that did not. For ledgers of any
    /// length: what has been visited is not kept in memory.
    pub fn visit(&self, with: impl FnMut(Entry)) -> Result<(), Refusal> {
        self.file.as_ref().map_or(Ok(()), |file| entry::visit(file, with))
    }

    /// Verifies the whole ledger; `None` without one. `noted` is the hash from an earlier verification.
    pub fn verify(&self, noted: Option<&str>) -> Result<Option<Findings>, Refusal> {
        self.file.as_ref().map(|file| verify(file, noted)).transpose()
    }
}

impl Tally {
    fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Relaxed);
    }
}

impl Reservation<'_> {
    /// Records the outcome. A request that certainly was not executed is given back to the budget.
    pub fn complete(self, ending: &Ending) {
        let counts = ending.outcome.counts();
        if !counts {
            budget::PROCESS.give_back();
            Tally::add(&self.ledger.tally.given_back);
        }
        let (Some(file), Some((of, date))) = (&self.ledger.file, &self.line) else { return };
        let draft = Draft::Completed { of: *of, ending, ms: self.begun.elapsed().as_millis() as u64 };
        let appended = file.append(&draft, |spent| {
            if !counts {
                spent.give_back(date);
            }
            Ok::<_, ()>(())
        });
        if let Err(refusal) = appended {
            let outcome = ending.outcome.name();
            log::error!(
                "STM_PKCS11_LEDGER: {}, so line {of} stays unfinished ({outcome}); {}",
                refusal.cause(),
                refusal.remedy()
            );
        }
    }
}

/// A ledger with several owners.
pub type Shared = Arc<Ledger>;

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::Path;

    const SUBJECT: Subject<'_> = Subject { keypair: "k", keypair_id: "1", sig_alg: "SHA256WithRSA", hash: &[7; 32] };

    fn ledger(path: &Path, budget: &str) -> Ledger {
        let budget = if budget.is_empty() { Vec::new() } else { Limit::list(budget).unwrap() };
        Ledger::new(&LedgerSettings { path: Some(path.into()), budget, reuse: None })
    }

    #[test]
    fn a_request_is_in_the_ledger_before_it_is_sent_and_its_end_after() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = ledger(&folder.path().join("new").join("ledger"), "");
        let reserved = ledger.reserve(&SUBJECT).unwrap();
        let before = ledger.entries().unwrap();
        assert_eq!((before.len(), before[0].outcome_name(), &*before[0].keypair), (1, "unfinished", "k"));
        assert_eq!(before[0].digest, "07".repeat(32));
        let id = Some("id".to_owned());
        reserved.complete(&Ending { signature_id: id.clone(), bytes: Some(256), ..Ending::of(Outcome::Signed) });
        let after = ledger.entries().unwrap();
        assert_eq!((after.len(), after[0].outcome, &after[0].signature_id), (1, Some(Outcome::Signed), &id));
        assert_eq!((after[0].bytes, after[0].attempts), (Some(256), Some(1)));
    }

    #[test]
    fn a_budget_holds_and_what_was_not_executed_is_given_back() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = ledger(&folder.path().join("ledger"), "2/day,10/year");
        for outcome in [Outcome::Refused, Outcome::NotSent, Outcome::Signed, Outcome::Unknown] {
            ledger.reserve(&SUBJECT).unwrap().complete(&Ending::of(outcome));
        }
        let refused = ledger.reserve(&SUBJECT).err().expect("2 are spent");
        assert!(
            refused.starts_with("STM_PKCS11_BUDGET=2/day is spent, so the request was not sent (2 signatures"),
            "{refused}"
        );
        assert!(
            refused.contains(": 2 by ") && refused.ends_with("for k); raise the budget, or wait for the next day"),
            "{refused}"
        );
        assert_eq!(ledger.limits().unwrap().iter().map(|(_, count)| *count).collect::<Vec<_>>(), [2, 2]);
        assert_eq!(
            ledger.summary().unwrap(),
            "2 signatures spent, 0 reused, 1 refused, budget 2/day: 2 spent, budget 10/year: 2 spent"
        );
        assert_eq!(ledger.entries().unwrap().len(), 4, "a refusal is not in the ledger");
    }

    #[test]
    fn a_reservation_that_was_dropped_stays_spent() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = ledger(&folder.path().join("ledger"), "1/month");
        drop(ledger.reserve(&SUBJECT).unwrap());
        assert!(ledger.reserve(&SUBJECT).err().expect("spent").contains("wait for the next month"));
    }

    #[test]
    fn without_a_record_nothing_is_sent_if_a_budget_is_set_and_all_if_none_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ledger");
        fs::write(&path, "a diary").unwrap();
        let refused = ledger(&path, "9/day").reserve(&SUBJECT).err().expect("refused");
        assert!(
            refused.contains(
                "is not a ledger of stm-pkcs11 and was left unchanged, so the request was not sent: STM_PKCS11_BUDGET"
            ),
            "{refused}"
        );
        assert!(ledger(&path, "").reserve(&SUBJECT).is_ok());
        assert_eq!(fs::read(&path).unwrap(), b"a diary");
    }

    #[test]
    fn a_run_is_summed_up_if_something_is_set_and_something_was_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let unset = || Ledger::new(&LedgerSettings::default());
        let set = |name: &str, budget| ledger(&folder.path().join(name), budget);
        let sign = |ledger: &Ledger| drop(ledger.reserve(&SUBJECT));
        let reuse = |ledger: &Ledger| ledger.reused(&SUBJECT, None, 256);
        for (ledger, run, said) in [
            (unset(), &sign as &dyn Fn(&Ledger), None),
            (unset(), &reuse, Some("0 signatures spent, 1 reused, 0 refused")),
            (set("a", ""), &|_| {}, None),
            (set("b", ""), &sign, Some("1 signature spent, 0 reused, 0 refused")),
            (set("c", ""), &reuse, Some("0 signatures spent, 1 reused, 0 refused")),
            (set("d", "0/day"), &sign, Some("0 signatures spent, 0 reused, 1 refused, budget 0/day: 0 spent")),
        ] {
            run(&ledger);
            assert_eq!(ledger.summary().as_deref(), said);
        }
    }

    #[test]
    fn every_entry_is_visited_and_without_a_ledger_there_are_none() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = ledger(&folder.path().join("ledger"), "");
        ledger.reserve(&SUBJECT).unwrap().complete(&Ending::of(Outcome::Signed));
        drop(ledger.reserve(&SUBJECT).unwrap());
        let mut outcomes = Vec::new();
        ledger.visit(|entry| outcomes.push(entry.outcome_name())).unwrap();
        assert_eq!(outcomes, ["signed", "unfinished"]);
        Ledger::new(&LedgerSettings::default()).visit(|entry| panic!("{entry:?}")).unwrap();
    }

    #[test]
    fn reused_signatures_are_marked_and_cost_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let ledger = ledger(&folder.path().join("ledger"), "0/day");
        ledger.reused(&SUBJECT, Some("id"), 256);
        let entries = ledger.entries().unwrap();
        assert_eq!((entries[0].outcome, entries[0].counts()), (Some(Outcome::Reused), false));
        assert!(ledger.verify(None).unwrap().unwrap().problems.is_empty());
    }
}
