//! When a limit of the budget will be used up.

use super::records::Records;
use stm_pkcs11::config::{Limit, Period};
use time::{Date, Duration, Month};

/// A limit, what of it is spent, and when it will be used up if signing continues as it was.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    pub limit: Limit,
    pub spent: u64,
    /// Signatures a day, over the days of [`Forecast::rate_of`]; `None` for a limit of a process.
    pub rate: Option<f64>,
    /// The days of which the rate is; at most 28.
    pub rate_of: u32,
    pub end: End,
    /// The period now: its first day, and the first day of the next one.
    pub period: Option<(Date, Date)>,
    /// What of it was spent by requests that this ledger does not have any more.
    pub before: u64,
    /// The running total at the end of each day of the period with a signature.
    pub days: Vec<(Date, u64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Nothing is left.
    Spent,
    /// It will be used up on this day.
    On(Date),
    /// Not before the period ends.
    After,
    /// Nothing was signed lately.
    Never,
    /// Every process begins at 0.
    EachProcess,
}

/// The first day of the period of `day`, and of the next one.
fn bounds(per: Period, day: Date) -> Option<(Date, Date)> {
    let first = |year, month| Date::from_calendar_date(year, month, 1).ok();
    match per {
        Period::Process => None,
        Period::Day => Some((day, day.next_day()?)),
        Period::Month => {
            let year = if day.month() == Month::December { day.year() + 1 } else { day.year() };
            Some((first(day.year(), day.month())?, first(year, day.month().next())?))
        }
        Period::Year => Some((first(day.year(), Month::January)?, first(day.year() + 1, Month::January)?)),
    }
}

/// The forecast for each limit, with what is spent of it. `now` is a day and its second, in UTC.
///
/// The rate of a limit a day is that of the last day, of a month that of the last 7, of a year that of the last 28; less if the
/// ledger is younger, but at least a day.
pub fn forecasts(limits: &[(Limit, u64)], records: &Records, now: (Date, u32)) -> Vec<Forecast> {
    limits.iter().map(|(limit, spent)| forecast(*limit, *spent, records, now)).collect()
}

fn forecast(limit: Limit, spent: u64, records: &Records, now: (Date, u32)) -> Forecast {
    let none = Forecast {
        limit,
        spent,
        rate: None,
        rate_of: 0,
        end: End::EachProcess,
        period: None,
        before: 0,
        days: Vec::new(),
    };
    let Some(period) = bounds(limit.per, now.0) else { return none };
    let window: u32 = match limit.per {
        Period::Day | Period::Process => 1,
        Period::Month => 7,
        Period::Year => 28,
    };
    let age = records.spent.first().map_or(1, |(first, _)| (now.0 - *first).whole_days() + 1).clamp(1, 28) as u32;
    let rate_of = window.min(age);
    let since = (now.0.saturating_sub(Duration::days(rate_of.into())), now.1);
    let lately = records.spent.iter().filter(|moment| **moment > since && **moment <= now).count();
    let rate = lately as f64 / f64::from(rate_of);
    let left = limit.most.saturating_sub(spent);
    let end = if left == 0 {
        End::Spent
    } else if lately == 0 {
        End::Never
    } else {
        // The part of a day that has passed is not there any more.
        let days = left as f64 / rate + f64::from(now.1) / 86_400.0;
        let on = (days < 40_000.0).then(|| now.0.saturating_add(Duration::days(days.ceil() as i64 - 1)));
        on.filter(|on| *on < period.1).map_or(End::After, End::On)
    };
    let (before, days) = totals(records, period, spent);
    Forecast { rate: Some(rate), rate_of, end, period: Some(period), before, days, ..none }
}

/// Running totals that end with `spent`, and the total before the first one.
fn totals(records: &Records, (first, next): (Date, Date), spent: u64) -> (u64, Vec<(Date, u64)>) {
    let mut days: Vec<(Date, u64)> = Vec::new();
    for (day, _) in records.spent.iter().filter(|(day, _)| (first..next).contains(day)) {
        match days.last_mut() {
            Some((last, count)) if last == day => *count += 1,
            _ => days.push((*day, 1)),
        }
    }
    let known: u64 = days.iter().map(|(_, count)| count).sum();
    let before = spent.saturating_sub(known);
    let mut total = before;
    for (_, count) in &mut days {
        total += *count;
        *count = total;
    }
    (before, days)
}

#[cfg(test)]
mod tests {
    use super::super::records::{moment, records};
    use super::*;
    use stm_pkcs11::ledger::{Entry, Outcome};

    fn spent_on(days: &[(&str, usize)]) -> Records {
        let entry = |day: &str| Entry {
            time: format!("{day}T10:00:00.000Z"),
            outcome: Some(Outcome::Signed),
            ..Entry::default()
        };
        records(days.iter().flat_map(|(day, count)| vec![entry(day); *count]).collect())
    }

    fn one(limit: &str, spent: u64, records: &Records) -> Forecast {
        let limits: Vec<_> = Limit::list(limit).unwrap().into_iter().map(|limit| (limit, spent)).collect();
        forecasts(&limits, records, moment("2026-11-29T12:00:00.000Z").unwrap()).remove(0)
    }

    fn on(day: &str) -> End {
        End::On(moment(&format!("{day}T00:00:00")).unwrap().0)
    }

    #[test]
    fn a_limit_is_used_up_when_what_is_left_is_divided_by_the_rate() {
        let records = spent_on(&[("2026-10-01", 100), ("2026-11-28", 14), ("2026-11-29", 14)]);
        let year = one("1000/year", 128, &records);
        assert_eq!((year.rate, year.rate_of, year.end), (Some(1.0), 28, End::After));
        let year = one("150/year", 128, &records);
        // 22 days from noon.
        assert_eq!(year.end, on("2026-12-21"));
        let month = one("32/month", 28, &records);
        assert_eq!((month.rate, month.end), (Some(4.0), on("2026-11-30")));
        assert_eq!((one("32/month", 32, &records).end, one("32/month", 50, &records).end), (End::Spent, End::Spent));
        // The 28th at ten is more than a day ago.
        assert_eq!((one("100/day", 14, &records).rate, one("100/day", 14, &records).end), (Some(14.0), End::After));
        assert_eq!(one("20/day", 14, &records).end, on("2026-11-29"));
        assert_eq!(one("50", 0, &records).end, End::EachProcess);
    }

    #[test]
    fn nothing_lately_never_uses_a_limit_up_and_a_young_ledger_has_the_rate_of_its_days() {
        assert_eq!(one("10/year", 1, &spent_on(&[("2026-01-01", 1)])).end, End::Never);
        assert_eq!(one("10/year", 0, &spent_on(&[])).end, End::Never);
        let young = one("30/year", 10, &spent_on(&[("2026-11-28", 5), ("2026-11-29", 5)]));
        assert_eq!((young.rate, young.rate_of), (Some(5.0), 2));
        assert_eq!(one(&format!("{}/year", u64::MAX), 10, &spent_on(&[("2026-11-29", 5)])).end, End::After);
    }

    #[test]
    fn totals_are_those_of_the_period_and_end_with_what_is_spent() {
        let records = spent_on(&[("2025-12-31", 5), ("2026-01-01", 2), ("2026-11-29", 3)]);
        let days =
            |spent| one("100/year", spent, &records).days.into_iter().map(|(_, total)| total).collect::<Vec<_>>();
        assert_eq!(days(5), [2, 5]);
        assert_eq!(days(15), [12, 15]);
        let (first, next) = one("100/month", 3, &records).period.unwrap();
        assert_eq!([first, next].map(|date| date.to_string()), ["2026-11-01", "2026-12-01"]);
    }
}
