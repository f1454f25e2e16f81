//! The host's standard streams, which may be closed, and then be anything: the next file or socket that somebody opens gets
//! the free number. What is written there is lost at best, and at worst goes into a database or to the service.

use crate::host::quietly;
use std::fs::File;
use std::io::Write;

/// What a stream is now.
#[derive(Clone, Copy, Debug, PartialEq)]
#[cfg_attr(not(unix), allow(dead_code, reason = "only unix has a way to look"))]
enum Now {
    Closed,
    /// Device and file number.
    Socket(u64, u64),
    Other,
    /// It cannot be told: no descriptor is free to look at it, or this system has no way.
    Unknown,
}

/// One of the two, and what it was when the module was initialised.
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
    /// Before it was looked at.
    pub const fn new(number: Number) -> Self {
        Self { number, begun: Now::Unknown }
    }

    /// Looks at it: `C_Initialize` runs before there is a connection of ours.
    pub fn begin(&mut self) {
        self.begun = self.number.look().0;
    }

    /// Writes a line, unless the stream may have become something else.
    pub fn write(&self, line: &str) {
        let (now, copy) = self.number.look();
        let other = match (self.begun, now) {
            (_, Now::Closed) | (Now::Closed, _) => true,
            // A service manager gives a socket as stderr; one that came later may be ours.
            (Now::Socket(..) | Now::Other, Now::Socket(..)) => now != self.begun,
            _ => false,
        };
        if other {
            return;
        }
        match (copy, self.number) {
            // Not by way of the standard library's stream: a process that was forked may have inherited its lock held.
            (Some(mut copy), _) => write(&mut copy, line),
            (None, Number::Stdout) => write(&mut std::io::stdout(), line),
            (None, Number::Stderr) => write(&mut std::io::stderr(), line),
        }
    }
}

/// One write: lines of parallel processes do not mix. Errors have nowhere to go.
pub fn write(out: &mut impl Write, line: &str) {
    let _ = quietly(|| out.write_all(line.as_bytes()).and_then(|()| out.flush()));
}

impl Number {
    /// What it is, and a descriptor for it.
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
