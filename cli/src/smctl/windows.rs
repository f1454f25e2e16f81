//! `smctl windows`: key storage provider and certificate store. On other systems each command is refused by name.

use super::account::Choice;
use super::refused;
use crate::print::{Exit, Failure};
use clap::{Subcommand, ValueEnum};

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Put certificates into the certificate store, linked to their keys
    Certsync(Certsync),
    /// Remove from the certificate store what certsync put there
    Certdesync(Certdesync),
    /// Register, list and unregister the key storage provider
    Ksp(Ksp),
    #[command(external_subcommand)]
    Other(Vec<String>),
}

/// Whose certificate store.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Store {
    User,
    /// The machine's; requires administrator rights
    System,
}

/// What a keypair is for.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "UPPER")]
enum KeypairType {
    Production,
    Test,
}

#[derive(clap::Args)]
struct Certsync {
    /// Only this keypair; default: all that Windows can sign with
    #[arg(long, value_name = "ALIAS")]
    keypair_alias: Vec<String>,
    /// Only keypairs of this type
    #[arg(long, value_enum, ignore_case = true)]
    keypair_type: Option<KeypairType>,
    #[arg(long, value_enum, default_value = "user")]
    store: Store,
    #[command(flatten)]
    account: Choice,
}

#[derive(clap::Args)]
struct Certdesync {
    /// Only this keypair; default: all
    #[arg(long, value_name = "ALIAS")]
    keypair_alias: Option<String>,
    /// Only certificates in this state
    #[arg(long, value_enum, default_value = "all")]
    certificate_status: Status,
    #[arg(long, value_enum, default_value = "user")]
    store: Store,
    #[arg(long, hide = true)]
    certificate_alias: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Status {
    All,
    Expired,
    #[value(hide = true)]
    Revoke,
    #[value(hide = true)]
    Invalid,
}

#[derive(clap::Args)]
struct Ksp {
    #[command(subcommand)]
    command: KspCommand,
}

#[derive(Subcommand)]
enum KspCommand {
    /// Register the provider under the names that scripts use; requires administrator rights
    Register,
    /// List the names under which the provider is registered
    #[command(visible_alias = "ls")]
    List,
    /// Unregister the provider; requires administrator rights
    #[command(visible_alias = "remove")]
    Unregister,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::Certsync(arguments) => system::certsync(arguments),
        Command::Certdesync(arguments) => system::certdesync(arguments),
        Command::Ksp(arguments) => match arguments.command {
            KspCommand::Register => system::register(),
            KspCommand::List => system::list(),
            KspCommand::Unregister => system::unregister(),
        },
        Command::Other(words) => Err(refused::failure(&["windows"], words)),
    }
}

#[cfg(windows)]
mod system {
    use super::*;
    use crate::command::windows;

    /// Names that scripts write behind signtool's `/csp`.
    const NAMES: [&str; 2] = windows::VENDORS;

    pub fn certsync(arguments: &Certsync) -> Result<(), Failure> {
        let kind = arguments.keypair_type.map(|kind| match kind {
            KeypairType::Production => "PRODUCTION",
            KeypairType::Test => "TEST",
        });
        let machine = arguments.store == Store::System;
        windows::certsync(
            &windows::Certsync::new(&arguments.keypair_alias, kind, machine, arguments.account.quiet()?),
            None,
        )
    }

    pub fn certdesync(arguments: &Certdesync) -> Result<(), Failure> {
        let refused = |flag: &str, remedy: &str| {
            Failure::new(format!("use {flag}"), "the store does not have this", remedy).exit(Exit::Usage)
        };
        if arguments.certificate_alias.is_some() {
            return Err(refused("--certificate-alias", "use --keypair-alias"));
        }
        if matches!(arguments.certificate_status, Status::Revoke | Status::Invalid) {
            return Err(refused("--certificate-status", "use expired or all"));
        }
        let alias: Vec<String> = arguments.keypair_alias.iter().cloned().collect();
        let expired_only = arguments.certificate_status == Status::Expired;
        windows::certdesync(&windows::Certdesync::new(&alias, expired_only, arguments.store == Store::System), None)
    }

    pub fn register() -> Result<(), Failure> {
        NAMES.iter().try_for_each(|name| windows::register_unless_there(name))
    }

    pub fn list() -> Result<(), Failure> {
        windows::list()
    }

    pub fn unregister() -> Result<(), Failure> {
        windows::unregister_all(&NAMES)
    }
}

#[cfg(not(windows))]
mod system {
    use super::*;

    fn refuse(command: &str) -> Result<(), Failure> {
        let remedy = "leave it out on this system: smctl sign and the PKCS#11 module require no certificate store";
        let what = format!("run smctl windows {command}");
        Err(Failure::new(what, "it works on Windows only", remedy).exit(Exit::Usage))
    }

    pub fn certsync(arguments: &Certsync) -> Result<(), Failure> {
        let Certsync { keypair_alias: _, keypair_type: _, store: Store::User | Store::System, account } = arguments;
        account.quiet()?;
        refuse("certsync")
    }

    pub fn certdesync(arguments: &Certdesync) -> Result<(), Failure> {
        let Certdesync { keypair_alias: _, certificate_status: _, store: _, certificate_alias: _ } = arguments;
        refuse("certdesync")
    }

    pub fn register() -> Result<(), Failure> {
        refuse("ksp register")
    }

    pub fn list() -> Result<(), Failure> {
        refuse("ksp list")
    }

    pub fn unregister() -> Result<(), Failure> {
        refuse("ksp unregister")
    }
}
