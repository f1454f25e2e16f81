//! `stm-pkcs11`: the companion of the module.
//!
//! One subcommand per file. A subcommand returns `Result<(), Failure>`; a failure is printed as what went wrong, why, and
//! what to do, and the program ends with status 1.

mod client;
mod demo;
mod failure;
mod sample;
mod verify;

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
    /// Sign real files through the module, with keys in an emulated service, and verify them without it
    Demo(demo::Arguments),
    /// Write a small file that a signing tool accepts
    Sample(sample::Arguments),
    /// Sign one file through the module in this process and print signature and certificates as JSON (used by `demo`)
    #[command(hide = true)]
    SignThrough(client::Arguments),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Demo(arguments) => demo::run(&arguments),
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
