//! Entries by day, or by week, month or year where there are too many days for a chart.

use super::count::Count;
use super::groups::{Group, groups};
use super::records::{Name, Record, Records};
use std::collections::HashMap;
use time::Date;

/// The most columns of a chart, except for years.
const MOST: i64 = 100;

/// How long a column is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub enum Unit {
    Day,
    /// From Monday on.
    Week,
    Month,
    Year,
}

impl Unit {
    pub fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
        }
    }

    /// The number of the column of a date.
    fn number(self, date: Date) -> i64 {
        match self {
            Self::Day => i64::from(date.to_julian_day()),
            Self::Week => i64::from(date.to_julian_day()).div_euclid(7),
            Self::Month => i64::from(date.year()) * 12 + i64::from(u8::from(date.month())) - 1,
            Self::Year => i64::from(date.year()),
        }
    }

    /// The name of the column with this number; a week is called after its Monday.
    fn text(self, number: i64) -> String {
        let day = |number: i64| i32::try_from(number).ok().and_then(|day| Date::from_julian_day(day).ok());
        match self {
            Self::Day => day(number).map(|date| date.to_string()).unwrap_or_default(),
            // Day 0 of this count was a Monday.
            Self::Week => day(number * 7).map(|date| date.to_string()).unwrap_or_default(),
            Self::Month => format!("{:04}-{:02}", number.div_euclid(12), number.rem_euclid(12) + 1),
            Self::Year => format!("{number:04}"),
        }
    }
}

/// A column.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Period {
    pub name: String,
    pub count: Count,
    /// What is spent by each of [`Periods::keypairs`], and by all others.
    pub spent: Vec<u64>,
}

/// The columns without a gap, from the first entry to the last.
#[derive(Debug, Clone, PartialEq)]
pub struct Periods {
    pub unit: Unit,
    pub all: Vec<Period>,
    /// The keypairs that spent most, in this order.
    pub keypairs: Vec<String>,
    /// How many keypairs are together in the last number of [`Period::spent`].
    pub others: usize,
}

/// Adds up by period; `most` is the number of keypairs that have a number of their own.
pub fn periods(records: &Records, most: usize) -> Periods {
    let days = || records.all.iter().map(|record| record.day);
    let first = days().min().unwrap_or_else(|| super::records::today().0);
    let last = days().max().unwrap_or(first);
    let long = |unit: &Unit| unit.number(last) - unit.number(first) < MOST;
    let unit = [Unit::Day, Unit::Week, Unit::Month].into_iter().find(long).unwrap_or(Unit::Year);
    let by_keypair = |record: &Record| record.keypair;
    let top = groups(records, by_keypair, most);
    let places: HashMap<Name, usize> = top.names.iter().enumerate().map(|(place, name)| (*name, place)).collect();
    let (begin, end) = (unit.number(first), unit.number(last));
    let columns = top.named.len() + usize::from(top.others.is_some());
    let period = |number| Period { name: unit.text(number), spent: vec![0; columns], ..Period::default() };
    let mut all: Vec<Period> = (begin..=end).map(period).collect();
    for record in &records.all {
        let period = &mut all[(unit.number(record.day) - begin) as usize];
        period.count.add(record.outcome, record.n);
        if super::count::Kind::of(record.outcome).is_spent() {
            period.spent[places.get(&record.keypair).copied().unwrap_or(columns - 1)] += 1;
        }
    }
    let keypairs = top.named.iter().map(|Group { name, .. }| name.clone()).collect();
    Periods { unit, all, keypairs, others: top.others.map_or(0, |(count, _)| count) }
}

#[cfg(test)]
mod tests {
    use super::super::records::records;
    use super::*;
    use stm_pkcs11::ledger::{Entry, Outcome};

    fn entry(n: u64, day: &str, keypair: &str, outcome: Outcome) -> Entry {
        let time = format!("{day}T12:00:00.000Z");
        Entry { n, time, keypair: keypair.into(), outcome: Some(outcome), ..Entry::default() }
    }

    #[test]
    fn days_have_no_gaps_and_the_keypairs_that_spend_most_have_numbers_of_their_own() {
        let signed = Outcome::Signed;
        let records = records(vec![
            entry(2, "2026-02-27", "a", signed),
            entry(4, "2026-03-01", "b", signed),
            entry(6, "2026-03-01", "b", signed),
            entry(8, "2026-03-01", "c", signed),
            entry(9, "2026-03-01", "d", Outcome::Refused),
        ]);
        let found = periods(&records, 2);
        assert_eq!((found.unit, found.keypairs.join(" "), found.others), (Unit::Day, "b a".into(), 2));
        let days: Vec<_> =
            found.all.iter().map(|day| (day.name.as_str(), day.spent.clone(), day.count.entries())).collect();
        assert_eq!(
            days,
            [("2026-02-27", vec![0, 1, 0], 1), ("2026-02-28", vec![0, 0, 0], 0), ("2026-03-01", vec![2, 0, 1], 4)]
        );
    }

    #[test]
    fn many_days_are_weeks_months_or_years() {
        let span = |first: &str, last: &str| {
            let entries = vec![entry(1, first, "a", Outcome::Signed), entry(2, last, "a", Outcome::Signed)];
            let found = periods(&records(entries), 8);
            let names = [found.all.first(), found.all.last()].map(|period| period.unwrap().name.clone());
            assert!(found.all.iter().map(|period| period.count.spent()).sum::<u64>() == 2, "{found:?}");
            (found.unit.name(), names, found.all.len())
        };
        let names = |first: &str, last: &str| [first.to_owned(), last.to_owned()];
        assert_eq!(span("2026-01-01", "2026-03-31"), ("day", names("2026-01-01", "2026-03-31"), 90));
        // 2026-11-29 is a Sunday.
        assert_eq!(span("2026-01-01", "2026-11-29"), ("week", names("2025-12-29", "2026-11-23"), 48));
        assert_eq!(span("2020-01-31", "2026-11-29"), ("month", names("2020-01", "2026-11"), 83));
        assert_eq!(span("1970-01-01", "2026-11-29"), ("year", names("1970", "2026"), 57));
        assert_eq!(span("0001-01-01", "9999-12-31").0, "year");
    }

    #[test]
    fn no_entry_is_a_day_with_nothing() {
        let found = periods(&records(Vec::new()), 8);
        assert_eq!((found.all.len(), found.all[0].count.entries()), (1, 0));
    }
}
