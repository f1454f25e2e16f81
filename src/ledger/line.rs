//! A line of the ledger: one JSON object.

use super::caller::Caller;
use super::open::{self, Refusal};
use super::spent::Spent;
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::io::{BufRead, BufReader};
use std::path::Path;

/// The beginning of the first line of every ledger.
pub const HEAD: &str = "{\"ledger\":\"stm-pkcs11\",";

/// The longest recorded text from the service or the caller, in bytes.
const LONGEST: usize = 256;

/// Room for a line, in bytes: most are shorter.
const USUAL: usize = 1024;

/// How a sign request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
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

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
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

/// A line. Fields that a kind does not have are not written.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Line {
    /// In the first line of a file: the owner. It is always the first key, so that the first bytes identify a ledger.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ledger: Option<String>,
    /// In the first line of a file: the version of this format, 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// In the first line of a file: the name of the previous file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub follows: Option<String>,
    /// Its number, from 1, continuous over all files.
    pub n: u64,
    pub line: Kind,
    /// The time, in UTC, RFC 3339 with milliseconds.
    pub time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
    /// The command line without words that may be secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keypair: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keypair_id: Option<String>,
    /// The service's name of the algorithm.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sig_alg: Option<String>,
    /// The signed digest in hexadecimal; `sha256:...` if the data is longer than any digest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
    /// The number of the request that this line completes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub of: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Outcome>,
    /// Why there is no signature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The id in the service's signature log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signature_id: Option<String>,
    /// The duration of the request, including retries, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ms: Option<u64>,
    /// The number of attempts. All but the last were certainly not executed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    /// The length of the signature, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// The totals after this line.
    pub spent: Spent,
    /// SHA-256 of the previous line, without its line feed, in hexadecimal; for the very first line, of nothing.
    pub prev: String,
}

/// The data to sign, and its keypair and algorithm.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    pub keypair: &'a str,
    pub keypair_id: &'a str,
    /// The service's name of the algorithm.
    pub sig_alg: &'a str,
    /// The digest, or the message if the algorithm signs it whole.
    pub hash: &'a [u8],
}

impl Line {
    /// The first line of a file.
    pub fn head(follows: Option<String>) -> Self {
        Self { ledger: Some("stm-pkcs11".into()), version: Some(1), follows, ..Self::default() }
    }

    /// A request, or a reused signature.
    pub fn of_subject(line: Kind, caller: &Caller, subject: &Subject<'_>) -> Self {
        Self {
            line,
            host: Some(caller.host.clone()),
            user: Some(caller.user.clone()),
            pid: Some(std::process::id()),
            process: Some(caller.process.clone()),
            command: Some(caller.command.clone()),
            keypair: Some(cut(subject.keypair)),
            keypair_id: Some(cut(subject.keypair_id)),
            sig_alg: Some(cut(subject.sig_alg)),
            digest: Some(digest(subject.hash)),
            ..Self::default()
        }
    }

    /// Its text, without a line feed.
    pub fn text(&self) -> String {
        let mut text = Vec::with_capacity(USUAL);
        let written = serde_json::to_writer(&mut text, self).ok();
        let text = written.and_then(|()| String::from_utf8(text).ok());
        text.unwrap_or_else(|| unreachable!("a line has only text and numbers"))
    }

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

/// Cuts a text to the length that the ledger accepts.
pub fn cut(text: &str) -> String {
    let mut end = text.len().min(LONGEST);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

/// The hash by which a line refers to the previous one.
pub fn hash(line: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(line))
}

fn digest(data: &[u8]) -> String {
    if data.len() <= 64 { HEXLOWER.encode(data) } else { format!("sha256:{}", hash(data)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_known_by_its_first_bytes() {
        let text = Line { n: 1, ..Line::head(None) }.text();
        assert!(text.starts_with(HEAD), "{text}");
        assert_eq!(Line::parse(text.as_bytes()).map(|line| line.version), Some(Some(1)));
    }

    #[test]
    fn a_line_is_read_as_it_was_written_and_unknown_keys_do_no_harm() {
        let line =
            Line { n: 7, line: Kind::Completed, of: Some(6), outcome: Some(Outcome::NotSent), ..Line::default() };
        let text = line.text();
        assert!(text.contains("\"outcome\":\"not-sent\"") && !text.contains("host"), "{text}");
        assert_eq!(Line::parse(text.as_bytes()), Some(line.clone()));
        let newer = text.replace("\"of\":6", "\"of\":6,\"new\":{}");
        assert_eq!(Line::parse(newer.as_bytes()), Some(line));
        assert_eq!(Line::parse(&text.as_bytes()[..40]), None);
    }

    #[test]
    fn outcomes_are_named_as_they_are_written() {
        for outcome in Outcome::ALL {
            assert_eq!(serde_json::to_string(&outcome).unwrap(), format!("\"{}\"", outcome.name()));
        }
    }

    #[test]
    fn a_message_is_written_as_its_digest() {
        assert_eq!(digest(&[1, 255]), "01ff");
        assert_eq!(digest(&[0; 65]).len(), "sha256:".len() + 64);
    }

    #[test]
    fn long_names_are_cut_between_characters() {
        assert_eq!(cut(&"é".repeat(200)).len(), 256);
        assert_eq!(cut(&format!("a{}", "é".repeat(200))).len(), 255);
    }
}
