//! Begins a run of the library, for every entry point.

use crate::config;
use crate::host::{self, Host};
use crate::service::permit_threads;
use crate::token::Module;

/// Begins a run of the library with the settings text of `pReserved`, if there is one. It starts threads only if the
/// host permits them. Also returns whether forked children may continue the run.
pub fn start(reserved: Option<&str>, threads: bool) -> (Module, bool) {
    #[cfg(windows)]
    super::pin::pin();
    host::lend(Host {
        spawn: super::thread::spawn,
        quietly: super::signal::without_sigpipe,
        raised: super::privilege::raised,
        process: super::process::id,
    });
    permit_threads(threads);
    let config = config::load(reserved);
    crate::log::start(&config.log);
    (Module::new(&config), config.lenient_fork)
}
