//! Reads and checks values of settings. A reader knows the kinds of values; [`super::setting`] lists the settings.

use super::mistaken::{self, Mistake};
use super::setting::{self, Setting};
use super::sources::{Found, LONGEST_FILE, Origin, Sources};
use super::{Problem, Secret};
use crate::encoding;
use crate::trusted_file::{self, MACHINE};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The longest time that a setting accepts.
const A_DAY: Duration = Duration::from_secs(86_400);

/// Reads settings, and collects their problems.
pub(super) struct Reader<'a> {
    pub sources: &'a mut Sources,
    pub problems: Vec<Problem>,
    /// The source of each value.
    pub origins: Vec<(&'static str, Origin)>,
}

impl<'a> Reader<'a> {
    pub fn new(sources: &'a mut Sources) -> Self {
        Self { sources, problems: Vec::new(), origins: Vec::new() }
    }

    /// The value from the first source that has one.
    pub fn find(&mut self, setting: &'static Setting) -> Option<Found> {
        let found = self.sources.get(setting)?;
        self.origins.push((setting.name, found.origin.clone()));
        Some(found)
    }

    pub fn text(&mut self, setting: &'static Setting) -> Option<String> {
        self.find(setting).map(|found| found.value)
    }

    /// The value, or the setting's default.
    pub fn text_or_default(&mut self, setting: &'static Setting) -> String {
        self.text(setting).unwrap_or_else(|| setting.default.unwrap_or_default().to_owned())
    }

    /// A credential. It is refused if it is empty or still a placeholder, because the pipeline had no value for it.
    /// Then the module sends nothing.
    pub fn credential(&mut self, setting: &'static Setting) -> Option<Found> {
        let Some(found) = self.find(setting) else {
            if let Some(origin) = self.sources.emptied(setting) {
                let cause = format!("is empty (from {origin})");
                self.problem(setting, cause, "set it, or unset the variable; pipelines of forks get no secrets");
            }
            return None;
        };
        if mistaken::is_placeholder(&found.value) {
            self.placeholder(setting, &found.origin);
            return None;
        }
        Some(found)
    }

    fn placeholder(&mut self, setting: &'static Setting, origin: &Origin) {
        let cause = format!("is still a placeholder (from {origin})");
        self.problem(setting, cause, "check the name of the pipeline's secret, and that this job may read it");
    }

    /// A secret. In the settings file it may be a reference: `env:NAME`, `file:PATH`, `command:PROGRAM ARGUMENTS`.
    pub fn secret(&mut self, setting: &'static Setting, found: Found) -> Option<Secret> {
        if !matches!(found.origin, Origin::SettingsFile(_)) {
            return Some(Secret::new(found.value));
        }
        let (kind, rest) = found.value.split_once(':').unwrap_or_default();
        let (cause, remedy) = match kind {
            "env" => match self.sources.environment(rest) {
                Some(value)
                    if setting.name != setting::CLIENT_CERT_PASSWORD.name && mistaken::is_placeholder(value) =>
                {
                    self.placeholder(setting, &Origin::Environment);
                    return None;
                }
                Some(value) => return Some(Secret::new(value.trim())),
                None => (format!("the variable {rest}, which is not set"), "set it".to_owned()),
            },
            "file" => {
                let path = self.beside(&found, rest);
                match self.sources.read(&path) {
                    Ok(content) => match encoding::decode(&content.bytes) {
                        Some(text) if !text.trim().is_empty() => return Some(Secret::new(text.trim())),
                        Some(_) => {
                            (format!("the file {}, which is empty", path.display()), "check the path".to_owned())
                        }
                        None => {
                            let cause = format!("the file {}, which is not text in UTF-8 or UTF-16", path.display());
                            (cause, "save it as UTF-8".to_owned())
                        }
                    },
                    Err(refusal) => {
                        let cause = format!("the file {}, which {}", path.display(), refusal.clause());
                        (cause, refusal.remedy().to_owned())
                    }
                }
            }
            "command" if self.sources.privileged => {
                let cause = "a program, and this host runs with rights that its caller does not have";
                (cause.to_owned(), format!("keep the secret in a file in {MACHINE}, and write file:PATH"))
            }
            "command" => return Some(Secret::printed_by(rest.trim())),
            _ => return Some(Secret::new(found.value)),
        };
        self.problem(setting, format!("(from {}) names {cause}", found.origin), remedy);
        None
    }

    /// A path. In a settings file, paths are relative to the file.
    pub fn beside(&self, found: &Found, path: &str) -> PathBuf {
        let path = self.expand(path);
        match &found.origin {
            Origin::SettingsFile(file) => file.parent().map_or(path.clone(), |folder| folder.join(&path)),
            _ => path,
        }
    }

    /// Expands `~/` to the home directory. Shells expand it, but quotes and configuration files do not.
    pub fn expand(&self, path: &str) -> PathBuf {
        match (path.strip_prefix("~/"), &self.sources.home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => PathBuf::from(path),
        }
    }

    pub fn problem(&mut self, setting: &'static Setting, cause: impl Into<String>, remedy: impl Into<String>) {
        self.problems.push(Problem { setting: setting.name, cause: cause.into(), remedy: remedy.into() });
    }

    /// Reports an invalid value, and shows it unless it may be a secret.
    pub fn invalid(&mut self, setting: &'static Setting, found: &Found, remedy: &str) {
        let hidden = setting.secret || self.may_be_secret(&found.value);
        let value = if hidden { "value not shown".to_owned() } else { format!("'{}'", found.value) };
        self.problem(setting, format!("is invalid ({value}, from {})", found.origin), remedy);
    }

    /// Whether a value may be a credential in the wrong setting: it is long, looks like one, or is the value of a
    /// secret setting.
    fn may_be_secret(&self, value: &str) -> bool {
        value.len() > 200
            || value.contains("-----BEGIN")
            || value.contains('@')
            || mistaken::looks_like_credential(value)
            || self.other_secret(value).is_some()
    }

    /// The secret setting whose value this value contains.
    pub fn other_secret(&self, value: &str) -> Option<Mistake> {
        let rows = setting::SETTINGS.iter().copied().filter(|row| row.secret);
        rows.filter_map(|row| Some((row, self.sources.get(row)?))).find_map(|(row, found)| {
            let secret = found.value.as_str();
            // A short secret could be part of any value.
            (secret.len() >= 8 && value.contains(secret)).then_some(Mistake { belongs_to: row })
        })
    }

    /// One of several words, in any case; the default if the value is missing or invalid.
    pub fn choice<T: Copy>(&mut self, setting: &'static Setting, words: &[(&str, T)]) -> T {
        let meaning =
            |text: &str| words.iter().find(|(word, _)| text.eq_ignore_ascii_case(word)).map(|(_, meaning)| *meaning);
        // A test reads every setting without a value.
        let default = setting.default.and_then(meaning).unwrap_or(words[0].1);
        debug_assert!(setting.default.is_none_or(|text| meaning(text).is_some()), "the default of {}", setting.name);
        let Some(found) = self.find(setting) else { return default };
        if let Some(meaning) = meaning(&found.value) {
            return meaning;
        }
        let known: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
        self.invalid(setting, &found, &format!("use one of {}", known.join(", ")));
        default
    }

    pub fn switch(&mut self, setting: &'static Setting) -> bool {
        let words = [
            ("on", true),
            ("off", false),
            ("true", true),
            ("false", false),
            ("1", true),
            ("0", false),
            ("yes", true),
            ("no", false),
        ];
        self.choice(setting, &words)
    }

    /// A positive duration of at most a day; `unit` is the unit of a bare number.
    pub fn duration(&mut self, setting: &'static Setting, unit: Duration) -> Duration {
        let default = setting.default.and_then(|text| duration(text, unit));
        debug_assert!(default.is_some(), "the default of {}", setting.name);
        let default = default.unwrap_or(unit);
        let Some(found) = self.find(setting) else { return default };
        duration(&found.value, unit).unwrap_or_else(|| {
            let unit = if unit.as_millis() == 1 { "milliseconds" } else { "seconds" };
            self.invalid(
                setting,
                &found,
                &format!("use a whole number of {unit}, or one with a unit (500ms, 30s, 2m), at most a day"),
            );
            default
        })
    }

    /// A file that exists and can be trusted, and whether other users can read it.
    pub fn file(&mut self, setting: &'static Setting, found: &Found) -> Option<(PathBuf, bool)> {
        self.checked(setting, found, trusted_file::check)
    }

    fn checked(
        &mut self,
        setting: &'static Setting,
        found: &Found,
        check: fn(&Path, u64) -> Result<bool, trusted_file::Refusal>,
    ) -> Option<(PathBuf, bool)> {
        let path = self.beside(found, &found.value);
        match check(&path, LONGEST_FILE) {
            Ok(open_to_others) => Some((path, open_to_others)),
            Err(refusal) => {
                self.refused(setting, found, &path, &refusal);
                None
            }
        }
    }

    /// A file with a private key, which other users should not be able to read.
    pub fn private_file(&mut self, setting: &'static Setting, found: &Found) -> Option<PathBuf> {
        let (path, open_to_others) = self.checked(setting, found, trusted_file::check_credential)?;
        if open_to_others {
            self.sources.warn_open(&path);
        }
        Some(path)
    }

    fn refused(&mut self, setting: &'static Setting, found: &Found, path: &Path, refusal: &trusted_file::Refusal) {
        let origin = &found.origin;
        // A name without directory or extension may be a password or a key as well as a file.
        let bare = !found.value.contains(['/', '\\', '.']);
        if let Some(Mistake { belongs_to }) = self.other_secret(&found.value) {
            let cause = format!("contains the value of {} (from {origin}; not shown)", belongs_to.name);
            return self.problem(setting, cause, format!("set {} to the path of the file", setting.name));
        }
        let shown = if bare || self.may_be_secret(&found.value) {
            "a name that is not shown".to_owned()
        } else {
            path.display().to_string()
        };
        self.problem(setting, format!("(from {origin}) names {shown}, which {}", refusal.clause()), refusal.remedy());
    }
}

/// A whole number with an optional unit; `None` if it is not a number, is 0, or is longer than a day.
fn duration(text: &str, unit: Duration) -> Option<Duration> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, name) = text.split_at(digits);
    let unit = match name.trim().to_ascii_lowercase().as_str() {
        "" => unit,
        "ms" => Duration::from_millis(1),
        "s" | "sec" | "second" | "seconds" => Duration::from_secs(1),
        "m" | "min" | "minute" | "minutes" => Duration::from_secs(60),
        "h" | "hour" | "hours" => Duration::from_secs(3600),
        _ => return None,
    };
    let number = number.parse::<u32>().ok().filter(|number| *number > 0)?;
    unit.checked_mul(number).filter(|duration| *duration <= A_DAY)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        let milli = Duration::from_millis(1);
        for (text, expected) in [
            ("30000", 30_000),
            ("30s", 30_000),
            ("30 s", 30_000),
            ("500ms", 500),
            ("2m", 120_000),
            ("1H", 3_600_000),
            ("24h", 86_400_000),
        ] {
            assert_eq!(duration(text, milli), Some(Duration::from_millis(expected)), "{text}");
        }
        for text in ["", "0", "soon", "s", "-1", "1.5s", "30 fortnights", "25h", "4294967296"] {
            assert_eq!(duration(text, milli), None, "{text}");
        }
    }

    /// What a reference in a settings file in this directory gives: the secret, or the problem.
    #[cfg(unix)]
    fn secret(folder: &Path, setting: &'static Setting, value: &str, privileged: bool) -> Result<String, String> {
        let environment = [("ONES", " the value "), ("LEFT", "${{ secrets.KEY }}"), ("NONE", "")];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut sources = Sources::new(None, environment.into());
        sources.privileged = privileged;
        let mut reader = Reader::new(&mut sources);
        let origin = Origin::SettingsFile(folder.join("settings.toml"));
        match reader.secret(setting, Found { value: value.to_owned(), origin }) {
            Some(secret) => Ok(secret.reveal().to_owned()),
            None => Err(reader.problems.iter().map(ToString::to_string).collect()),
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_secret_in_a_settings_file_may_be_a_reference_and_a_broken_one_says_what_is_wrong() {
        let folder = tempfile::tempdir().unwrap();
        for (name, content) in [("key", &b"the value\n"[..]), ("empty", b" \n"), ("binary", b"\xff\x00\xfe")] {
            std::fs::write(folder.path().join(name), content).unwrap();
            let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
            std::fs::set_permissions(folder.path().join(name), mode).unwrap();
        }
        let read = |value: &str| secret(folder.path(), &setting::API_KEY, value, false);
        for value in ["the value", "env:ONES", "file:key", "command:printf 'the value'"] {
            assert_eq!(read(value).as_deref(), Ok("the value"), "{value}");
        }
        assert_eq!(read("other:value").as_deref(), Ok("other:value"));
        let path = folder.path().display();
        for (value, problem) in [
            ("env:UNSET", "names the variable UNSET, which is not set; set it"),
            ("env:NONE", "names the variable NONE, which is not set; set it"),
            ("env:LEFT", "SM_API_KEY is still a placeholder (from the environment); "),
            ("file:empty", &format!("names the file {path}/empty, which is empty; check the path")),
            (
                "file:binary",
                &format!("names the file {path}/binary, which is not text in UTF-8 or UTF-16; save it as UTF-8"),
            ),
            ("file:none", &format!("names the file {path}/none, which cannot be read (")),
        ] {
            let said = read(value).expect_err(value);
            assert!(said.starts_with("SM_API_KEY ") && said.contains(problem), "{said}");
        }
        // A password may be any text.
        let password = secret(folder.path(), &setting::CLIENT_CERT_PASSWORD, "env:LEFT", false);
        assert_eq!(password.as_deref(), Ok("${{ secrets.KEY }}"));
        let said = secret(folder.path(), &setting::API_KEY, "command:printf x", true).expect_err("privileged");
        assert!(
            said.contains("names a program, and this host runs with rights that its caller does not have"),
            "{said}"
        );
    }

    #[test]
    fn a_long_value_and_one_with_a_credential_in_it_is_not_shown() {
        let mut sources = Sources::new(None, [("SM_API_KEY".to_owned(), "pa55word-of-it".to_owned())].into());
        let reader = Reader::new(&mut sources);
        for (value, hidden) in [
            ("word", false),
            (&"a ".repeat(100)[..], false),
            (&"a ".repeat(101)[..], true),
            ("-----BEGIN", true),
            ("me@host", true),
            ("01a2b3c4d5e6f7_0123456789abcdef", true),
            ("pa55word-of-it", true),
        ] {
            assert_eq!(reader.may_be_secret(value), hidden, "{value}");
        }
    }
}
