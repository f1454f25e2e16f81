//! `smctl sign`: files, and by its subcommands verification, removal and hashes.

use super::account::Choice;
use super::hash::{self, SignHash, VerifyHash};
use super::refused;
use crate::print::{Exit, Failure};
use clap::Subcommand;
use std::path::PathBuf;

#[derive(clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    file: SignFile,
}

#[derive(Subcommand)]
enum Command {
    /// Sign the hash of a file, or a hash
    SignHash(SignHash),
    /// Verify a signature that sign-hash made
    VerifyHash(VerifyHash),
    #[command(hide = true)]
    InToto {
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<String>,
    },
}

#[derive(clap::Args)]
struct SignFile {
    /// Alias of the keypair
    #[arg(long, value_name = "ALIAS")]
    keypair_alias: Option<String>,
    /// File, or directory with files
    #[arg(short, long, value_name = "FILE")]
    input: Option<PathBuf>,
    #[command(flatten)]
    account: Choice,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Some(Command::SignHash(arguments)) => hash::sign_hash(arguments),
        Some(Command::VerifyHash(arguments)) => hash::verify_hash(arguments),
        Some(Command::InToto { words }) => {
            let words: Vec<String> = std::iter::once("in-toto".to_owned()).chain(words.iter().cloned()).collect();
            Err(refused::failure(&["sign"], &words))
        }
        None => {
            let SignFile { keypair_alias: _, input: _, account } = &arguments.file;
            account.quiet()?;
            Err(Failure::new("sign files", "not yet", "sign with another program").exit(Exit::Usage))
        }
    }
}
