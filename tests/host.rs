//! The module inside another program's process: forks, threads, signals, exits, small stacks, and other behaviour of
//! hosts. Each test has its own process; a crash or a hang fails it.

#![allow(clippy::macro_metavars_in_unsafe, reason = "calling C functions is what these tests are for")]

mod support;

#[path = "host/busy_parent.rs"]
mod busy_parent;
#[path = "host/ending.rs"]
mod ending;
#[path = "host/forking.rs"]
mod forking;
#[path = "host/panicking.rs"]
mod panicking;
#[path = "host/privileged.rs"]
mod privileged;
#[path = "host/surroundings.rs"]
mod surroundings;
#[path = "host/threading.rs"]
mod threading;

use cryptoki_sys::*;
use support::P11;

/// The digest to sign.
const DIGEST: [u8; 32] = [7; 32];
const KEY: &str = "demo-ec-p256";

/// Opens a session, finds the key, signs.
fn signs(p11: &P11) -> Result<(), CK_RV> {
    let session = p11.open_with(0, CKF_SERIAL_SESSION)?;
    let key = find(p11, session)?;
    let signature = p11.sign(session, CKM_ECDSA, key, &DIGEST)?;
    if signature.len() == 64 { Ok(()) } else { Err(CKR_GENERAL_ERROR) }
}

fn find(p11: &P11, session: CK_SESSION_HANDLE) -> Result<CK_OBJECT_HANDLE, CK_RV> {
    let wanted = support::template::Attributes::new().class(CKO_PRIVATE_KEY).label(KEY);
    p11.try_find(session, &wanted)?.first().copied().ok_or(CKR_KEY_HANDLE_INVALID)
}

/// Runs `body` in a forked child, which ends without running exit handlers; returns whether it was true within ten
/// seconds.
fn in_child(body: impl FnOnce() -> bool) -> bool {
    let status = status_of_child(|| i32::from(!body()));
    status.expect("the child hangs") == 0
}

/// The same for a child that ends with a number below 100; `None` if it hung and was killed.
fn status_of_child(body: impl FnOnce() -> i32) -> Option<i32> {
    let child = unsafe { libc::fork() };
    if child == 0 {
        // A panic must not unwind into the harness a second time.
        let status = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)).unwrap_or(100);
        unsafe { libc::_exit(status) };
    }
    assert!(child > 0);
    let begun = std::time::Instant::now();
    while begun.elapsed() < std::time::Duration::from_secs(10) {
        let mut status = 0;
        if unsafe { libc::waitpid(child, &mut status, libc::WNOHANG) } == child {
            return Some(if libc::WIFEXITED(status) {
                libc::WEXITSTATUS(status)
            } else {
                200 + libc::WTERMSIG(status)
            });
        }
        std::thread::sleep(std::time::Duration::from_micros(200));
    }
    unsafe { libc::kill(child, libc::SIGKILL) };
    unsafe { libc::waitpid(child, &mut 0, 0) };
    None
}

/// How many threads this process has.
fn tasks() -> usize {
    std::fs::read_dir("/proc/self/task").expect("/proc").count()
}

/// How many descriptors it has open.
fn descriptors() -> usize {
    // One of them reads the folder.
    std::fs::read_dir("/proc/self/fd").expect("/proc").count() - 1
}
