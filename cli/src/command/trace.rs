//! `stm-pkcs11 trace`: runs any command, and writes every PKCS#11 call and HTTP request of the module to standard error.

mod fold;

use crate::print::{self, Failure};
use std::process::Command;

#[derive(clap::Args)]
pub struct Arguments {
    /// The command and its arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, required = true, value_name = "COMMAND")]
    command: Vec<String>,
}

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let (program, rest) = arguments.command.split_first().expect("clap requires at least one");
    let folder =
        tempfile::tempdir().map_err(|error| Failure::new("create a directory for the log", error, "check TMPDIR"))?;
    // Through a file, because many programs close their standard error, or discard what a library writes there.
    let mut command = Command::new(program);
    command.args(rest).env("SM_LOG_LEVEL", "TRACE").env("SM_LOG_OUTPUT", "file");
    command.env("SM_LOG_DIR", folder.path()).env("SM_LOG_FILE_NAME", "trace.log");
    let status = command.status();
    let status = status.map_err(|error| Failure::new(format!("run {program}"), error, "check its name and PATH"))?;
    match std::fs::read_to_string(folder.path().join("trace.log")) {
        Ok(log) => fold::folded(&log).iter().for_each(|line| print::note(line)),
        Err(_) => {
            let remedy = "check that its settings name the module's path, and read its own messages above";
            return Err(Failure::new(format!("trace {program}"), "it never initialised the module", remedy));
        }
    }
    if status.success() {
        return Ok(());
    }
    Err(Failure::new(
        format!("run {program}"),
        status,
        "read the trace above: it has each call, its result, and each request",
    ))
}
