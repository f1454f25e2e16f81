//! The host's standard streams. A host may close them, and the next file or socket that anybody opens then gets the
//! free number. A line written there is lost at best; at worst it corrupts a database or a connection to the service.

use crate::host::quietly;
use std::fs::File;
use std::io::Write;

/// The current state of a stream.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(not(unix), allow(dead_code, reason = "only unix has a way to look"))]
enum Now {
    Closed,
    /// Device and file number.
    Socket(u64, u64),
    Other,
    /// Unknown: no descriptor is free to examine it, or this system has no way to do so.
    Unknown,
}

impl Now {
    /// Whether it may be something else than the stream that began in this state.
    fn may_be_another(self, begun: Self) -> bool {
        match (begun, self) {
            (_, Self::Closed) | (Self::Closed, _) => true,
            // A service manager may pass a socket as stderr; a later socket may be ours.
            (Self::Socket(..) | Self::Other, Self::Socket(..)) => self != begun,
            _ => false,
        }
    }
}

/// A stream, and its state when the module was initialised.
#[derive(Clone, Copy)]
pub struct Stream {
    number: Number,
    begun: Now,
}

#[derive(Clone, Copy)]
pub enum Number {
    Stdout,
    Stderr,
}

impl Stream {
    /// Not examined yet.
    pub const fn new(number: Number) -> Self {
        Self { number, begun: Now::Unknown }
    }

    /// Examines it. `C_Initialize` runs before we open any connection.
    pub fn begin(&mut self) {
        self.begun = self.number.look().0;
    }

    /// Writes a line, unless the stream may have become something else.
    pub fn write(&self, line: &str) {
        let (now, copy) = self.number.look();
        if now.may_be_another(self.begun) {
            return;
        }
        match (copy, self.number) {
            // Not through the standard library's stream, whose lock a forked process may have inherited locked.
            (Some(mut copy), _) => write(&mut copy, line),
            (None, Number::Stdout) => write(&mut std::io::stdout(), line),
            (None, Number::Stderr) => write(&mut std::io::stderr(), line),
        }
    }
}

/// A single write, so that lines of parallel processes do not mix. Errors are ignored.
pub fn write(out: &mut impl Write, line: &str) {
    let _ = quietly(|| out.write_all(line.as_bytes()).and_then(|()| out.flush()));
}

impl Number {
    /// Its current state, and a descriptor for it.
    #[cfg(unix)]
    fn look(self) -> (Now, Option<File>) {
        use std::os::fd::AsFd;
        use std::os::unix::fs::{FileTypeExt, MetadataExt};
        let copy = match self {
            Self::Stdout => std::io::stdout().as_fd().try_clone_to_owned(),
            Self::Stderr => std::io::stderr().as_fd().try_clone_to_owned(),
        };
        match copy {
            Err(error) if error.raw_os_error() == Some(libc::EBADF) => (Now::Closed, None),
            Err(_) => (Now::Unknown, None),
            Ok(copy) => {
                let copy = File::from(copy);
                let now = match copy.metadata() {
                    Ok(meta) if meta.file_type().is_socket() => Now::Socket(meta.dev(), meta.ino()),
                    Ok(_) => Now::Other,
                    Err(_) => Now::Unknown,
                };
                (now, Some(copy))
            }
        }
    }

    #[cfg(not(unix))]
    fn look(self) -> (Now, Option<File>) {
        let _ = self;
        (Now::Unknown, None)
    }
}

#[cfg(test)]
mod tests {
    use super::Now::*;

    #[test]
    fn nothing_is_written_to_what_a_closed_stream_may_have_become() {
        for (begun, now, another) in [
            (Other, Other, false),
            (Unknown, Other, false),
            (Other, Unknown, false),
            (Socket(1, 2), Socket(1, 2), false),
            (Socket(1, 2), Other, false),
            (Socket(1, 2), Socket(1, 3), true),
            (Other, Socket(1, 2), true),
            (Other, Closed, true),
            (Closed, Other, true),
            (Closed, Socket(1, 2), true),
        ] {
            assert_eq!(now.may_be_another(begun), another, "{begun:?}, {now:?}");
        }
    }
}
