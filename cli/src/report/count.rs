//! Entries counted by their outcome.

use stm_pkcs11::ledger::Outcome;

/// A column that adds several outcomes up. Together the columns have every entry once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The service signed, and the signature verifies.
    Signed,
    /// It counts as spent, and no signature arrived: not verified, unknown, or unfinished.
    Unsure,
    /// A stored signature was returned; it costs nothing.
    Reused,
    /// The service refused; it costs nothing.
    Refused,
    /// It was never sent; it costs nothing.
    NotSent,
}

impl Kind {
    pub const ALL: [Self; 5] = [Self::Signed, Self::Unsure, Self::Reused, Self::Refused, Self::NotSent];

    /// The name of the column.
    pub fn name(self) -> &'static str {
        match self {
            Self::Signed => "signed",
            Self::Unsure => "unsure",
            Self::Reused => "reused",
            Self::Refused => "refused",
            Self::NotSent => "not sent",
        }
    }

    /// What the column has, in a legend.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Signed => "paid, signed",
            Self::Unsure => "may be paid, no signature",
            Self::Reused => "reused, free",
            Self::Refused => "refused, free",
            Self::NotSent => "not sent, free",
        }
    }

    pub fn of(outcome: Option<Outcome>) -> Self {
        match outcome {
            Some(Outcome::Signed) => Self::Signed,
            Some(Outcome::Unverified | Outcome::Unknown) | None => Self::Unsure,
            Some(Outcome::Reused) => Self::Reused,
            Some(Outcome::Refused) => Self::Refused,
            Some(Outcome::NotSent) => Self::NotSent,
        }
    }

    /// Whether its entries count as spent.
    pub fn is_spent(self) -> bool {
        matches!(self, Self::Signed | Self::Unsure)
    }
}

/// How many entries there are of each kind, and the lines of the ledger that have them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    kinds: [u64; Kind::ALL.len()],
    /// The numbers of the first and the last line; `None` without an entry.
    lines: Option<(u64, u64)>,
}

impl Count {
    /// Counts the entry whose line has the number `n`.
    pub fn add(&mut self, outcome: Option<Outcome>, n: u64) {
        self.kinds[Kind::of(outcome) as usize] += 1;
        self.lines = Some(self.lines.map_or((n, n), |(first, last)| (first.min(n), last.max(n))));
    }

    pub fn merge(&mut self, other: &Self) {
        self.kinds.iter_mut().zip(other.kinds).for_each(|(sum, more)| *sum += more);
        self.lines = match (self.lines, other.lines) {
            (Some((first, last)), Some((begin, end))) => Some((first.min(begin), last.max(end))),
            (lines, other) => lines.or(other),
        };
    }

    pub fn of(&self, kind: Kind) -> u64 {
        self.kinds[kind as usize]
    }

    pub fn entries(&self) -> u64 {
        self.kinds.iter().sum()
    }

    /// Entries that the service bills, or may bill.
    pub fn spent(&self) -> u64 {
        Kind::ALL.into_iter().filter(|kind| kind.is_spent()).map(|kind| self.of(kind)).sum()
    }

    /// The lines of the ledger from which the numbers come: `12`, `12 to 98`.
    pub fn lines(&self) -> String {
        match self.lines {
            None => String::new(),
            Some((first, last)) if first == last => first.to_string(),
            Some((first, last)) => format!("{first} to {last}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_is_in_one_column_and_spent_is_what_counts() {
        let mut count = Count::default();
        for (n, outcome) in Outcome::ALL.into_iter().map(Some).chain([None]).enumerate() {
            assert_eq!(Kind::of(outcome).is_spent(), outcome.is_none_or(Outcome::counts), "{outcome:?}");
            count.add(outcome, 10 + n as u64);
        }
        assert_eq!(Kind::ALL.map(|kind| count.of(kind)), [1, 3, 1, 1, 1]);
        assert_eq!((count.entries(), count.spent(), count.lines()), (7, 4, "10 to 16".into()));
        let mut sum = Count::default();
        assert_eq!(sum.lines(), "");
        sum.merge(&count);
        sum.merge(&Count::default());
        assert_eq!(sum, count);
    }
}
