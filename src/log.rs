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
        let mut message = one_line(&crate::redact::text(&text[..text.floor_char_boundary(MAX_TEXT)]));
        let level = record.level();
        // If another thread holds the lock for long (a disk or terminal is blocked), an error goes directly to stderr,
        // and any other record is dropped.
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
        if level == Level::Error && !matches!(state.errors, ErrorCopy::Off) {
            let State { errors, folder, output, .. } = &mut *state;
            let log = if let LogOutput::File(path) = &*output { Some(&**path) } else { None };
            errors.write(folder.as_ref(), log, &dated(level, &message));
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
        // Users who asked for every call get every line.
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
