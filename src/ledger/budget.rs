//! The budget: checked before a request is sent.

use super::entry::Entry;
use super::spent::Spent;
use crate::config::{Limit, Period};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The number of sign requests of this process. A forked child starts at 0, because the parent's process id is stored
/// beside the count.
pub struct ProcessCount(AtomicU64);

/// The count of the current process: one for all its runs and tokens.
pub static PROCESS: ProcessCount = ProcessCount::new();

impl ProcessCount {
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    fn change(&self, change: impl Fn(u32) -> Option<u32>) -> Option<u32> {
        let process = crate::host::process();
        let count = |packed: u64| if (packed >> 32) as u32 == process { packed as u32 } else { 0 };
        let changed = self.0.fetch_update(Relaxed, Relaxed, |packed| {
            change(count(packed)).map(|count| u64::from(process) << 32 | u64::from(count))
        });
        changed.ok().map(count)
    }

    pub fn get(&self) -> u64 {
        self.change(Some).map_or(0, u64::from)
    }

    /// Counts a request, unless `most` are counted already.
    pub fn take(&self, most: u64) -> bool {
        self.change(|count| (u64::from(count) < most).then(|| count.saturating_add(1))).is_some()
    }

    /// Uncounts a reserved request that was certainly not sent.
    pub fn give_back(&self) {
        self.change(|count| Some(count.saturating_sub(1)));
    }
}

/// The limit for this process; `u64::MAX` if there is none.
pub fn of_process(budget: &[Limit]) -> u64 {
    let most = budget.iter().filter(|limit| limit.per == Period::Process).map(|limit| limit.most);
    most.min().unwrap_or(u64::MAX)
}

/// The first limit that allows no further request.
pub fn exhausted<'a>(budget: &'a [Limit], spent: &Spent) -> Option<&'a Limit> {
    budget.iter().find(|limit| spent.of(limit.per).is_some_and(|count| count >= limit.most))
}

/// The message for a refused request: the limit, who used it up, and when the next period begins.
pub fn message(limit: &Limit, spent: &Spent, entries: &[Entry]) -> String {
    let period = spent.name(limit.per);
    let who = spenders(entries.iter().filter(|entry| entry.counts() && entry.time.starts_with(period)));
    let who = if who.is_empty() { String::new() } else { format!(": {who}") };
    let next = match limit.per {
        Period::Day => "day",
        Period::Month => "month",
        _ => "year",
    };
    let count = signatures(spent.of(limit.per).unwrap_or_default());
    format!(
        "STM_PKCS11_BUDGET={limit} is spent, so the request was not sent ({count} in {period}, UTC{who}); raise the \
         budget, or wait for the next {next}"
    )
}

/// A number of signatures with its noun.
pub fn signatures(count: u64) -> String {
    format!("{count} signature{}", if count == 1 { "" } else { "s" })
}

/// Those who spent most, with their counts: user, machine, program, keypair.
fn spenders<'a>(entries: impl Iterator<Item = &'a Entry>) -> String {
    let mut counts: Vec<(u64, String)> = Vec::new();
    for entry in entries {
        let who = format!("{}@{} with {} for {}", entry.user, entry.host, entry.process, entry.keypair);
        match counts.iter_mut().find(|(_, known)| *known == who) {
            Some((count, _)) => *count += 1,
            None => counts.push((1, who)),
        }
    }
    counts.sort_by(|one, other| other.cmp(one));
    let rest: u64 = counts.iter().skip(3).map(|(count, _)| count).sum();
    let mut texts: Vec<String> = counts.iter().take(3).map(|(count, who)| format!("{count} by {who}")).collect();
    if rest > 0 {
        texts.push(format!("{rest} by others"));
    }
    texts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_takes_what_it_may_and_no_more() {
        let count = ProcessCount::new();
        assert!(count.take(2) && count.take(2) && !count.take(2));
        count.give_back();
        assert_eq!(count.get(), 1);
        assert!(count.take(2));
        count.0.store(7 << 32 | 5, Relaxed);
        assert_eq!(count.get(), 0, "another process's count");
    }

    #[test]
    fn the_narrowest_limit_of_the_process_holds() {
        let budget = Limit::list("5,200/day,3").unwrap();
        assert_eq!(of_process(&budget), 3);
        assert_eq!(of_process(&budget[1..2]), u64::MAX);
    }

    #[test]
    fn the_message_says_who_spent_the_budget() {
        let entry = |user: &str, time: &str, outcome| Entry {
            user: user.into(),
            host: "build1".into(),
            process: "jarsigner".into(),
            keypair: "release".into(),
            time: time.into(),
            outcome,
            ..Entry::default()
        };
        let entries = [
            entry("ci", "2026-11-28T10:00:00.000Z", None),
            entry("ci", "2026-11-28T10:00:00.000Z", None),
            entry("eve", "2026-11-28T10:00:00.000Z", Some(super::super::Outcome::Signed)),
            entry("eve", "2026-11-28T10:00:00.000Z", Some(super::super::Outcome::Refused)),
            entry("ann", "2026-11-27T10:00:00.000Z", None),
        ];
        let spent = Spent { date: "2026-11-28".into(), day: 3, month: 4, year: 4, total: 4 };
        let budget = Limit::list("3/day").unwrap();
        assert_eq!(exhausted(&budget, &spent), Some(&budget[0]));
        assert_eq!(
            message(&budget[0], &spent, &entries),
            "STM_PKCS11_BUDGET=3/day is spent, so the request was not sent (3 signatures in 2026-11-28, UTC: 2 by ci@build1 \
             with jarsigner for release, 1 by eve@build1 with jarsigner for release); raise the budget, or wait for the next day"
        );
    }

    #[test]
    fn three_spenders_are_named_and_those_beyond_are_counted() {
        let entries = |users: &str| -> Vec<Entry> {
            users.chars().map(|user| Entry { user: user.into(), ..Entry::default() }).collect()
        };
        let said = |users| spenders(entries(users).iter()).replace("@ with  for ", "");
        assert_eq!(said("aabbbc"), "3 by b, 2 by a, 1 by c");
        assert_eq!(said("aaaabbbccdde"), "4 by a, 3 by b, 2 by d, 3 by others");
    }
}
