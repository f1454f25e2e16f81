//! API key and client certificate password, kept for later commands and for the module: in the operating system's store, or
//! else in the properties file, which both read after the environment.

use crate::print::{Exit, Failure, unwritten};
use std::io::Write;
use std::path::{Path, PathBuf};
use stm_pkcs11::config::credential_store::{self, NAMES, STORE};
use stm_pkcs11::config::{self, LONGEST_FILE, Origin};
use stm_pkcs11::trusted_file;
use zeroize::Zeroizing;

/// The marks around our part: everything else in the file belongs to others.
const BEGIN: &str = "# Saved by stm-pkcs11 credentials save.";
const END: &str = "# End of what stm-pkcs11 saved.";

/// What became of the credentials.
pub struct Kept {
    /// Where they are kept, for people.
    pub place: String,
    /// Settings that are read from elsewhere all the same, each with the place.
    pub hidden: Vec<(&'static str, String)>,
}

/// Keeps both, in place of what was kept before. An empty password is not kept.
///
/// # Errors
/// A secret that cannot be written, a file or a store that refuses.
pub fn save(api_key: &str, password: &str) -> Result<Kept, Failure> {
    let what = "save the credentials";
    if api_key.trim().is_empty() {
        return Err(Failure::new(what, "the API key is empty", "give the API key and the client certificate password")
            .exit(Exit::Usage));
    }
    if [api_key, password].iter().any(|secret| secret.contains(['\n', '\r', '\0'])) {
        let why = "a secret has a line break in it";
        return Err(Failure::new(what, why, "give API key and password as one line each").exit(Exit::Usage));
    }
    let values = [(NAMES[0], api_key), (NAMES[1], password)];
    let place = match STORE {
        Some(store) => {
            for (name, value) in values {
                let done = if value.is_empty() {
                    credential_store::delete(name).map(drop)
                } else {
                    credential_store::save(name, value)
                };
                done.map_err(|why| Failure::new(what, why, "set SM_API_KEY and SM_CLIENT_CERT_PASSWORD instead"))?;
            }
            store.to_owned()
        }
        None => {
            let path = file()?;
            let text = with(&without(&content(&path)?), &values);
            replace(&path, &text)?;
            format!("{} (mode 0600)", path.display())
        }
    };
    let origins = config::load(None).tokens.first().map(|token| token.origins.clone()).unwrap_or_default();
    let elsewhere = |origin: &Origin| !matches!(origin, Origin::File(_) | Origin::Store);
    let hidden = origins.into_iter().filter(|(name, origin)| NAMES.contains(name) && elsewhere(origin));
    Ok(Kept { place, hidden: hidden.map(|(name, origin)| (name, origin.to_string())).collect() })
}

/// Removes what [`save`] kept; says where it was, if it was anywhere.
///
/// # Errors
/// As [`save`].
pub fn delete() -> Result<Option<String>, Failure> {
    if let Some(store) = STORE {
        let mut any = false;
        for name in NAMES {
            any |= credential_store::delete(name)
                .map_err(|why| Failure::new("delete the credentials", why, "delete them in the system's settings"))?;
        }
        return Ok(any.then(|| store.to_owned()));
    }
    let path = file()?;
    let before = content(&path)?;
    let after = without(&before);
    if *after == *before {
        return Ok(None);
    }
    if after.is_empty() {
        std::fs::remove_file(&path).map_err(|error| unwritten(&path.display().to_string(), &error))?;
    } else {
        replace(&path, &after)?;
    }
    Ok(Some(path.display().to_string()))
}

/// The properties file of the user.
fn file() -> Result<PathBuf, Failure> {
    let what = "find the properties file";
    let config = config::load(None);
    let [token] = config.tokens.as_slice() else {
        let why = "the settings file has several tokens, which have credentials of their own";
        return Err(
            Failure::new(what, why, "set api_key and client_cert_password in their tables").exit(Exit::Settings)
        );
    };
    let home = token
        .home
        .clone()
        .ok_or_else(|| Failure::new(what, "there is no home directory", "set HOME").exit(Exit::Settings))?;
    let path = home.join(".signingmanager").join("ssm-config.properties");
    // A link of the user's own leads to the file that is replaced.
    Ok(path.canonicalize().unwrap_or(path))
}

/// The text of the file; empty where there is none.
fn content(path: &Path) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let what = || format!("change {}", path.display());
    match trusted_file::read(path, LONGEST_FILE) {
        Ok(content) if content.bytes.contains(&0) => {
            Err(Failure::new(what(), "it is not in UTF-8 or Latin-1", "convert it, or move it away"))
        }
        Ok(content) => Ok(content.bytes),
        Err(refusal) if refusal.is_not_found() => Ok(Zeroizing::default()),
        Err(refusal) => Err(Failure::new(what(), format!("it {}", refusal.clause()), refusal.remedy())),
    }
}

/// Without what we wrote.
fn without(text: &[u8]) -> Zeroizing<Vec<u8>> {
    let mut kept = Zeroizing::new(Vec::with_capacity(text.len()));
    let mut ours = false;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        let bare = line.trim_ascii();
        ours |= bare == BEGIN.as_bytes();
        if !ours {
            kept.extend_from_slice(line);
        }
        ours &= bare != END.as_bytes();
    }
    kept
}

/// With values at its end: of several lines of one name the last one counts.
fn with(text: &[u8], values: &[(&str, &str)]) -> Zeroizing<Vec<u8>> {
    let secrets: usize = values.iter().map(|(name, value)| name.len() + 2 * value.len() + 4).sum();
    let mut all = Zeroizing::new(Vec::with_capacity(text.len() + secrets + BEGIN.len() + END.len() + 4));
    all.extend_from_slice(text);
    if !text.is_empty() && !text.ends_with(b"\n") {
        all.push(b'\n');
    }
    all.extend_from_slice(format!("{BEGIN}\n").as_bytes());
    for (name, value) in values.iter().filter(|(_, value)| !value.is_empty()) {
        all.extend_from_slice(Zeroizing::new(format!("{name}={}\n", *property(value))).as_bytes());
    }
    all.extend_from_slice(format!("{END}\n").as_bytes());
    all
}

/// A value as the file has it: backslashes are doubled; in quotes where the reader would take some away.
fn property(value: &str) -> Zeroizing<String> {
    let escaped = Zeroizing::new(value.replace('\\', "\\\\"));
    let bare =
        value.trim() == value && !value.starts_with(['"', '\'', '=', ':', '\u{feff}']) && !value.ends_with(['"', '\'']);
    Zeroizing::new(if bare { escaped.to_string() } else { format!("\"{}\"", *escaped) })
}

/// The whole of it or nothing, readable by its owner alone.
fn replace(path: &Path, text: &[u8]) -> Result<(), Failure> {
    let refused = |error: &std::io::Error| unwritten(&path.display().to_string(), error);
    let folder = path.parent().expect("a file is in a directory");
    make_private(folder).map_err(|error| refused(&error))?;
    // Made with mode 0600.
    let mut new = tempfile::NamedTempFile::new_in(folder).map_err(|error| refused(&error))?;
    new.write_all(text).and_then(|()| new.as_file().sync_all()).map_err(|error| refused(&error))?;
    new.persist(path).map(drop).map_err(|error| refused(&error.error))
}

fn make_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[u8]) -> &str {
        std::str::from_utf8(bytes).unwrap()
    }

    #[test]
    fn what_is_saved_is_at_the_end_once_and_goes_away_whole() {
        let theirs = "SM_HOST=https://h.example\nSM_API_KEY=theirs";
        let first = with(theirs.as_bytes(), &[("SM_API_KEY", "one"), ("SM_CLIENT_CERT_PASSWORD", "two")]);
        assert_eq!(
            text(&first),
            format!("{theirs}\n{BEGIN}\nSM_API_KEY=one\nSM_CLIENT_CERT_PASSWORD=two\n{END}\n"),
            "no line of theirs is changed"
        );
        let second = with(&without(&first), &[("SM_API_KEY", "three"), ("SM_CLIENT_CERT_PASSWORD", "")]);
        assert_eq!(text(&second), format!("{theirs}\n{BEGIN}\nSM_API_KEY=three\n{END}\n"));
        assert_eq!(text(&without(&second)), format!("{theirs}\n"));
        assert_eq!(text(&without(theirs.as_bytes())), theirs);
    }

    #[test]
    fn secrets_are_written_as_the_reader_gives_them_back() {
        for (value, written) in [
            ("plain", "plain"),
            (r"back\slash", r"back\\slash"),
            ("a=b:c #!", "a=b:c #!"),
            (" blanks ", "\" blanks \""),
            ("\"quoted\"", "\"\"quoted\"\""),
            ("=first", "\"=first\""),
        ] {
            assert_eq!(*property(value), written);
        }
    }
}
