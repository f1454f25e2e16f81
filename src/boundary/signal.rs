//! Keeps SIGPIPE away from the host.
//!
//! A write to a connection that the peer has closed raises it, and by default it ends the process. The TLS library
//! writes with `writev`, which has no flag to prevent this. So the signal is blocked on the calling thread during each
//! write. A signal that arrives meanwhile is consumed before the thread's mask is restored.

/// Runs `body` without SIGPIPE.
pub fn without_sigpipe(body: &mut dyn FnMut()) {
    // Other systems do not have this signal.
    #[cfg(unix)]
    let _guard = Guard::new();
    body();
}

#[cfg(unix)]
struct Guard {
    before: libc::sigset_t,
    pipe: libc::sigset_t,
    /// Whether the host blocks it: then it stays blocked.
    blocked: bool,
    /// Whether it was already pending: then it belongs to the host, and stays pending.
    pending: bool,
}

#[cfg(unix)]
impl Guard {
    fn new() -> Self {
        // SAFETY: the sets are ours and initialised by the calls; the mask belongs to this thread.
        unsafe {
            let mut pipe = std::mem::zeroed();
            let mut before = std::mem::zeroed();
            libc::sigemptyset(&mut pipe);
            libc::sigaddset(&mut pipe, libc::SIGPIPE);
            libc::pthread_sigmask(libc::SIG_BLOCK, &pipe, &mut before);
            let blocked = libc::sigismember(&before, libc::SIGPIPE) == 1;
            // A signal that is not blocked is not pending, so most hosts need not be asked.
            Self { before, pipe, blocked, pending: blocked && is_pending() }
        }
    }
}

#[cfg(unix)]
impl Drop for Guard {
    fn drop(&mut self) {
        // SAFETY: `Guard::new` initialised the sets, and blocked the signal.
        unsafe {
            if !self.pending {
                consume(&self.pipe);
            }
            if !self.blocked {
                libc::pthread_sigmask(libc::SIG_SETMASK, &self.before, std::ptr::null_mut());
            }
        }
    }
}

/// Whether a SIGPIPE waits until this thread no longer blocks it.
#[cfg(unix)]
fn is_pending() -> bool {
    // SAFETY: the call fills the set.
    unsafe {
        let mut waiting = std::mem::zeroed();
        libc::sigpending(&mut waiting) == 0 && libc::sigismember(&waiting, libc::SIGPIPE) == 1
    }
}

/// Consumes a pending SIGPIPE, and does not wait for one.
///
/// # Safety
///
/// `pipe` is an initialised set of SIGPIPE alone, which this thread blocks.
#[cfg(all(unix, not(target_vendor = "apple")))]
unsafe fn consume(pipe: &libc::sigset_t) {
    let at_once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the set is initialised, as the caller says; no information about the signal is asked for.
    while unsafe { libc::sigtimedwait(pipe, std::ptr::null_mut(), &at_once) } == libc::SIGPIPE {}
}

/// Apple's systems do not have `sigtimedwait`; `sigwait` returns at once if the signal is pending.
///
/// # Safety
///
/// `pipe` is an initialised set of SIGPIPE alone, which this thread blocks.
#[cfg(target_vendor = "apple")]
unsafe fn consume(pipe: &libc::sigset_t) {
    let mut signal = 0;
    if is_pending() {
        // SAFETY: the set is initialised, as the caller says.
        unsafe { libc::sigwait(pipe, &mut signal) };
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_signal_raised_meanwhile_is_gone_afterwards_and_the_mask_is_as_before() {
        // SAFETY: raises a signal on this thread, and then restores the handler, whatever the test harness had set.
        unsafe {
            let old = libc::signal(libc::SIGPIPE, libc::SIG_DFL);
            without_sigpipe(&mut || assert_eq!(libc::pthread_kill(libc::pthread_self(), libc::SIGPIPE), 0));
            let mut mask = std::mem::zeroed();
            libc::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), &mut mask);
            assert_eq!(libc::sigismember(&mask, libc::SIGPIPE), 0);
            libc::signal(libc::SIGPIPE, old);
        }
    }

    #[test]
    fn a_signal_that_the_host_blocks_stays_blocked_and_one_that_waits_stays_pending() {
        // SAFETY: the thread is the test's own; it ends with the signal blocked and consumed.
        unsafe {
            let mut pipe = std::mem::zeroed();
            libc::sigemptyset(&mut pipe);
            libc::sigaddset(&mut pipe, libc::SIGPIPE);
            libc::pthread_sigmask(libc::SIG_BLOCK, &pipe, std::ptr::null_mut());
            let raise = || assert_eq!(libc::pthread_kill(libc::pthread_self(), libc::SIGPIPE), 0);
            without_sigpipe(&mut || raise());
            assert!(!is_pending(), "it was raised by the write");
            raise();
            without_sigpipe(&mut || raise());
            assert!(is_pending(), "it is the host's");
            let mut mask = std::mem::zeroed();
            libc::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), &mut mask);
            assert_eq!(libc::sigismember(&mask, libc::SIGPIPE), 1);
            consume(&pipe);
        }
    }
}
