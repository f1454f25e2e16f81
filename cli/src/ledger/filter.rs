//! Selects entries of the ledger.

use std::time::{Duration, SystemTime};
use stm_pkcs11::ledger::{Entry, timestamp};

/// The conditions for an entry.
#[derive(clap::Args)]
pub struct Filter {
    /// Made at this time or later: a date (2026-11-28, UTC), or so long ago (90m, 12h, 7d, 2w)
    #[arg(long, value_name = "WHEN", value_parser = since)]
    since: Option<String>,
    /// By this keypair: alias, or id
    #[arg(long, value_name = "ALIAS")]
    keypair: Option<String>,
    /// By programs whose command line, as the ledger has it, contains this text
    #[arg(long, value_name = "TEXT")]
    command: Option<String>,
}

impl Filter {
    /// The conditions in words, one after the other; none if every entry meets them.
    pub fn words(&self) -> Vec<String> {
        let since = self.since.as_ref().map(|since| format!("since {since}"));
        let keypair = self.keypair.as_ref().map(|name| format!("by the keypair {name}"));
        let command = self.command.as_ref().map(|text| format!("by commands with {text}"));
        [since, keypair, command].into_iter().flatten().collect()
    }

    /// Whether the entry meets the conditions.
    pub fn fits(&self, entry: &Entry) -> bool {
        self.since.as_ref().is_none_or(|since| entry.time.as_str() >= since.as_str())
            && self.keypair.as_ref().is_none_or(|name| [&entry.keypair, &entry.keypair_id].contains(&name))
            && self.command.as_ref().is_none_or(|text| entry.command.contains(text) || entry.process.contains(text))
    }
}

/// The longest time ago: a hundred years.
const LONGEST: Duration = Duration::from_secs(100 * 366 * 86_400);

/// A time in the ledger's notation, or the beginning of one: both are compared as text.
fn since(text: &str) -> Result<String, String> {
    let wrong = || "expected a date such as 2026-11-28, or a time such as 12h or 7d".to_owned();
    if text.len() == 10 {
        let digits =
            |(place, byte): (usize, u8)| if [4, 7].contains(&place) { byte == b'-' } else { byte.is_ascii_digit() };
        let number = |range| text.get(range).and_then(|digits: &str| digits.parse::<u8>().ok()).unwrap_or_default();
        let fits = text.bytes().enumerate().all(digits)
            && (1..=12).contains(&number(5..7))
            && (1..=31).contains(&number(8..10));
        return if fits { Ok(text.to_owned()) } else { Err(wrong()) };
    }
    let ago = humantime::parse_duration(text).ok().filter(|ago| *ago <= LONGEST).ok_or_else(wrong)?;
    SystemTime::now().checked_sub(ago).map(timestamp).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_or_a_time_ago_is_when() {
        assert_eq!(since("2026-11-28"), Ok("2026-11-28".into()));
        assert!(since("1h").unwrap() < timestamp(SystemTime::now()) && since("1h").unwrap() > since("1d").unwrap());
        assert!(since("90m").unwrap() > since("1h 45m").unwrap() && since("2w").unwrap() > since("15d").unwrap());
        for wrong in ["", "h", "7", "7x", "-1d", "2026-13-01", "2026/11/28", "26-11-28", "99999999d", "é"] {
            assert!(since(wrong).unwrap_err().contains("expected a date"), "{wrong}");
        }
    }

    #[test]
    fn an_entry_fits_where_all_that_was_given_does() {
        let entry = Entry {
            time: "2026-11-28T10:00:00.000Z".into(),
            keypair: "release".into(),
            keypair_id: "id".into(),
            process: "java".into(),
            command: "jarsigner -keystore ...".into(),
            ..Entry::default()
        };
        let fits = |since: &str, keypair: &str, command: &str| {
            let set = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
            Filter { since: set(since), keypair: set(keypair), command: set(command) }.fits(&entry)
        };
        assert!(fits("", "", "") && fits("2026-11-28", "id", "java") && fits("", "release", "jarsigner"));
        assert!(!fits("2026-11-29", "", "") && !fits("", "releas", "") && !fits("2026-11-28", "id", "openssl"));
    }
}
