//! The cases. Each has a part that runs in separate processes, in which the module is loaded.

mod calls;
mod cold;
mod commands;
mod crowd;
mod distance;
mod early;
mod footprint;
mod hashing;
mod ledger;
mod listing;
mod startup;
mod throughput;
mod warm;

use crate::bench::Bench;
use serde_json::Value;

/// One case.
pub struct Case {
    /// Its name on the command line.
    pub name: &'static str,
    /// Starts a service, runs measured processes and reports.
    pub run: fn(&mut Bench),
}

/// All of them, in the order of the report.
pub const CASES: &[Case] = &[
    Case { name: "startup", run: startup::run },
    Case { name: "cold", run: cold::run },
    Case { name: "early", run: early::run },
    Case { name: "commands", run: commands::run },
    Case { name: "warm", run: warm::run },
    Case { name: "calls", run: calls::run },
    Case { name: "distance", run: distance::run },
    Case { name: "ledger", run: ledger::run },
    Case { name: "throughput", run: throughput::run },
    Case { name: "listing", run: listing::run },
    Case { name: "crowd", run: crowd::run },
    Case { name: "hashing", run: hashing::run },
    Case { name: "footprint", run: footprint::run },
];

/// The work of a measured process: arguments in, measurements out.
type Body = fn(&[String]) -> Value;

/// Bodies of measured processes, by name.
pub const BODIES: &[(&str, Body)] = &[
    ("startup", startup::body),
    ("cold-module", cold::module_body),
    ("cold-bare", cold::bare_body),
    ("early", early::body),
    ("warm", warm::body),
    ("calls-module", calls::module_body),
    ("calls-raw", calls::raw_body),
    ("ledger", ledger::body),
    ("throughput", throughput::body),
    ("list-module", listing::module_body),
    ("list-raw", listing::raw_body),
    ("hashing", hashing::body),
    ("footprint", footprint::body),
];

/// Whether a program is in `PATH`.
fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).exists())
}
