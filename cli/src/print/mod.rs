//! What a person or a program gets to read: the one place that writes to standard output and to standard error.
//!
//! A reader that closes its end has read enough: what follows is dropped, and the command ends as if all had been read. Any
//! other error, a full disk above all, is kept and becomes the command's failure ([`finish`]).

mod exit;
mod failure;
mod json;
mod place;
pub mod progress;
pub mod table;

pub use exit::Exit;
pub use failure::Failure;
pub use json::json;
pub use place::Place;
pub use stm_pkcs11::shown::shown;

use std::io::{self, ErrorKind, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use stm_pkcs11::redact;

/// What became of standard output.
enum Output {
    Open,
    Closed,
    /// What was written last could not be.
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

/// Through the buffer of `stream`, so that nothing is left in it whose loss nobody would see.
fn written(stream: &mut impl Write, bytes: &[u8]) -> Output {
    match stream.write_all(bytes).and_then(|()| stream.flush()) {
        Ok(()) => Output::Open,
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Output::Closed,
        Err(error) => Output::Failed(error),
    }
}

/// Writes text to standard output, without the secrets that are known.
pub fn text(text: &str) {
    bytes(redact::text(text).as_bytes());
}

/// Writes a line to standard output.
pub fn line(line: &str) {
    bytes(format!("{}\n", redact::text(line)).as_bytes());
}

/// Writes a line to standard error. There is nobody to tell of an error there.
pub fn note(line: &str) {
    let _ = io::stderr().lock().write_all(format!("{}\n", redact::text(line)).as_bytes());
}

/// Whether everything has reached standard output so far. Called at the end of every command, and where a command has
/// something better to say of the loss.
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

/// Text for a file, if one is named, and for standard output otherwise.
pub fn to(text: &str, file: Option<&Path>) -> Result<(), Failure> {
    bytes_to(text.as_bytes(), file)
}

/// Bytes for a file, if one is named, and for standard output otherwise.
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

    /// Fails to be written to in one way.
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
