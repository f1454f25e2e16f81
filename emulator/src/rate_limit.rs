//! The rate limit: 429 for more requests per second.

use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;
use std::time::Instant;

/// The limit in force, which can change at any time.
pub struct RateLimit {
    bucket: Mutex<Option<Bucket>>,
}

/// Holds the requests of one second, and fills up steadily.
struct Bucket {
    per_second: NonZeroU32,
    tokens: f64,
    at: Instant,
}

/// The body of `PUT /rate-limit`.
#[derive(Serialize, Deserialize, Clone, Copy, Debug, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// Requests, all of which may arrive at once; `None` for no limit.
    pub per_second: Option<NonZeroU32>,
}

impl RateLimit {
    pub fn new(setting: Setting) -> RateLimit {
        let limit = RateLimit { bucket: Mutex::new(None) };
        limit.set(setting);
        limit
    }

    /// Replaces the limit, and forgets the requests so far.
    pub fn set(&self, setting: Setting) {
        *self.bucket.lock() = setting.per_second.map(|per_second| Bucket {
            per_second,
            tokens: f64::from(per_second.get()),
            at: Instant::now(),
        });
    }

    pub fn setting(&self) -> Setting {
        Setting { per_second: self.bucket.lock().as_ref().map(|bucket| bucket.per_second) }
    }

    /// Counts a request.
    ///
    /// # Errors
    /// It exceeds the limit; the number is the seconds after which a retry makes sense.
    pub fn admit(&self, now: Instant) -> Result<(), u64> {
        let mut limit = self.bucket.lock();
        let Some(bucket) = limit.as_mut() else { return Ok(()) };
        let per_second = f64::from(bucket.per_second.get());
        let passed = now.saturating_duration_since(bucket.at).as_secs_f64();
        bucket.tokens = (bucket.tokens + passed * per_second).min(per_second);
        bucket.at = now;
        if bucket.tokens < 1.0 {
            return Err(((1.0 - bucket.tokens) / per_second).ceil().max(1.0) as u64);
        }
        bucket.tokens -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn limit(per_second: u32) -> RateLimit {
        RateLimit::new(Setting { per_second: NonZeroU32::new(per_second) })
    }

    #[test]
    fn a_limit_can_be_switched_off_and_on_at_any_time() {
        let (limit, now) = (limit(1), Instant::now());
        assert_eq!([limit.admit(now).is_ok(), limit.admit(now).is_ok()], [true, false]);
        limit.set(Setting { per_second: None });
        assert!((0..100).all(|_| limit.admit(now).is_ok()));
        limit.set(Setting { per_second: NonZeroU32::new(1) });
        assert_eq!([limit.admit(now).is_ok(), limit.admit(now).is_ok()], [true, false]);
    }

    #[test]
    fn a_burst_beyond_the_limit_is_refused_and_a_second_later_welcome_again() {
        let limit = limit(3);
        let now = Instant::now();
        let admitted = (0..5).filter(|_| limit.admit(now).is_ok()).count();
        assert_eq!(admitted, 3);
        assert_eq!(limit.admit(now), Err(1));
        assert_eq!(limit.admit(now + Duration::from_secs(1)), Ok(()));
    }

    #[test]
    fn a_pause_saves_up_no_more_than_one_second_of_requests() {
        let limit = limit(2);
        let later = Instant::now() + Duration::from_secs(3600);
        assert_eq!((0..10).filter(|_| limit.admit(later).is_ok()).count(), 2);
    }
}
