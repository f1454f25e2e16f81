//! `smctl credentials`.

use super::refused;
use crate::command::credentials;
use crate::print::Failure;
use clap::Subcommand;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Save API key and client certificate password for this user
    Save {
        #[arg(value_name = "API KEY")]
        api_key: String,
        #[arg(value_name = "CLIENT CERTIFICATE PASSWORD")]
        password: String,
    },
    /// Remove what was saved
    Delete,
    #[command(external_subcommand)]
    Other(Vec<String>),
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.command {
        Command::Save { api_key, password } => credentials::save(api_key, password),
        Command::Delete => credentials::delete(),
        Command::Other(words) => Err(refused::failure(&["credentials"], words)),
    }
}
