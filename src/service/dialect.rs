//! The dialect of this service: which requests it accepts, learned from its refusals, for the life of the process.
//!
//! The public record shows `limit=100`, `offset` and `alias` in list requests, and does not say what else is accepted.
//! So after a refusal the module sends a plainer request, and begins with that the next time.

use super::failure::{Failure, Kind};
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering::Relaxed};

/// Page sizes in the order in which they are tried; `None` sends no `limit`, and the service decides.
pub const LIMITS: [Option<usize>; 3] = [Some(100), Some(20), None];

/// How often a refusal that may be temporary (5xx, no response) must occur before it counts.
const DOUBTS: u8 = 2;

/// What was learned, for the cache.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Learned {
    limit: u8,
    no_alias: bool,
    account: bool,
}

#[derive(Debug, Default)]
pub struct Dialect {
    /// Index into [`LIMITS`].
    limit: AtomicU8,
    limit_doubts: AtomicU8,
    no_alias: AtomicBool,
    alias_doubts: AtomicU8,
    account: AtomicBool,
}

impl Dialect {
    /// What is known so far.
    pub fn learned(&self) -> Learned {
        let no_alias = self.no_alias.load(Relaxed);
        Learned { limit: self.limit.load(Relaxed), no_alias, account: self.account.load(Relaxed) }
    }

    /// Adopts what another process learned.
    pub fn recall(&self, learned: Learned) {
        self.limit.fetch_max(learned.limit.min(LIMITS.len() as u8 - 1), Relaxed);
        self.no_alias.fetch_or(learned.no_alias, Relaxed);
        self.account.fetch_or(learned.account, Relaxed);
    }

    /// The index in [`LIMITS`] to begin at.
    pub fn limit(&self) -> usize {
        self.limit.load(Relaxed).into()
    }

    /// The service refused everything before this index of [`LIMITS`] with `refusal`, and accepted this.
    pub fn begin_at(&self, place: usize, refusal: &Failure) {
        if believed(refusal, &self.limit_doubts) {
            let place = place.min(LIMITS.len() - 1);
            self.limit.store(place as u8, Relaxed);
            let asked = LIMITS[place].map_or("no limit".to_owned(), |limit| format!("limit={limit}"));
            log::info!("list requests use {asked} from now on: {refusal}");
        }
    }

    /// Whether lists accept `alias=`.
    pub fn filters(&self) -> bool {
        !self.no_alias.load(Relaxed)
    }

    /// The service refused `alias=` with `refusal`, and accepted the list without it.
    pub fn no_filter(&self, refusal: &Failure) {
        if believed(refusal, &self.alias_doubts) {
            self.no_alias.store(true, Relaxed);
            log::info!("keypairs are looked for in the list from now on: {refusal}");
        }
    }

    /// Whether a sign request must name the account.
    pub fn account(&self) -> bool {
        self.account.load(Relaxed)
    }

    /// The service refused a sign request without the account, and accepted one with it.
    pub fn name_account(&self) {
        self.account.store(true, Relaxed);
    }
}

/// A 4xx is definite; anything else may be temporary until it occurs again.
fn believed(refusal: &Failure, doubts: &AtomicU8) -> bool {
    refusal.status.is_some_and(|status| status < 500) || doubts.fetch_add(1, Relaxed).saturating_add(1) >= DOUBTS
}

/// Whether a refusal may be about a parameter, so that a plainer request may be accepted. Not if it is about the
/// credentials (401, 403) or the rate (429), or comes from something in between.
pub fn may_be_of_a_parameter(failure: &Failure) -> bool {
    let about_others = [401, 402, 403, 407, 408, 429, 502, 503];
    let of_kind = !matches!(failure.kind, Kind::Mfa | Kind::NotPermitted | Kind::Offline | Kind::Quota | Kind::Window);
    of_kind && failure.status.is_some_and(|status| status >= 400 && !about_others.contains(&status))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16) -> Failure {
        Failure { status: Some(status), ..Failure::new(Kind::BadRequest, "no", "") }
    }

    #[test]
    fn the_services_word_is_believed_at_once_and_a_fault_the_second_time() {
        let dialect = Dialect::default();
        assert_eq!((dialect.limit(), dialect.filters(), dialect.account()), (0, true, false));
        dialect.begin_at(1, &refusal(500));
        dialect.no_filter(&refusal(500));
        assert_eq!((dialect.limit(), dialect.filters()), (0, true));
        dialect.begin_at(1, &refusal(500));
        dialect.no_filter(&refusal(400));
        assert_eq!((dialect.limit(), dialect.filters()), (1, false));
        dialect.begin_at(2, &refusal(422));
        assert_eq!(LIMITS[dialect.limit()], None);
        let other = Dialect::default();
        other.recall(Learned { limit: 200, ..dialect.learned() });
        assert_eq!(other.learned(), dialect.learned());
        let another = Dialect::default();
        another.begin_at(7, &refusal(400));
        assert_eq!(LIMITS[another.limit()], None, "there is no further one");
    }

    #[test]
    fn what_was_learned_is_recalled_by_another_process() {
        let dialect = Dialect::default();
        dialect.name_account();
        assert!(dialect.account() && dialect.learned() != Learned::default());
        let other = Dialect::default();
        other.recall(dialect.learned());
        assert_eq!((other.account(), other.filters(), other.limit()), (true, true, 0));
    }

    #[test]
    fn who_asks_and_how_often_is_no_matter_of_parameters() {
        for (status, expected) in
            [(400, true), (404, true), (405, true), (422, true), (500, true), (501, true), (504, true)]
                .into_iter()
                .chain([401, 402, 403, 407, 408, 429, 502, 503].map(|status| (status, false)))
        {
            assert_eq!(may_be_of_a_parameter(&refusal(status)), expected, "{status}");
        }
        assert!(!may_be_of_a_parameter(&Failure::new(Kind::BadAnswer, "a web page", "")));
        assert!(!may_be_of_a_parameter(&Failure::new(Kind::Timeout, "no connection", "")));
    }
}
