//! `smctl windows`: key storage provider and certificate store. On other systems each command is refused by name.

use super::account::Choice;
use super::refused;
use crate::print::Failure;
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
    /// Only the certificate with this alias
    #[arg(long, value_name = "ALIAS")]
    certificate_alias: Option<String>,
    #[arg(long, value_enum, default_value = "user")]
    store: Store,
    #[command(flatten)]
    account: Choice,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Status {
    All,
    Expired,
    /// Revoked, by what the service says
    #[value(alias = "revoked")]
    Revoke,
    /// Expired, not valid yet, or revoked
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
        let status = match arguments.certificate_status {
            Status::All => windows::Status::All,
            Status::Expired => windows::Status::Expired,
            Status::Revoke => windows::Status::Revoked,
            Status::Invalid => windows::Status::Invalid,
        };
        let list = |alias: &Option<String>| alias.iter().cloned().collect::<Vec<_>>();
        let (keypairs, certificates) = (list(&arguments.keypair_alias), list(&arguments.certificate_alias));
        let (machine, account) = (arguments.store == Store::System, arguments.account.quiet()?);
        windows::certdesync(&windows::Certdesync::new(&keypairs, &certificates, status, machine, account), None)
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
    use crate::print::Exit;

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
        let Certdesync { keypair_alias: _, certificate_status: _, store: _, certificate_alias: _, account } = arguments;
        account.quiet()?;
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
