//! `stm-pkcs11.toml`: settings for users with several accounts, or without environment variables.
//!
//! An unknown key is an error that names the line and the most similar key. Each key is another name of a setting
//! (`key` in the table of settings), so its value is checked like a variable.

use super::problem::Problem;
use super::setting::{self, Scope};
use super::sources::Sources;
use crate::encoding;
use crate::nearest::nearest;
use crate::trusted_file;
use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use toml::de::{DeArray, DeTable, DeValue};

/// The file's name in every directory.
const NAME: &str = "stm-pkcs11.toml";

/// The content of a settings file, as variables.
#[derive(Debug, Default)]
pub struct SettingsFile {
    pub path: PathBuf,
    /// One for each `[[token]]`.
    pub tokens: Vec<HashMap<String, String>>,
    /// Settings of the process, which are not in a `[[token]]`.
    pub process: HashMap<String, String>,
    /// Problems of the file.
    pub problems: Vec<Problem>,
}

/// The settings file in use: the one that `STM_PKCS11_CONFIG` names, the user's, or the system's.
pub fn find(sources: &mut Sources) -> Option<SettingsFile> {
    let path = match sources.get(&setting::CONFIG) {
        Some(found) if found.value.eq_ignore_ascii_case("none") => return None,
        Some(found) => PathBuf::from(found.value),
        None => folders(sources).into_iter().map(|folder| folder.join(NAME)).find(|path| path.is_file())?,
    };
    Some(read(sources, &path))
}

/// The directories to look in if no setting names a file.
pub fn folders(sources: &Sources) -> Vec<PathBuf> {
    if sources.privileged {
        return trusted_file::machine().into_iter().collect();
    }
    let users = sources.directory(if cfg!(windows) { "APPDATA" } else { "XDG_CONFIG_HOME" });
    let users = users.or_else(|| sources.home.as_ref().map(|home| home.join(".config")));
    let users = users.map(|folder| folder.join("stm-pkcs11"));
    users.into_iter().chain(trusted_file::machine()).collect()
}

fn problem(cause: String, remedy: impl Into<String>) -> Problem {
    Problem { setting: "STM_PKCS11_CONFIG", cause, remedy: remedy.into() }
}

/// Reads a file; its problems are in the result.
fn read(sources: &mut Sources, path: &Path) -> SettingsFile {
    let mut file = SettingsFile { path: path.to_owned(), ..SettingsFile::default() };
    match sources.read(path) {
        Ok(content) => match encoding::decode(&content.bytes) {
            Some(text) => file.parse(&text),
            None => {
                let cause = format!("{} is not text in UTF-8 or UTF-16", path.display());
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
                    format!("is not valid TOML ({message})"),
                    "compare it with config/stm-pkcs11.toml",
                );
            }
        };
        for (key, value) in table.get_ref() {
            let at = line(text, key.span().start);
            match (key.get_ref().as_ref(), value.get_ref()) {
                ("log", DeValue::Table(log)) => {
                    let values = self.values(text, Scope::Log, log);
                    self.process.extend(values);
                }
                ("token", DeValue::Array(tokens)) => self.add_tokens(text, at, tokens),
                ("token", DeValue::Table(token)) => {
                    let values = self.values(text, Scope::Token, token);
                    self.tokens.push(values);
                }
                ("ledger", DeValue::Table(ledger)) => {
                    let values = self.values(text, Scope::Ledger, ledger);
                    self.process.extend(values);
                }
                ("log" | "ledger" | "token", _) => {
                    self.wrong(at, "requires a table there".into(), "write [log], [ledger] or [[token]]");
                }
                (name, value) => match setting::of(Scope::File).find(|known| known.key == name) {
                    Some(known) => match text_of(value) {
                        Some(value) => drop(self.process.insert(known.name.to_owned(), value)),
                        None => self.wrong(at, format!("has an invalid value for '{name}'"), "write it as text"),
                    },
                    None => {
                        let known: Vec<&str> = ["token", "log", "ledger"]
                            .into_iter()
                            .chain(setting::of(Scope::File).map(|known| known.key))
                            .collect();
                        self.unknown(at, name, Scope::File, &known);
                    }
                },
            }
        }
        self.check_names();
    }

    fn add_tokens(&mut self, text: &str, at: usize, tokens: &DeArray<'_>) {
        for token in tokens.iter() {
            match token.get_ref() {
                DeValue::Table(token) => {
                    let values = self.values(text, Scope::Token, token);
                    self.tokens.push(values);
                }
                _ => self.wrong(at, "requires tables there".into(), "write [[token]]"),
            }
        }
    }

    /// Applications distinguish tokens by their labels, so names must be unique.
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
            self.problems.push(problem(cause, "give each [[token]] a unique name"));
        }
    }

    fn values(&mut self, text: &str, scope: Scope, table: &DeTable<'_>) -> HashMap<String, String> {
        let mut values = HashMap::new();
        for (key, value) in table {
            let (name, at) = (key.get_ref().as_ref(), line(text, key.span().start));
            let Some(known) = setting::of(scope).find(|known| known.key == name) else {
                let known: Vec<&str> = setting::of(scope).map(|known| known.key).collect();
                self.unknown(at, name, scope, &known);
                continue;
            };
            match text_of(value.get_ref()) {
                Some(value) => drop(values.insert(known.name.to_owned(), value)),
                None => self.wrong(
                    at,
                    format!("has an invalid value for '{name}'"),
                    "write text, a number, true or false, or a list of text",
                ),
            }
        }
        values
    }

    fn unknown(&mut self, at: usize, name: &str, scope: Scope, known: &[&str]) {
        let place = scope.table().unwrap_or_default();
        let remedy = match nearest(name, known) {
            Some(known) => format!("did you mean '{known}'?"),
            None => format!("use one of the keys of {place}: {}", known.join(", ")),
        };
        self.wrong(at, format!("has '{name}', which is not a key of {place}"), remedy);
    }

    fn wrong(&mut self, line: usize, what: String, remedy: impl Into<String>) {
        self.problems.push(problem(format!("{} line {line} {what}", self.path.display()), remedy));
    }
}

fn line(text: &str, place: usize) -> usize {
    1 + text.as_bytes().iter().take(place).filter(|byte| **byte == b'\n').count()
}

/// A value in the form that a variable would have.
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
            "STM_PKCS11_CONFIG f.toml line 3 has 'hots', which is not a key of [[token]]; did you mean 'host'?"
        );
        assert!(said("[log]\nlevle = 'x'\n").contains("line 2") && said("[log]\nlevle = 'x'\n").contains("'level'"));
        assert!(said("tokens = 1\n").contains("did you mean 'token'?"));
        assert!(
            said("[[token]]\nsomething_else_entirely = 1\n").contains("use one of the keys of [[token]]: name, host")
        );
    }

    #[test]
    fn what_is_no_toml_or_of_another_shape_names_the_line() {
        assert!(said("[[token]]\nname = \n").contains("line 2"));
        assert!(said("token = 5\n").contains("line 1 requires a table"));
        assert!(said("[[token]]\nhost = {a = 1}\n").contains("line 2 has an invalid value for 'host'"));
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
        let shipped = super::super::example();
        // Comments that are settings: a hash without a blank.
        let whole: String = shipped.lines().map(|line| format!("{}\n", uncommented(line))).collect();
        for text in [&shipped, &whole] {
            assert_eq!(said(text), "");
        }
        let file = parsed(&whole);
        let names = |scopes: &[Scope]| {
            let rows = scopes.iter().flat_map(|scope| setting::of(*scope));
            rows.map(|row| row.name.to_owned()).collect::<HashSet<_>>()
        };
        assert_eq!(file.tokens.len(), 2);
        assert_eq!(file.tokens[0].keys().cloned().collect::<HashSet<_>>(), names(&[Scope::Token]));
        assert_eq!(
            file.process.keys().cloned().collect::<HashSet<_>>(),
            names(&[Scope::Log, Scope::Ledger, Scope::File])
        );
    }

    fn uncommented(line: &str) -> &str {
        line.strip_prefix('#').filter(|rest| !rest.starts_with([' ', '#']) && !rest.is_empty()).unwrap_or(line)
    }
}
