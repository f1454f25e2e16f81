//! `stm-pkcs11 windows`: the key storage provider's registration, which `signtool /csp` and certificate stores need, and the
//! certificates with links to their keys in such a store. Every command may be repeated, at the same time or after one
//! that was interrupted.

mod certdesync;
mod certsync;
mod provider;
mod register;
mod status;

pub use certdesync::{Certdesync, Status, certdesync};
pub use certsync::{Certsync, certsync};
pub use register::{list, register_unless_there, unregister_all};

use crate::account::describe;
use crate::print::{Exit, Failure};
use clap::{Subcommand, ValueEnum};
use std::path::PathBuf;
use stm_pkcs11::windows::link::Owner;
use stm_pkcs11::x509::Certificate;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// The provider's name, which stands behind signtool's /csp; default: "stm-pkcs11 Key Storage Provider", or the one that is
    /// registered
    #[arg(long, global = true, visible_alias = "provider")]
    name: Option<String>,
}

#[derive(Subcommand)]
enum Command {
    /// Put the library into System32 and register its provider; requires administrator rights, unless all is done
    Register {
        /// stm_pkcs11.dll; default: the one beside this program, and x86\stm_pkcs11.dll for 32-bit programs. Repeat it for builds
        /// of several machine types: the one for 32-bit programs is put into SysWOW64
        #[arg(long, value_name = "FILE", visible_alias = "library")]
        dll: Vec<PathBuf>,
    },
    /// Unregister the provider, and remove the library from System32 and SysWOW64; requires administrator rights
    #[command(visible_alias = "remove")]
    Unregister,
    /// What stm-pkcs11 has put on this machine: names, library, certificates, cache
    Status {
        /// JSON instead of lines
        #[arg(long)]
        json: bool,
    },
    /// Put certificates into the certificate store, linked to their keys, for programs that sign with what is there
    Certsync(Certsync),
    /// Remove from the certificate store what certsync put there
    Certdesync(Certdesync),
    /// Register, list and unregister the provider under the vendor's names
    Ksp {
        #[command(subcommand)]
        command: Ksp,
    },
}

/// The vendor's commands for its provider.
#[derive(Subcommand)]
enum Ksp {
    /// Register the provider under the vendor's names; requires administrator rights
    Register,
    /// List the names under which the provider is registered
    #[command(visible_alias = "ls")]
    List,
    /// Unregister the vendor's names; requires administrator rights
    #[command(visible_alias = "remove")]
    Unregister,
}

/// Whose certificate store.
#[derive(Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Store {
    #[default]
    User,
    /// The machine's, for services; requires administrator rights
    System,
}

/// Which certificate store.
#[derive(clap::Args)]
struct Place {
    /// The certificate store
    #[arg(long, value_enum, ignore_case = true, default_value = "user")]
    store: Store,
    /// The same as --store system
    #[arg(long)]
    machine: bool,
}

impl Place {
    fn new(machine: bool) -> Self {
        Self { store: Store::User, machine }
    }

    fn owner(&self) -> Owner {
        if self.machine || self.store == Store::System { Owner::Machine } else { Owner::User }
    }
}

const ADMINISTRATOR: &str = "run it as an administrator";
const WINDOWS_SAYS: &str = "look up the message of Windows";

/// What to do if Windows refuses to change a store.
fn store_remedy(owner: Owner) -> &'static str {
    if owner == Owner::Machine { ADMINISTRATOR } else { WINDOWS_SAYS }
}

/// Whether a certificate in DER has expired; no if it cannot be read.
fn has_expired(certificate: &[u8]) -> bool {
    Certificate::parse(certificate.to_vec()).is_ok_and(|read| read.not_after() < describe::now())
}

/// Whether a certificate in DER is not valid yet; no if it cannot be read.
fn is_early(certificate: &[u8]) -> bool {
    Certificate::parse(certificate.to_vec()).is_ok_and(|read| read.not_before() > describe::now())
}

/// Refuses an alias that is empty, as that of an unset variable is.
fn aliases<'a>(words: impl Iterator<Item = &'a String>) -> Result<Vec<&'a str>, Failure> {
    let given: Vec<&str> = words.map(String::as_str).collect();
    if given.iter().any(|alias| alias.trim().is_empty()) {
        let remedy = "name one, or leave the option out for all of them; a variable may be unset";
        return Err(Failure::new("read the aliases", "an alias is empty", remedy).exit(Exit::Usage));
    }
    Ok(given)
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let name = arguments.name.as_deref();
    match &arguments.command {
        Command::Register { dll } => register::register(name.unwrap_or(provider::OWN), dll),
        Command::Unregister => register::unregister(name),
        Command::Status { json } => status::status(name, *json),
        Command::Certsync(wanted) => certsync(wanted, name),
        Command::Certdesync(wanted) => certdesync(wanted, name),
        Command::Ksp { command: Ksp::Register } => {
            provider::VENDORS.iter().try_for_each(|name| register_unless_there(name))
        }
        Command::Ksp { command: Ksp::List } => list(),
        Command::Ksp { command: Ksp::Unregister } => unregister_all(&provider::VENDORS),
    }
}

pub use provider::VENDORS;
