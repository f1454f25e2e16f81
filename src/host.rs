//! What the C boundary lends to the floors below it, which know of no signals and no `unsafe`: lent once, at the first
//! `C_Initialize`. A program that uses this crate as a library lends nothing, and needs nothing.

use once_cell::race::OnceBox;
use std::io;
use std::thread::JoinHandle;

/// How a thread is started in this host; the work is the thread's whole life.
pub type Spawner = fn(Box<dyn FnOnce() + Send>) -> io::Result<JoinHandle<()>>;

/// What the floors below need of the operating system and may not call by themselves, since it is `unsafe`.
pub struct Host {
    /// Starts a thread that the host's signals do not reach.
    pub spawn: Spawner,
    /// Runs something that writes to sockets or pipes, without a SIGPIPE for the host.
    pub quietly: fn(&mut dyn FnMut()),
    /// Whether the kernel started this program with more rights than its caller has.
    pub raised: fn() -> bool,
}

/// Set without a lock, which a forked child could inherit held.
static HOST: OnceBox<Host> = OnceBox::new();

/// Called by every entry point that begins a run; the first call counts.
pub fn lend(host: Host) {
    let _ = HOST.set(Box::new(host));
}

/// How threads are started, if the host is known.
pub fn spawner() -> Option<Spawner> {
    HOST.get().map(|host| host.spawn)
}

/// Whether the host has rights that its caller may not have: a set-uid or set-gid program, one with file capabilities,
/// or one whose effective ids differ from its real ones. Then the caller's environment and home directory are not to be
/// trusted.
pub fn is_privileged() -> bool {
    #[cfg(unix)]
    {
        use rustix::process::{getegid, geteuid, getgid, getuid};
        HOST.get().is_some_and(|host| (host.raised)()) || getuid() != geteuid() || getgid() != getegid()
    }
    #[cfg(not(unix))]
    HOST.get().is_some_and(|host| (host.raised)())
}

/// The effective user's id: who the files belong to that this process makes.
#[cfg(unix)]
pub fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Runs what may write to a connection or a pipe whose other end is gone.
pub fn quietly<T>(body: impl FnOnce() -> T) -> T {
    let Some(host) = HOST.get() else { return body() };
    let (mut body, mut result) = (Some(body), None);
    (host.quietly)(&mut || result = body.take().map(|body| body()));
    result.unwrap_or_else(|| unreachable!("the host runs what it is given"))
}
