//! The id of this process, for which the kernel is asked once, and not in every call.
//!
//! A forked child must know at once that it is another process, however it was forked: with `fork`, `_Fork`, or a system call of the
//! host's own. So the id is in a page that the kernel clears in every child (`MADV_WIPEONFORK`). Where the kernel does not promise
//! that, it is asked each time.

/// As [`std::process::id`].
pub fn id() -> u32 {
    #[cfg(target_os = "linux")]
    return page::id();
    #[cfg(not(target_os = "linux"))]
    return std::process::id();
}

#[cfg(target_os = "linux")]
mod page {
    use std::sync::atomic::{AtomicU8, AtomicU32, Ordering::Relaxed};

    /// The size of most systems' pages, in bytes. Systems with larger ones ask each time.
    const SIZE: usize = 4096;

    /// A page of the library's zeroed data. The loader gives it anonymous memory, which is removed with the library.
    #[repr(C, align(4096))]
    struct Page([AtomicU32; SIZE / size_of::<AtomicU32>()]);

    static PAGE: Page = Page([const { AtomicU32::new(0) }; SIZE / size_of::<AtomicU32>()]);

    /// Whether children get a cleared page.
    static CLEARED: AtomicU8 = AtomicU8::new(UNKNOWN);
    const UNKNOWN: u8 = 0;
    const YES: u8 = 1;
    const NO: u8 = 2;

    pub fn id() -> u32 {
        match PAGE.0[0].load(Relaxed) {
            0 => ask(),
            known => known,
        }
    }

    /// In the first call of a process.
    #[cold]
    fn ask() -> u32 {
        let id = std::process::id();
        if CLEARED.load(Relaxed) == UNKNOWN {
            // Two threads may do this at once; it is the same for both.
            CLEARED.store(if clear_in_children() { YES } else { NO }, Relaxed);
        }
        if CLEARED.load(Relaxed) == YES {
            PAGE.0[0].store(id, Relaxed);
        }
        id
    }

    fn clear_in_children() -> bool {
        let advise = |advice| {
            let page = std::ptr::from_ref(&PAGE).cast_mut().cast();
            // SAFETY: the page is ours alone, aligned and whole; the advice changes nothing in this process.
            unsafe { libc::madvise(page, SIZE, advice) == 0 }
        };
        // SAFETY: the call has no precondition.
        let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
        // Old versions of QEMU's user mode accept every advice, even one that does not exist, and follow none.
        size == SIZE as libc::c_long && !advise(-1) && advise(libc::MADV_WIPEONFORK)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn the_kernel_of_the_tests_clears_the_page() {
            assert_eq!(id(), std::process::id());
            assert_eq!(CLEARED.load(Relaxed), YES);
            assert_eq!(PAGE.0[0].load(Relaxed), std::process::id());
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_child_and_its_own_child_have_ids_of_their_own() {
        assert_eq!(id(), std::process::id());
        // SAFETY: the children call nothing but functions that are safe after a fork, and exit.
        unsafe {
            let child = libc::fork();
            if child == 0 {
                let own = id() == libc::getpid() as u32;
                let grandchild = libc::fork();
                if grandchild == 0 {
                    libc::_exit(i32::from(id() != libc::getpid() as u32));
                }
                let mut status = 1;
                libc::waitpid(grandchild, &mut status, 0);
                libc::_exit(i32::from(!own || status != 0));
            }
            let mut status = 1;
            assert_eq!(libc::waitpid(child, &mut status, 0), child);
            assert_eq!(status, 0);
        }
        assert_eq!(id(), std::process::id());
    }
}
