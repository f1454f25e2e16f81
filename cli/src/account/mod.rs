//! The account that a command uses, with the module's own settings.

pub mod certificate_file;
pub mod credentials;
pub mod describe;
pub mod prepare;
pub mod signature;

use crate::print::{Exit, Failure};
use std::path::PathBuf;
use std::sync::Arc;
use stm_pkcs11::config::{self, Config, LogOutput, TokenSettings};
use stm_pkcs11::ledger::Ledger;
use stm_pkcs11::nearest::nearest;
use stm_pkcs11::service::{self, Keypair, Service, Wanted};
use stm_pkcs11::token::Signer;

/// Which of the configured accounts.
#[derive(Clone, clap::Args)]
pub struct Choice {
    /// The token of the settings file, where it has several
    #[arg(long, value_name = "NAME")]
    token: Option<String>,
    /// Whether notices stay out of standard error: see [`Choice::quiet`].
    #[arg(skip)]
    quiet: bool,
}

/// An account and the service behind it.
pub struct Account {
    pub service: Service,
    /// Writes every signature down, as the module does.
    pub signer: Signer,
    /// The ledger that `signer` writes, with the budget.
    pub ledger: Arc<Ledger>,
    /// Where the ledger is, if there is one.
    pub ledger_file: Option<PathBuf>,
    /// The place of its first slot in the module's list: programs that load the module choose a slot by it.
    pub slot: usize,
    /// `STM_PKCS11_KEY_PREFIX`: aliases that begin with it may contain their `CKA_ID`.
    pub key_prefix: String,
}

/// The settings, with the log started. A command's standard output is its result, which scripts read; so a log that
/// would go there goes to standard error.
pub fn configuration() -> Config {
    begun(config::load(None), false)
}

fn begun(mut config: Config, quiet: bool) -> Config {
    if config.log.output == LogOutput::Stdout {
        config.log.output = LogOutput::Stderr;
    }
    let mut log = config.log.clone();
    if quiet {
        log.notices.clear();
    }
    stm_pkcs11::log::start(&log);
    config
}

impl Choice {
    /// The same, for a command that writes nothing to standard error unless it fails: `smctl healthcheck` tells the notices.
    pub fn quiet(self) -> Self {
        Self { quiet: true, ..self }
    }

    /// The settings, with the log started, and those of the chosen token.
    pub fn settings(&self) -> Result<(Config, Arc<TokenSettings>), Failure> {
        let config = begun(config::load(None), self.quiet);
        service::permit_threads(true);
        let names: Vec<&str> = config.tokens.iter().map(|token| token.name.as_str()).collect();
        let chosen = match &self.token {
            None if config.tokens.len() > 1 => {
                let remedy = format!("choose one with --token: {}", names.join(", "));
                let failure = Failure::new("choose an account", "the settings file has several tokens", remedy);
                return Err(failure.exit(Exit::Usage));
            }
            None => config.tokens.first(),
            Some(name) => config.tokens.iter().find(|token| token.name == *name),
        };
        let Some(chosen) = chosen.cloned() else {
            let remedy = format!("the tokens are: {}", names.join(", "));
            let failure = Failure::new("choose an account", "there is no token of that name", remedy);
            return Err(failure.exit(Exit::Usage));
        };
        Ok((config, chosen))
    }

    /// Whether any setting of an account is there, from whatever source.
    pub fn is_configured(&self) -> bool {
        self.token.is_some() || !config::load(Some("STM_PKCS11_UNCONFIGURED=no-token")).tokens.is_empty()
    }

    /// `STM_PKCS11_TIMESTAMP`: the URL of the time-stamping server; `None` if there is to be none.
    pub fn timestamp(&self) -> Option<String> {
        config::load(None).timestamp
    }

    /// Reads the settings and starts the log; sends no request.
    pub fn open(&self) -> Result<Account, Failure> {
        let (config, settings) = self.settings()?;
        let ledger = Arc::new(Ledger::new(&config.ledger));
        let signer = Signer::new(Arc::clone(&ledger), &config.ledger, &settings);
        let key_prefix = settings.generate.alias_prefix.clone();
        let before = config.tokens.iter().take_while(|token| !Arc::ptr_eq(token, &settings));
        let slot = before.map(|token| 1 + usize::from(token.modern_slot)).sum();
        Ok(Account {
            service: Service::new(settings),
            signer,
            ledger,
            ledger_file: config.ledger.path,
            slot,
            key_prefix,
        })
    }
}

impl Account {
    /// The keypair with an alias, or else with an id.
    pub fn keypair(&self, name: &str) -> Result<Arc<Keypair>, Failure> {
        if name.trim().is_empty() {
            let remedy = "name a keypair; the variable with the alias may be unset";
            return Err(Failure::new("find the keypair", "the alias is empty", remedy).exit(Exit::Usage));
        }
        let what = || format!("find the keypair {name}");
        let look = |wanted| self.service.keypairs(wanted, self.service.deadline());
        for wanted in [Wanted::Alias(name), Wanted::Id(name)] {
            let found = look(wanted).map_err(|failure| refused(what(), &failure))?;
            match found.as_slice() {
                [] => {}
                [one] => return Ok(Arc::clone(one)),
                several => {
                    let ids: Vec<&str> = several.iter().map(|keypair| keypair.id.as_str()).collect();
                    let remedy = format!("name one by its id: {}", ids.join(", "));
                    return Err(Failure::new(what(), "several keypairs have this alias", remedy));
                }
            }
        }
        let all = look(Wanted::All).map_err(|failure| refused(what(), &failure))?;
        Err(unknown(name, &all))
    }
}

/// The failure for an alias that no keypair has; it suggests a similar alias that this user sees.
pub fn unknown(alias: &str, all: &[Arc<Keypair>]) -> Failure {
    let cause = "the account has no such keypair, or this user does not have access to it";
    Failure::new(format!("find the keypair {alias}"), cause, similar(alias, all)).exit(Exit::NotFound)
}

/// The fix for an unknown alias: suggests a similar one that this user sees.
pub fn similar(alias: &str, all: &[Arc<Keypair>]) -> String {
    match nearest(alias, all.iter().map(|keypair| keypair.alias.as_str())) {
        Some(near) if near.eq_ignore_ascii_case(alias) => format!("aliases are case-sensitive: did you mean {near}?"),
        Some(near) => format!("did you mean {near}?"),
        None => "run `stm-pkcs11 keypair list` to list the aliases".to_owned(),
    }
}

/// The failure of a command, from the service's response.
pub fn refused(what: impl Into<String>, failure: &service::Failure) -> Failure {
    let remedy =
        if failure.remedy().is_empty() { "run `stm-pkcs11 doctor`: it checks each step" } else { failure.remedy() };
    Failure::new(what, failure.cause(), remedy).exit(failure.kind().into())
}
