//! `SM_PKCS11_DB_DSN`: a path in the form that SQLite's drivers accept (<https://www.sqlite.org/uri.html>). DigiCert's
//! own module defines the variable, so its values are read in the same way.

use percent_encoding::percent_decode_str;

/// The meaning of a data source name.
#[derive(Debug, PartialEq, Eq)]
pub enum Dsn {
    /// A database in memory: nothing is stored.
    Memory,
    /// A file at exactly this path: `~/` is not expanded.
    File(String),
}

/// Parses `PATH[?QUERY]`, `file:PATH[?QUERY][#FRAGMENT]` or `:memory:`. After `file:`, the path may contain escapes
/// (`%20`) and the authority `localhost`.
pub fn parse(dsn: &str) -> Dsn {
    let (path, query) = dsn.split_once('?').unwrap_or((dsn, ""));
    let path = match path.get(..5).filter(|scheme| scheme.eq_ignore_ascii_case("file:")) {
        None => path.to_owned(),
        Some(_) => from_uri(&path[5..]),
    };
    let mode = query.split(['&', '#']).any(|parameter| parameter.eq_ignore_ascii_case("mode=memory"));
    if mode || path == ":memory:" { Dsn::Memory } else { Dsn::File(path) }
}

fn from_uri(rest: &str) -> String {
    let rest = rest.split('#').next().unwrap_or_default();
    let path = match rest.strip_prefix("//") {
        Some(rest) => rest.strip_prefix("localhost").filter(|rest| rest.starts_with('/')).unwrap_or(rest),
        None => rest,
    };
    let path = percent_decode_str(path).decode_utf8_lossy().into_owned();
    // file:///C:/cache
    let drive = cfg!(windows) && matches!(path.as_bytes(), [b'/', letter, b':', ..] if letter.is_ascii_alphabetic());
    if drive { path[1..].to_owned() } else { path }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_sqlite_reads_them() {
        for (dsn, path) in [
            ("/d/q.db", "/d/q.db"),
            ("q.db", "q.db"),
            ("/d/q.db?cache=shared&mode=rwc", "/d/q.db"),
            ("file:/d/q.db", "/d/q.db"),
            ("file:/d/q.db?cache=shared&mode=rwc", "/d/q.db"),
            ("FILE:///d/q%20r.db#top", "/d/q r.db"),
            ("file://localhost/d/q.db", "/d/q.db"),
            ("file:q.db?mode=ro#x", "q.db"),
            ("/d/100%25.db", "/d/100%25.db"),
            ("~/q.db?_pragma=busy_timeout(5000)", "~/q.db"),
        ] {
            assert_eq!(parse(dsn), Dsn::File(path.into()), "{dsn}");
        }
        #[cfg(not(windows))]
        assert_eq!(parse("file:///C:/q.db"), Dsn::File("/C:/q.db".into()));
        for dsn in [":memory:", "file::memory:", "file::memory:?cache=shared", "file:x?mode=memory&cache=shared"] {
            assert_eq!(parse(dsn), Dsn::Memory, "{dsn}");
        }
    }
}
