//! The rate limit: 429 for more requests per second.

use parking_lot::Mutex;
use std::time::Instant;

/// A bucket for the requests of one second, which fills up steadily.
pub struct RateLimit {
    per_second: f64,
    bucket: Mutex<Bucket>,
}

struct Bucket {
    tokens: f64,
    at: Instant,
}

impl RateLimit {
    /// A limit of `per_second` requests, all of which may arrive at once.
    pub fn new(per_second: u32) -> RateLimit {
        let per_second = f64::from(per_second);
        RateLimit { per_second, bucket: Mutex::new(Bucket { tokens: per_second, at: Instant::now() }) }
    }

    /// Counts a request.
    ///
    /// # Errors
    /// It exceeds the limit; the number is the seconds after which a retry makes sense.
    pub fn admit(&self, now: Instant) -> Result<(), u64> {
        let mut bucket = self.bucket.lock();
        let passed = now.saturating_duration_since(bucket.at).as_secs_f64();
        bucket.tokens = (bucket.tokens + passed * self.per_second).min(self.per_second);
        bucket.at = now;
        if bucket.tokens < 1.0 {
            return Err(((1.0 - bucket.tokens) / self.per_second).ceil().max(1.0) as u64);
        }
        bucket.tokens -= 1.0;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_burst_beyond_the_limit_is_refused_and_a_second_later_welcome_again() {
        let limit = RateLimit::new(3);
        let now = Instant::now();
        let admitted = (0..5).filter(|_| limit.admit(now).is_ok()).count();
        assert_eq!(admitted, 3);
        assert_eq!(limit.admit(now), Err(1));
        assert_eq!(limit.admit(now + Duration::from_secs(1)), Ok(()));
    }

    #[test]
    fn a_pause_saves_up_no_more_than_one_second_of_requests() {
        let limit = RateLimit::new(2);
        let later = Instant::now() + Duration::from_secs(3600);
        assert_eq!((0..10).filter(|_| limit.admit(later).is_ok()).count(), 2);
    }
}
