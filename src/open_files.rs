//! The limit of files and connections that a process may have open.

use std::io;

/// What to do if it is reached.
pub const REMEDY: &str = "raise the limit of open files (ulimit -n), or close some";

/// Whether the system refuses another file or connection because of that limit. By number, because each C library has
/// words of its own, and Windows has them in the user's language.
pub fn are_exhausted(error: &io::Error) -> bool {
    // EMFILE and ENFILE; ERROR_TOO_MANY_OPEN_FILES and WSAEMFILE.
    let numbers = if cfg!(windows) { [4, 10_024] } else { [24, 23] };
    error.raw_os_error().is_some_and(|number| numbers.contains(&number))
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_known_by_its_number() {
        for (number, expected) in [(libc::EMFILE, true), (libc::ENFILE, true), (libc::ENOENT, false)] {
            assert_eq!(are_exhausted(&io::Error::from_raw_os_error(number)), expected, "{number}");
        }
        assert!(!are_exhausted(&io::Error::other("too many open files")));
    }
}
