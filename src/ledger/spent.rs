//! Running totals in every line, so that the last line has the totals of the whole ledger.

use crate::config::Period;
use serde::{Deserialize, Serialize};

/// Sign requests that the service has executed, or may have. A request counts from its reservation, and no longer once
/// it certainly was not executed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spent {
    /// The date that `day` counts, such as `2026-11-28`, in UTC; it also determines month and year. Empty before the
    /// first line.
    pub date: String,
    pub day: u64,
    pub month: u64,
    pub year: u64,
    /// Since the ledger began.
    pub total: u64,
}

impl Spent {
    /// Moves to a date. Earlier dates change nothing: a clock that is set back does not renew a budget.
    pub fn advance(&mut self, date: &str) {
        if date <= self.date.as_str() {
            return;
        }
        if year(date) != year(&self.date) {
            self.year = 0;
        }
        if month(date) != month(&self.date) {
            self.month = 0;
        }
        self.day = 0;
        date.clone_into(&mut self.date);
    }

    pub fn add(&mut self) {
        for count in [&mut self.day, &mut self.month, &mut self.year, &mut self.total] {
            *count = count.saturating_add(1);
        }
    }

    /// Uncounts a request of `date`, in those periods that have not changed since.
    pub fn give_back(&mut self, date: &str) {
        let same = [date == self.date, month(date) == month(&self.date), year(date) == year(&self.date), true];
        for (count, same) in [&mut self.day, &mut self.month, &mut self.year, &mut self.total].into_iter().zip(same) {
            *count = count.saturating_sub(u64::from(same));
        }
    }

    /// The count of a period; `None` for the process, which is not counted in the ledger.
    pub fn of(&self, period: Period) -> Option<u64> {
        match period {
            Period::Process => None,
            Period::Day => Some(self.day),
            Period::Month => Some(self.month),
            Period::Year => Some(self.year),
        }
    }

    /// The common part of the dates of a period, for messages: `2026-11-28`, `2026-11`, `2026`.
    pub fn name(&self, period: Period) -> &str {
        match period {
            Period::Process | Period::Day => &self.date,
            Period::Month => month(&self.date),
            Period::Year => year(&self.date),
        }
    }
}

fn month(date: &str) -> &str {
    date.get(..7).unwrap_or_default()
}

fn year(date: &str) -> &str {
    date.get(..4).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(spent: &Spent) -> [u64; 4] {
        [spent.day, spent.month, spent.year, spent.total]
    }

    #[test]
    fn each_period_begins_anew_and_the_total_never() {
        let mut spent = Spent::default();
        for (date, after) in [
            ("2026-11-28", [1, 1, 1, 1]),
            ("2026-11-28", [2, 2, 2, 2]),
            ("2026-11-29", [1, 3, 3, 3]),
            ("2026-12-29", [1, 1, 4, 4]),
            ("2027-12-29", [1, 1, 1, 5]),
        ] {
            spent.advance(date);
            spent.add();
            assert_eq!(counts(&spent), after, "{date}");
        }
    }

    #[test]
    fn a_clock_that_is_set_back_gives_no_budget_anew() {
        let mut spent = Spent { date: "2026-11-28".into(), day: 5, month: 5, year: 5, total: 5 };
        spent.advance("2026-11-01");
        assert_eq!((counts(&spent), spent.date.as_str()), ([5; 4], "2026-11-28"));
    }

    #[test]
    fn what_is_given_back_is_given_to_the_periods_it_was_taken_from() {
        let full = Spent { date: "2026-12-01".into(), day: 5, month: 5, year: 5, total: 5 };
        for (date, after) in [("2026-12-01", [4, 4, 4, 4]), ("2026-11-30", [5, 5, 4, 4]), ("2025-12-01", [5, 5, 5, 4])]
        {
            let mut spent = full.clone();
            spent.give_back(date);
            assert_eq!(counts(&spent), after, "{date}");
        }
    }
}
