//! A line before it has its place in the ledger, and its text.
//!
//! A signature waits while its two lines are written. So the text is put together by hand, and what does not change in a process is
//! put together once. [`Line`](super::line::Line) reads it.

use super::caller::Caller;
use super::line::{self, Kind};
use super::spent::Spent;
use super::{Ending, Outcome};
use data_encoding::HEXLOWER;

/// The longest recorded text from the service or the caller, in bytes.
const LONGEST: usize = 256;

/// Room for a line, in bytes: most are shorter.
const USUAL: usize = 1024;

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
        fields.text("host", &caller.host);
        fields.text("user", &caller.user);
        fields.text("process", &caller.process);
        fields.text("command", &caller.command);
        fields
    }

    fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        serde_json::to_writer(&mut self.0, value).unwrap_or_else(|_| unreachable!("memory accepts every text"));
        self.0.push(b',');
    }

    fn maybe_text(&mut self, key: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.text(key, cut(value));
        }
    }

    fn number(&mut self, key: &str, value: u64) {
        self.key(key);
        self.0.extend_from_slice(value.to_string().as_bytes());
        self.0.push(b',');
    }

    fn object(&mut self, key: &str, fields: impl FnOnce(&mut Self)) {
        self.key(key);
        self.0.push(b'{');
        fields(self);
        self.close();
        self.0.push(b',');
    }

    fn key(&mut self, key: &str) {
        self.0.push(b'"');
        self.0.extend_from_slice(key.as_bytes());
        self.0.extend_from_slice(b"\":");
    }

    /// Replaces the comma after the last field.
    fn close(&mut self) {
        self.0.pop();
        self.0.push(b'}');
    }
}

/// A line before it has its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    kind: Kind,
    fields: Fields,
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

impl Draft {
    fn new(kind: Kind) -> Self {
        Self { kind, fields: Fields(Vec::with_capacity(USUAL)) }
    }

    /// The first line of a file that follows the file of this name.
    pub fn head(follows: Option<&str>) -> Self {
        let mut draft = Self::new(Kind::Head);
        if let Some(name) = follows {
            draft.fields.text("follows", name);
        }
        draft
    }

    /// A request, or a reused signature; `caller` is from [`Fields::of_caller`].
    pub fn of_subject(kind: Kind, caller: &Fields, subject: &Subject<'_>) -> Self {
        let mut draft = Self::new(kind);
        let fields = &mut draft.fields;
        fields.number("pid", crate::host::process().into());
        fields.0.extend_from_slice(&caller.0);
        fields.text("keypair", cut(subject.keypair));
        fields.text("keypair_id", cut(subject.keypair_id));
        fields.text("sig_alg", cut(subject.sig_alg));
        fields.text("digest", &digest(subject.hash));
        draft
    }

    /// The outcome of request number `of`, after `ms` milliseconds.
    pub fn completed(of: u64, ending: &Ending, ms: u64) -> Self {
        let mut draft = Self::new(Kind::Completed);
        let fields = &mut draft.fields;
        fields.number("of", of);
        fields.text("outcome", ending.outcome.name());
        fields.maybe_text("why", ending.why.as_deref());
        fields.maybe_text("signature_id", ending.signature_id.as_deref());
        fields.number("ms", ms);
        fields.number("attempts", ending.attempts.into());
        if let Some(bytes) = ending.bytes {
            fields.number("bytes", bytes);
        }
        draft
    }

    /// A stored signature of so many bytes that was returned again.
    pub fn reused(caller: &Fields, subject: &Subject<'_>, signature_id: Option<&str>, bytes: u64) -> Self {
        let mut draft = Self::of_subject(Kind::Reused, caller, subject);
        let fields = &mut draft.fields;
        fields.text("outcome", Outcome::Reused.name());
        fields.maybe_text("signature_id", signature_id);
        fields.number("bytes", bytes);
        draft
    }

    /// Whether it belongs to the file of an earlier line.
    pub fn completes(&self) -> bool {
        self.kind == Kind::Completed
    }

    /// Its text at this place, without a line feed.
    pub fn at(&self, place: &Place<'_>) -> Vec<u8> {
        let mut line = Fields(Vec::with_capacity(USUAL));
        line.0.push(b'{');
        if self.kind == Kind::Head {
            // First, so that the first bytes of a file identify a ledger.
            line.text("ledger", line::OWNER);
            line.number("version", 1);
        }
        line.number("n", place.n);
        line.text("line", self.kind.name());
        line.text("time", place.time);
        line.0.extend_from_slice(&self.fields.0);
        line.object("spent", |spent| {
            spent.text("date", &place.spent.date);
            spent.number("day", place.spent.day);
            spent.number("month", place.spent.month);
            spent.number("year", place.spent.year);
            spent.number("total", place.spent.total);
        });
        line.text("prev", place.prev);
        line.close();
        line.0
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

    fn read(draft: &Draft) -> Line {
        let spent = Spent { date: "2026-11-28".into(), day: 1, month: 2, year: 3, total: 4 };
        let place = Place { n: 7, time: "2026-11-28T10:00:00.000Z", spent: &spent, prev: "aa" };
        let line = Line::parse(&draft.at(&place)).unwrap();
        assert_eq!((line.n, &*line.time, &line.spent, &*line.prev), (7, place.time, &spent, "aa"));
        line
    }

    /// Without the fields that [`read`] compares.
    fn expected(line: Line) -> Line {
        let Line { n, time, spent, prev, .. } = read(&Draft::new(Kind::Head));
        Line { n, time, spent, prev, ..line }
    }

    #[test]
    fn a_file_is_known_by_its_first_bytes() {
        for follows in [None, Some("ledger.1")] {
            let draft = Draft::head(follows);
            let place = Place { n: 1, time: "", spent: &Spent::default(), prev: "" };
            assert!(draft.at(&place).starts_with(HEAD.as_bytes()));
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
        assert_eq!(read(&Draft::of_subject(Kind::Request, &caller, &SUBJECT)), expected(request.clone()));
        let reused = Line {
            line: Kind::Reused,
            outcome: Some(Outcome::Reused),
            signature_id: Some("id".into()),
            bytes: Some(256),
            ..request
        };
        assert_eq!(read(&Draft::reused(&caller, &SUBJECT, Some("id"), 256)), expected(reused));
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
        assert_eq!(read(&Draft::completed(6, &ending, 20)), expected(completed));
        let least = read(&Draft::completed(6, &Ending::of(Outcome::Signed), 20));
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
