//! The settings of ledger, budget and reuse.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// The ledger's settings. All tokens of a process share one ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LedgerSettings {
    /// The ledger's file; `None` for no ledger.
    pub path: Option<PathBuf>,
    /// All limits apply; an empty list means no limit.
    pub budget: Vec<Limit>,
    /// How long a deterministic signature is stored and returned again; `None` for never.
    pub reuse: Option<Duration>,
}

/// A number of signatures within a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The most sign requests in one period.
    pub most: u64,
    pub per: Period,
}

/// The period of a limit. Days, months and years are calendar periods in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    /// This process; a forked child starts at 0.
    Process,
    /// A day, counted in the ledger.
    Day,
    /// A month, counted in the ledger.
    Month,
    /// A year, counted in the ledger.
    Year,
}

const PERIODS: [(&str, Period); 3] = [("day", Period::Day), ("month", Period::Month), ("year", Period::Year)];

impl Limit {
    /// Parses `50`, `200/day`, `500/month`, `1000/year`, or several of them separated by commas; `None` for anything
    /// else.
    pub fn list(text: &str) -> Option<Vec<Self>> {
        text.split(',').map(|one| Self::parse(one.trim())).collect()
    }

    fn parse(text: &str) -> Option<Self> {
        let (most, per) = match text.split_once('/') {
            None => (text, Period::Process),
            Some((most, name)) => {
                let name = name.trim();
                (most.trim_end(), PERIODS.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?.1)
            }
        };
        let digits = !most.is_empty() && most.bytes().all(|byte| byte.is_ascii_digit());
        Some(Self { most: most.parse().ok().filter(|_| digits)?, per })
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match PERIODS.iter().find(|(_, period)| *period == self.per) {
            Some((name, _)) => write!(f, "{}/{name}", self.most),
            None => write!(f, "{}", self.most),
        }
    }
}

/// Parses a duration: `90` (seconds), `90s`, `30m`, `1h`, `2d`; at most 30 days, and not 0.
pub fn lifetime(text: &str) -> Option<Duration> {
    let text = text.trim();
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "s" => 1,
        "m" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return None,
    };
    let number: u64 = digits.parse().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()))?;
    let seconds = number.checked_mul(unit).filter(|seconds| (1..=30 * 86_400).contains(seconds))?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn budgets_are_numbers_and_periods() {
        let limit = |most, per| Limit { most, per };
        assert_eq!(Limit::list("50"), Some(vec![limit(50, Period::Process)]));
        let all = Limit::list("50, 200/day,500 / Month, 1000/year");
        let all = all.expect("a list");
        assert_eq!(all[1..], [limit(200, Period::Day), limit(500, Period::Month), limit(1000, Period::Year)]);
        assert_eq!(
            all.iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["50", "200/day", "500/month", "1000/year"]
        );
        assert_eq!(Limit::list("0"), Some(vec![limit(0, Period::Process)]));
        for wrong in ["", "x", "-1", "+1", "1.5", "10/week", "10/", "/day", "1,,2", "99999999999999999999"] {
            assert_eq!(Limit::list(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn lifetimes_have_units_and_an_end() {
        let seconds = |text| lifetime(text).map(|time| time.as_secs());
        assert_eq!([seconds("90"), seconds("90s"), seconds("30m")], [Some(90), Some(90), Some(1800)]);
        assert_eq!([seconds("1h"), seconds("2D"), seconds("30d")], [Some(3600), Some(172_800), Some(2_592_000)]);
        for wrong in ["", "0", "31d", "1w", "h", "-1h", "1.5h", "1 h x", "99999999999999999999d", "é"] {
            assert_eq!(lifetime(wrong), None, "{wrong}");
        }
    }
}
