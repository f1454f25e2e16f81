//! The entries of a ledger in a form that stays small: texts that repeat are numbers.

use std::collections::HashMap;
use std::time::SystemTime;
use stm_pkcs11::ledger::{Entry, Ledger, Outcome, Refusal, timestamp};
use time::{Date, Month};

/// How many entries of a list with all details are kept: the last ones.
pub const LISTED: usize = 100;

/// The number of a text in [`Names`].
pub type Name = u32;

/// Texts, each stored once.
#[derive(Debug, Default)]
pub struct Names {
    texts: Vec<String>,
    numbers: HashMap<String, Name>,
}

impl Names {
    pub fn number(&mut self, text: &str) -> Name {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        let number = self.texts.len() as Name;
        self.texts.push(text.to_owned());
        self.numbers.insert(text.to_owned(), number);
        number
    }

    pub fn text(&self, number: Name) -> &str {
        &self.texts[number as usize]
    }
}

#[derive(Debug, Clone, Copy)]
pub struct Record {
    /// The number of its line.
    pub n: u64,
    pub day: Date,
    /// Since the day began, in UTC.
    pub second: u32,
    pub host: Name,
    pub user: Name,
    pub process: Name,
    pub command: Name,
    pub keypair: Name,
    pub outcome: Option<Outcome>,
}

/// The last entries of a kind with all that the ledger has of them, and how many there are.
#[derive(Debug, Default)]
pub struct Listed {
    pub entries: Vec<Entry>,
    pub count: u64,
}

impl Listed {
    fn add(&mut self, entry: Entry) {
        self.count += 1;
        self.entries.push(entry);
        if self.entries.len() >= 2 * LISTED {
            self.shorten();
        }
    }

    fn shorten(&mut self) {
        self.entries.sort_by_key(|entry| entry.n);
        let old = self.entries.len().saturating_sub(LISTED);
        self.entries.drain(..old);
    }
}

#[derive(Debug, Default)]
pub struct Records {
    pub names: Names,
    /// Those that the report is about, the oldest first.
    pub all: Vec<Record>,
    /// Day and number of all that counts, whatever the report is about: a budget is one for all.
    pub spent: Vec<(Date, u32)>,
    /// Requests that failed, without the unfinished ones.
    pub failed: Listed,
    pub unfinished: Listed,
}

impl Records {
    /// Reads a ledger, and keeps the entries that `fits` accepts.
    pub fn read(ledger: &Ledger, fits: impl Fn(&Entry) -> bool) -> Result<Self, Refusal> {
        let mut records = Self::default();
        ledger.visit(|entry| records.add(entry, &fits))?;
        records.finish();
        Ok(records)
    }

    fn add(&mut self, entry: Entry, fits: impl Fn(&Entry) -> bool) {
        let known = moment(&entry.time);
        // A time that cannot be read is that of the entry before it.
        let (day, second) = known.or_else(|| self.all.last().map(|last| (last.day, last.second))).unwrap_or_else(today);
        if entry.counts() {
            self.spent.push((day, second));
        }
        if !fits(&entry) {
            return;
        }
        self.all.push(Record {
            n: entry.n,
            day,
            second,
            host: self.names.number(&entry.host),
            user: self.names.number(&entry.user),
            process: self.names.number(&entry.process),
            command: self.names.number(&entry.command),
            keypair: self.names.number(&entry.keypair),
            outcome: entry.outcome,
        });
        match entry.outcome {
            None => self.unfinished.add(entry),
            Some(Outcome::Signed | Outcome::Reused) => {}
            Some(Outcome::Unverified | Outcome::Unknown | Outcome::Refused | Outcome::NotSent) => {
                self.failed.add(entry)
            }
        }
    }

    fn finish(&mut self) {
        self.all.sort_by_key(|record| record.n);
        self.spent.sort_unstable();
        self.failed.shorten();
        self.unfinished.shorten();
    }
}

/// Day and second of a time in the ledger's notation.
pub fn moment(time: &str) -> Option<(Date, u32)> {
    let digits = |digits: &&str| digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = |range| time.get(range).filter(digits).and_then(|digits: &str| digits.parse::<u32>().ok());
    let marks = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':')];
    if marks.iter().any(|(place, mark)| time.as_bytes().get(*place) != Some(mark)) {
        return None;
    }
    let month = Month::try_from(u8::try_from(number(5..7)?).ok()?).ok()?;
    let date =
        Date::from_calendar_date(i32::try_from(number(0..4)?).ok()?, month, u8::try_from(number(8..10)?).ok()?).ok()?;
    let second = number(11..13)? * 3600 + number(14..16)? * 60 + number(17..19)?;
    (second < 86_400).then_some((date, second))
}

/// Day and second now.
pub fn today() -> (Date, u32) {
    moment(&timestamp(SystemTime::now())).unwrap_or((Date::MIN, 0))
}

#[cfg(test)]
pub fn records(entries: Vec<Entry>) -> Records {
    let mut records = Records::default();
    entries.into_iter().for_each(|entry| records.add(entry, |_| true));
    records.finish();
    records
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_days_and_seconds() {
        let (day, second) = moment("2026-11-29T10:02:03.456Z").unwrap();
        assert_eq!((day.to_string(), second), ("2026-11-29".into(), 36_123));
        for wrong in
            ["", "2026-11-29", "2026-13-01T00:00:00.000Z", "2026-02-30T00:00:00.000Z", "2026-11-29T99:00:00.000Z", "é"]
        {
            assert_eq!(moment(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn of_many_failures_the_last_ones_are_kept_and_all_are_counted() {
        let entry = |n| Entry {
            n,
            outcome: Some(Outcome::Refused),
            time: "2026-11-29T00:00:00.000Z".into(),
            ..Entry::default()
        };
        let records = records((1..=1000).rev().map(entry).collect());
        assert_eq!(records.failed.count, 1000);
        let kept: Vec<_> = records.failed.entries.iter().map(|entry| entry.n).collect();
        assert_eq!((kept.len(), records.all.len(), records.all[0].n), (LISTED, 1000, 1));
        assert!(kept.is_sorted() && records.spent.is_empty());
    }

    #[test]
    fn a_time_that_cannot_be_read_is_the_one_before() {
        let entry = |n, time: &str| Entry { n, time: time.into(), ..Entry::default() };
        let records = records(vec![entry(1, "2026-01-02T03:04:05.000Z"), entry(2, "yesterday")]);
        assert_eq!(records.all[1].day, records.all[0].day);
        assert_eq!((records.spent.len(), records.unfinished.count), (2, 2));
    }
}
