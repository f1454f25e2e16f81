//! `stm-pkcs11`: the companion of the module.
//!
//! One subcommand per file. A subcommand returns `Result<(), Failure>`; a failure is printed as what went wrong, why, and
//! what to do, and the program ends with status 1.

mod account;
mod client;
mod completions;
mod config;
mod demo;
mod doctor;
mod failure;
mod keypair;
mod output;
mod progress;
mod sample;
mod sign;
mod signature;
mod table;
mod trace;
mod verify;
#[cfg(windows)]
mod windows;

use clap::{Parser, Subcommand};
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
    /// List, show and make keypairs
    Keypair(keypair::Arguments),
    /// Sign a file; spends one signature
    Sign(sign::Sign),
    /// Check a file's signature against a keypair; spends none
    Verify(sign::Verify),
    /// The service's records of signatures
    Signature(signature::Arguments),
    /// A client's ready-made file, with this machine's paths and one of your aliases in it
    Config(config::Arguments),
    /// Run any command, and tell every PKCS#11 call and every request that it makes
    Trace(trace::Arguments),
    /// Sign real files through the module, with keys in an emulated service, and verify them without it
    Demo(demo::Arguments),
    /// The key storage provider and the certificate store of Windows
    #[cfg(windows)]
    Windows(windows::Arguments),
    /// Write a small file that a signing tool accepts
    Sample(sample::Arguments),
    /// Print a shell's completions
    Completions(completions::Completions),
    /// Write the manual pages
    Man(completions::Man),
    /// Sign one file through the module in this process and print signature and certificates as JSON (used by `demo`)
    #[command(hide = true)]
    SignThrough(client::Arguments),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Doctor(arguments) => doctor::run(&arguments),
        Command::Keypair(arguments) => keypair::run(&arguments),
        Command::Sign(arguments) => sign::sign(&arguments),
        Command::Verify(arguments) => sign::verify(&arguments),
        Command::Signature(arguments) => signature::run(&arguments),
        Command::Config(arguments) => config::run(&arguments),
        Command::Trace(arguments) => trace::run(&arguments),
        Command::Completions(arguments) => completions::completions(&arguments),
        Command::Man(arguments) => completions::man(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
        #[cfg(windows)]
        Command::Windows(arguments) => windows::run(&arguments),
        Command::Sample(arguments) => sample::run(&arguments),
        Command::SignThrough(arguments) => client::run(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}
