//! Jobs: what one user on one machine signed with one program, without a long pause. The ledger does not know the jobs of a
//! pipeline, but most of them are such a series: a program that is started for each file is one job.

use super::count::Count;
use super::records::{Record, Records};
use std::collections::{BTreeSet, HashMap, HashSet};
use time::Date;

/// The pause after which the next request belongs to another job, in seconds.
pub const PAUSE: i64 = 10 * 60;

/// The most jobs of a report.
const MOST: usize = 15;

#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// The first and the last request, such as `2026-11-29 10:00:00`, in UTC.
    pub begin: String,
    pub end: String,
    pub host: String,
    pub user: String,
    pub program: String,
    /// The command line of the first request, as the ledger has it.
    pub command: String,
    /// The number of different command lines.
    pub commands: usize,
    pub keypairs: Vec<String>,
    pub count: Count,
}

/// A job that is being put together.
struct Open<'a> {
    first: &'a Record,
    last: &'a Record,
    commands: HashSet<u32>,
    keypairs: HashSet<u32>,
    count: Count,
}

fn instant(record: &Record) -> i64 {
    seconds(record.day, record.second)
}

fn seconds(day: Date, second: u32) -> i64 {
    i64::from(day.to_julian_day()) * 86_400 + i64::from(second)
}

fn text(record: &Record) -> String {
    let second = record.second;
    format!("{} {:02}:{:02}:{:02}", record.day, second / 3600, second / 60 % 60, second % 60)
}

/// The jobs that spent most, the dearest first.
pub fn dearest(records: &Records) -> Vec<Job> {
    let mut open: HashMap<(u32, u32, u32), Open<'_>> = HashMap::new();
    let mut done = Vec::new();
    for record in &records.all {
        let key = (record.host, record.user, record.process);
        if let Some(job) = open.get(&key)
            && instant(record) - instant(job.last) > PAUSE
        {
            done.extend(open.remove(&key));
        }
        let new = || Open {
            first: record,
            last: record,
            commands: HashSet::new(),
            keypairs: HashSet::new(),
            count: Count::default(),
        };
        let job = open.entry(key).or_insert_with(new);
        job.last = record;
        job.commands.insert(record.command);
        job.keypairs.insert(record.keypair);
        job.count.add(record.outcome, record.n);
    }
    done.extend(open.into_values());
    done.retain(|job| job.count.spent() > 0);
    done.sort_by_key(|job| (u64::MAX - job.count.spent(), job.first.n));
    done.truncate(MOST);
    let name = |number: u32| records.names.text(number).to_owned();
    let job = |job: Open<'_>| Job {
        begin: text(job.first),
        end: text(job.last),
        host: name(job.first.host),
        user: name(job.first.user),
        program: name(job.first.process),
        command: name(job.first.command),
        commands: job.commands.len(),
        keypairs: job.keypairs.into_iter().map(name).collect::<BTreeSet<_>>().into_iter().collect(),
        count: job.count,
    };
    done.into_iter().map(job).collect()
}

#[cfg(test)]
mod tests {
    use super::super::records::records;
    use super::*;
    use stm_pkcs11::ledger::{Entry, Outcome};

    #[test]
    fn a_job_ends_with_a_pause_and_belongs_to_one_program_of_one_user() {
        let entry = |n, time: &str, process: &str, command: &str| Entry {
            n,
            time: format!("2026-11-29T{time}.000Z"),
            host: "builder".into(),
            user: "ci".into(),
            process: process.into(),
            command: command.into(),
            keypair: "release".into(),
            outcome: Some(Outcome::Signed),
            ..Entry::default()
        };
        let found = dearest(&records(vec![
            entry(2, "10:00:00", "java", "java a.jar"),
            entry(4, "10:00:01", "openssl", "openssl dgst"),
            entry(6, "10:09:59", "java", "java b.jar"),
            entry(8, "10:19:59", "java", "java a.jar"),
            entry(10, "10:30:00", "java", "java a.jar"),
        ]));
        let jobs: Vec<_> = found
            .iter()
            .map(|job| (job.program.as_str(), job.count.spent(), job.commands, job.count.lines()))
            .collect();
        assert_eq!(jobs, [("java", 3, 2, "2 to 8".into()), ("openssl", 1, 1, "4".into()), ("java", 1, 1, "10".into())]);
        assert_eq!((found[0].begin.as_str(), found[0].end.as_str()), ("2026-11-29 10:00:00", "2026-11-29 10:19:59"));
        assert_eq!(found[0].command, "java a.jar");
    }

    #[test]
    fn what_costs_nothing_is_not_a_dear_job() {
        let free =
            Entry { n: 2, time: "2026-11-29T10:00:00.000Z".into(), outcome: Some(Outcome::Reused), ..Entry::default() };
        assert_eq!(dearest(&records(vec![free])), []);
    }
}
