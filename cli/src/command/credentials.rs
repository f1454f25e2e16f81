//! `stm-pkcs11 credentials`: API key and client certificate password, kept for this user.

use crate::account::credentials;
use crate::print::{self, Exit, Failure, shown};
use clap::Subcommand;
use std::io::BufRead;
use zeroize::Zeroizing;

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Save API key and client certificate password, read as two lines from standard input, for this user
    Save,
    /// Remove what was saved
    Delete,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    match arguments.command {
        Command::Save => {
            let mut lines = std::io::stdin().lock().lines();
            let mut line = || -> Result<Zeroizing<String>, Failure> {
                let line = lines.next().unwrap_or_else(|| Ok(String::new()));
                let unreadable = |error| {
                    Failure::new("read standard input", error, "write API key and password, one a line")
                        .exit(Exit::Usage)
                };
                line.map(Zeroizing::new).map_err(unreadable)
            };
            save(&line()?, &line()?)
        }
        Command::Delete => delete(),
    }
}

/// Saves both, and says where.
pub fn save(api_key: &str, password: &str) -> Result<(), Failure> {
    let kept = credentials::save(api_key, password)?;
    print::line(&format!("Credentials saved to {}", shown(&kept.place)));
    for (name, place) in kept.hidden {
        print::line(&format!("{name} is still read from {}, which comes first", shown(&place)));
    }
    Ok(())
}

/// Removes what [`save`] kept.
pub fn delete() -> Result<(), Failure> {
    match credentials::delete()? {
        Some(place) => print::line(&format!("Credentials deleted from {}", shown(&place))),
        None => print::line("No credentials were saved"),
    }
    Ok(())
}
