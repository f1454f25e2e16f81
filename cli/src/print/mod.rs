//! All output to standard output and standard error.
//!
//! If a reader closes its end of a pipe, further output is dropped, and the command succeeds. Any other error, such as
//! a full disk, is stored, and becomes the command's failure ([`finish`]).

mod exit;
mod failure;
mod json;
mod place;
pub mod progress;
pub mod table;
pub mod terminal;

pub use exit::Exit;
pub use failure::Failure;
pub use json::json;
pub use place::Place;
pub use stm_pkcs11::shown::shown;

use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use stm_pkcs11::redact;

/// The state of standard output.
enum Output {
    Open,
    Closed,
    /// The last write failed.
    Failed(io::Error),
}

static OUTPUT: Mutex<Output> = Mutex::new(Output::Open);

/// Writes bytes to standard output. An error is reported by [`finish`].
pub fn bytes(bytes: &[u8]) {
    let mut output = OUTPUT.lock().unwrap_or_else(PoisonError::into_inner);
    if matches!(*output, Output::Open) {
        *output = written(&mut io::stdout().lock(), bytes);
    }
}

/// Flushes the buffer of `stream`, so that a loss is noticed.
fn written(stream: &mut impl Write, bytes: &[u8]) -> Output {
    match stream.write_all(bytes).and_then(|()| stream.flush()) {
        Ok(()) => Output::Open,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Output::Closed,
        Err(error) => Output::Failed(error),
    }
}

/// Prints text to standard output, without known secrets.
pub fn text(text: &str) {
    bytes(redact::text(text).as_bytes());
}

/// Writes a line to standard output.
pub fn line(line: &str) {
    bytes(format!("{}\n", redact::text(line)).as_bytes());
}

/// Prints a line to standard error, where errors cannot be reported.
pub fn note(line: &str) {
    let _ = io::stderr().lock().write_all(format!("{}\n", redact::text(line)).as_bytes());
}

/// Whether everything has reached standard output so far. Called at the end of every command, and earlier if a command
/// can report a loss more precisely.
pub fn finish() -> Result<(), Failure> {
    let output = OUTPUT.lock().unwrap_or_else(PoisonError::into_inner);
    match &*output {
        Output::Open | Output::Closed => Ok(()),
        Output::Failed(error) => Err(unwritten("to standard output", error)),
    }
}

/// The failure of writing `place`.
pub fn unwritten(place: &str, error: &io::Error) -> Failure {
    let remedy = match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            "make room, or choose another place"
        }
        _ => "choose a place that can be written to",
    };
    let cause = match error.kind() {
        ErrorKind::StorageFull => format!("no space left ({error})"),
        _ => error.to_string(),
    };
    Failure::new(format!("write {place}"), cause, remedy)
}

/// Writes text to a file if one is named, otherwise to standard output.
pub fn to(text: &str, file: Option<&Path>) -> Result<(), Failure> {
    bytes_to(text.as_bytes(), file)
}

/// Writes bytes to a file if one is named, otherwise to standard output.
pub fn bytes_to(bytes: &[u8], file: Option<&Path>) -> Result<(), Failure> {
    let Some(path) = file else {
        self::bytes(bytes);
        return Ok(());
    };
    std::fs::write(path, bytes).map_err(|error| unwritten(&path.display().to_string(), &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails every write in one way.
    struct Broken(ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_closed_pipe_is_quiet_and_a_full_disk_is_not() {
        assert!(matches!(written(&mut Broken(ErrorKind::BrokenPipe), b"x"), Output::Closed));
        assert!(matches!(written(&mut Vec::new(), b"x"), Output::Open));
        let Output::Failed(error) = written(&mut Broken(ErrorKind::StorageFull), b"x") else {
            panic!("it is not a failure")
        };
        let said = unwritten("to standard output", &error).to_string();
        assert!(said.starts_with("failed: write to standard output\n   why: no space left"), "{said}");
        assert!(said.ends_with("to do: make room, or choose another place"), "{said}");
    }
}
