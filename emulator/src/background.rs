//! `--background`: starts the emulator in a separate process, and waits until it is ready.

use crate::private;
use std::error::Error;
use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use std::process::{Command, Stdio};

/// The option itself, which is removed from the arguments of the background process.
const OPTION: &str = "--background";

/// Its standard error, in the state directory.
const LOG: &str = "emulator.log";

/// Starts this program again with the same arguments, waits until it is ready, and says how to use and stop it.
///
/// # Errors
/// The process cannot be started, or ends before it is ready; the text is its output on standard error.
pub fn start(state: &Path) -> Result<String, Box<dyn Error>> {
    private::create_dir(state)?;
    let state = private::absolute(state)?;
    let path = state.join(LOG);
    let mut log = private::options(0o600).create(true).append(true).read(true).open(&path)?;
    let begins = log.seek(SeekFrom::End(0))?;
    let arguments: Vec<OsString> = std::env::args_os().skip(1).filter(|argument| argument != OPTION).collect();
    let mut command = Command::new(std::env::current_exe()?);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log.try_clone()?);
    apart(&mut command);
    let mut child = command.spawn()?;
    let mut line = String::new();
    if let Some(output) = child.stdout.take() {
        BufReader::new(output).read_line(&mut line)?;
    }
    if line.is_empty() {
        child.wait()?;
        return Err(said(&mut log, begins).into());
    }
    let console = line.split_whitespace().next_back().unwrap_or_default();
    Ok(format!(
        "{line}settings: . '{}'\nconsole, for a browser: {console}\nlog: {}\nstop it with: {} {}",
        state.join("client.env").display(),
        path.display(),
        if cfg!(windows) { "taskkill /f /pid" } else { "kill" },
        child.id()
    ))
}

/// An interrupt at the terminal is for the foreground process only.
fn apart(command: &mut Command) {
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(command, 0);
    // CREATE_NEW_PROCESS_GROUP | CREATE_NO_WINDOW
    #[cfg(windows)]
    std::os::windows::process::CommandExt::creation_flags(command, 0x0000_0200 | 0x0800_0000);
}

/// The log from a position on, without the program's name, which the caller adds.
fn said(log: &mut File, begins: u64) -> String {
    let mut text = String::new();
    let read = log.seek(SeekFrom::Start(begins)).and_then(|_| log.read_to_string(&mut text));
    let text = text.trim().trim_start_matches("stm-emulator: ");
    if read.is_err() || text.is_empty() { "it ended before it was ready".to_owned() } else { text.to_owned() }
}
