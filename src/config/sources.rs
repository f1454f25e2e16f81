//! The sources of settings, in order of precedence.

use super::credential_store;
use super::properties;
use super::setting::{self, Scope, Setting};
use crate::encoding;
use crate::host;
use crate::trusted_file::{self, Content, Refusal};
use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use zeroize::Zeroize;

/// The source of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The settings text in `pReserved` of the initialise arguments.
    Reserved,
    Environment,
    /// The settings file (`stm-pkcs11.toml`).
    SettingsFile(PathBuf),
    /// The properties file of the service's own tools (`ssm-config.properties`).
    File(PathBuf),
    /// The operating system's store of credentials.
    Store,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reserved => write!(f, "the initialise arguments"),
            Self::Environment => write!(f, "the environment"),
            Self::SettingsFile(path) | Self::File(path) => write!(f, "{}", path.display()),
            Self::Store => write!(f, "{}", credential_store::STORE.unwrap_or("the operating system's store")),
        }
    }
}

/// The order of the sources, for the documentation: the first that has a value is used.
pub const ORDER: &[(&str, &str)] = &[
    (
        "initialise arguments",
        "`pReserved` of `C_Initialize`: `NAME=value` pairs, separated by `;` or lines. A value that contains a `;` is written \
         in quotes: `NAME=\"a;b\"`",
    ),
    ("environment", "variables of the process. Not in a program that runs with rights its caller does not have"),
    (
        "settings file",
        "`stm-pkcs11.toml`, by the keys in the table: the one that `STM_PKCS11_CONFIG` names, else the user's, else the \
         machine's. With several `[[token]]`, each takes its settings from its own table alone",
    ),
    (
        "properties file",
        "`~/.signingmanager/ssm-config.properties`: `NAME=value` lines, as the service's own tools write it",
    ),
    (
        "credential store",
        "Windows only: API key and client certificate password in Credential Manager, as `stm-pkcs11 credentials save` keeps them. \
         On other systems the command writes them to the properties file",
    ),
];

/// A value and its source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Trimmed, unquoted and not empty.
    pub value: String,
    pub origin: Origin,
}

/// Settings of the machine: from the environment they apply to every token of a settings file.
static MACHINES: [&Setting; 3] = [&setting::PROXY, &setting::NO_PROXY, &setting::CACHE];

/// The longest accepted file with settings, a key or a secret, in bytes.
pub const LONGEST_FILE: u64 = 1 << 20;

/// Values by name. Some are secrets, so all are wiped when they are dropped.
struct Values(HashMap<String, String>);

impl Drop for Values {
    fn drop(&mut self) {
        self.0.values_mut().for_each(Zeroize::zeroize);
    }
}

/// All sources of one process.
pub struct Sources {
    layers: Vec<(Origin, Arc<Values>)>,
    environment: Arc<Values>,
    /// The home directory; `None` if the environment names none or cannot be trusted.
    pub home: Option<PathBuf>,
    /// Warnings, such as misspelt names and unreadable files.
    pub warnings: Vec<String>,
    /// Warnings that are shown at every log level.
    pub notices: Vec<String>,
    /// The files that were looked for.
    pub looked_at: Vec<PathBuf>,
    /// Whether the host may have rights that its caller does not have. Then the environment and the home directory are
    /// ignored, and only files of root are used.
    pub privileged: bool,
    /// The rows that were read.
    #[cfg(test)]
    pub asked: std::cell::RefCell<Vec<&'static str>>,
}

impl Sources {
    /// The sources of the running process: the only place that reads its environment. A privileged host
    /// ([`host::is_privileged`]) ignores the environment, because its caller could have set it.
    pub fn of_process(reserved: Option<&str>) -> Self {
        if host::is_privileged() {
            let mut sources = Self::new(reserved, HashMap::new());
            sources.privileged = true;
            return sources;
        }
        // No setting accepts a value that is not Unicode; it is converted as closely as possible, and fails with its name.
        let text = |value: OsString| value.into_string().unwrap_or_else(|value| value.to_string_lossy().into_owned());
        // Windows ignores the case of names.
        let name = |name: OsString| if cfg!(windows) { text(name).to_ascii_uppercase() } else { text(name) };
        let environment = std::env::vars_os().map(|(key, value)| (name(key), text(value))).collect();
        let mut sources = Self::new(reserved, environment);
        let kept = credential_store::values();
        if !kept.is_empty() {
            sources.layers.push((Origin::Store, Arc::new(Values(kept))));
        }
        sources
    }

    /// Sources from an environment. Reads the properties file in its home directory.
    pub fn new(reserved: Option<&str>, environment: HashMap<String, String>) -> Self {
        // On Windows, HOME was set by some Unix tool.
        let names = if cfg!(windows) { ["USERPROFILE", "HOME"] } else { ["HOME", "USERPROFILE"] };
        let home = names.iter().find_map(|name| environment.get(*name)).filter(|home| !home.is_empty());
        let home = home.map(PathBuf::from);
        let environment = Arc::new(Values(environment));
        let mut sources = Self {
            layers: Vec::new(),
            environment: Arc::clone(&environment),
            home: home.clone(),
            warnings: Vec::new(),
            notices: Vec::new(),
            looked_at: Vec::new(),
            privileged: false,
            #[cfg(test)]
            asked: Default::default(),
        };
        if let Some(reserved) = reserved {
            sources.add(Origin::Reserved, Arc::new(Values(properties::parse_arguments(reserved))));
        }
        sources.add(Origin::Environment, environment);
        if let Some(home) = home {
            sources.add_file(&home.join(".signingmanager").join("ssm-config.properties"));
        }
        sources
    }

    /// Adds the values of the settings file: after the environment, before the properties file.
    pub fn add_settings(&mut self, path: &Path, values: HashMap<String, String>) {
        self.looked_at.insert(0, path.to_owned());
        let place = self.layers.iter().position(|(origin, _)| matches!(origin, Origin::File(_) | Origin::Store));
        let place = place.unwrap_or(self.layers.len());
        self.layers.insert(place, (Origin::SettingsFile(path.to_owned()), Arc::new(Values(values))));
    }

    /// The sources of one of several tokens: its table of the settings file, and from the environment only the settings
    /// of the machine. The credentials of one account never reach the host of another.
    pub fn of_token(&self, path: &Path, values: HashMap<String, String>) -> Self {
        let names = MACHINES.iter().flat_map(|setting| [Some(setting.name), setting.alias]).flatten();
        let machine = names.filter_map(|name| Some((name.to_owned(), self.environment.0.get(name)?.clone())));
        let machine = Arc::new(Values(machine.collect()));
        Self {
            layers: vec![
                (Origin::SettingsFile(path.to_owned()), Arc::new(Values(values))),
                (Origin::Environment, machine),
            ],
            environment: Arc::clone(&self.environment),
            home: self.home.clone(),
            warnings: Vec::new(),
            notices: Vec::new(),
            looked_at: vec![path.to_owned()],
            privileged: self.privileged,
            #[cfg(test)]
            asked: Default::default(),
        }
    }

    /// A variable of the environment, whether or not it is a setting.
    pub fn environment(&self, name: &str) -> Option<&str> {
        self.environment.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn add(&mut self, origin: Origin, values: Arc<Values>) {
        let mut names: Vec<&String> = values.0.keys().collect();
        names.sort();
        for name in names {
            if let Some(meant) = setting::meant(name) {
                self.warnings.push(format!("{name} in {origin} is not a known setting; did you mean {meant}?"));
            }
        }
        self.layers.push((origin, values));
    }

    fn add_file(&mut self, path: &Path) {
        self.looked_at.push(path.to_owned());
        match self.read(path) {
            Ok(content) => {
                self.add(Origin::File(path.to_owned()), Arc::new(Values(properties::parse(&text(&content.bytes)))));
            }
            Err(refusal) if refusal.is_not_found() => {}
            Err(refusal) => {
                let (path, clause, remedy) = (path.display(), refusal.clause(), refusal.remedy());
                self.notices.push(format!("{path} {clause} and sets nothing: {remedy}"));
            }
        }
    }

    /// Reads a file of settings; warns if others can read the secrets in it.
    pub fn read(&mut self, path: &Path) -> Result<Content, Refusal> {
        let content = trusted_file::read(path, LONGEST_FILE)?;
        if content.open_to_others {
            self.warn_open(path);
        }
        Ok(content)
    }

    /// Warns, at every log level, that others can read a file with secrets.
    pub fn warn_open(&mut self, path: &Path) {
        let path = path.display();
        self.notices.push(format!("{path} can be read by other users; run: chmod 600 {path}"));
    }

    /// The value of a setting from the first source that has one: trimmed and unquoted. Empty values count as missing.
    pub fn get(&self, setting: &'static Setting) -> Option<Found> {
        #[cfg(test)]
        self.asked.borrow_mut().push(setting.name);
        self.layers.iter().find_map(|(origin, values)| {
            let value = unquote(given(&values.0, setting)?);
            (!value.is_empty()).then(|| Found { value: value.to_owned(), origin: origin.clone() })
        })
    }

    /// The source that sets a setting without a value to an empty one.
    pub fn emptied(&self, setting: &'static Setting) -> Option<Origin> {
        if self.get(setting).is_some() {
            return None;
        }
        self.layers.iter().find(|(_, values)| given(&values.0, setting).is_some()).map(|(origin, _)| origin.clone())
    }

    /// Whether any source sets something for an account. If so, somebody expects this module to work.
    pub fn is_configured(&self) -> bool {
        let counts = |setting: &&&Setting| {
            !matches!(setting.scope, Scope::Log) && !MACHINES.iter().any(|machines| machines.name == setting.name)
        };
        let own = |setting: &&Setting| setting.name != setting::UNCONFIGURED.name;
        let names = setting::SETTINGS.iter().filter(counts).filter(|setting| own(setting));
        let mut names = names.map(|setting| setting.name);
        names.any(|name| {
            self.layers.iter().any(|(_, values)| values.0.get(name).is_some_and(|value| !value.trim().is_empty()))
        }) || self.layers.iter().any(|(origin, _)| matches!(origin, Origin::SettingsFile(_)))
    }

    /// An absolute directory that a variable of the environment names.
    pub fn directory(&self, name: &str) -> Option<PathBuf> {
        let named = self.layers.iter().find_map(|(origin, values)| match origin {
            Origin::Reserved => values.0.get(name),
            _ => self.environment.0.get(name),
        });
        named.map(PathBuf::from).filter(|path| path.is_absolute())
    }

    /// The places where a missing setting was looked for, for messages.
    pub fn places(&self) -> String {
        let files: Vec<String> = self.looked_at.iter().map(|path| path.display().to_string()).collect();
        if files.is_empty() { "the environment".into() } else { format!("the environment and {}", files.join(", ")) }
    }
}

/// The value under the name, or under the second spelling.
fn given<'a>(values: &'a HashMap<String, String>, setting: &Setting) -> Option<&'a str> {
    let second = || setting.alias.and_then(|alias| values.get(alias));
    values
        .get(setting.name)
        .filter(|value| !value.is_empty())
        .or_else(second)
        .or_else(|| values.get(setting.name))
        .map(String::as_str)
}

/// The text of a file. If it is not Unicode, it is read as Latin-1, as Java reads properties.
fn text(bytes: &[u8]) -> zeroize::Zeroizing<String> {
    encoding::decode(bytes)
        .unwrap_or_else(|| zeroize::Zeroizing::new(bytes.iter().map(|byte| char::from(*byte)).collect()))
}

/// Removes a byte order mark, blanks and one pair of quotes around a value. Blanks within the quotes stay, so that a
/// password may end with a blank or a quote.
fn unquote(value: &str) -> &str {
    let value = value.trim_start_matches('\u{feff}').trim();
    for quote in ['"', '\''] {
        if let Some(inner) = value.strip_prefix(quote).and_then(|value| value.strip_suffix(quote)) {
            return inner;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(pairs: &[(&str, &str)]) -> Sources {
        Sources::new(None, pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect())
    }

    #[test]
    fn values_are_trimmed_and_unquoted_and_empty_ones_do_not_count() {
        for (given, expected) in [
            (" \"x y\" ", Some("x y")),
            ("'z'", Some("z")),
            ("  ", None),
            ("\"\"", None),
            ("\"", Some("\"")),
            ("\u{feff}marked", Some("marked")),
            ("' blanks '", Some(" blanks ")),
            ("'\"quoted\"'", Some("\"quoted\"")),
        ] {
            let sources = sources(&[("SM_CLIENT_CERT_PASSWORD", given)]);
            let found = sources.get(&setting::CLIENT_CERT_PASSWORD).map(|found| found.value);
            assert_eq!(found.as_deref(), expected, "{given}");
        }
    }

    #[test]
    fn the_lower_case_spelling_of_the_proxy_counts_too() {
        let sources =
            sources(&[("https_proxy", "http://p:1"), ("HTTPS_PROXY", ""), ("no_proxy", "a"), ("NO_PROXY", "b")]);
        assert_eq!(sources.get(&setting::PROXY).map(|found| found.value).as_deref(), Some("http://p:1"));
        assert_eq!(sources.get(&setting::NO_PROXY).map(|found| found.value).as_deref(), Some("b"));
    }

    #[test]
    fn an_account_is_configured_by_any_source_but_not_by_what_is_the_machines_or_the_logs() {
        for name in ["SM_HOST", "SM_API_KEY", "SM_CLIENT_CERT_FILE", "STM_PKCS11_TOKEN", "STM_PKCS11_CONFIG"] {
            assert!(sources(&[(name, "x")]).is_configured(), "{name}");
        }
        for name in ["HTTPS_PROXY", "NO_PROXY", "SM_LOG_LEVEL", "PATH", "STM_PKCS11_UNCONFIGURED"] {
            assert!(!sources(&[(name, "x")]).is_configured(), "{name}");
        }
        assert!(Sources::new(Some("SM_HOST=x"), HashMap::new()).is_configured());
        assert!(!Sources::new(Some("STM_PKCS11_UNCONFIGURED=no-token"), HashMap::new()).is_configured());
    }

    #[test]
    fn the_environment_comes_before_the_file_and_the_arguments_before_both() {
        let home = std::env::temp_dir().join(format!("stm-pkcs11-sources-{}", std::process::id()));
        let folder = home.join(".signingmanager");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("ssm-config.properties"), "SM_HOST=file\nSM_API_KEY=file\nSM_CA_FILE=file\n")
            .unwrap();
        let environment = [("HOME", home.to_str().unwrap()), ("SM_HOST", "env"), ("SM_API_KEY", "env")];
        let environment = environment.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let sources = Sources::new(Some("SM_HOST=args"), environment);
        let value = |row| sources.get(row).map(|found| found.value).unwrap();
        let rows = [&setting::HOST, &setting::API_KEY, &setting::CA_FILE];
        assert_eq!(rows.map(value), ["args", "env", "file"]);
        std::fs::remove_dir_all(home).unwrap();
    }

    #[test]
    fn misspelt_names_are_warned_about() {
        let sources = sources(&[("SM_HOSTS", "x")]);
        assert_eq!(sources.warnings, ["SM_HOSTS in the environment is not a known setting; did you mean SM_HOST?"]);
    }
}
