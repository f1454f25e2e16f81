//! After an account refused a request, or could not be reached, the module does not ask again at once: hosts try slot
//! after slot, and signtool tries four times.

use super::failure::{Failure, Kind};
use crate::lock::Mutex;
use std::time::{Duration, Instant};

/// How long a refusal applies to searches.
const HOLD: Duration = Duration::from_secs(3);

/// The last refusal of an account as a whole.
#[derive(Default)]
pub struct Refused(Mutex<Option<(Instant, Failure)>>);

impl Refused {
    /// Stores the failure of a search that the next one would repeat. `narrow`: one keypair was requested by its id, so
    /// missing rights concern only that keypair. `silent`: the service answered no request of this call; a
    /// service that answers, but too slowly for one search, may be fast enough for the next.
    pub fn note(&self, failure: &Failure, narrow: bool, silent: bool) {
        let of_account = match failure.kind {
            Kind::Unauthorized | Kind::Mfa | Kind::Quota | Kind::Unreachable | Kind::Tls => true,
            Kind::NotPermitted => !narrow,
            Kind::Timeout => silent,
            _ => false,
        };
        if of_account {
            *self.0.lock() = Some((Instant::now(), failure.clone()));
        }
    }

    /// The recent failure; `Ok` if the account must be asked.
    pub fn still(&self) -> Result<(), Failure> {
        let last = self.0.lock();
        match &*last {
            Some((since, failure)) if since.elapsed() < HOLD => Err(failure.clone()),
            _ => Ok(()),
        }
    }

    /// New credentials: earlier refusals do not apply to them.
    pub fn forget(&self) {
        *self.0.lock() = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_concerns_the_account_holds_and_what_concerns_a_request_does_not() {
        let refused = Refused::default();
        for kind in [Kind::Resources, Kind::Unavailable, Kind::BadRequest, Kind::NotFound, Kind::RateLimited] {
            refused.note(&Failure::new(kind, "no", ""), false, true);
            assert_eq!(refused.still(), Ok(()), "{kind:?}");
        }
        let failure = Failure::new(Kind::Unauthorized, "no", "");
        refused.note(&Failure::new(Kind::NotPermitted, "not this one", ""), true, false);
        assert_eq!(refused.still(), Ok(()));
        refused.note(&failure, true, false);
        assert_eq!(refused.still(), Err(failure));
        refused.forget();
        assert_eq!(refused.still(), Ok(()));
        let rights = Failure::new(Kind::NotPermitted, "not this user", "");
        refused.note(&rights, false, false);
        assert_eq!(refused.still(), Err(rights), "of all keypairs");
        refused.forget();
        assert_eq!(refused.still(), Ok(()));
        let long_ago = Instant::now().checked_sub(HOLD * 2).expect("the machine runs longer");
        *refused.0.lock() = Some((long_ago, Failure::new(Kind::Tls, "no", "")));
        assert_eq!(refused.still(), Ok(()));
    }

    #[test]
    fn a_service_that_never_answered_is_left_alone_and_one_that_was_too_slow_is_not() {
        let (refused, late) = (Refused::default(), Failure::new(Kind::Timeout, "no answer within 2 s", ""));
        refused.note(&late, false, false);
        assert_eq!(refused.still(), Ok(()));
        refused.note(&late, true, true);
        assert_eq!(refused.still(), Err(late));
    }
}
