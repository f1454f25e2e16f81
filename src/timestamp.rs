//! Timestamps for the log and the ledger.

use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};
use time::OffsetDateTime;

/// RFC 3339 in UTC with milliseconds; its first ten characters are the date.
pub fn timestamp(time: SystemTime) -> String {
    let time = OffsetDateTime::from(time);
    let (date, clock) = (time.date(), time.time());
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        date.year(),
        u8::from(date.month()),
        date.day(),
        clock.hour(),
        clock.minute(),
        clock.second(),
        clock.millisecond()
    )
}

/// Timestamps in close succession: what is the same within a second is formatted once.
#[derive(Debug, Default)]
pub struct Clock {
    /// Since the epoch.
    second: u64,
    text: String,
}

impl Clock {
    /// As [`timestamp`].
    pub fn at(&mut self, time: SystemTime) -> &str {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        if self.text.is_empty() || self.second != since.as_secs() {
            *self = Self { second: since.as_secs(), text: timestamp(time) };
        } else {
            self.text.truncate(MILLISECONDS);
            let _ = write!(self.text, "{:03}Z", since.subsec_millis());
        }
        &self.text
    }
}

/// Where a timestamp has its milliseconds.
const MILLISECONDS: usize = "2026-11-28T10:00:00.".len();

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn times_are_utc_with_milliseconds() {
        let at = |millis| timestamp(UNIX_EPOCH + Duration::from_millis(millis));
        assert_eq!(at(7), "1970-01-01T00:00:00.007Z");
        assert_eq!(at(1_709_208_000_007), "2024-02-29T12:00:00.007Z");
        assert_eq!(at(4_102_444_799_999), "2099-12-31T23:59:59.999Z");
    }

    #[test]
    fn a_clock_says_the_same() {
        let mut clock = Clock::default();
        for millis in [0, 7, 999, 1000, 86_399_999, 86_400_000, 1_709_208_000_007, 1_709_208_000_100, 1_709_207_000_100]
        {
            let time = UNIX_EPOCH + Duration::from_millis(millis);
            assert_eq!(clock.at(time), timestamp(time));
        }
    }
}
