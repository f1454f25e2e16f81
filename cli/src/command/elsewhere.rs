//! `stm-pkcs11 windows` where there is no Windows: scripts and pages name the command, so it says where it exists.

use crate::print::{Exit, Failure};

#[derive(clap::Args)]
pub struct Arguments {
    /// Whatever the command has in the Windows build
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    _rest: Vec<String>,
}

/// Why the command does not run here, and where to read about it.
pub fn refused() -> Failure {
    let remedy = "run it on Windows with stm-pkcs11.exe; docs/clients/windows.md describes it";
    Failure::new("stm-pkcs11 windows", "only the Windows build of stm-pkcs11 has this command", remedy)
        .exit(Exit::Usage)
}
