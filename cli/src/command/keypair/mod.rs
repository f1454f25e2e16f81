//! `stm-pkcs11 keypair`: what keypairs there are, one of them, a new one.

mod certificate;
mod create;
mod list;
mod public_key;
mod show;

use crate::print::Failure;
use clap::Subcommand;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// List the keypairs
    List(list::List),
    /// Show a keypair, with its public key and its certificates
    Show(show::Show),
    /// Print a keypair's certificate and its issuers, as PEM or DER
    Certificate(certificate::Certificate),
    /// Print a keypair's public key, as PEM or DER
    PublicKey(public_key::PublicKey),
    /// Create a keypair. It counts against the account's licence, and cannot be undone here
    Create(create::Create),
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::List(arguments) => list::run(arguments),
        Command::Show(arguments) => show::run(arguments),
        Command::Certificate(arguments) => certificate::run(arguments),
        Command::PublicKey(arguments) => public_key::run(arguments),
        Command::Create(arguments) => create::run(arguments),
    }
}
