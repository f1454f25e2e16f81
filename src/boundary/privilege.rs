//! Whether the kernel started this program with more rights than its caller has.

/// Set-uid, set-gid, file capabilities, or a transition of a security module: the same check as `secure_getenv`. It
/// stays true after the program gives up its rights, because the program may still hold what it obtained with them.
pub fn raised() -> bool {
    // SAFETY: the call reads the vector that the kernel gave to this process, and has no precondition.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    let raised = unsafe { libc::getauxval(libc::AT_SECURE) != 0 };
    // SAFETY: the call has no argument and no precondition.
    #[cfg(any(
        target_vendor = "apple",
        target_os = "freebsd",
        target_os = "dragonfly",
        target_os = "openbsd",
        target_os = "netbsd"
    ))]
    let raised = unsafe { libc::issetugid() != 0 };
    // Other systems do not have such programs.
    #[cfg(not(any(
        target_os = "linux",
        target_os = "android",
        target_vendor = "apple",
        target_os = "freebsd",
        target_os = "dragonfly",
        target_os = "openbsd",
        target_os = "netbsd"
    )))]
    let raised = false;
    raised
}
