//! Settings: the service's address, the credentials, and the token's behaviour. They are read once, at `C_Initialize`,
//! without a request.
//!
//! [`ORDER`] lists the sources in order of precedence, and [`SETTINGS`] has a row for each setting. Loading never
//! fails. Problems are stored with the token that they concern, and reported by the first call that needs the service.
//! So a host that only probes its modules sees no error.

mod command;
pub mod credential_store;
mod dsn;
mod example;
mod host;
pub mod ledger;
mod mistaken;
mod problem;
mod properties;
mod read;
mod read_cache;
mod read_process;
mod reader;
mod secret;
pub mod setting;
pub mod settings_file;
mod sources;

pub use example::example;
pub use ledger::{LedgerSettings, Limit, Period};
pub use problem::Problem;
pub use secret::Secret;
pub use setting::{SETTINGS, Scope, Setting, is_settings};
pub use sources::{Found, LONGEST_FILE, ORDER, Origin, Sources};

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

pub struct Config {
    /// One for each account; each has one or two slots.
    pub tokens: Vec<Arc<TokenSettings>>,
    pub log: LogSettings,
    /// Ledger, budget and reuse.
    pub ledger: LedgerSettings,
    /// Whether a forked child continues the parent's run without `C_Initialize`.
    pub lenient_fork: bool,
    /// URL of the time-stamping server for signed files; `None`: they get no time stamp. The module itself never asks it.
    pub timestamp: Option<String>,
}

/// What the PIN of `C_Login` is used for (`STM_PKCS11_LOGIN`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Login {
    /// Nothing: no login is required, and any PIN is accepted.
    None,
    /// The PIN is the password of the client certificate.
    ClientCertPassword,
    /// The PIN replaces `SM_API_KEY`.
    ApiKey,
}

/// How long the keypair list is cached on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CacheMode {
    Off,
    /// Entries are valid for this long.
    For(Duration),
    /// Entries are valid until a request proves them wrong; the module never refreshes them by itself.
    Offline,
}

/// Defaults for new keypairs, used where the template has no value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenerateDefaults {
    /// `HSM` or `DISK`
    pub storage: String,
    /// `PRODUCTION` or `TEST`
    pub key_type: String,
    /// `ONLINE` or `OFFLINE`
    pub status: String,
    /// Precedes the id in the alias of a keypair that is created with a `CKA_ID` and without a label.
    pub alias_prefix: String,
    /// Whether a `CKA_ID` beside a label is ignored. Otherwise it is refused, because the service assigns ids.
    pub ignore_id: bool,
}

/// The source of the client certificate.
#[derive(Clone)]
pub enum ClientCert {
    /// A file: PKCS#12, or PEM with key and certificate.
    File(PathBuf),
    /// The same content as base64 text in the setting itself.
    Inline(Secret),
}

pub struct TokenSettings {
    /// The label of the token. The label of its modern slot has the suffix `-modern`.
    pub name: String,
    /// Whether EdDSA and post-quantum keypairs appear in a slot of their own.
    pub modern_slot: bool,
    /// Whether the token shows chain certificates.
    pub chain: bool,
    /// Whether each signature must appear in the service's signature log before it is returned.
    pub confirm_record: bool,
    pub login: Login,
    /// Aliases of the keypairs to show, or patterns with `*` and `?`. An empty list shows all.
    pub keypairs: Vec<String>,
    /// Certificates to show instead of the service's default ones: ids, aliases, or patterns.
    pub certificates: Vec<String>,
    pub generate: GenerateDefaults,
    /// How long the list in memory is valid.
    pub refresh: Duration,
    /// `https://host[:port][/path]` without a slash at its end.
    pub host: Option<String>,
    /// `None` if the client certificate alone authenticates the user.
    pub api_key: Option<Secret>,
    /// `None` if the API key alone authenticates the user.
    pub client_cert: Option<ClientCert>,
    /// The certificate's private key (PEM), if it is in a separate file.
    pub client_key_file: Option<PathBuf>,
    /// The password of the certificate file, or of its encrypted key.
    pub client_cert_password: Option<Secret>,
    /// CA certificates that the service's TLS certificate is verified against, instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Whether verification of the service's TLS certificate is disabled.
    pub skip_verify: bool,
    /// The timeout of a new connection.
    pub connect_timeout: Duration,
    /// The timeout of an operation, including retries.
    pub timeout: Duration,
    /// `http[s]://[user:password@]host:port`
    pub proxy: Option<Secret>,
    /// Hosts that bypass the proxy, in the form of `NO_PROXY`.
    pub no_proxy: Option<String>,
    pub cache: CacheMode,
    /// The path of the cache, if it is not in the user's cache directory.
    pub cache_file: Option<PathBuf>,
    /// The user's cache directory, if there is one.
    pub cache_dir: Option<PathBuf>,
    /// Whether a connection is opened as soon as a signature is likely.
    pub early_connect: bool,
    /// Whether the processes of this user share the pauses that the service asks for.
    pub shared_pace: bool,
    /// The user's home directory, if there is one.
    pub home: Option<PathBuf>,
    /// Whether the host may have rights that its caller does not have: see [`Sources::privileged`].
    pub privileged: bool,
    /// Problems of the settings. If there are any, the module sends no request.
    pub problems: Vec<Problem>,
    /// The source of each value, for `doctor`.
    pub origins: Vec<(&'static str, Origin)>,
}

#[cfg(test)]
impl TokenSettings {
    /// Of an account at a service that is not there, for tests.
    pub fn sample(change: impl FnOnce(&mut Self)) -> std::sync::Arc<Self> {
        let sources = Sources::new(Some("SM_HOST=https://127.0.0.1:1;SM_API_KEY=k"), Default::default());
        let mut settings = std::sync::Arc::into_inner(load_from(sources).tokens.remove(0)).expect("its only owner");
        change(&mut settings);
        std::sync::Arc::new(settings)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// The least severe level that is written.
    pub level: log::LevelFilter,
    pub output: LogOutput,
    /// The directory for log files, whether or not `output` is one; `None` if the process may write none.
    pub folder: Option<PathBuf>,
    /// Warnings to log when the log is ready.
    pub warnings: Vec<String>,
    /// Warnings to log at every level, once in a process.
    pub notices: Vec<String>,
    /// Messages to log at INFO.
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogOutput {
    /// Only errors, each on one line.
    Stderr,
    /// The host's standard output: the service's own tools support it.
    Stdout,
    /// Nowhere; errors are discarded as well.
    Discard,
    /// A file; errors are also written to stderr.
    File(PathBuf),
}

/// Reads the settings. `reserved` is the text in `pReserved` of the initialise arguments: `NAME=value` pairs, separated
/// by lines or `;`, which take precedence over the environment.
pub fn load(reserved: Option<&str>) -> Config {
    load_from(Sources::of_process(reserved))
}

/// The same from given sources: for tests and for the companion.
pub fn load_from(mut sources: Sources) -> Config {
    panic_point!("config");
    let file = settings_file::find(&mut sources);
    let mut several = Vec::new();
    let mut problems = Vec::new();
    if let Some(file) = file {
        problems = file.problems;
        let mut tokens = file.tokens;
        let one = if tokens.len() < 2 { tokens.pop().unwrap_or_default() } else { Default::default() };
        several = tokens.into_iter().map(|values| sources.of_token(&file.path, values)).collect();
        sources.add_settings(&file.path, one.into_iter().chain(file.process).collect());
    }
    let mut tokens = Vec::new();
    for sources in several.iter_mut() {
        tokens.push(read::token(sources));
    }
    if tokens.is_empty() {
        tokens.push(read::token(&mut sources));
    }
    for source in several {
        sources.warnings.extend(source.warnings);
        sources.notices.extend(source.notices);
    }
    // If a settings file has an error, none of it is used.
    tokens.iter_mut().for_each(|token| token.problems.splice(0..0, problems.iter().cloned()).for_each(drop));
    let (ledger, wrong) = read_process::ledger(&mut sources);
    tokens.iter_mut().for_each(|token| token.problems.extend(wrong.iter().cloned()));
    let lenient_fork = read_process::lenient_fork(&mut sources);
    let mut log = read_process::log(&mut sources);
    if read_process::hides_unconfigured(&mut sources) && !sources.is_configured() && problems.is_empty() {
        // Nobody configured this module: it was installed with a package, and p11-kit loaded it.
        let note = format!("no token is shown: nothing is configured (looked in {})", sources.places());
        log = LogSettings { notes: vec![note], warnings: Vec::new(), ..log };
        tokens.clear();
    }
    let timestamp = read_process::timestamp(&mut sources);
    Config { tokens: tokens.into_iter().map(Arc::new).collect(), log, ledger, lenient_fork, timestamp }
}
