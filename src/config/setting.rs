//! The table of settings. The reader (`read`), the documentation, the example file, `doctor` and the suggestions for
//! misspelt names all use its rows.
//!
//! To add a setting, add a row here, read it in `read`, and add a field to its struct. Tests fail if a row is never
//! read, or if a default is not a valid value. `UPDATE_DOCS=1 cargo test --test conformance` writes docs/settings.md
//! and config/stm-pkcs11.toml.

use crate::nearest;

/// Where a setting can be given, and what it applies to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The process; not in the settings file, because it determines the path of that file.
    Process,
    /// The process: at the top of the settings file.
    File,
    /// The log: `[log]` of the settings file.
    Log,
    /// The ledger: `[ledger]` of the settings file.
    Ledger,
    /// An account: each `[[token]]` of the settings file.
    Token,
}

impl Scope {
    /// The table of the settings file that contains its keys; `None` for [`Scope::Process`].
    pub fn table(self) -> Option<&'static str> {
        match self {
            Self::Process => None,
            Self::File => Some("the file"),
            Self::Log => Some("[log]"),
            Self::Ledger => Some("[ledger]"),
            Self::Token => Some("[[token]]"),
        }
    }
}

#[derive(Debug)]
pub struct Setting {
    /// Its name in the initialise arguments, the environment and the properties file.
    pub name: &'static str,
    /// A second spelling of the name.
    pub alias: Option<&'static str>,
    /// Its key in the settings file; empty for [`Scope::Process`].
    pub key: &'static str,
    /// Where it can be given.
    pub scope: Scope,
    /// The default, as a user would write it; `None` if there is none. The reader parses it.
    pub default: Option<&'static str>,
    /// Its meaning and its valid values, for the documentation and the example file.
    pub meaning: &'static str,
    /// Its line in the example file; if empty, the default in a comment.
    pub example: &'static str,
    /// Whether its value must never be shown.
    pub secret: bool,
}

impl Setting {
    const fn new(scope: Scope, name: &'static str, key: &'static str, meaning: &'static str) -> Self {
        Self { name, alias: None, key, scope, default: None, meaning, example: "", secret: false }
    }

    const fn default(self, default: &'static str) -> Self {
        Self { default: Some(default), ..self }
    }

    const fn example(self, example: &'static str) -> Self {
        Self { example, ..self }
    }

    const fn secret(self) -> Self {
        Self { secret: true, ..self }
    }

    const fn also(self, alias: &'static str) -> Self {
        Self { alias: Some(alias), ..self }
    }
}

/// Rows are named constants for the reader, and a list for everything else.
macro_rules! table {
    ($($row:ident = $setting:expr;)*) => {
        $(pub(super) static $row: Setting = $setting;)*
        /// All settings, in the order of the documentation.
        pub static SETTINGS: &[&Setting] = &[$(&$row),*];
    };
}

use Scope::{File, Ledger, Log, Process, Token};

table! {
    CONFIG = Setting::new(Process, "STM_PKCS11_CONFIG", "", "path of the settings file (TOML), or none; unset: ~/.config/stm-pkcs11/stm-pkcs11.toml if it exists, else \
        /etc/stm-pkcs11/stm-pkcs11.toml");
    UNCONFIGURED = Setting::new(Process, "STM_PKCS11_UNCONFIGURED", "", "what happens without any setting: error (the token is there, and a search says what is \
        missing) or no-token (for a module that a package registers for every program)").default("error");
    FORK = Setting::new(File, "STM_PKCS11_FORK", "fork", "what a forked child may do without C_Initialize: strict (nothing, as in the standard) or lenient (use the parent's \
        keys, for servers that never call it)").default("strict");
    TIMESTAMP = Setting::new(File, "STM_PKCS11_TIMESTAMP", "timestamp", "time-stamping server of stm-pkcs11 sign-file: its URL, or none").default("http://timestamp.digicert.com");

    LOG_LEVEL = Setting::new(Log, "SM_LOG_LEVEL", "level", "least severe message that is logged: FATAL, ERROR, WARN, INFO, DEBUG or TRACE").default("ERROR");
    LOG_OUTPUT = Setting::new(Log, "SM_LOG_OUTPUT", "output", "stderr, stdout, discard or file; unset: file if a directory or a file name is set, else stderr")
        .example("#output = \"stderr\"");
    LOG_DIR = Setting::new(Log, "SM_LOG_DIR", "dir", "directory of the log file; unset: ~/.signingmanager/logs")
        .example("#dir = \"~/.signingmanager/logs\"");
    LOG_FILE_NAME = Setting::new(Log, "SM_LOG_FILE_NAME", "file_name", "name of the log file").default("smpkcs11.log");

    LEDGER = Setting::new(Ledger, "STM_PKCS11_LEDGER", "file", "file in which every sign request is recorded before it is sent; unset: none")
        .example("#file = \"~/signatures.ledger\"");
    BUDGET = Setting::new(Ledger, "STM_PKCS11_BUDGET", "budget", "limit of signatures: 50 (this process), 200/day, 500/month, 1000/year (this ledger, UTC), or several, \
        separated by commas; unset: no limit").example("#budget = \"200/day,1000/year\"");
    REUSE = Setting::new(Ledger, "STM_PKCS11_REUSE", "reuse", "how long deterministic signatures (RSA PKCS#1 v1.5, Ed25519) are stored and returned again: off, or 90s, 30m, 1h, \
        2d; at most 30 days").default("off");

    TOKEN = Setting::new(Token, "STM_PKCS11_TOKEN", "name", "label of the token, which applications and pkcs11: URIs use").default("STM")
        .example("name = \"production\"");
    HOST = Setting::new(Token, "SM_HOST", "host", "URL of the service; hosts for client certificates begin with clientauth. A trailing /signingmanager or \
        /signingmanager/api/v1 is dropped").example("host = \"https://clientauth.one.digicert.com\"");
    API_KEY = Setting::new(Token, "SM_API_KEY", "api_key", "API key. Omit it if the client certificate alone authenticates you").secret()
        .example("api_key = \"env:SM_API_KEY\"");
    CLIENT_CERT_FILE = Setting::new(Token, "SM_CLIENT_CERT_FILE", "client_cert_file", "client certificate: PKCS#12, or PEM with the key in the same file or in SM_CLIENT_KEY_FILE. Omit \
        it if the API key alone authenticates you").example("client_cert_file = \"client.p12\"");
    CLIENT_KEY_FILE = Setting::new(Token, "SM_CLIENT_KEY_FILE", "client_key_file", "private key (PEM, PKCS#8 may be encrypted) of the client certificate, if it is not in the same file")
        .example("#client_key_file = \"client.key\"");
    CLIENT_CERT_B64 = Setting::new(Token, "SM_CLIENT_CERT_FILE_B64", "client_cert_b64", "the client certificate as base64 text, instead of a file").secret()
        .example("#client_cert_b64 = \"env:SM_CLIENT_CERT_FILE_B64\"");
    CLIENT_CERT_PASSWORD = Setting::new(Token, "SM_CLIENT_CERT_PASSWORD", "client_cert_password", "password of the client certificate (PKCS#12) or of its encrypted private key (PEM)").secret()
        .example("client_cert_password = \"command:pass show stm/client-certificate\"");
    CA_FILE = Setting::new(Token, "SM_CA_FILE", "ca_file", "CA certificates (PEM or DER) to verify the service's TLS certificate with; unset: the system's")
        .example("#ca_file = \"/etc/ssl/certs/company.pem\"");
    SKIP_VERIFY = Setting::new(Token, "SM_TLS_SKIP_VERIFY", "tls_skip_verify", "TRUE: do not verify the service's TLS certificate. Anyone on the network can then impersonate the service")
        .default("FALSE");
    KEYPAIRS = Setting::new(Token, "STM_PKCS11_KEYPAIRS", "keypairs", "the keypairs to show: aliases, or patterns with * and ?, separated by commas (write \\, for a comma in an alias); unset: all")
        .example("#keypairs = [\"release-*\", \"nightly\"]");
    CERTIFICATE = Setting::new(Token, "STM_PKCS11_CERTIFICATE", "certificate", "the certificates to show for keypairs that have several: ids or aliases, separated by commas \
        (write \\, for a comma in an alias); unset: the service's default ones").example("#certificate = \"release-2027\"");
    LOGIN = Setting::new(Token, "STM_PKCS11_LOGIN", "login", "meaning of the PIN: none (any is accepted), password (of the client certificate) or api-key").default("none");
    PROXY = Setting::new(Token, "HTTPS_PROXY", "proxy", "proxy: http[s]://[user:password@]host:port").secret().also("https_proxy")
        .example("#proxy = \"http://user:password@proxy.example:8080\"");
    NO_PROXY = Setting::new(Token, "NO_PROXY", "no_proxy", "hosts that bypass the proxy, separated by commas").also("no_proxy")
        .example("#no_proxy = \"localhost,.example\"");
    CONN_TIMEOUT = Setting::new(Token, "SM_CONN_TIMEOUT", "connect_timeout_ms", "timeout for connecting: milliseconds, or a number with its unit (ms, s, m)").default("30000");
    TIMEOUT = Setting::new(Token, "STM_PKCS11_TIMEOUT", "timeout", "timeout for a call, including retries: seconds, or a number with its unit (ms, s, m)").default("60");
    CACHE = Setting::new(Token, "STM_PKCS11_CACHE", "cache", "how long the keypair list is cached on disk: seconds, off, or offline (until a request proves it wrong)").default("600");
    OFFLINE_MODE = Setting::new(Token, "SM_PKCS11_OFFLINE_MODE", "offline_mode", "TRUE: the same as STM_PKCS11_CACHE=offline; STM_PKCS11_CACHE takes precedence").default("FALSE");
    DB_DSN = Setting::new(Token, "SM_PKCS11_DB_DSN", "cache_file", "file for the cached keypair list, or :memory: for none; unset: a file in the user's cache directory")
        .example("#cache_file = \"/var/cache/stm-pkcs11/production\"");
    PACE = Setting::new(Token, "STM_PKCS11_PACE", "pace", "on: processes of one user share the pauses that the service asks for, and take turns while it limits the rate of \
        requests, through a file in the user's cache directory; off: each for itself").default("on");
    EARLY_CONNECT = Setting::new(Token, "STM_PKCS11_EARLY_CONNECT", "early_connect", "on: begin to connect when a private key is found by its name in the cache; off: connect for the first request")
        .default("on");
    CHAIN = Setting::new(Token, "STM_PKCS11_CHAIN", "chain", "on: show the certificates that issued those of the keypairs; off: do not").default("on");
    MODERN_SLOT = Setting::new(Token, "STM_PKCS11_MODERN_SLOT", "modern_slot", "on: a second slot for EdDSA and post-quantum keypairs; off: none").default("on");
    CONFIRM = Setting::new(Token, "STM_PKCS11_CONFIRM", "confirm", "record: check each signature in the service's signature log before it is returned (one more request); off: do not")
        .default("off");
    KEY_STORAGE = Setting::new(Token, "STM_PKCS11_KEY_STORAGE", "key_storage", "storage of new keypairs: HSM or DISK").default("HSM");
    KEY_TYPE = Setting::new(Token, "STM_PKCS11_KEY_TYPE", "key_type", "type of new keypairs: PRODUCTION or TEST").default("PRODUCTION");
    KEY_STATUS = Setting::new(Token, "STM_PKCS11_KEY_STATUS", "key_status", "status of new keypairs: ONLINE or OFFLINE").default("ONLINE");
    KEY_PREFIX = Setting::new(Token, "STM_PKCS11_KEY_PREFIX", "key_prefix", "prefix of the alias if a client creates a keypair with an id (CKA_ID) and no label; the id follows in hexadecimal, and such an alias also sets the CKA_ID").default("key-");
    KEY_ID = Setting::new(Token, "STM_PKCS11_KEY_ID", "key_id", "what to do if a client creates a keypair with both an id (CKA_ID) and a label: refuse (the service assigns ids) \
        or ignore the id (for clients that always send one, such as p11tool)").default("refuse");
}

/// The settings of one table of the settings file.
pub fn of(scope: Scope) -> impl Iterator<Item = &'static Setting> {
    SETTINGS.iter().copied().filter(move |setting| setting.scope == scope)
}

/// The setting with this name, in either spelling.
pub fn named(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().copied().find(|setting| setting.name == name || setting.alias == Some(name))
}

/// Whether the value of this name must never be shown.
pub fn is_secret(name: &str) -> bool {
    named(name).is_some_and(|setting| setting.secret)
}

/// Names beside ours that scripts use: they are neither misspelt nor ours.
const FOREIGN: &[&str] = &[
    "SM_KEYPAIR_ALIAS",
    "SM_KEYPAIR_ID",
    "SM_CERT_ALIAS",
    "SM_CERT_FINGERPRINT",
    "SM_CODE_SIGNING_CERT_SHA1_HASH",
    "SM_CLIENT_CERT_B64",
    "SM_PKCS11_CONFIG",
    "SM_TIMESTAMP_URL",
    "STM_PKCS11_MODULE",
];

/// The setting that a misspelt name probably means; `None` for a known name.
pub fn meant(name: &str) -> Option<&'static str> {
    let ours = name.starts_with("SM_") || name.starts_with("STM_PKCS11_");
    if !ours || FOREIGN.contains(&name) || named(name).is_some() {
        return None;
    }
    // A short name is similar to every other name.
    nearest::within(name.len() / 6, name, SETTINGS.iter().map(|setting| setting.name))
}

/// Whether a text begins like settings: blanks and separators, then the end, a comment, or the name of a setting. A
/// misspelt name counts as well, and causes a warning. The rest of the text does not matter.
pub fn is_settings(text: &str) -> bool {
    let text = text.trim_start_matches(['\u{feff}', ';', ' ', '\t', '\r', '\n']);
    if text.is_empty() || text.starts_with(['#', '!']) {
        return true;
    }
    let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
    let (name, rest) = text.split_at(end);
    let ours = name.starts_with("SM_") || name.starts_with("STM_PKCS11_");
    (ours || named(name).is_some()) && rest.starts_with(['=', ':', ' ', '\t', '\u{c}'])
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn settings_begin_with_a_setting() {
        for text in ["", " ;\n", "# comment", "SM_HOST=x", "\n SM_HOSTS : x", "https_proxy=x", "STM_PKCS11_CASHE x"] {
            assert!(is_settings(text), "{text}");
        }
        for text in ["hello", "=", "configdir='/x'", "SM_HOST", "XSM_HOST=x", "SM_HOST\u{1}=x"] {
            assert!(!is_settings(text), "{text}");
        }
    }

    #[test]
    fn a_misspelt_name_leads_to_the_nearest_setting() {
        assert_eq!(meant("SM_CLIENT_CERT_PASWORD"), Some("SM_CLIENT_CERT_PASSWORD"));
        assert_eq!(meant("SM_APIKEY"), Some("SM_API_KEY"));
        assert_eq!(meant("SM_LOG_LEVLE"), Some("SM_LOG_LEVEL"));
        assert_eq!(meant("STM_PKCS11_CASHE"), Some("STM_PKCS11_CACHE"));
    }

    #[test]
    fn what_grants_access_is_secret_and_nothing_else_is() {
        for name in ["SM_API_KEY", "SM_CLIENT_CERT_PASSWORD"] {
            assert!(is_secret(name), "{name}");
        }
        for name in ["SM_HOST", "SM_LOG_LEVEL", "SM_API_KEYS", ""] {
            assert!(!is_secret(name), "{name}");
        }
    }

    #[test]
    fn right_and_foreign_names_are_left_alone() {
        for name in [
            "SM_HOST",
            "SM_KEYPAIR_ALIAS",
            "SMTP_HOST",
            "PATH",
            "SM_SOMETHING_ELSE_ENTIRELY",
            "S_HOST",
            "XSM_API_KEY",
            "SM_HOSTNAME",
        ] {
            assert_eq!(meant(name), None, "{name}");
        }
    }

    #[test]
    fn names_and_keys_are_there_once_and_every_table_has_its_keys() {
        let names: HashSet<&str> = SETTINGS.iter().flat_map(|row| [Some(row.name), row.alias]).flatten().collect();
        assert_eq!(names.len(), SETTINGS.len() + SETTINGS.iter().filter(|row| row.alias.is_some()).count());
        for scope in [Scope::File, Scope::Log, Scope::Ledger, Scope::Token] {
            let keys: Vec<&str> = of(scope).map(|row| row.key).collect();
            assert_eq!(keys.iter().collect::<HashSet<_>>().len(), keys.len(), "{keys:?}");
            assert!(keys.iter().all(|key| !key.is_empty()), "{keys:?}");
        }
        assert!(of(Scope::Process).all(|row| row.key.is_empty()));
    }

    #[test]
    fn what_has_no_default_has_an_example() {
        for row in SETTINGS.iter().filter(|row| row.scope != Scope::Process) {
            assert!(row.default.is_some() || !row.example.is_empty(), "{}", row.name);
            let shown = row.example.trim_start_matches('#');
            assert!(row.example.is_empty() || shown.starts_with(&format!("{} = ", row.key)), "{}", row.name);
        }
    }
}
