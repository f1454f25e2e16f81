//! `stm-pkcs11`, the module's companion: the list of commands.
//!
//! A command returns `Result<(), Failure>`. A failure is printed as the failed action, the cause and the fix, and
//! determines the exit status ([`print::Exit`]).

#![deny(clippy::print_stdout, clippy::print_stderr, reason = "print/ writes, and knows of closed pipes and full disks")]

mod account;
mod codesign;
mod command;
mod demo;
mod examples;
mod files;
mod language;
mod ledger;
mod module_file;
mod on_path;
mod print;
mod report;
mod smctl;

use clap::{FromArgMatches, Parser, Subcommand};
use command::{
    certificate, completions, config, credentials, doctor, keypair, sample, sign, sign_file, signature, trace, verify,
};
use print::{Exit, Failure};
use std::process::ExitCode;

/// The companion of the stm-pkcs11 PKCS#11 module: check, list, sign and configure.
#[derive(Parser)]
#[command(name = "stm-pkcs11", version, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Check each step needed to sign, and tell how to fix what is wrong; does not use up a signature
    Doctor(doctor::Arguments),
    /// List, show and create keypairs; their public keys and certificates
    Keypair(keypair::Arguments),
    /// List the certificates of all keypairs
    Certificate(certificate::Arguments),
    /// Sign a file or a digest; uses up one signature
    Sign(sign::Sign),
    /// Sign programs, installers, scripts, packages and archives in their own formats; uses up one signature a file
    SignFile(sign_file::SignFile),
    /// Verify the signature of a file with a keypair's public key; does not use up a signature
    Verify(verify::Verify),
    /// Show who signed files and when, and verify them; uses up no signature
    VerifyFile(command::verify_file::VerifyFile),
    /// Show a record of the service's signature log
    Signature(signature::Arguments),
    /// Show who signed what, and how many signatures were used, from the ledger
    Ledger(command::ledger::Arguments),
    /// Print a client's script or configuration file, with the paths of this machine and one of your aliases
    Config(config::Arguments),
    /// Run a command, and log each PKCS#11 call and HTTP request it makes
    Trace(trace::Arguments),
    /// Sign files through the module with keys of the emulator, and verify them without the module
    Demo(demo::Arguments),
    /// Register the key storage provider of Windows, and link certificates in the certificate store
    #[cfg(windows)]
    Windows(command::windows::Arguments),
    /// (only in the Windows build)
    #[cfg(not(windows))]
    #[command(hide = true, disable_help_flag = true)]
    Windows(command::elsewhere::Arguments),
    /// Save or delete API key and client certificate password
    Credentials(credentials::Arguments),
    /// Follow the commands of DigiCert's smctl, for scripts that call it
    Smctl(Box<smctl::Arguments>),
    /// Write a small file that a signing tool accepts
    Sample(sample::Arguments),
    /// Print completions for a shell
    Completions(completions::Completions),
    /// Write the manual pages
    Man(completions::Man),
    /// Sign one file through the module in this process and print signature and certificates as JSON (used by `demo`)
    #[command(hide = true)]
    SignThrough(demo::client::Arguments),
}

fn main() -> ExitCode {
    let words = smctl::words(std::env::args_os());
    let for_smctl = words.get(1).is_some_and(|word| word == "smctl");
    let arguments = examples::command().try_get_matches_from(words);
    let arguments = match arguments.and_then(|matches| Arguments::from_arg_matches(&matches)) {
        Ok(arguments) => arguments,
        Err(said) if said.use_stderr() && for_smctl => return smctl::usage(&said),
        Err(said) => return usage(&said),
    };
    let result = run(arguments.command).and_then(|()| print::finish());
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            print::note(&failure.to_string());
            if for_smctl {
                smctl::log(&failure);
            }
            ExitCode::from(failure.status() as u8)
        }
    }
}

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Keypair(arguments) => keypair::run(&arguments),
        Command::Certificate(arguments) => certificate::run(&arguments),
        Command::Sign(arguments) => sign::run(&arguments),
        Command::SignFile(arguments) => sign_file::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::VerifyFile(arguments) => command::verify_file::run(&arguments),
        Command::Signature(arguments) => signature::run(&arguments),
        Command::Ledger(arguments) => command::ledger::run(&arguments),
        Command::Config(arguments) => config::run(&arguments),
        Command::Trace(arguments) => trace::run(&arguments),
        Command::Completions(arguments) => completions::completions(&arguments),
        Command::Man(arguments) => completions::man(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        #[cfg(windows)]
        Command::Windows(arguments) => command::windows::run(&arguments),
        #[cfg(not(windows))]
        Command::Windows(_) => Err(command::elsewhere::refused()),
        Command::Credentials(arguments) => credentials::run(&arguments),
        Command::Smctl(arguments) => smctl::run(&arguments),
        Command::Sample(arguments) => sample::run(&arguments),
        Command::SignThrough(arguments) => demo::client::run(&arguments),
    }
}

/// Prints help and version, or the problem of a command line.
fn usage(said: &clap::Error) -> ExitCode {
    let wrong = said.use_stderr();
    match said.print() {
        _ if wrong => ExitCode::from(Exit::Usage as u8),
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            print::note(&print::unwritten("to standard output", &error).to_string());
            ExitCode::from(Exit::Failed as u8)
        }
        _ => ExitCode::SUCCESS,
    }
}
