//! A program that is run to its end, without a shell.

use crate::print::Failure;
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Stdio};

/// How it ended, and what it said on both outputs.
pub struct Said {
    pub ok: bool,
    pub text: String,
    /// Its process, by which the ledger knows it.
    pub pid: u32,
}

impl Said {
    /// The lines that tell why it failed: the last ones.
    pub fn why(&self) -> String {
        let lines: Vec<&str> = self.text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }
}

/// A command line of `program`. Its standard input is empty, and it speaks English in UTF-8.
pub fn command<S: AsRef<OsStr>>(program: &Path, words: impl IntoIterator<Item = S>) -> Command {
    let mut command = Command::new(program);
    command.args(words).stdin(Stdio::null()).env("LC_ALL", "C.UTF-8");
    command
}

/// Runs it to its end. A failure is that it did not start.
pub fn run(mut command: Command) -> Result<Said, Failure> {
    let name = Path::new(command.get_program()).display().to_string();
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let ended = child.and_then(|child| {
        let pid = child.id();
        child.wait_with_output().map(|output| (pid, output))
    });
    let (pid, output) = ended.map_err(|error| {
        Failure::new(format!("run {name}"), error, "check that the program is installed, and may be run by this user")
    })?;
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    Ok(Said { ok: output.status.success(), text, pid })
}
