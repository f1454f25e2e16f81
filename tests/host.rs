//! The module in someone else's process: forks, threads, signals, exits, small stacks, and what else a host may do.
//! Each test has a process of its own, and one that crashes or hangs fails.

#![allow(clippy::macro_metavars_in_unsafe, reason = "calling C functions is what these tests are for")]

mod support;

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

/// What is signed here.
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

/// Runs `body` in a forked child, which ends without running anybody's handlers; whether it was true, within ten seconds.
fn in_child(body: impl FnOnce() -> bool) -> bool {
    let child = unsafe { libc::fork() };
    if child == 0 {
        // A panic must not unwind into the harness a second time.
        let fine = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)).unwrap_or(false);
        unsafe { libc::_exit(i32::from(!fine)) };
    }
    assert!(child > 0);
    for _ in 0..1000 {
        let mut status = 0;
        if unsafe { libc::waitpid(child, &mut status, libc::WNOHANG) } == child {
            return status == 0;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    unsafe { libc::kill(child, libc::SIGKILL) };
    panic!("the child hangs");
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
