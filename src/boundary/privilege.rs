//! Whether the kernel started this program with more rights than its caller has.

/// Set-uid, set-gid, file capabilities, a security module's transition: what `secure_getenv` asks, too. Stays true
/// when the program gives its rights up later, since what it holds may come from before.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub fn raised() -> bool {
    // SAFETY: the call reads the vector that the kernel gave to this process, and has no precondition.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// The same question to the kernels that have a call for it.
#[cfg(any(
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "dragonfly",
    target_os = "openbsd",
    target_os = "netbsd"
))]
pub fn raised() -> bool {
    // SAFETY: the call has no argument and no precondition.
    unsafe { libc::issetugid() != 0 }
}

/// Other systems have no such programs.
#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "dragonfly",
    target_os = "openbsd",
    target_os = "netbsd"
)))]
pub fn raised() -> bool {
    false
}
