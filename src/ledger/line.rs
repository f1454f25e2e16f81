//! A line of the ledger as it is read: one JSON object. [`Draft`](super::draft::Draft) writes it.

use super::open::{self, Refusal};
use super::spent::Spent;
use data_encoding::HEXLOWER;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::io::{BufRead, BufReader};
use std::path::Path;

/// The beginning of the first line of every ledger.
pub const HEAD: &str = "{\"ledger\":\"stm-pkcs11\",";

/// The owner in the first line of every ledger.
pub const OWNER: &str = "stm-pkcs11";

/// How a sign request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The service signed, and the signature verifies.
    Signed,
    /// The service's response is not a signature of the keypair. It counts.
    Unverified,
    /// The service may have executed it, but no signature arrived. It counts.
    Unknown,
    /// The service refused it. It does not count.
    Refused,
    /// It was not sent. It does not count.
    NotSent,
    /// A stored signature was returned without a request. It does not count.
    Reused,
}

impl Outcome {
    pub const ALL: [Self; 6] =
        [Self::Signed, Self::Unverified, Self::Unknown, Self::Refused, Self::NotSent, Self::Reused];

    /// The name in the ledger.
    pub fn name(self) -> &'static str {
        match self {
            Self::Signed => "signed",
            Self::Unverified => "unverified",
            Self::Unknown => "unknown",
            Self::Refused => "refused",
            Self::NotSent => "not-sent",
            Self::Reused => "reused",
        }
    }

    /// Whether the service has executed the request, or may have: then it may be billed.
    pub fn counts(self) -> bool {
        matches!(self, Self::Signed | Self::Unverified | Self::Unknown)
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The first line of a file.
    #[default]
    Head,
    /// A sign request that is about to be sent.
    Request,
    Completed,
    /// A stored signature that was returned again.
    Reused,
}

impl Kind {
    /// The name in the ledger.
    pub fn name(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Request => "request",
            Self::Completed => "completed",
            Self::Reused => "reused",
        }
    }
}

/// A line. Fields that its kind does not have are `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Line {
    /// In the first line of a file: the owner. It is always the first key.
    pub ledger: Option<String>,
    /// In the first line of a file: the version of this format, 1.
    pub version: Option<u32>,
    /// In the first line of a file: the name of the previous file.
    pub follows: Option<String>,
    /// Its number, from 1, continuous over all files.
    pub n: u64,
    pub line: Kind,
    /// The time, in UTC, RFC 3339 with milliseconds.
    pub time: String,
    pub host: Option<String>,
    pub user: Option<String>,
    pub pid: Option<u32>,
    pub process: Option<String>,
    /// The command line without words that may be secrets.
    pub command: Option<String>,
    pub keypair: Option<String>,
    pub keypair_id: Option<String>,
    /// The service's name of the algorithm.
    pub sig_alg: Option<String>,
    /// The signed digest in hexadecimal; `sha256:...` if the data is longer than any digest.
    pub digest: Option<String>,
    /// The number of the request that this line completes.
    pub of: Option<u64>,
    pub outcome: Option<Outcome>,
    /// Why there is no signature.
    pub why: Option<String>,
    /// The id in the service's signature log.
    pub signature_id: Option<String>,
    /// The duration of the request, including retries, in milliseconds.
    pub ms: Option<u64>,
    /// The number of attempts. All but the last were certainly not executed.
    pub attempts: Option<u32>,
    /// The length of the signature, in bytes.
    pub bytes: Option<u64>,
    /// The totals after this line.
    pub spent: Spent,
    /// SHA-256 of the previous line, without its line feed, in hexadecimal; for the very first line, of nothing.
    pub prev: String,
}

impl Line {
    /// Parses a line; `None` if it is not a complete line of a ledger.
    pub fn parse(text: &[u8]) -> Option<Self> {
        serde_json::from_slice(text).ok().filter(|line: &Self| line.n > 0)
    }
}

/// The refusal of a ledger that does not exist.
pub fn missing(path: &Path) -> Refusal {
    Refusal::new(format!("{} is not there", path.display()), "check the path; the first signature makes the ledger")
}

/// Calls `with` with each line of a file as it is stored, and with its content if it is complete. One line at a time is in memory.
pub fn each(path: &Path, mut with: impl FnMut(&[u8], Option<Line>)) -> Result<(), Refusal> {
    let file = open::read(path)?.ok_or_else(|| missing(path))?;
    let mut file = BufReader::with_capacity(1 << 16, file);
    let (mut text, mut first) = (Vec::new(), true);
    loop {
        text.clear();
        let read = file.read_until(b'\n', &mut text);
        read.map_err(|error| Refusal::io(&format!("{} cannot be read", path.display()), &error))?;
        if text.is_empty() {
            return Ok(());
        }
        if first && !text.starts_with(HEAD.as_bytes()) {
            let cause = format!("{} is not a ledger of stm-pkcs11", path.display());
            return Err(Refusal::new(cause, "name the file that STM_PKCS11_LEDGER names"));
        }
        first = false;
        let text = text.strip_suffix(b"\n").unwrap_or(&text);
        with(text, Line::parse(text));
    }
}

/// The hash by which a line refers to the previous one.
pub fn hash(line: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_keys_do_no_harm_and_part_of_a_line_is_none() {
        let text = r#"{"n":7,"line":"completed","of":6,"new":{},"outcome":"not-sent"}"#;
        let line =
            Line { n: 7, line: Kind::Completed, of: Some(6), outcome: Some(Outcome::NotSent), ..Line::default() };
        assert_eq!(Line::parse(text.as_bytes()), Some(line));
        assert_eq!(Line::parse(&text.as_bytes()[..40]), None);
        for unnumbered in ["{}", r#"{"n":0,"line":"request"}"#] {
            assert_eq!(Line::parse(unnumbered.as_bytes()), None);
        }
    }

    #[test]
    fn names_are_read_as_they_are_written() {
        for outcome in Outcome::ALL {
            assert_eq!(serde_json::from_str::<Outcome>(&format!("\"{}\"", outcome.name())).unwrap(), outcome);
        }
        for kind in [Kind::Head, Kind::Request, Kind::Completed, Kind::Reused] {
            assert_eq!(serde_json::from_str::<Kind>(&format!("\"{}\"", kind.name())).unwrap(), kind);
        }
    }
}
