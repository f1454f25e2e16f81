//! Which account: the settings' own. What the vendor's flags could ask for besides is refused by name.

use crate::account::{self, Account};
use crate::print::{Exit, Failure};

#[derive(clap::Args)]
#[group(skip)]
pub struct Choice {
    #[command(flatten)]
    choice: account::Choice,
    /// Another account than the API key's
    #[arg(long, hide = true)]
    account_id: Option<String>,
    /// Credentials of DigiCert's Trust Assistant
    #[arg(long, hide = true)]
    dynamic_auth: bool,
}

impl Choice {
    /// The settings that were chosen, which say on standard error only what stops a command.
    pub fn quiet(&self) -> Result<account::Choice, Failure> {
        let refused =
            |flag: &str, why: &str, remedy: &str| Failure::new(format!("use {flag}"), why, remedy).exit(Exit::Usage);
        if self.account_id.as_deref().is_some_and(|id| !id.is_empty()) {
            return Err(refused(
                "--account-id",
                "the API key decides on the account",
                "set SM_API_KEY to a key of that account",
            ));
        }
        if self.dynamic_auth {
            let why = "it requires DigiCert's Trust Assistant";
            return Err(refused(
                "--dynamic-auth",
                why,
                "set SM_API_KEY, SM_CLIENT_CERT_FILE and SM_CLIENT_CERT_PASSWORD",
            ));
        }
        Ok(self.choice.clone().quiet())
    }

    pub fn open(&self) -> Result<Account, Failure> {
        self.quiet()?.open()
    }
}
