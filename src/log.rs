//! The log: one line a record, for people. Errors go to stderr unless the settings say otherwise.
//!
//! A library in someone else's process writes with care: one `write` a line, so that many processes can share a file; an
//! error that is met again is counted on stderr, and is in a log file in full; text of others cannot act as anything else; no
//! failure of writing matters; no lock is waited for long, and a forked child has one of its own.

mod own;
mod repeats;
mod stream;

use crate::config::{LogOutput, LogSettings};
use crate::shown::shown;
use crate::timestamp::timestamp;
use crate::trusted_file::{self, Refusal};
use log::{Level, LevelFilter, Log, Metadata, Record};
use own::Own;
use repeats::{Repeats, Verdict};
use std::collections::HashSet;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;
use stream::{Number, Stream};

/// Longest text that a message is made of, in bytes.
const MAX_TEXT: usize = 64 << 10;
/// Longest message that is written, in bytes: a service's answer may be a web page.
const MAX_MESSAGE: usize = 2000;

/// Target of warnings that are written at every level, and once a process.
const NOTICE: &str = "stm_pkcs11::notice";

struct Logger {
    own: Own,
}

struct State {
    output: LogOutput,
    file: Option<Arc<File>>,
    level: LevelFilter,
    repeats: Repeats,
    /// Notices that were written, in this and former runs.
    noticed: HashSet<u64, FixedHasher>,
    stdout: Stream,
    stderr: Stream,
}

impl State {
    const fn new(output: LogOutput) -> Self {
        Self {
            output,
            file: None,
            level: LevelFilter::Error,
            repeats: Repeats::new(),
            noticed: HashSet::with_hasher(FixedHasher),
            stdout: Stream::new(Number::Stdout),
            stderr: Stream::new(Number::Stderr),
        }
    }

    fn stream(&self) -> &Stream {
        if matches!(self.output, LogOutput::Stdout) { &self.stdout } else { &self.stderr }
    }

    /// The state that a forked child begins with: it goes on as its parent did.
    fn inherited(&self) -> Self {
        Self {
            output: self.output.clone(),
            file: self.file.clone(),
            repeats: Repeats::new(),
            noticed: self.noticed.clone(),
            ..*self
        }
    }
}

static LOGGER: Logger = Logger { own: Own::new(State::new(LogOutput::Stderr)) };

/// Begins to log as the settings say. Called by every `C_Initialize`; an application that links this crate and has a
/// logger of its own keeps that.
pub fn start(settings: &LogSettings) {
    let _ = log::set_logger(&LOGGER);
    // Notices are warnings that every level lets through.
    log::set_max_level(settings.level.max(LevelFilter::Warn));
    let mut failed = None;
    if let Some(mut state) = LOGGER.own.state() {
        state.level = settings.level;
        state.output = settings.output.clone();
        state.repeats.take();
        state.file = None;
        state.stdout.begin();
        state.stderr.begin();
        if let LogOutput::File(path) = &settings.output {
            match open(path) {
                Ok(file) => state.file = Some(Arc::new(file)),
                Err(refusal) => {
                    let (path, remedy) = (path.display(), refusal.remedy());
                    let problem = refusal.clause().replace("cannot be read", "cannot be written");
                    failed = Some(format!("the log file {path} {problem}, logging to stderr: {remedy}"));
                }
            }
        }
        if failed.is_some() {
            state.output = LogOutput::Stderr;
        }
    }
    if let Some(failed) = failed {
        log::warn!(target: NOTICE, "{failed}");
    }
    settings.notices.iter().for_each(|notice| log::warn!(target: NOTICE, "{notice}"));
    settings.warnings.iter().for_each(|warning| log::warn!("{warning}"));
    settings.notes.iter().for_each(|note| log::info!("{note}"));
}

/// Tells how many errors were counted and not written. Called by `C_Finalize`.
pub fn finish() {
    let Some(mut state) = LOGGER.own.state() else { return };
    for line in state.repeats.take() {
        if !matches!(state.output, LogOutput::Discard) {
            state.stream().write(&plain(Level::Error, &line));
        }
    }
}

fn open(path: &Path) -> Result<File, Refusal> {
    if let Some(folder) = path.parent() {
        make_folder(folder)?;
    }
    trusted_file::open_log(path)
}

/// Makes a folder that only its owner can look into.
pub fn make_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

impl Log for Logger {
    /// Only our own records: those of the HTTP and TLS libraries would carry headers.
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("stm_pkcs11")
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let text = record.args().to_string();
        let mut message = one_line(&crate::redact::text(&text[..text.floor_char_boundary(MAX_TEXT)]));
        let level = record.level();
        // A record that meets the lock held for long (a disk or a terminal takes nothing) goes straight to stderr if it is an
        // error, and is dropped else.
        let Some(mut state) = LOGGER.own.state() else {
            if level == Level::Error {
                Stream::new(Number::Stderr).write(&plain(level, &message));
            }
            return;
        };
        let notice = record.target() == NOTICE;
        if notice {
            if !state.noticed.insert(hash(&message)) {
                return;
            }
        } else if level > state.level {
            return;
        }
        panic_point!("log");
        if matches!(state.output, LogOutput::Discard) {
            return;
        }
        let to_file = match (&state.output, &state.file) {
            (LogOutput::File(_), Some(file)) => {
                stream::write(&mut &**file, &dated(level, &message));
                true
            }
            _ => false,
        };
        if to_file && level != Level::Error && !notice {
            return;
        }
        // Who asked for every call gets every line.
        if level == Level::Error && (to_file || state.level < LevelFilter::Debug) {
            match state.repeats.judge(&message) {
                Verdict::Write => {}
                Verdict::Count => return,
                Verdict::Tell(count) => message = count,
            }
        }
        state.stream().write(&plain(level, &message));
    }

    fn flush(&self) {}
}

/// FNV-1a: tells messages apart, and need not withstand anybody.
fn hash(message: &str) -> u64 {
    message.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The set holds hashes already.
#[derive(Clone, Copy)]
struct FixedHasher;

impl std::hash::BuildHasher for FixedHasher {
    type Hasher = std::collections::hash_map::DefaultHasher;

    fn build_hasher(&self) -> Self::Hasher {
        Self::Hasher::new()
    }
}

fn plain(level: Level, message: &str) -> String {
    format!("stm-pkcs11: {}: {message}\n", level.as_str().to_ascii_lowercase())
}

fn dated(level: Level, message: &str) -> String {
    format!("{} {} {level:<5} {message}\n", timestamp(SystemTime::now()), std::process::id())
}

/// What would act on a terminal or a pipeline is made visible, and what is too long is cut: a record is a line, whatever a
/// service answered.
fn one_line(text: &str) -> String {
    let mut line = shown(text).into_owned();
    if line.len() > MAX_MESSAGE {
        let mut end = MAX_MESSAGE;
        while !line.is_char_boundary(end) {
            end -= 1;
        }
        line.truncate(end);
        line.push_str(" ...");
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_one_line_of_bounded_length() {
        assert_eq!(one_line("a\nb\u{1b}c\u{2028}d\u{202e}e"), r"a\u{a}b\u{1b}c\u{2028}d\u{202e}e");
        assert!(one_line(&"é".repeat(5000)).len() < MAX_MESSAGE + 8);
    }
}
