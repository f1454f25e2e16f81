//! Adds entries up.

use std::collections::BTreeMap;
use stm_pkcs11::ledger::{Entry, Outcome};

/// What entries are grouped by.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum By {
    /// The day, in UTC
    Day,
    /// The keypair's alias
    Keypair,
    /// The command line, as the ledger has it
    Command,
    /// How the request ended
    Outcome,
}

impl By {
    /// The name of the column.
    pub fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Keypair => "keypair",
            Self::Command => "command",
            Self::Outcome => "outcome",
        }
    }

    fn key(self, entry: &Entry) -> String {
        match self {
            Self::Day => entry.day().to_owned(),
            Self::Keypair => entry.keypair.clone(),
            Self::Command => entry.command.clone(),
            Self::Outcome => entry.outcome_name().to_owned(),
        }
    }
}

/// A row of a summary.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sum {
    /// The day, the alias, the command, the outcome.
    pub key: String,
    pub entries: u64,
    /// Entries that count towards a budget: signatures that were made, or may have been.
    pub spent: u64,
    /// Entries with a new signature.
    pub signed: u64,
    /// Entries with a stored signature.
    pub reused: u64,
    /// Entries that the service refused, or that were not sent.
    pub failed: u64,
    /// Entries that may or may not have been executed.
    pub unsure: u64,
}

/// The sums, by name; days in their order.
pub fn sums<'a>(entries: impl Iterator<Item = &'a Entry>, by: By) -> Vec<Sum> {
    let mut sums: BTreeMap<String, Sum> = BTreeMap::new();
    for entry in entries {
        let key = by.key(entry);
        let sum = sums.entry(key.clone()).or_insert_with(|| Sum { key, ..Sum::default() });
        sum.entries += 1;
        sum.spent += u64::from(entry.counts());
        match entry.outcome {
            Some(Outcome::Signed) => sum.signed += 1,
            Some(Outcome::Reused) => sum.reused += 1,
            Some(Outcome::Refused | Outcome::NotSent) => sum.failed += 1,
            Some(Outcome::Unverified | Outcome::Unknown) | None => sum.unsure += 1,
        }
    }
    sums.into_values().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_in_one_column() {
        let mut entries = Vec::new();
        for (place, outcome) in Outcome::ALL.into_iter().map(Some).chain([None]).enumerate() {
            let time = format!("2026-11-{:02}T00:00:00.000Z", 27 + place % 2);
            entries.push(Entry { outcome, time, keypair: "k".into(), ..Entry::default() });
        }
        let all = sums(entries.iter(), By::Keypair);
        let expected = Sum { key: "k".into(), entries: 7, spent: 4, signed: 1, reused: 1, failed: 2, unsure: 3 };
        assert_eq!(all, [expected]);
        let days: Vec<_> = sums(entries.iter(), By::Day).into_iter().map(|sum| (sum.key, sum.entries)).collect();
        assert_eq!(days, [("2026-11-27".into(), 4), ("2026-11-28".into(), 3)]);
        assert_eq!(sums(entries.iter(), By::Outcome).len(), 7);
    }
}
