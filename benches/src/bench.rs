//! Shared by the cases: programs, a service's state, and measured processes.

use crate::report::Report;
use crate::service::Service;
use serde_json::Value;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// Marks a measured process on the command line.
pub const CHILD: &str = "--child";

/// One run of the benchmarks.
pub struct Bench {
    /// The module that is measured.
    pub module: PathBuf,
    /// The program of the emulated service.
    pub emulator: PathBuf,
    /// Measure only what the counts need, as fast as possible.
    pub check: bool,
    /// The results so far.
    pub report: Report,
    /// Home directories and states.
    pub dir: tempfile::TempDir,
}

impl Bench {
    /// How often to repeat something.
    pub fn rounds(&self, full: usize, check: usize) -> usize {
        if self.check { check } else { full }
    }

    /// A service with the demo keypairs, whose keys are generated once.
    pub fn demo_service(&self, options: &[&str]) -> Service {
        Service::start(&self.emulator, &self.dir.path().join("demo"), options)
    }

    /// An empty folder.
    pub fn folder(&self, name: &str) -> PathBuf {
        let path = self.dir.path().join(name);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).expect("a folder");
        path
    }

    /// A separate process that measures something, and prints it as JSON.
    pub fn process(&self, home: &Path, settings: &[(String, String)], arguments: &[&str]) -> Command {
        let program = std::env::current_exe().expect("the path of this program");
        let mut command = self.host(program.as_os_str(), home, settings);
        command.arg(CHILD).args(arguments).stdin(Stdio::null()).stdout(Stdio::piped());
        command
    }

    /// A program that loads the module with these settings, and with none of the caller's own.
    pub fn host(&self, program: &OsStr, home: &Path, settings: &[(String, String)]) -> Command {
        let mut command = Command::new(program);
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("SM_") || text.starts_with("STM_PKCS11_") || text.to_lowercase().ends_with("_proxy") {
                command.env_remove(&name);
            }
        }
        command.env_remove("XDG_CACHE_HOME").env_remove("XDG_CONFIG_HOME").env("HOME", home);
        command.env("STM_PKCS11_MODULE", &self.module).envs(settings.iter().cloned());
        command
    }

    /// Runs such a process to its end; returns what it measured.
    pub fn run(&self, home: &Path, settings: &[(String, String)], arguments: &[&str]) -> Value {
        finish(self.process(home, settings, arguments).spawn().expect("a process"), arguments)
    }
}

/// Waits for a measured process.
pub fn finish(process: Child, arguments: &[&str]) -> Value {
    let output = process.wait_with_output().expect("a process");
    assert!(output.status.success(), "{arguments:?}: {}", output.status);
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// A measured value.
pub fn number(value: &Value, name: &str) -> f64 {
    value[name].as_f64().unwrap_or_else(|| panic!("no {name} in {value}"))
}

/// Settings with more of them.
pub fn with(settings: &[(String, String)], more: &[(&str, &str)]) -> Vec<(String, String)> {
    let more = more.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    settings.iter().filter(|(name, _)| name != "STM_PKCS11_CACHE").cloned().chain(more).collect()
}

/// No cache on disk.
pub const NO_CACHE: (&str, &str) = ("STM_PKCS11_CACHE", "off");
