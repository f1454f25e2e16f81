//! The log: each record is one line. Errors go to stderr unless the settings say otherwise.
//!
//! A library in another program's process must log with care. Each line is one `write`, so that processes can share a
//! file. A repeated error is counted on stderr, and complete in a log file. Text from outside cannot control a terminal
//! or a pipeline. A failed write is ignored. No lock is waited for long, and a forked child has a lock of its own.

mod copy;
mod own;
mod repeats;
mod stream;

use crate::config::{LogOutput, LogSettings};
use crate::shown::shown;
use crate::timestamp::timestamp;
use crate::trusted_file::{self, Refusal};
use copy::ErrorCopy;
use log::{Level, LevelFilter, Log, Metadata, Record};
use own::Own;
use repeats::{Repeats, Verdict};
use std::collections::HashSet;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;
use stream::{Number, Stream};

/// The longest text that becomes a message, in bytes.
const MAX_TEXT: usize = 64 << 10;
/// The longest message that is written, in bytes: the service's response may be a web page.
const MAX_MESSAGE: usize = 2000;

/// The target of warnings that are written at every level, once in a process.
const NOTICE: &str = "stm_pkcs11::notice";

struct Logger {
    own: Own,
}

struct State {
    output: LogOutput,
    file: Option<Arc<File>>,
    /// The directory for log files.
    folder: Option<PathBuf>,
    errors: ErrorCopy,
    level: LevelFilter,
    repeats: Repeats,
    /// Notices that were written in this run and earlier ones.
    noticed: HashSet<u64, FixedHasher>,
    stdout: Stream,
    stderr: Stream,
}

impl State {
    const fn new(output: LogOutput) -> Self {
        Self {
            output,
            file: None,
            folder: None,
            errors: ErrorCopy::Off,
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

    /// Where a record is written. A notice is written once, whatever the level.
    fn places(&mut self, level: Level, notice: bool, message: &str) -> Places {
        let is_wanted = if notice { self.noticed.insert(hash(message)) } else { level <= self.level };
        if !is_wanted || self.output == LogOutput::Discard {
            return Places::default();
        }
        let is_error = level == Level::Error;
        let file = self.file.is_some();
        let copy = is_error && !matches!(self.errors, ErrorCopy::Off);
        if file && !is_error && !notice {
            return Places { copy, file, stream: None };
        }
        // Users who asked for every call get every line.
        let stream = if is_error && (file || self.level < LevelFilter::Debug) {
            match self.repeats.judge(message) {
                Verdict::Write => Some(message.to_owned()),
                Verdict::Count => None,
                Verdict::Tell(count) => Some(count),
            }
        } else {
            Some(message.to_owned())
        };
        Places { copy, file, stream }
    }

    /// The state in which a forked child continues its parent's log.
    fn inherited(&self) -> Self {
        Self {
            output: self.output.clone(),
            file: self.file.clone(),
            folder: self.folder.clone(),
            errors: self.errors.clone(),
            repeats: Repeats::new(),
            noticed: self.noticed.clone(),
            ..*self
        }
    }
}

/// Where a record is written.
#[derive(Debug, Default, PartialEq)]
struct Places {
    /// The file of another program that gets a copy of errors.
    copy: bool,
    /// The log file.
    file: bool,
    /// stderr or stdout, with this message.
    stream: Option<String>,
}

static LOGGER: Logger = Logger { own: Own::new(State::new(LogOutput::Stderr)) };

/// Starts the log with these settings. Every `C_Initialize` calls this. An application that links this crate and has
/// its own logger keeps that.
pub fn start(settings: &LogSettings) {
    let _ = log::set_logger(&LOGGER);
    // Notices are warnings, which must pass at every level.
    log::set_max_level(settings.level.max(LevelFilter::Warn));
    let mut failed = None;
    if let Some(mut state) = LOGGER.own.state() {
        state.level = settings.level;
        state.output = settings.output.clone();
        state.folder.clone_from(&settings.folder);
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

/// From now on errors are also appended to the file of this name in the directory for log files.
pub fn copy_errors_to(name: &'static str) {
    if let Some(mut state) = LOGGER.own.state()
        && matches!(state.errors, ErrorCopy::Off)
    {
        state.errors = ErrorCopy::Named(name);
    }
}

/// Appends a failure to a file of this name in a directory for log files, as errors are written there. Nothing happens if
/// that is not possible, or if the settings discard the log.
pub fn append_error(settings: &LogSettings, name: &'static str, message: &str) {
    if settings.output != LogOutput::Discard {
        let line = dated(Level::Error, &one_line(&crate::redact::text(message)));
        ErrorCopy::Named(name).write(settings.folder.as_ref(), None, &line);
    }
}

/// Writes how many errors were counted but not written. Called by `C_Finalize`.
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

/// Creates a directory to which only its owner has access.
pub fn make_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

impl Log for Logger {
    /// Only our own records: those of the HTTP and TLS libraries would contain headers.
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("stm_pkcs11")
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let text = record.args().to_string();
        let message = one_line(&crate::redact::text(&text[..text.floor_char_boundary(MAX_TEXT)]));
        let level = record.level();
        // If another thread holds the lock for long (a disk or terminal is blocked), an error goes directly to stderr,
        // and any other record is dropped.
        let Some(mut state) = LOGGER.own.state() else {
            if level == Level::Error {
                Stream::new(Number::Stderr).write(&plain(level, &message));
            }
            return;
        };
        panic_point!("log");
        let places = state.places(level, record.target() == NOTICE, &message);
        if places.copy {
            let State { errors, folder, output, .. } = &mut *state;
            let log = if let LogOutput::File(path) = &*output { Some(&**path) } else { None };
            errors.write(folder.as_ref(), log, &dated(level, &message));
        }
        if places.file
            && let Some(file) = &state.file
        {
            stream::write(&mut &**file, &dated(level, &message));
        }
        if let Some(message) = places.stream {
            state.stream().write(&plain(level, &message));
        }
    }

    fn flush(&self) {}
}

/// FNV-1a: it only has to distinguish messages, not to resist an attacker.
fn hash(message: &str) -> u64 {
    message.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

/// The keys are hashes already.
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

/// Escapes characters that control a terminal or a pipeline, and cuts long text: a record is one line, whatever the
/// service sent.
fn one_line(text: &str) -> String {
    let mut line = shown(text).into_owned();
    if line.len() > MAX_MESSAGE {
        line.truncate(line.floor_char_boundary(MAX_MESSAGE));
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
        for (text, expected) in [
            ("x".repeat(MAX_MESSAGE), "x".repeat(MAX_MESSAGE)),
            ("x".repeat(MAX_MESSAGE + 1), "x".repeat(MAX_MESSAGE) + " ..."),
            ("x".to_owned() + &"é".repeat(5000), "x".to_owned() + &"é".repeat(MAX_MESSAGE / 2 - 1) + " ..."),
        ] {
            assert_eq!(one_line(&text), expected);
        }
    }

    fn state(level: LevelFilter, output: LogOutput) -> State {
        State { level, ..State::new(output) }
    }

    #[test]
    fn a_record_is_written_where_its_level_and_the_output_say() {
        let file = || Some(Arc::new(tempfile::tempfile().unwrap()));
        let in_file = || State { file: file(), ..state(LevelFilter::Info, LogOutput::File("log".into())) };
        let shown = |text: &str| Places { stream: Some(text.to_owned()), ..Places::default() };
        let stderr = || state(LevelFilter::Warn, LogOutput::Stderr);
        for (mut state, level, notice, expected) in [
            (stderr(), Level::Error, false, shown("text")),
            (stderr(), Level::Warn, false, shown("text")),
            (stderr(), Level::Info, false, Places::default()),
            (state(LevelFilter::Error, LogOutput::Stderr), Level::Warn, true, shown("text")),
            (state(LevelFilter::Trace, LogOutput::Discard), Level::Error, false, Places::default()),
            (state(LevelFilter::Trace, LogOutput::Discard), Level::Warn, true, Places::default()),
            (in_file(), Level::Info, false, Places { file: true, ..Places::default() }),
            (in_file(), Level::Debug, false, Places::default()),
            (in_file(), Level::Error, false, Places { file: true, ..shown("text") }),
            (in_file(), Level::Warn, true, Places { file: true, ..shown("text") }),
            (
                State { errors: ErrorCopy::Named("x"), ..stderr() },
                Level::Error,
                false,
                Places { copy: true, ..shown("text") },
            ),
            (State { errors: ErrorCopy::Named("x"), ..stderr() }, Level::Warn, false, shown("text")),
        ] {
            assert_eq!(state.places(level, notice, "text"), expected, "{level}, {notice}, {:?}", state.output);
        }
    }

    #[test]
    fn a_notice_comes_once_and_a_repeated_error_is_counted_unless_every_call_is_asked_for() {
        let mut usual = state(LevelFilter::Error, LogOutput::Stderr);
        let lines = |state: &mut State, level, notice| {
            (0..5).filter_map(|_| state.places(level, notice, "text").stream).collect::<Vec<_>>().len()
        };
        assert_eq!(lines(&mut usual, Level::Warn, true), 1);
        let all = lines(&mut state(LevelFilter::Debug, LogOutput::Stderr), Level::Error, false);
        let few = lines(&mut usual, Level::Error, false);
        assert!(all == 5 && few < 5, "{all} lines, and {few}");
        let file = Some(Arc::new(tempfile::tempfile().unwrap()));
        let mut in_file = State { file, ..state(LevelFilter::Debug, LogOutput::File("log".into())) };
        assert_eq!(lines(&mut in_file, Level::Error, false), few, "the file has them all");
    }

    #[test]
    fn only_records_of_this_crate_are_logged() {
        let is_logged = |target| LOGGER.enabled(&Metadata::builder().target(target).level(Level::Error).build());
        assert!(is_logged("stm_pkcs11::service"));
        assert!(!is_logged("rustls::client"));
    }

    #[test]
    fn a_failure_is_appended_to_the_file_of_another_program_unless_the_log_is_discarded() {
        let folder = tempfile::tempdir().unwrap();
        let settings = |output| LogSettings {
            level: LevelFilter::Error,
            output,
            folder: Some(folder.path().to_owned()),
            warnings: Vec::new(),
            notices: Vec::new(),
            notes: Vec::new(),
        };
        let path = folder.path().join("smksp.log");
        append_error(&settings(LogOutput::Discard), "smksp.log", "it failed");
        assert!(!path.exists());
        append_error(&settings(LogOutput::Stderr), "smksp.log", "it failed\nin two lines");
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.ends_with(&format!(" {} ERROR it failed\\u{{a}}in two lines\n", std::process::id())), "{text}");
    }

    #[test]
    fn errors_are_copied_to_the_file_that_was_named_first() {
        let named = || LOGGER.own.state().map(|state| matches!(state.errors, ErrorCopy::Named("first.log")));
        copy_errors_to("first.log");
        assert_eq!(named(), Some(true));
        copy_errors_to("second.log");
        assert_eq!(named(), Some(true));
        LOGGER.own.state().unwrap().errors = ErrorCopy::Off;
    }
}
