//! Where values come from, in order of precedence.

use super::{properties, variables};
use crate::host;
use crate::trusted_file::{self, Content, Refusal};
use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// `pReserved` of the initialise arguments.
    Reserved,
    /// The environment.
    Environment,
    /// The settings file (`stm-pkcs11.toml`).
    SettingsFile(PathBuf),
    /// A file.
    File(PathBuf),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reserved => write!(f, "the initialise arguments"),
            Self::Environment => write!(f, "the environment"),
            Self::SettingsFile(path) | Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

/// A value with its origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Trimmed, without quotes around it, never empty.
    pub value: String,
    /// Where it stood.
    pub origin: Origin,
}

/// What the environment says of the machine, for every token of a settings file.
const MACHINES: &[&str] =
    &["HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy", "XDG_CACHE_HOME", "LOCALAPPDATA", "STM_PKCS11_CACHE"];

/// No file of settings, with a key or with a secret is longer, in bytes.
pub const LONGEST_FILE: u64 = 1 << 20;

/// All sources of one process.
pub struct Sources {
    layers: Vec<(Origin, HashMap<String, String>)>,
    environment: Arc<HashMap<String, String>>,
    /// The user's home directory.
    pub home: Option<PathBuf>,
    /// What to warn about: misspelt names, unreadable files.
    pub warnings: Vec<String>,
    /// What the user has to know at every level of the log.
    pub notices: Vec<String>,
    /// Files that were looked at.
    pub looked_at: Vec<PathBuf>,
    /// Whether the host has rights that its caller may not have: no environment, no home, and only root's files.
    pub privileged: bool,
}

impl Sources {
    /// Those of the running process: the one place where its environment is read. In a privileged host
    /// ([`host::is_privileged`]) it is not, since whoever started that could have set it.
    pub fn of_process(reserved: Option<&str>) -> Self {
        if host::is_privileged() {
            let mut sources = Self::new(reserved, HashMap::new());
            sources.privileged = true;
            return sources;
        }
        // Values that are no Unicode cannot be what a setting wants; they are taken as near as possible and then
        // fail with their name.
        let text = |value: OsString| value.to_string_lossy().into_owned();
        // Names have no case on Windows.
        let name = |name: OsString| if cfg!(windows) { text(name).to_ascii_uppercase() } else { text(name) };
        let environment = std::env::vars_os().map(|(key, value)| (name(key), text(value))).collect();
        Self::new(reserved, environment)
    }

    /// From an environment. Reads the properties file in its home directory.
    pub fn new(reserved: Option<&str>, environment: HashMap<String, String>) -> Self {
        // On Windows HOME is what some Unix tool set.
        let names = if cfg!(windows) { ["USERPROFILE", "HOME"] } else { ["HOME", "USERPROFILE"] };
        let home = names.iter().find_map(|name| environment.get(*name)).filter(|home| !home.is_empty());
        let home = home.map(PathBuf::from);
        let mut sources = Self {
            layers: Vec::new(),
            environment: Arc::new(environment.clone()),
            home: home.clone(),
            warnings: Vec::new(),
            notices: Vec::new(),
            looked_at: Vec::new(),
            privileged: false,
        };
        if let Some(reserved) = reserved {
            sources.add(Origin::Reserved, properties::parse(&reserved.replace(';', "\n")));
        }
        sources.add(Origin::Environment, environment);
        if let Some(home) = home {
            sources.add_file(&home.join(".signingmanager").join("ssm-config.properties"));
        }
        sources
    }

    /// With what the settings file says: behind the environment, before the properties file.
    pub fn add_settings(&mut self, path: &Path, values: HashMap<String, String>) {
        self.looked_at.insert(0, path.to_owned());
        let place = self.layers.iter().position(|(origin, _)| matches!(origin, Origin::File(_)));
        let place = place.unwrap_or(self.layers.len());
        self.layers.insert(place, (Origin::SettingsFile(path.to_owned()), values));
    }

    /// Those of one of several tokens: what the settings file says of it, and of the environment only what is the
    /// machine's and not an account's. One account's credentials never reach another's host.
    pub fn of_token(&self, path: &Path, values: HashMap<String, String>) -> Self {
        let machine = self.environment.iter().filter(|(name, _)| MACHINES.contains(&name.as_str()));
        let machine = machine.map(|(name, value)| (name.clone(), value.clone())).collect();
        Self {
            layers: vec![(Origin::SettingsFile(path.to_owned()), values), (Origin::Environment, machine)],
            environment: Arc::clone(&self.environment),
            home: self.home.clone(),
            warnings: Vec::new(),
            notices: Vec::new(),
            looked_at: vec![path.to_owned()],
            privileged: self.privileged,
        }
    }

    /// A variable of the environment, whatever the settings say.
    pub fn environment(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    fn add(&mut self, origin: Origin, values: HashMap<String, String>) {
        let mut names: Vec<&String> = values.keys().collect();
        names.sort();
        for name in names {
            if let Some(meant) = variables::meant(name) {
                self.warnings.push(format!("{name} in {origin} is no setting; did you mean {meant}?"));
            }
        }
        self.layers.push((origin, values));
    }

    fn add_file(&mut self, path: &Path) {
        self.looked_at.push(path.to_owned());
        match self.read(path) {
            Ok(content) => {
                self.add(Origin::File(path.to_owned()), properties::parse(&String::from_utf8_lossy(&content.bytes)));
            }
            Err(refusal) if refusal.is_not_found() => {}
            Err(refusal) => {
                let (path, clause, remedy) = (path.display(), refusal.clause(), refusal.remedy());
                self.notices.push(format!("{path} {clause} and sets nothing: {remedy}"));
            }
        }
    }

    /// Reads a file that steers the module; warns if it may have secrets in it that others can read.
    pub fn read(&mut self, path: &Path) -> Result<Content, Refusal> {
        let content = trusted_file::read(path, LONGEST_FILE)?;
        if content.open_to_others {
            self.warn_open(path);
        }
        Ok(content)
    }

    /// Warns about a file with secrets that others can read, at every level of the log.
    pub fn warn_open(&mut self, path: &Path) {
        let path = path.display();
        self.notices.push(format!("{path} can be read by other users; run: chmod 600 {path}"));
    }

    /// The first value of a setting: trimmed, unquoted; empty ones count as not given.
    pub fn get(&self, name: &str) -> Option<Found> {
        self.layers.iter().find_map(|(origin, values)| {
            let value = unquote(values.get(name)?);
            (!value.is_empty()).then(|| Found { value: value.to_owned(), origin: origin.clone() })
        })
    }

    /// Where a missing setting was looked for, for people.
    pub fn places(&self) -> String {
        let files: Vec<String> = self.looked_at.iter().map(|path| path.display().to_string()).collect();
        if files.is_empty() { "the environment".into() } else { format!("the environment or {}", files.join(", ")) }
    }
}

/// Without blanks and quotes around it.
fn unquote(value: &str) -> &str {
    let value = value.trim();
    for quote in ['"', '\''] {
        if let Some(inner) = value.strip_prefix(quote).and_then(|value| value.strip_suffix(quote)) {
            return inner.trim();
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
        let sources = sources(&[("A", " \"x y\" "), ("B", "'z'"), ("C", "  "), ("D", "\"")]);
        let value = |name| sources.get(name).map(|found| found.value);
        assert_eq!(value("A").as_deref(), Some("x y"));
        assert_eq!(value("B").as_deref(), Some("z"));
        assert_eq!(value("C"), None);
        assert_eq!(value("D").as_deref(), Some("\""));
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
        let value = |name| sources.get(name).map(|found| found.value).unwrap();
        assert_eq!([value("SM_HOST"), value("SM_API_KEY"), value("SM_CA_FILE")], ["args", "env", "file"]);
        std::fs::remove_dir_all(home).unwrap();
    }

    #[test]
    fn misspelt_names_are_warned_about() {
        let sources = sources(&[("SM_HOSTS", "x")]);
        assert_eq!(sources.warnings, ["SM_HOSTS in the environment is no setting; did you mean SM_HOST?"]);
    }
}
