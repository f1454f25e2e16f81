//! `stm-pkcs11`: the companion of the module. Names the commands.
//!
//! A command returns `Result<(), Failure>`; a failure is printed as what went wrong, why, and what to do, and says with which
//! status the program ends ([`print::Exit`]).

#![deny(clippy::print_stdout, clippy::print_stderr, reason = "print/ writes, and knows of closed pipes and full disks")]

mod account;
mod command;
mod demo;
mod ledger;
mod print;

use clap::{Parser, Subcommand};
use command::{certificate, completions, config, doctor, keypair, sample, sign, signature, trace, verify};
use print::{Exit, Failure};
use std::process::ExitCode;

/// Companion of the stm-pkcs11 module.
#[derive(Parser)]
#[command(name = "stm-pkcs11", version, about, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Look at every step on the way to a signature, and say what is wrong; spends none
    Doctor(doctor::Arguments),
    /// List, show and create keypairs; their public keys and certificates
    Keypair(keypair::Arguments),
    /// List the certificates of all keypairs
    Certificate(certificate::Arguments),
    /// Sign a file, or a digest; spends one signature
    Sign(sign::Sign),
    /// Check a file's signature against a keypair; spends none
    Verify(verify::Verify),
    /// The service's records of signatures
    Signature(signature::Arguments),
    /// What was signed, by whom, and what it cost; spends none
    Ledger(command::ledger::Arguments),
    /// A client's ready-made file, with this machine's paths and one of your aliases in it
    Config(config::Arguments),
    /// Run any command, and tell every PKCS#11 call and every request that it makes
    Trace(trace::Arguments),
    /// Sign real files through the module, with keys in an emulated service, and verify them without it
    Demo(demo::Arguments),
    /// The key storage provider and the certificate store of Windows
    #[cfg(windows)]
    Windows(command::windows::Arguments),
    /// Write a small file that a signing tool accepts
    Sample(sample::Arguments),
    /// Print a shell's completions
    Completions(completions::Completions),
    /// Write the manual pages
    Man(completions::Man),
    /// Sign one file through the module in this process and print signature and certificates as JSON (used by `demo`)
    #[command(hide = true)]
    SignThrough(demo::client::Arguments),
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(said) => return usage(&said),
    };
    let result = run(arguments.command).and_then(|()| print::finish());
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            print::note(&failure.to_string());
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
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Signature(arguments) => signature::run(&arguments),
        Command::Ledger(arguments) => command::ledger::run(&arguments),
        Command::Config(arguments) => config::run(&arguments),
        Command::Trace(arguments) => trace::run(&arguments),
        Command::Completions(arguments) => completions::completions(&arguments),
        Command::Man(arguments) => completions::man(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        #[cfg(windows)]
        Command::Windows(arguments) => command::windows::run(&arguments),
        Command::Sample(arguments) => sample::run(&arguments),
        Command::SignThrough(arguments) => demo::client::run(&arguments),
    }
}

/// Help and version, which were asked for, and what is wrong with a command line.
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
