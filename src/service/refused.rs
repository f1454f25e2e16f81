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
    /// Stores a failure that the next search would repeat. `narrow`: one keypair was requested by its id, so missing
    /// rights concern only that keypair.
    pub fn note(&self, failure: &Failure, narrow: bool) {
        let of_account = match failure.kind {
            Kind::Unauthorized | Kind::Mfa | Kind::Quota | Kind::Unreachable | Kind::Tls => true,
            Kind::NotPermitted => !narrow,
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
        for kind in
            [Kind::Timeout, Kind::Resources, Kind::Unavailable, Kind::BadRequest, Kind::NotFound, Kind::RateLimited]
        {
            refused.note(&Failure::new(kind, "no", ""), false);
            assert_eq!(refused.still(), Ok(()), "{kind:?}");
        }
        let failure = Failure::new(Kind::Unauthorized, "no", "");
        refused.note(&Failure::new(Kind::NotPermitted, "not this one", ""), true);
        assert_eq!(refused.still(), Ok(()));
        refused.note(&failure, true);
        assert_eq!(refused.still(), Err(failure));
        refused.forget();
        assert_eq!(refused.still(), Ok(()));
        let long_ago = Instant::now().checked_sub(HOLD * 2).expect("the machine runs longer");
        *refused.0.lock() = Some((long_ago, Failure::new(Kind::Tls, "no", "")));
        assert_eq!(refused.still(), Ok(()));
    }
}
