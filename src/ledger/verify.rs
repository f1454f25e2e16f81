//! Verifies a ledger: hash chain, numbers, totals.
//!
//! The chain reveals lines that were changed, removed or inserted. It reveals truncation at the end only to users who
//! noted the last hash before ([`Findings::head`]).

use super::entry::{Entry, Joining};
use super::file::LedgerFile;
use super::line::{self, Kind, Line, Outcome};
use super::open::Refusal;
use super::spent::Spent;
use std::collections::HashMap;
use std::path::Path;

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// The number of lines.
    pub lines: usize,
    /// The hash of the last line; empty without one.
    pub head: String,
    /// Whether the noted hash is the hash of a line; `None` if none was given.
    pub has_noted: Option<bool>,
    /// Problems, each with its place.
    pub problems: Vec<String>,
    /// Harmless findings: incomplete lines, and earlier files that are stored elsewhere.
    pub notes: Vec<String>,
    /// Requests without an outcome: only the service knows whether they were billed.
    pub unfinished: Vec<Entry>,
    /// The totals in the last line.
    pub spent: Spent,
}

/// The state of the walk through the lines.
#[derive(Default)]
struct Walk {
    findings: Findings,
    last: Option<Line>,
    hash: String,
    /// Open requests, and the day on which each counted.
    open: HashMap<u64, String>,
    torn: bool,
}

impl Walk {
    fn wrong(&mut self, place: &str, problem: impl AsRef<str>) {
        self.findings.problems.push(format!("{place}: {}", problem.as_ref()));
    }

    fn line(&mut self, place: &str, text: &[u8], line: Option<&Line>) {
        self.findings.lines += 1;
        if let Some(line) = line {
            self.links(place, line);
            self.totals(place, line);
            self.last = Some(line.clone());
            self.torn = false;
        } else {
            let what = "the line is not whole: a process was ended, or the disk was full, while it was written";
            self.findings.notes.push(format!("{place}: {what}"));
            self.torn = true;
        }
        self.hash = line::hash(text);
    }

    fn links(&mut self, place: &str, line: &Line) {
        let first = self.findings.lines == 1;
        if first && line.prev != line::hash(b"") {
            let name = line.follows.as_deref().unwrap_or("another file");
            self.findings.notes.push(format!("{place}: the ledger begins before, in {name}, which is not here"));
        }
        if !first && line.prev != self.hash {
            self.wrong(place, "the hash of the line before it is another: that line was changed, or lines are missing");
        }
        let before = self.last.as_ref().map(|last| last.n);
        if before.is_some_and(|before| line.n != before + 1) {
            self.wrong(place, format!("its number is {} and the last was {}", line.n, before.unwrap_or_default()));
        }
    }

    /// The totals must match the lines.
    fn totals(&mut self, place: &str, line: &Line) {
        let day = line.time.get(..10).unwrap_or_default().to_owned();
        let Some(last) = &self.last else {
            self.findings.spent = line.spent.clone();
            return;
        };
        let mut spent = last.spent.clone();
        spent.advance(&day);
        match (line.line, line.of.map(|of| self.open.remove(&of))) {
            (Kind::Request, _) => {
                spent.add();
                self.open.insert(line.n, spent.date.clone());
            }
            (Kind::Completed, Some(Some(day))) if !line.outcome.is_none_or(Outcome::counts) => spent.give_back(&day),
            // The request is in a file that is stored elsewhere, so its day is unknown.
            (Kind::Completed, Some(None)) if !line.outcome.is_none_or(Outcome::counts) => spent = line.spent.clone(),
            _ => {}
        }
        if spent != line.spent {
            self.wrong(place, format!("its totals are {:?}, and the lines before it make {spent:?}", line.spent));
        }
        self.findings.spent = line.spent.clone();
    }
}

/// Verifies a whole ledger. `noted` is a hash from an earlier verification.
pub fn verify(ledger: &LedgerFile, noted: Option<&str>) -> Result<Findings, Refusal> {
    let mut walk = Walk::default();
    let mut joining = Joining::default();
    let mut seen = noted.map(|noted| noted == line::hash(b""));
    for path in ledger.all_files()? {
        let name = path.file_name().map(Path::new).unwrap_or(&path).display().to_string();
        let mut place = 0;
        line::each(&path, |text, line| {
            place += 1;
            walk.line(&format!("{name} line {place}"), text, line.as_ref());
            if (place == 1) != line.as_ref().is_some_and(|line| line.line == Kind::Head) {
                walk.wrong(&format!("{name} line {place}"), "only the first line of a file is a first line");
            }
            seen = seen.map(|seen| seen || noted == Some(&walk.hash));
            line.and_then(|line| joining.add(line));
        })?;
    }
    let mut findings = walk.findings;
    findings.head = walk.hash;
    findings.has_noted = seen;
    findings.unfinished = joining.unfinished().collect();
    Ok(findings)
}

#[cfg(test)]
mod tests {
    use super::super::draft::Draft;
    use super::super::{Ending, Ledger, Subject};
    use super::*;
    use crate::config::LedgerSettings;
    use std::fs;

    const SUBJECT: Subject<'_> = Subject { keypair: "k", keypair_id: "1", sig_alg: "SHA256WithRSA", hash: &[7; 32] };

    /// A ledger of six requests: four signed, one refused, one unfinished.
    fn ledger(folder: &Path) -> LedgerFile {
        let path = folder.join("ledger");
        let ledger = Ledger::new(&LedgerSettings { path: Some(path.clone()), ..LedgerSettings::default() });
        for number in 0..6 {
            let reserved = ledger.reserve(&SUBJECT).unwrap();
            let outcome = if number == 2 { Outcome::Refused } else { Outcome::Signed };
            if number != 4 {
                reserved.complete(&Ending { outcome, ..Ending::of(outcome) });
            }
        }
        LedgerFile::new(&path)
    }

    fn changed(change: impl FnOnce(&mut Vec<String>)) -> Findings {
        let folder = tempfile::tempdir().unwrap();
        let file = ledger(folder.path());
        let text = fs::read_to_string(file.path()).unwrap();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        change(&mut lines);
        fs::write(file.path(), lines.join("\n") + "\n").unwrap();
        verify(&file, None).unwrap()
    }

    #[test]
    fn a_ledger_as_it_was_written_has_no_problems() {
        let findings = changed(|_| {});
        assert_eq!(findings.problems, [""; 0]);
        assert_eq!((findings.lines, findings.unfinished.len(), findings.spent.total), (12, 1, 5));
    }

    #[test]
    fn every_change_of_a_line_and_every_missing_one_is_found() {
        for place in 0..11 {
            if place > 0 {
                let found = changed(|lines| drop(lines.remove(place)));
                assert!(!found.problems.is_empty(), "line {place} is missing");
            }
            let found = changed(|lines| lines[place] = lines[place].replacen("2", "3", 1));
            assert!(!found.problems.is_empty(), "line {place} was changed");
            let found = changed(|lines| lines.insert(place + 1, lines[place].clone()));
            assert!(!found.problems.is_empty(), "line {place} is there twice");
        }
        let found = changed(|lines| lines.swap(3, 4));
        assert!(found.problems.iter().any(|problem| problem.contains("that line was changed, or lines are missing")));
    }

    #[test]
    fn a_line_that_was_changed_and_chained_anew_has_wrong_totals() {
        let findings = changed(|lines| {
            let day = Line::parse(lines[11].as_bytes()).unwrap().spent.day;
            lines[11] = lines[11].replace(&format!("\"day\":{day}"), &format!("\"day\":{}", day - 1));
        });
        assert!(findings.problems[0].contains("the lines before it make"), "{findings:?}");
    }

    #[test]
    fn lines_cut_off_at_the_end_are_missed_by_those_who_noted_the_hash() {
        let folder = tempfile::tempdir().unwrap();
        let file = ledger(folder.path());
        let noted = verify(&file, None).unwrap().head;
        let text = fs::read_to_string(file.path()).unwrap();
        assert_eq!(verify(&file, Some(&noted)).unwrap().has_noted, Some(true));
        fs::write(file.path(), &text[..text.trim_end().rfind('\n').unwrap() + 1]).unwrap();
        let findings = verify(&file, Some(&noted)).unwrap();
        assert_eq!((findings.has_noted, findings.problems.len()), (Some(false), 0));
    }

    #[test]
    fn a_refused_request_of_a_file_that_is_stored_elsewhere_changes_the_totals_and_another_does_not() {
        for (outcome, total, problem) in [
            (Outcome::Refused, 4, None),
            (Outcome::Signed, 5, None),
            (Outcome::Signed, 4, Some("and the lines before it make")),
        ] {
            let folder = tempfile::tempdir().unwrap();
            let file = ledger(folder.path());
            let of = verify(&file, None).unwrap().unfinished[0].n;
            let moved = folder.path().join("ledger.1");
            fs::rename(file.path(), &moved).unwrap();
            let draft = Draft::Completed { of, ending: &Ending::of(outcome), ms: 0 };
            let decide = |spent: &mut Spent| {
                let date = spent.date.clone();
                (total..5).for_each(|_| spent.give_back(&date));
                Ok::<_, ()>(())
            };
            file.append(&draft, decide).unwrap().unwrap();
            let is_as_expected = |found: &Findings| match problem {
                None => found.problems.is_empty(),
                Some(problem) => found.problems.len() == 1 && found.problems[0].contains(problem),
            };
            let whole = verify(&file, None).unwrap();
            assert!(is_as_expected(&whole) && whole.spent.total == total, "{whole:?}");
            fs::remove_file(moved).unwrap();
            let part = verify(&file, None).unwrap();
            assert!(is_as_expected(&part) && part.spent.total == total, "{part:?}");
            assert_eq!(part.notes, ["ledger line 1: the ledger begins before, in ledger.1, which is not here"]);
        }
    }

    #[test]
    fn what_is_no_line_is_a_note_where_the_chain_has_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = ledger(folder.path());
        let text = fs::read_to_string(file.path()).unwrap();
        fs::write(file.path(), format!("{text}{{\"n\":13,\"li")).unwrap();
        let again = Ledger::new(&LedgerSettings { path: Some(file.path().into()), ..LedgerSettings::default() });
        again.reserve(&SUBJECT).unwrap().complete(&Ending::of(Outcome::Signed));
        let findings = verify(&file, None).unwrap();
        assert_eq!((findings.problems.len(), findings.notes.len()), (0, 1), "{findings:?}");
        assert!(findings.notes[0].contains("ledger line 13: the line is not whole"), "{findings:?}");
    }
}
