//! The report on a ledger: the numbers of a page, of charts and of a summary in Markdown. `command/ledger_report.rs` is the command.

mod charts;
mod count;
mod forecast;
mod groups;
mod jobs;
pub mod markdown;
pub mod page;
mod periods;
pub mod records;
mod tables;
pub mod write;

pub use charts::{Picture, pictures};

use count::{Count, Kind};
use forecast::{End, Forecast, forecasts};
use groups::{Groups, groups};
use jobs::{Job, dearest};
use periods::{Periods, periods};
use records::{LISTED, Listed, Records};
use stm_pkcs11::config::Limit;
use stm_pkcs11::plural::counted;
use time::Date;

/// Written at the beginning of every file of a report, so that only files of reports are replaced.
pub const GENERATOR: &str = "stm-pkcs11 ledger report";

/// How many keypairs have a colour of their own: one less than there are, because the last one is for the others.
const COLOURED: usize = stm_charts::COLOURS - 1;

/// How many rows a table of keypairs, commands or hosts has, without that of the others.
const NAMED: usize = 20;

/// What a report says.
pub struct Report {
    /// When it was written, in UTC.
    pub written: String,
    /// What it is about, if not about all entries, such as `since 2026-11-01`.
    pub only: Vec<String>,
    sum: Count,
    periods: Periods,
    keypairs: Groups,
    commands: Groups,
    hosts: Groups,
    jobs: Vec<Job>,
    failed: Listed,
    unfinished: Listed,
    budget: Vec<Forecast>,
}

impl Report {
    /// `limits` are those of the budget, each with what is spent of it; `now` is a day and its second, in UTC.
    pub fn new(records: Records, limits: &[(Limit, u64)], only: Vec<String>, now: (Date, u32)) -> Self {
        let mut sum = Count::default();
        records.all.iter().for_each(|record| sum.add(record.outcome, record.n));
        let second = now.1;
        Self {
            written: format!("{} {:02}:{:02} UTC", now.0, second / 3600, second / 60 % 60),
            only,
            sum,
            periods: periods(&records, COLOURED),
            keypairs: groups(&records, |record| record.keypair, NAMED),
            commands: groups(&records, |record| record.command, NAMED),
            hosts: groups(&records, |record| record.host, NAMED),
            jobs: dearest(&records),
            budget: forecasts(limits, &records, now),
            failed: records.failed,
            unfinished: records.unfinished,
        }
    }

    /// The numbers of the whole, each with its meaning.
    fn figures(&self) -> Vec<(String, u64)> {
        let spent = ("signatures spent".to_owned(), self.sum.spent());
        let kinds = Kind::ALL.into_iter().map(|kind| (kind.meaning().to_owned(), self.sum.of(kind)));
        std::iter::once(spent).chain(kinds).collect()
    }

    /// The names of the keypairs with a column of their own, and of the column of the others.
    fn coloured(&self) -> Vec<String> {
        let Periods { keypairs, others, .. } = &self.periods;
        let other = (*others > 0).then(|| format!("{} more", counted(others, "keypair")));
        keypairs.iter().cloned().chain(other).collect()
    }
}

/// When a limit will be used up, in words.
fn ending(forecast: &Forecast) -> String {
    match forecast.end {
        End::Spent => "used up".to_owned(),
        End::On(day) => format!("on {day}"),
        End::After => {
            let next = forecast.period.map(|(_, next)| next.to_string()).unwrap_or_default();
            format!("not before it begins again on {next}")
        }
        End::Never => "never, because nothing was signed lately".to_owned(),
        End::EachProcess => "each process begins at 0".to_owned(),
    }
}

/// The present rate, in words.
fn rate(forecast: &Forecast) -> String {
    let Some(rate) = forecast.rate else { return String::new() };
    let days = match forecast.rate_of {
        1 => "the last day".to_owned(),
        days => format!("the last {days} days"),
    };
    format!("{rate:.1} a day in {days}")
}

/// What a list of single requests does not show.
fn left_out(listed: &Listed) -> Option<String> {
    let more = listed.count - listed.entries.len() as u64;
    (more > 0).then(|| format!("The last {LISTED} of {}. `stm-pkcs11 ledger list --json` has all.", listed.count))
}

#[cfg(test)]
pub fn example(entries: Vec<stm_pkcs11::ledger::Entry>, limits: &[(Limit, u64)]) -> Report {
    let now = records::moment("2026-11-29T12:34:56.000Z").unwrap();
    Report::new(records::records(entries), limits, Vec::new(), now)
}

#[cfg(test)]
pub fn hostile(names: &[&str]) -> Report {
    use stm_pkcs11::ledger::{Entry, Outcome};
    let entry = |(place, name): (usize, &&str)| Entry {
        n: place as u64 + 2,
        time: format!("2026-11-{:02}T10:00:00.000Z", place % 28 + 1),
        host: (*name).into(),
        user: (*name).into(),
        process: (*name).into(),
        command: (*name).into(),
        keypair: (*name).into(),
        why: Some((*name).into()),
        signature_id: Some((*name).into()),
        outcome: [Some(Outcome::Signed), Some(Outcome::Refused), Some(Outcome::Unknown), None][place % 4],
        ..Entry::default()
    };
    let limits: Vec<_> =
        Limit::list("5,10/day,100/month,1000/year").unwrap().into_iter().map(|limit| (limit, 4)).collect();
    example(names.iter().enumerate().map(entry).collect(), &limits)
}
