//! `stm-pkcs11 trace`: runs any command with everything that the module does told on standard error.

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
        tempfile::tempdir().map_err(|error| Failure::new("make a folder for the log", error, "check TMPDIR"))?;
    // By way of a file: many programs close or swallow the standard error of what they load.
    let mut command = Command::new(program);
    command.args(rest).env("SM_LOG_LEVEL", "TRACE").env("SM_LOG_OUTPUT", "file");
    command.env("SM_LOG_DIR", folder.path()).env("SM_LOG_FILE_NAME", "trace.log");
    let status = command.status();
    let status = status.map_err(|error| Failure::new(format!("run {program}"), error, "check its name and PATH"))?;
    match std::fs::read_to_string(folder.path().join("trace.log")) {
        Ok(log) => print::note(log.trim_end()),
        Err(_) => {
            let remedy = "check that it is told the path of the module, and look at what it said above";
            return Err(Failure::new(format!("trace {program}"), "it never initialised the module", remedy));
        }
    }
    if status.success() {
        return Ok(());
    }
    Err(Failure::new(format!("run {program}"), status, "the lines above tell each call, its result, and each request"))
}
