//! The deadline of a call of the application.

use super::failure::{Failure, Kind};
use std::time::{Duration, Instant};

/// Programs that ran for less time are not mentioned.
const NOTABLE: Duration = Duration::from_millis(100);

/// One deadline for all requests of a call, including retries and pauses.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    at: Instant,
    length: Duration,
    /// The time that programs took to print secrets.
    secrets: Duration,
}

impl Deadline {
    pub fn after(length: Duration) -> Self {
        Self { at: Instant::now() + length, length, secrets: Duration::ZERO }
    }

    pub fn at(&self) -> Instant {
        self.at
    }

    /// When the call began.
    pub fn begun(&self) -> Instant {
        self.at.checked_sub(self.length).unwrap_or(self.at)
    }

    /// The time left.
    pub fn left(&self) -> Duration {
        self.at.saturating_duration_since(Instant::now())
    }

    /// The same deadline, with the time that programs took to print secrets.
    pub fn with_secrets(self, took: Duration) -> Self {
        Self { secrets: self.secrets + took, ..self }
    }

    /// Whether it has passed.
    pub fn is_over(&self) -> bool {
        Instant::now() >= self.at
    }

    /// Halfway to the deadline: a slow request then leaves time for another way.
    pub fn half(self) -> Self {
        let now = Instant::now();
        Self { at: now + self.left() / 2, ..self }
    }

    /// The failure to report after the deadline.
    pub fn passed(&self, what: &str) -> Failure {
        let mut cause = format!("{what} within {} s", self.length.as_secs());
        if self.secrets >= NOTABLE {
            cause += &format!(", of which command: secrets took {:.1} s", self.secrets.as_secs_f32());
        }
        Failure::new(Kind::Timeout, cause, "try again, or raise STM_PKCS11_TIMEOUT")
    }
}

/// Half of the time until `end`: what others may be waited for, so that the rest is left for one's own request.
pub fn half(now: Instant, end: Instant) -> Duration {
    end.saturating_duration_since(now) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_the_time_is_left_for_the_request_itself() {
        let now = Instant::now();
        assert_eq!(half(now, now + Duration::from_secs(60)), Duration::from_secs(30));
        assert_eq!(half(now + Duration::from_secs(1), now), Duration::ZERO);
    }

    #[test]
    fn a_call_begins_when_its_deadline_is_made() {
        let before = Instant::now();
        let deadline = Deadline::after(Duration::from_secs(2));
        assert!((before..=Instant::now()).contains(&deadline.begun()));
        assert_eq!(deadline.with_secrets(Duration::from_secs(1)).begun(), deadline.begun());
    }

    #[test]
    fn half_of_a_deadline_leaves_half_of_the_time() {
        let half = Deadline::after(Duration::from_secs(10_000)).half();
        assert!((Duration::from_secs(4_000)..=Duration::from_secs(5_000)).contains(&half.left()), "{half:?}");
    }

    #[test]
    fn what_used_the_time_is_named() {
        let deadline = Deadline::after(Duration::from_secs(2));
        assert_eq!(deadline.passed("no answer").cause, "no answer within 2 s");
        let deadline = deadline.with_secrets(Duration::from_millis(1500));
        assert_eq!(deadline.passed("no answer").cause, "no answer within 2 s, of which command: secrets took 1.5 s");
    }
}
