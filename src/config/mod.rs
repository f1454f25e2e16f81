//! Where the service is, who we are, and how the token behaves: read once, at `C_Initialize`, without any request.
//!
//! Where a value may come from, and what comes first, is in [`ORDER`]; every setting is a row of [`SETTINGS`]. Nothing fails
//! here: what is wrong is kept with the token that it concerns and reported when something first needs it, so that a host
//! that only probes its modules is never disturbed.

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
    /// One per account; each has one or two slots.
    pub tokens: Vec<Arc<TokenSettings>>,
    pub log: LogSettings,
    /// What may be spent, and where it is written down.
    pub ledger: LedgerSettings,
    /// Whether a forked child goes on with the parent's run without `C_Initialize`.
    pub lenient_fork: bool,
    /// URL of the time-stamping server for signed files; `None`: they get no time stamp. The module itself never asks it.
    pub timestamp: Option<String>,
}

/// What the PIN of `C_Login` is used for (`STM_PKCS11_LOGIN`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Login {
    /// Nothing: no login is needed, and any PIN is taken.
    None,
    /// The password of the client certificate.
    ClientCertPassword,
    /// It replaces `SM_API_KEY`.
    ApiKey,
}

/// How long what the service said is kept on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CacheMode {
    Off,
    /// An entry is believed for so long.
    For(Duration),
    /// Until something proves it wrong; never refreshed by itself.
    Offline,
}

/// What new keypairs get unless the template says otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GenerateDefaults {
    /// `HSM` or `DISK`
    pub storage: String,
    /// `PRODUCTION` or `TEST`
    pub key_type: String,
    /// `ONLINE` or `OFFLINE`
    pub status: String,
    /// Stands before the id in the alias of a keypair that is made with a `CKA_ID` and no label.
    pub alias_prefix: String,
    /// Whether a `CKA_ID` beside a label is ignored; else it is refused, since the service assigns the ids.
    pub ignore_id: bool,
}

/// Where the client certificate is.
#[derive(Clone)]
pub enum ClientCert {
    /// A file: PKCS#12, or PEM with key and certificate.
    File(PathBuf),
    /// The same as base64 text in the setting itself.
    Inline(Secret),
}

pub struct TokenSettings {
    /// The token's label, and that of its modern slot with `-modern` behind it.
    pub name: String,
    /// Whether EdDSA and post-quantum keypairs have their slot.
    pub modern_slot: bool,
    /// Whether chain certificates are shown.
    pub chain: bool,
    /// Whether each signature is confirmed by the service's record before it is returned.
    pub confirm_record: bool,
    pub login: Login,
    /// Only these keypairs are shown: aliases, or patterns with `*` and `?`. All if empty.
    pub keypairs: Vec<String>,
    /// The certificates to show in place of the service's default ones: ids, aliases, or patterns for them.
    pub certificates: Vec<String>,
    pub generate: GenerateDefaults,
    /// How long the list in memory is believed.
    pub refresh: Duration,
    /// `https://host[:port][/path]` without a slash at its end.
    pub host: Option<String>,
    /// `None` where the client certificate alone signs in.
    pub api_key: Option<Secret>,
    /// `None` where the API key alone signs in.
    pub client_cert: Option<ClientCert>,
    /// Its private key (PEM), where it is in a file of its own.
    pub client_key_file: Option<PathBuf>,
    /// Its password, or that of its key.
    pub client_cert_password: Option<Secret>,
    /// Certificates that the service's TLS certificate is checked against, instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Whether the service's TLS certificate is not checked at all.
    pub skip_verify: bool,
    /// How long a connection may take to be made.
    pub connect_timeout: Duration,
    /// How long an operation may take, retries included.
    pub timeout: Duration,
    /// `http[s]://[user:password@]host:port`
    pub proxy: Option<Secret>,
    /// Hosts that are reached without the proxy, as `NO_PROXY` lists them.
    pub no_proxy: Option<String>,
    pub cache: CacheMode,
    /// Where the cache is, if not in the user's cache directory.
    pub cache_file: Option<PathBuf>,
    /// The user's cache directory, if there is one.
    pub cache_dir: Option<PathBuf>,
    /// The user's home directory, if there is one.
    pub home: Option<PathBuf>,
    /// Whether the host has rights that its caller may not have: see [`Sources::privileged`].
    pub privileged: bool,
    /// What is wrong. With any of these nothing is asked of the service.
    pub problems: Vec<Problem>,
    /// Where each value came from, for people.
    pub origins: Vec<(&'static str, Origin)>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// The most that is written.
    pub level: log::LevelFilter,
    pub output: LogOutput,
    /// What to warn about once the log is there.
    pub warnings: Vec<String>,
    /// What the user has to know at every level, once a process.
    pub notices: Vec<String>,
    /// What to say at INFO.
    pub notes: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogOutput {
    /// Errors alone, one line each.
    Stderr,
    /// The host's standard output: the service's own tools have it, so we have it.
    Stdout,
    /// Nowhere, not even errors.
    Discard,
    /// A file; errors go to stderr too.
    File(PathBuf),
}

/// Reads the configuration. `reserved` is the text in `pReserved` of the initialise arguments: `NAME=value` pairs, one a
/// line or separated by `;`, that come before the environment.
pub fn load(reserved: Option<&str>) -> Config {
    load_from(Sources::of_process(reserved))
}

/// The same from given sources: for tests and for the companion program.
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
    // A file that is wrong somewhere is believed nowhere.
    tokens.iter_mut().for_each(|token| token.problems.splice(0..0, problems.iter().cloned()).for_each(drop));
    let (ledger, wrong) = read_process::ledger(&mut sources);
    tokens.iter_mut().for_each(|token| token.problems.extend(wrong.iter().cloned()));
    let lenient_fork = read_process::lenient_fork(&mut sources);
    let mut log = read_process::log(&mut sources);
    if read_process::hides_unconfigured(&mut sources) && !sources.is_configured() && problems.is_empty() {
        // Nobody asked for this module: it came with the package, through p11-kit.
        let note = format!("no token is shown: nothing is configured (looked in {})", sources.places());
        log = LogSettings { notes: vec![note], warnings: Vec::new(), ..log };
        tokens.clear();
    }
    let timestamp = read_process::timestamp(&mut sources);
    Config { tokens: tokens.into_iter().map(Arc::new).collect(), log, ledger, lenient_fork, timestamp }
}
