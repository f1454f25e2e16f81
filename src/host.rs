//! Hooks into the host process. The C boundary registers them once, at the first `C_Initialize`, for the lower layers,
//! which have no signals and no `unsafe`. A program that uses this crate as a library registers none, and needs none.

use once_cell::race::OnceBox;
use std::io;
use std::thread::JoinHandle;

/// Starts a thread in this host; the argument is the thread's whole work.
pub type Spawner = fn(Box<dyn FnOnce() + Send>) -> io::Result<JoinHandle<()>>;

/// Functions of the operating system that need `unsafe`, which the lower layers must not use.
pub struct Host {
    /// Starts a thread that receives none of the host's signals.
    pub spawn: Spawner,
    /// Runs code that writes to sockets or pipes, without raising SIGPIPE in the host.
    pub quietly: fn(&mut dyn FnMut()),
    /// Whether the kernel started this program with more rights than its caller has.
    pub raised: fn() -> bool,
    /// The id of this process.
    pub process: fn() -> u32,
}

/// Set without a lock, because a forked child could inherit a locked one.
static HOST: OnceBox<Host> = OnceBox::new();

/// Registers the hooks. Every entry point that begins a run calls this; only the first call counts.
pub fn lend(host: Host) {
    let _ = HOST.set(Box::new(host));
}

/// The function that starts threads, if the hooks are registered.
pub fn spawner() -> Option<Spawner> {
    HOST.get().map(|host| host.spawn)
}

/// Whether the host may have rights that its caller does not have: a set-uid or set-gid program, one with file
/// capabilities, or one whose effective ids differ from its real ones. Then the caller's environment and home directory
/// cannot be trusted.
pub fn is_privileged() -> bool {
    #[cfg(unix)]
    {
        use rustix::process::{getegid, geteuid, getgid, getuid};
        HOST.get().is_some_and(|host| (host.raised)()) || getuid() != geteuid() || getgid() != getegid()
    }
    #[cfg(not(unix))]
    HOST.get().is_some_and(|host| (host.raised)())
}

/// The effective user id, which owns the files that this process creates.
#[cfg(unix)]
pub fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// The id of this process. A forked child has its own.
pub fn process() -> u32 {
    HOST.get().map_or_else(std::process::id, |host| (host.process)())
}

/// Runs code that may write to a connection or pipe whose peer has closed it.
pub fn quietly<T>(body: impl FnOnce() -> T) -> T {
    let Some(host) = HOST.get() else { return body() };
    let (mut body, mut result) = (Some(body), None);
    (host.quietly)(&mut || result = body.take().map(|body| body()));
    result.unwrap_or_else(|| unreachable!("the host runs what it is given"))
}
