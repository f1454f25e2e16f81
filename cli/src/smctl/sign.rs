//! `smctl sign`: files, and by its subcommands verification, removal and hashes.

use super::hash::{self, SignHash, VerifyHash};
use super::refused;
use super::sign_file::{self, SignFile};
use super::sign_remove::{self, SignRemove};
use super::sign_verify::{self, SignVerify};
use crate::print::Failure;
use clap::Subcommand;

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
    /// Verify the signatures of files, against the roots that this system trusts
    Verify(SignVerify),
    /// Remove the signatures of Windows programs, installers and cabinets
    Remove(SignRemove),
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

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Some(Command::Verify(arguments)) => sign_verify::run(arguments),
        Some(Command::Remove(arguments)) => sign_remove::run(arguments),
        Some(Command::SignHash(arguments)) => hash::sign_hash(arguments),
        Some(Command::VerifyHash(arguments)) => hash::verify_hash(arguments),
        Some(Command::InToto { words }) => {
            let words: Vec<String> = std::iter::once("in-toto".to_owned()).chain(words.iter().cloned()).collect();
            Err(refused::failure(&["sign"], &words))
        }
        None => sign_file::run(&arguments.file),
    }
}
