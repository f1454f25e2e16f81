//! `stm-pkcs11.toml`: settings for people who have more than one account, or no environment to set.
//!
//! Strict: a key that is not known is an error that names the line and the nearest right one. Each key of a token is a
//! variable under another name ([`TOKEN_KEYS`]), so the values are checked where those of the environment are.

use super::problem::Problem;
use super::sources::Sources;
use crate::nearest::nearest;
use crate::trusted_file;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use toml::de::{DeArray, DeTable, DeValue};

/// Keys of `[[token]]` and the variables that mean the same.
pub const TOKEN_KEYS: &[(&str, &str)] = &[
    ("name", "STM_PKCS11_TOKEN"),
    ("host", "SM_HOST"),
    ("api_key", "SM_API_KEY"),
    ("client_cert_file", "SM_CLIENT_CERT_FILE"),
    ("client_cert_b64", "SM_CLIENT_CERT_FILE_B64"),
    ("client_cert_password", "SM_CLIENT_CERT_PASSWORD"),
    ("ca_file", "SM_CA_FILE"),
    ("tls_skip_verify", "SM_TLS_SKIP_VERIFY"),
    ("keypairs", "STM_PKCS11_KEYPAIRS"),
    ("login", "STM_PKCS11_LOGIN"),
    ("proxy", "HTTPS_PROXY"),
    ("no_proxy", "NO_PROXY"),
    ("connect_timeout_ms", "SM_CONN_TIMEOUT"),
    ("timeout", "STM_PKCS11_TIMEOUT"),
    ("cache", "STM_PKCS11_CACHE"),
    ("cache_file", "SM_PKCS11_DB_DSN"),
    ("chain", "STM_PKCS11_CHAIN"),
    ("modern_slot", "STM_PKCS11_MODERN_SLOT"),
    ("confirm", "STM_PKCS11_CONFIRM"),
    ("key_storage", "STM_PKCS11_KEY_STORAGE"),
    ("key_type", "STM_PKCS11_KEY_TYPE"),
    ("key_status", "STM_PKCS11_KEY_STATUS"),
];

/// Keys of `[log]`.
pub const LOG_KEYS: &[(&str, &str)] =
    &[("level", "SM_LOG_LEVEL"), ("output", "SM_LOG_OUTPUT"), ("dir", "SM_LOG_DIR"), ("file_name", "SM_LOG_FILE_NAME")];

/// Keys of the file itself, beside `[log]` and `[[token]]`.
pub const FILE_KEYS: &[(&str, &str)] = &[("fork", "STM_PKCS11_FORK")];

/// The name that every folder has it under.
const NAME: &str = "stm-pkcs11.toml";

/// What a file says, as variables.
#[derive(Debug, Default)]
pub struct SettingsFile {
    /// Where it is.
    pub path: PathBuf,
    /// One for each `[[token]]`.
    pub tokens: Vec<HashMap<String, String>>,
    /// What concerns the process.
    pub process: HashMap<String, String>,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
}

/// The file that the sources lead to: by name, else in the user's folder, else in the system's.
pub fn find(sources: &mut Sources) -> Option<SettingsFile> {
    let path = match sources.get("STM_PKCS11_CONFIG") {
        Some(found) if found.value.eq_ignore_ascii_case("none") => return None,
        Some(found) => PathBuf::from(found.value),
        None => folders(sources).into_iter().map(|folder| folder.join(NAME)).find(|path| path.is_file())?,
    };
    Some(read(sources, &path))
}

/// Where a file is looked for that nothing names.
pub fn folders(sources: &Sources) -> Vec<PathBuf> {
    if sources.privileged {
        return vec![PathBuf::from(trusted_file::MACHINE)];
    }
    let named =
        |name: &str| sources.get(name).map(|found| PathBuf::from(found.value)).filter(|path| path.is_absolute());
    let users = named("XDG_CONFIG_HOME").or_else(|| named("APPDATA"));
    let users = users.or_else(|| sources.home.as_ref().map(|home| home.join(".config")));
    let systems = named("PROGRAMDATA").unwrap_or_else(|| PathBuf::from("/etc"));
    users.into_iter().chain([systems]).map(|folder| folder.join("stm-pkcs11")).collect()
}

fn problem(cause: String, remedy: impl Into<String>) -> Problem {
    Problem { setting: "STM_PKCS11_CONFIG", cause, remedy: remedy.into() }
}

/// Reads a file; what is wrong with it is in its problems.
fn read(sources: &mut Sources, path: &Path) -> SettingsFile {
    let mut file = SettingsFile { path: path.to_owned(), ..SettingsFile::default() };
    match sources.read(path) {
        Ok(content) => match std::str::from_utf8(&content.bytes) {
            Ok(text) => file.parse(text),
            Err(_) => {
                let cause = format!("{} is not UTF-8 text", path.display());
                file.problems.push(problem(cause, "save it as UTF-8"));
            }
        },
        Err(refusal) => {
            let cause = format!("names {}, which {}", path.display(), refusal.clause());
            file.problems.push(problem(cause, refusal.remedy()));
        }
    }
    file
}

impl SettingsFile {
    fn parse(&mut self, text: &str) {
        let table = match DeTable::parse(text) {
            Ok(table) => table,
            Err(error) => {
                let line = line(text, error.span().map_or(0, |span| span.start));
                let message = error.message().lines().next().unwrap_or_default().to_owned();
                return self.wrong(
                    line,
                    format!("is no TOML ({message})"),
                    "see config/stm-pkcs11.toml for a whole one",
                );
            }
        };
        for (key, value) in table.get_ref() {
            let at = line(text, key.span().start);
            match (key.get_ref().as_ref(), value.get_ref()) {
                ("log", DeValue::Table(log)) => {
                    let values = self.values(text, "[log]", log, LOG_KEYS);
                    self.process.extend(values);
                }
                ("token", DeValue::Array(tokens)) => self.add_tokens(text, at, tokens),
                ("token", DeValue::Table(token)) => {
                    let values = self.values(text, "[token]", token, TOKEN_KEYS);
                    self.tokens.push(values);
                }
                ("log" | "token", _) => self.wrong(at, "wants a table there".into(), "write [log] or [[token]]"),
                (name, value) => match FILE_KEYS.iter().find(|(known, _)| *known == name) {
                    Some((_, variable)) => match text_of(value) {
                        Some(value) => drop(self.process.insert((*variable).to_owned(), value)),
                        None => self.wrong(at, format!("has a wrong value for '{name}'"), "it is text"),
                    },
                    None => self.unknown(at, name, "the file", &["token", "log", "fork"]),
                },
            }
        }
        self.check_names();
    }

    fn add_tokens(&mut self, text: &str, at: usize, tokens: &DeArray<'_>) {
        for token in tokens.iter() {
            match token.get_ref() {
                DeValue::Table(token) => {
                    let values = self.values(text, "[[token]]", token, TOKEN_KEYS);
                    self.tokens.push(values);
                }
                _ => self.wrong(at, "wants tables there".into(), "write [[token]]"),
            }
        }
    }

    /// Applications tell tokens by their labels.
    fn check_names(&mut self) {
        if self.tokens.len() < 2 {
            return;
        }
        let mut seen = HashSet::new();
        let names: Vec<Option<String>> =
            self.tokens.iter().map(|token| token.get("STM_PKCS11_TOKEN").cloned()).collect();
        for (number, name) in (1..).zip(names) {
            let cause = match name {
                None => format!("gives token {number} no name"),
                Some(name) if !seen.insert(name.clone()) => format!("gives two tokens the name '{name}'"),
                Some(_) => continue,
            };
            let cause = format!("{} {cause}", self.path.display());
            self.problems.push(problem(cause, "of several tokens each has a name of its own"));
        }
    }

    fn values(
        &mut self,
        text: &str,
        place: &str,
        table: &DeTable<'_>,
        keys: &[(&str, &str)],
    ) -> HashMap<String, String> {
        let mut values = HashMap::new();
        for (key, value) in table {
            let (name, at) = (key.get_ref().as_ref(), line(text, key.span().start));
            let Some((_, variable)) = keys.iter().find(|(known, _)| *known == name) else {
                let known: Vec<&str> = keys.iter().map(|(known, _)| *known).collect();
                self.unknown(at, name, place, &known);
                continue;
            };
            match text_of(value.get_ref()) {
                Some(value) => drop(values.insert((*variable).to_owned(), value)),
                None => self.wrong(
                    at,
                    format!("has a value for '{name}' that no setting has"),
                    "it is text, a number, true or false, or a list of text",
                ),
            }
        }
        values
    }

    fn unknown(&mut self, at: usize, name: &str, place: &str, known: &[&str]) {
        let remedy = match nearest(name, known) {
            Some(known) => format!("did you mean '{known}'?"),
            None => format!("{place} has {}", known.join(", ")),
        };
        self.wrong(at, format!("has '{name}', which is no key of {place}"), remedy);
    }

    fn wrong(&mut self, line: usize, what: String, remedy: impl Into<String>) {
        self.problems.push(problem(format!("{} line {line} {what}", self.path.display()), remedy));
    }
}

fn line(text: &str, place: usize) -> usize {
    1 + text.as_bytes().iter().take(place).filter(|byte| **byte == b'\n').count()
}

/// A value as a variable would have it.
fn text_of(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => Some(number.as_str().to_owned()),
        DeValue::Boolean(flag) => Some(flag.to_string()),
        DeValue::Array(items) => {
            let items: Option<Vec<String>> = items
                .iter()
                .map(|item| match item.get_ref() {
                    DeValue::String(text) => Some(crate::pattern::item(text)),
                    _ => None,
                })
                .collect();
            items.map(|items| items.join(","))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> SettingsFile {
        let mut file = SettingsFile { path: "f.toml".into(), ..SettingsFile::default() };
        file.parse(text);
        file
    }

    fn said(text: &str) -> String {
        parsed(text).problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn tokens_become_the_variables_that_their_keys_stand_for() {
        let file = parsed(
            "fork = 'lenient'\n[log]\nlevel = 'debug'\n[[token]]\nname = 'a'\nhost = 'https://h'\n\
             keypairs = ['x', 'y*']\ntimeout = 30\nchain = false\n[[token]]\nname = 'b'\n",
        );
        assert!(file.problems.is_empty(), "{:?}", file.problems);
        assert_eq!(file.tokens.len(), 2);
        let value = |name: &str| file.tokens[0].get(name).map(String::as_str);
        assert_eq!(
            [value("SM_HOST"), value("STM_PKCS11_KEYPAIRS"), value("STM_PKCS11_TIMEOUT"), value("STM_PKCS11_CHAIN")],
            [Some("https://h"), Some("x,y*"), Some("30"), Some("false")]
        );
        assert_eq!(file.process.get("SM_LOG_LEVEL").map(String::as_str), Some("debug"));
        assert_eq!(file.process.get("STM_PKCS11_FORK").map(String::as_str), Some("lenient"));
    }

    #[test]
    fn an_unknown_key_names_its_line_and_the_nearest_right_one() {
        assert_eq!(
            said("[[token]]\nname = 'a'\nhots = 'x'\n"),
            "STM_PKCS11_CONFIG f.toml line 3 has 'hots', which is no key of [[token]]: did you mean 'host'?"
        );
        assert!(said("[log]\nlevle = 'x'\n").contains("line 2") && said("[log]\nlevle = 'x'\n").contains("'level'"));
        assert!(said("tokens = 1\n").contains("did you mean 'token'?"));
        assert!(said("[[token]]\nsomething_else_entirely = 1\n").contains("[[token]] has name, host"));
    }

    #[test]
    fn what_is_no_toml_or_of_another_shape_names_the_line() {
        assert!(said("[[token]]\nname = \n").contains("line 2"));
        assert!(said("token = 5\n").contains("line 1 wants a table"));
        assert!(said("[[token]]\nhost = {a = 1}\n").contains("line 2 has a value for 'host'"));
        assert!(said("[[token]]\nhost = 'a'\nhost = 'b'\n").contains("line 3"));
    }

    #[test]
    fn several_tokens_have_names_of_their_own() {
        assert!(said("[[token]]\nhost = 'a'\n[[token]]\nname = 'b'\n").contains("gives token 1 no name"));
        assert!(said("[[token]]\nname = 'b'\n[[token]]\nname = 'b'\n").contains("gives two tokens the name 'b'"));
        assert_eq!(said("[[token]]\nhost = 'a'\n"), "");
    }

    #[test]
    fn the_file_that_we_ship_has_every_key_and_reads_without_a_problem() {
        let shipped = include_str!("../../config/stm-pkcs11.toml");
        // Comments that are settings: a hash with no blank behind it.
        let whole: String = shipped.lines().map(|line| format!("{}\n", uncommented(line))).collect();
        for text in [shipped, &whole] {
            assert_eq!(said(text), "");
        }
        let file = parsed(&whole);
        let keys =
            |keys: &[(&str, &str)]| keys.iter().map(|(_, variable)| (*variable).to_owned()).collect::<HashSet<_>>();
        assert_eq!(file.tokens.len(), 2);
        assert_eq!(file.tokens[0].keys().cloned().collect::<HashSet<_>>(), keys(TOKEN_KEYS));
        assert_eq!(file.process.keys().cloned().collect::<HashSet<_>>(), keys(&[LOG_KEYS, FILE_KEYS].concat()));
    }

    fn uncommented(line: &str) -> &str {
        line.strip_prefix('#').filter(|rest| !rest.starts_with([' ', '#']) && !rest.is_empty()).unwrap_or(line)
    }

    #[test]
    fn every_key_stands_for_a_setting_of_its_own() {
        let all = [TOKEN_KEYS, LOG_KEYS, FILE_KEYS].concat();
        let variables: HashSet<&str> = all.iter().map(|(_, variable)| *variable).collect();
        assert_eq!(variables.len(), all.len());
        for variable in variables {
            assert!(super::super::VARIABLES.iter().any(|known| known.name == variable), "{variable}");
        }
    }
}
