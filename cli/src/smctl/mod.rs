//! `stm-pkcs11 smctl`: the commands of the vendor's program, for scripts that call it. Also reached by that program's name
//! ([`program`]).
//!
//! Each file translates the words of one command, and nothing else: what it does is in `command/` and below. Lines that
//! scripts read are in [`literals`]. On success nothing is written to standard error; the status is 0 after success only.

mod account;
mod certificate;
mod cobra;
mod credentials;
mod fingerprint;
mod hash;
mod healthcheck;
mod input;
mod keypair;
mod link;
mod literals;
mod program;
mod refused;
mod sign;
mod sign_file;
mod sign_remove;
mod sign_verify;
mod tool;
mod windows;

pub use cobra::usage;
pub use program::words;

use crate::print::{self, Failure};
use clap::{Command, Subcommand};

#[derive(clap::Args)]
#[command(disable_version_flag = true)]
pub struct Arguments {
    /// Print one line with the version
    #[arg(short, long)]
    version: bool,
    #[command(subcommand)]
    command: Option<Smctl>,
}

#[derive(Subcommand)]
enum Smctl {
    /// Check the account, and show which signing programs are found
    Healthcheck(healthcheck::Healthcheck),
    /// List and describe keypairs
    #[command(visible_alias = "kp")]
    Keypair(keypair::Arguments),
    /// List and download certificates
    #[command(visible_alias = "cert")]
    Certificate(certificate::Arguments),
    /// Sign and verify files and hashes, and remove signatures
    #[command(visible_alias = "signature")]
    Sign(Box<sign::Arguments>),
    /// Save or delete API key and client certificate password
    #[command(visible_alias = "creds")]
    Credentials(credentials::Arguments),
    /// Register the key storage provider, and link certificates in the certificate store
    Windows(windows::Arguments),
    /// Make a link named smctl to this program
    Link(link::Link),
    #[command(external_subcommand)]
    Other(Vec<String>),
}

/// The log file of the vendor's program, which scripts print after a failure.
const LOG: &str = "smctl.log";

/// Appends a failure to the file that scripts print.
pub fn log(failure: &Failure) {
    let line = format!("{}: {}; {}", failure.what(), failure.why().replace('\n', "; "), failure.remedy());
    stm_pkcs11::log::append_error(&stm_pkcs11::config::load(None).log, LOG, &line);
}

/// The command with the ways of the vendor's command line: see [`cobra`].
pub fn command(command: Command) -> Command {
    cobra::like(command)
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.version {
        print::line(&literals::version());
        return Ok(());
    }
    match &arguments.command {
        Some(Smctl::Healthcheck(arguments)) => healthcheck::run(arguments),
        Some(Smctl::Keypair(arguments)) => keypair::run(arguments),
        Some(Smctl::Certificate(arguments)) => certificate::run(arguments),
        Some(Smctl::Sign(arguments)) => sign::run(arguments),
        Some(Smctl::Credentials(arguments)) => credentials::run(arguments),
        Some(Smctl::Windows(arguments)) => windows::run(arguments),
        Some(Smctl::Link(arguments)) => link::run(arguments),
        Some(Smctl::Other(words)) => Err(refused::failure(&[], words)),
        None => cobra::help(),
    }
}
