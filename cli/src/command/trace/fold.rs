//! Folds repeated lines of a trace: a client that reads every attribute of every object makes hundreds of the same calls.

use std::collections::BTreeSet;

/// Calls that clients make in turns while they walk through objects: folded into one line for each function.
const WALK: [&str; 2] = ["C_FindObjects", "C_GetAttributeValue"];

/// A run of lines that become one, or one for each function of [`WALK`].
enum Run<'a> {
    /// Equal messages.
    Same { line: &'a str, message: &'a str, count: usize },
    /// `head` is the time, process and level of its first line.
    Walk { head: &'a str, calls: Vec<Calls<'a>> },
}

/// The calls of one function.
struct Calls<'a> {
    function: &'a str,
    count: usize,
    attributes: BTreeSet<&'a str>,
    /// Return codes, each with its number of calls.
    results: Vec<(&'a str, usize)>,
}

/// The lines of a log file, with runs of equal messages, and of walks through objects, folded:
/// `C_GetAttributeValue x212, 14 attributes: CKR_OK x200, CKR_ATTRIBUTE_TYPE_INVALID x12`.
pub fn folded(log: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut run: Option<Run<'_>> = None;
    for line in log.lines() {
        let message = message(line);
        let joined = run.as_mut().is_some_and(|run| run.join(message));
        if !joined {
            lines.extend(run.take().into_iter().flat_map(|run| run.lines()));
            run = Some(Run::begin(line, message));
        }
    }
    lines.extend(run.into_iter().flat_map(|run| run.lines()));
    lines
}

/// A line without its time, process and level.
fn message(line: &str) -> &str {
    let mut rest = line;
    for _ in 0..3 {
        rest = rest.split_once(' ').map_or("", |(_, rest)| rest.trim_start());
    }
    rest
}

/// The function of [`WALK`] that a message is about, and what follows its name.
fn walk(message: &str) -> Option<(&str, &str)> {
    let end = message.find(['(', ':'])?;
    let (function, rest) = message.split_at(end);
    WALK.contains(&function).then_some((function, rest))
}

impl<'a> Run<'a> {
    fn begin(line: &'a str, message: &'a str) -> Self {
        if walk(message).is_none() {
            return Self::Same { line, message, count: 1 };
        }
        let mut run = Self::Walk { head: &line[..line.len() - message.len()], calls: Vec::new() };
        run.join(message);
        run
    }

    /// Adds a message to the run; `false` if it is not like the earlier ones.
    fn join(&mut self, next: &'a str) -> bool {
        match self {
            Self::Same { message, count, .. } => {
                let same = *message == next;
                *count += usize::from(same);
                same
            }
            Self::Walk { calls, .. } => {
                let Some((function, rest)) = walk(next) else { return false };
                let place = calls.iter().position(|known| known.function == function).unwrap_or_else(|| {
                    calls.push(Calls { function, count: 0, attributes: BTreeSet::new(), results: Vec::new() });
                    calls.len() - 1
                });
                calls[place].add(rest);
                true
            }
        }
    }

    fn lines(&self) -> Vec<String> {
        match self {
            Self::Same { line, count, .. } => vec![format!("{line}{}", times(*count))],
            Self::Walk { head, calls } => calls.iter().map(|calls| format!("{head}{}", calls.text())).collect(),
        }
    }
}

impl<'a> Calls<'a> {
    /// Adds what follows the function's name: `(ATTRIBUTES)` before the result of the same call, or `: RESULT`.
    fn add(&mut self, rest: &'a str) {
        if let Some(names) = rest.strip_prefix('(') {
            self.attributes.extend(names.trim_end_matches(')').split(", ").filter(|name| !name.is_empty()));
            return;
        }
        let result = rest.trim_start_matches(": ");
        self.count += 1;
        match self.results.iter_mut().find(|(known, _)| *known == result) {
            Some((_, count)) => *count += 1,
            None => self.results.push((result, 1)),
        }
    }

    fn text(&self) -> String {
        let names = match self.attributes.len() {
            0 => String::new(),
            1..=3 => format!(", {}", self.attributes.iter().copied().collect::<Vec<_>>().join(", ")),
            many => format!(", {many} attributes"),
        };
        let results: Vec<_> = match self.results.as_slice() {
            [(only, _)] => vec![(*only).to_owned()],
            several => several.iter().map(|(result, count)| format!("{result}{}", times(*count))).collect(),
        };
        format!("{}{}{names}: {}", self.function, times(self.count), results.join(", "))
    }
}

/// ` x212`; nothing for one.
fn times(count: usize) -> String {
    if count == 1 { String::new() } else { format!(" x{count}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(messages: &[&str]) -> String {
        messages.iter().map(|message| format!("2026-01-02T03:04:05.006Z 77 TRACE {message}\n")).collect()
    }

    fn messages(log: &str) -> Vec<String> {
        folded(log).iter().map(|line| message(line).to_owned()).collect()
    }

    #[test]
    fn a_walk_through_objects_becomes_a_line_for_each_function() {
        let mut all = vec!["C_FindObjectsInit: CKR_OK"];
        for _ in 0..20 {
            all.extend(["C_FindObjects: CKR_OK", "C_GetAttributeValue(CKA_CLASS)", "C_GetAttributeValue: CKR_OK"]);
        }
        all.extend(["C_FindObjects: CKR_OK", "C_FindObjectsFinal: CKR_OK"]);
        assert_eq!(
            messages(&log(&all)),
            [
                "C_FindObjectsInit: CKR_OK",
                "C_FindObjects x21: CKR_OK",
                "C_GetAttributeValue x20, CKA_CLASS: CKR_OK",
                "C_FindObjectsFinal: CKR_OK",
            ]
        );
    }

    #[test]
    fn reads_of_attributes_become_one_line() {
        let mut all = vec!["C_FindObjectsInit(CKA_CLASS=CKO_PRIVATE_KEY)", "C_FindObjectsInit: CKR_OK"];
        for _ in 0..100 {
            all.extend(["C_GetAttributeValue(CKA_CLASS, CKA_ID, CKA_LABEL)", "C_GetAttributeValue: CKR_OK"]);
        }
        all.extend([
            "C_GetAttributeValue(CKA_EC_POINT)",
            "C_GetAttributeValue: CKR_ATTRIBUTE_TYPE_INVALID",
            "C_Logout: CKR_OK",
        ]);
        assert_eq!(
            messages(&log(&all)),
            [
                "C_FindObjectsInit(CKA_CLASS=CKO_PRIVATE_KEY)",
                "C_FindObjectsInit: CKR_OK",
                "C_GetAttributeValue x101, 4 attributes: CKR_OK x100, CKR_ATTRIBUTE_TYPE_INVALID",
                "C_Logout: CKR_OK",
            ]
        );
        let one = log(&["C_GetAttributeValue(CKA_ID)", "C_GetAttributeValue: CKR_OK"]);
        assert_eq!(folded(&one), ["2026-01-02T03:04:05.006Z 77 TRACE C_GetAttributeValue, CKA_ID: CKR_OK"]);
    }

    #[test]
    fn equal_messages_become_one_line_whenever_they_were_written() {
        let text = "2026-01-02T03:04:05.006Z 77 TRACE C_GetInfo: CKR_OK\n2026-01-02T03:04:05.900Z 77 TRACE C_GetInfo: CKR_OK\n";
        assert_eq!(messages(text), ["C_GetInfo: CKR_OK x2"]);
        assert_eq!(messages(&log(&["a", "b", "a"])), ["a", "b", "a"]);
        assert_eq!(folded(""), [] as [String; 0]);
    }
}
