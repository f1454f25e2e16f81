//! Timestamps for the log and the ledger.

use std::time::SystemTime;
use time::OffsetDateTime;

/// RFC 3339 in UTC with milliseconds; its first ten characters are the date. Without `format!`, because a signature waits for it.
pub fn timestamp(time: SystemTime) -> String {
    let time = OffsetDateTime::from(time);
    let (date, clock) = (time.date(), time.time());
    let mut text = *b"0000-00-00T00:00:00.000Z";
    for (place, value) in [
        (0..4, date.year().unsigned_abs()),
        (5..7, u8::from(date.month()).into()),
        (8..10, date.day().into()),
        (11..13, clock.hour().into()),
        (14..16, clock.minute().into()),
        (17..19, clock.second().into()),
        (20..23, clock.millisecond().into()),
    ] {
        text[place].iter_mut().rev().fold(value, |rest, digit| {
            *digit = b'0' + (rest % 10) as u8;
            rest / 10
        });
    }
    String::from_utf8_lossy(&text).into_owned()
}

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
}
