//! Threads in another program's process: they must not receive the host's signals.

use std::io;
use std::thread::{Builder, JoinHandle};

/// Starts a thread that receives none of the host's signals.
pub fn spawn(work: Box<dyn FnOnce() + Send>) -> io::Result<JoinHandle<()>> {
    with_signals_blocked(|| Builder::new().name("stm-pkcs11".into()).spawn(work))
}

/// A new thread inherits the signal mask of the thread that starts it.
#[cfg(unix)]
fn with_signals_blocked<T>(body: impl FnOnce() -> T) -> T {
    // SAFETY: both sets are valid; the call fills the first before it is read.
    let before = unsafe {
        let mut all: libc::sigset_t = std::mem::zeroed();
        let mut before: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&mut all);
        libc::pthread_sigmask(libc::SIG_SETMASK, &all, &mut before);
        before
    };
    let result = body();
    // SAFETY: restores the previous mask.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &before, std::ptr::null_mut()) };
    result
}

#[cfg(not(unix))]
fn with_signals_blocked<T>(body: impl FnOnce() -> T) -> T {
    body()
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    fn blocked(signal: libc::c_int) -> bool {
        // SAFETY: without a new mask, the call only returns the present one.
        unsafe {
            let mut mask: libc::sigset_t = std::mem::zeroed();
            libc::pthread_sigmask(libc::SIG_SETMASK, std::ptr::null(), &mut mask);
            libc::sigismember(&mask, signal) == 1
        }
    }

    #[test]
    fn signals_are_not_for_our_threads_and_stay_as_they_were_on_the_hosts() {
        let (tell, told) = std::sync::mpsc::channel();
        spawn(Box::new(move || tell.send(blocked(libc::SIGALRM)).unwrap())).unwrap().join().unwrap();
        assert!(told.recv().unwrap());
        assert!(!blocked(libc::SIGALRM));
    }
}
