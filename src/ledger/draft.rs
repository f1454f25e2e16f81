//! A line before it has its place in the ledger, and its text.
//!
//! A signature waits while its two lines are written. So the text is put together by hand, in one pass, and what does not change in
//! a process is put together once. [`Line`](super::line::Line) reads it.

use super::caller::Caller;
use super::line::{self, Kind};
use super::spent::Spent;
use super::{Ending, Outcome};
use data_encoding::HEXLOWER;
use serde::Serialize;

/// The longest recorded text from the service or the caller, in bytes.
const LONGEST: usize = 256;

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

/// Fields of a JSON object, each with a comma after it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields(Vec<u8>);

impl Fields {
    /// The fields about the caller that are the same in all its lines.
    pub fn of_caller(caller: &Caller) -> Self {
        let mut fields = Self::default();
        fields.add("host", &caller.host);
        fields.add("user", &caller.user);
        fields.add("process", &caller.process);
        fields.add("command", &caller.command);
        fields
    }

    fn subject(&mut self, caller: &Self, subject: &Subject<'_>) {
        self.add("pid", crate::host::process());
        self.0.extend_from_slice(&caller.0);
        self.add("keypair", cut(subject.keypair));
        self.add("keypair_id", cut(subject.keypair_id));
        self.add("sig_alg", cut(subject.sig_alg));
        self.add("digest", digest(subject.hash));
    }

    fn add(&mut self, key: &str, value: impl Serialize) {
        self.0.push(b'"');
        self.0.extend_from_slice(key.as_bytes());
        self.0.extend_from_slice(b"\":");
        serde_json::to_writer(&mut self.0, &value).unwrap_or_else(|_| unreachable!("memory accepts every value"));
        self.0.push(b',');
    }

    fn add_text(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.add(key, cut(value));
        }
    }

    /// Replaces the comma after the last field.
    fn close(&mut self) {
        self.0.pop();
        self.0.push(b'}');
    }
}

/// A line before it has its place; `caller` is from [`Fields::of_caller`].
#[derive(Debug, Clone, Copy)]
pub enum Draft<'a> {
    /// The first line of a file, which follows the file of this name.
    Head {
        follows: Option<&'a str>,
    },
    Request {
        caller: &'a Fields,
        subject: &'a Subject<'a>,
    },
    /// The end of request number `of`, after `ms` milliseconds.
    Completed {
        of: u64,
        ending: &'a Ending,
        ms: u64,
    },
    /// A stored signature of so many bytes that was returned again.
    Reused {
        caller: &'a Fields,
        subject: &'a Subject<'a>,
        signature_id: Option<&'a str>,
        bytes: u64,
    },
}

/// What the file determines of a line.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    pub n: u64,
    pub time: &'a str,
    /// The totals after the line.
    pub spent: &'a Spent,
    /// The hash of the previous line.
    pub prev: &'a str,
}

impl Draft<'_> {
    fn kind(&self) -> Kind {
        match self {
            Self::Head { .. } => Kind::Head,
            Self::Request { .. } => Kind::Request,
            Self::Completed { .. } => Kind::Completed,
            Self::Reused { .. } => Kind::Reused,
        }
    }

    /// Whether it belongs to the file of an earlier line.
    pub fn completes(&self) -> bool {
        self.kind() == Kind::Completed
    }

    /// Appends its text at this place, without a line feed, to `text`.
    pub fn write(&self, place: &Place<'_>, text: &mut Vec<u8>) {
        let mut line = Fields(std::mem::take(text));
        line.0.push(b'{');
        if matches!(self, Self::Head { .. }) {
            // First, so that the first bytes of a file identify a ledger.
            line.add("ledger", line::OWNER);
            line.add("version", 1);
        }
        line.add("n", place.n);
        line.add("line", self.kind().name());
        line.add("time", place.time);
        match *self {
            Self::Head { follows } => line.add_text("follows", follows),
            Self::Request { caller, subject } => line.subject(caller, subject),
            Self::Completed { of, ending, ms } => {
                line.add("of", of);
                line.add("outcome", ending.outcome.name());
                line.add_text("why", ending.why.as_deref());
                line.add_text("signature_id", ending.signature_id.as_deref());
                line.add("ms", ms);
                line.add("attempts", ending.attempts);
                if let Some(bytes) = ending.bytes {
                    line.add("bytes", bytes);
                }
            }
            Self::Reused { caller, subject, signature_id, bytes } => {
                line.subject(caller, subject);
                line.add("outcome", Outcome::Reused.name());
                line.add_text("signature_id", signature_id);
                line.add("bytes", bytes);
            }
        }
        line.add("spent", place.spent);
        line.add("prev", place.prev);
        line.close();
        *text = line.0;
    }
}

/// Cuts a text to the length that the ledger accepts.
fn cut(text: &str) -> &str {
    &text[..text.floor_char_boundary(LONGEST)]
}

fn digest(data: &[u8]) -> String {
    if data.len() <= 64 { HEXLOWER.encode(data) } else { format!("sha256:{}", line::hash(data)) }
}

#[cfg(test)]
mod tests {
    use super::super::line::{HEAD, Line};
    use super::*;

    const SUBJECT: Subject<'_> =
        Subject { keypair: "a \"key\"\n", keypair_id: "1", sig_alg: "SHA256WithRSA", hash: &[1, 255] };

    fn read(draft: &Draft<'_>) -> Line {
        let spent = Spent { date: "2026-11-28".into(), day: 1, month: 2, year: 3, total: 4 };
        let place = Place { n: 7, time: "2026-11-28T10:00:00.000Z", spent: &spent, prev: "aa" };
        let mut text = Vec::new();
        draft.write(&place, &mut text);
        let line = Line::parse(&text).unwrap();
        assert_eq!((line.n, &*line.time, &line.spent, &*line.prev), (7, place.time, &spent, "aa"));
        line
    }

    /// Without the fields that [`read`] compares.
    fn expected(line: Line) -> Line {
        let Line { n, time, spent, prev, .. } = read(&Draft::Head { follows: None });
        Line { n, time, spent, prev, ..line }
    }

    #[test]
    fn a_file_is_known_by_its_first_bytes() {
        for follows in [None, Some("ledger.1")] {
            let draft = Draft::Head { follows };
            let place = Place { n: 1, time: "", spent: &Spent::default(), prev: "" };
            let mut text = Vec::new();
            draft.write(&place, &mut text);
            assert!(text.starts_with(HEAD.as_bytes()));
            let owner = Some("stm-pkcs11".to_owned());
            let follows = follows.map(str::to_owned);
            assert_eq!(read(&draft), expected(Line { ledger: owner, version: Some(1), follows, ..Line::default() }));
        }
    }

    #[test]
    fn every_field_is_read_as_it_was_written() {
        let caller = Caller { host: "h".into(), user: "u".into(), process: "p".into(), command: "c é\u{1}".into() };
        let request = Line {
            line: Kind::Request,
            host: Some("h".into()),
            user: Some("u".into()),
            pid: Some(std::process::id()),
            process: Some("p".into()),
            command: Some("c é\u{1}".into()),
            keypair: Some("a \"key\"\n".into()),
            keypair_id: Some("1".into()),
            sig_alg: Some("SHA256WithRSA".into()),
            digest: Some("01ff".into()),
            ..Line::default()
        };
        let caller = Fields::of_caller(&caller);
        let reuse = Draft::Reused { caller: &caller, subject: &SUBJECT, signature_id: Some("id"), bytes: 256 };
        assert_eq!(read(&Draft::Request { caller: &caller, subject: &SUBJECT }), expected(request.clone()));
        let reused = Line {
            line: Kind::Reused,
            outcome: Some(Outcome::Reused),
            signature_id: Some("id".into()),
            bytes: Some(256),
            ..request
        };
        assert_eq!(read(&reuse), expected(reused));
        let ending = Ending {
            outcome: Outcome::NotSent,
            why: Some("no".into()),
            signature_id: Some("id".into()),
            attempts: 3,
            bytes: Some(64),
        };
        let completed = Line {
            line: Kind::Completed,
            of: Some(6),
            outcome: Some(Outcome::NotSent),
            why: Some("no".into()),
            signature_id: Some("id".into()),
            ms: Some(20),
            attempts: Some(3),
            bytes: Some(64),
            ..Line::default()
        };
        assert_eq!(read(&Draft::Completed { of: 6, ending: &ending, ms: 20 }), expected(completed));
        let least = read(&Draft::Completed { of: 6, ending: &Ending::of(Outcome::Signed), ms: 20 });
        assert_eq!((least.why, least.signature_id, least.bytes), (None, None, None));
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
