//! Endings: `C_Finalize` during calls, two users, `exit` with everything open, calls after the end, unloading.

use super::*;
use crate::support::{Emulator, module_path};
use crate::{ck, service_test};
use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
use std::os::fd::AsRawFd;
use std::ptr::null_mut;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

service_test!(finalising_while_other_threads_sign_ends_their_calls_properly, [], [], |emulator: &Emulator| {
    for _ in 0..5 {
        let p11 = P11::start();
        let key = p11.private_key(p11.open(0), KEY);
        let stop = AtomicBool::new(false);
        let (signed, refused) = (AtomicBool::new(false), AtomicBool::new(false));
        std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        let mut codes = Vec::new();
                        while !stop.load(Ordering::Relaxed) {
                            let made = p11
                                .open_with(0, CKF_SERIAL_SESSION)
                                .and_then(|session| p11.sign(session, CKM_ECDSA, key, &DIGEST).map(drop));
                            codes.push(made.err().unwrap_or(CKR_OK));
                            let seen = if made.is_ok() { &signed } else { &refused };
                            seen.store(true, Ordering::Relaxed);
                        }
                        codes
                    })
                })
                .collect();
            let until = |seen: &AtomicBool| {
                let begun = Instant::now();
                while !seen.load(Ordering::Relaxed) && begun.elapsed() < Duration::from_secs(30) {
                    std::thread::sleep(Duration::from_millis(5));
                }
            };
            until(&signed);
            std::thread::sleep(Duration::from_millis(50));
            p11.finish();
            until(&refused);
            stop.store(true, Ordering::Relaxed);
            let codes: Vec<CK_RV> = threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect();
            let proper = [CKR_OK, CKR_CRYPTOKI_NOT_INITIALIZED, CKR_SESSION_HANDLE_INVALID, CKR_SESSION_CLOSED];
            assert!(codes.iter().all(|code| proper.contains(code)), "{codes:x?}");
            assert!(codes.contains(&CKR_OK) && codes.contains(&CKR_CRYPTOKI_NOT_INITIALIZED));
        });
    }
    assert!(emulator.signs() > 0);
});

service_test!(two_users_of_one_process_meet_the_standards_codes, |_emulator: &Emulator| {
    let (one, other) = (P11::start(), P11::load());
    assert_eq!(ck!(other, C_Initialize(null_mut())), CKR_CRYPTOKI_ALREADY_INITIALIZED);
    assert_eq!(signs(&one), Ok(()));
    assert_eq!(signs(&other), Ok(()));
    other.finish();
    assert_eq!(signs(&one), Err(CKR_CRYPTOKI_NOT_INITIALIZED));
    assert_eq!(ck!(one, C_Finalize(null_mut())), CKR_CRYPTOKI_NOT_INITIALIZED);
});

service_test!(two_copies_of_the_library_in_one_process_do_not_know_of_each_other, |emulator: &Emulator| {
    let copy = emulator.dir.join("another-copy.so");
    std::fs::copy(module_path(), &copy).expect("a copy");
    let (one, other) = (P11::start(), P11::load_from(&copy));
    assert_eq!(ck!(other, C_Initialize(null_mut())), CKR_OK);
    assert_eq!((signs(&one), signs(&other)), (Ok(()), Ok(())));
    other.finish();
    assert_eq!(signs(&one), Ok(()));
});

service_test!(what_a_run_leaves_behind_is_nothing, |_emulator: &Emulator| {
    let p11 = P11::load();
    let before = (tasks(), descriptors());
    for _ in 0..10 {
        assert_eq!(ck!(p11, C_Initialize(null_mut())), CKR_OK);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| assert_eq!(signs(&p11), Ok(())));
            }
        });
        p11.finish();
        // The system takes a moment to bury this test's own threads.
        let end = std::time::Instant::now() + Duration::from_secs(2);
        while tasks() != before.0 && std::time::Instant::now() < end {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert_eq!((tasks(), descriptors()), before, "threads and descriptors");
    }
});

service_test!(the_library_is_loaded_and_unloaded_again_and_again, |emulator: &Emulator| {
    type GetList = unsafe extern "C" fn(*mut *mut CK_FUNCTION_LIST) -> CK_RV;
    for _ in 0..20 {
        let library = unsafe { Library::open(Some(module_path()), RTLD_NOW | RTLD_LOCAL) }.expect("the library");
        let p11 = P11::load();
        let get: libloading::os::unix::Symbol<GetList> = unsafe { library.get(b"C_GetFunctionList\0") }.expect("it");
        let mut list = null_mut();
        assert_eq!(unsafe { get(&mut list) }, CKR_OK);
        assert_eq!(ck!(p11, C_Initialize(null_mut())), CKR_OK);
        assert_eq!(signs(&p11), Ok(()));
        p11.finish();
        library.close().expect("dlclose");
    }
    assert_eq!(emulator.signs(), 20);
});

/// For handlers, which have no arguments.
static LATE: OnceLock<P11> = OnceLock::new();

extern "C" fn late() {
    let p11 = LATE.get().expect("it was loaded");
    let mut info = CK_INFO::default();
    let fine = ck!(p11, C_GetInfo(&mut info)) == CKR_OK
        && signs(p11).is_ok()
        && ck!(p11, C_Finalize(null_mut())) == CKR_OK
        && ck!(p11, C_GetInfo(&mut info)) == CKR_CRYPTOKI_NOT_INITIALIZED;
    if !fine {
        unsafe { libc::_exit(66) };
    }
}

service_test!(calls_from_exit_handlers_after_our_own_destructors_are_answered, |_emulator: &Emulator| {
    // Handlers run last registered first: this one runs after everything that the library registered when it was loaded.
    assert_eq!(unsafe { libc::atexit(late) }, 0);
    let p11 = LATE.get_or_init(P11::start);
    assert_eq!(signs(p11), Ok(()));
});

service_test!(a_process_may_exit_with_everything_open, |_emulator: &Emulator| {
    let p11 = P11::start();
    let session = p11.open(0);
    let key = p11.private_key(session, KEY);
    let mut mechanism = CK_MECHANISM { mechanism: CKM_ECDSA_SHA256, pParameter: null_mut(), ulParameterLen: 0 };
    assert_eq!(ck!(p11, C_SignInit(session, &mut mechanism, key)), CKR_OK);
    // And with a thread in the middle of a signature.
    let p11: &'static P11 = Box::leak(Box::new(p11));
    std::thread::spawn(move || {
        let session = p11.open(0);
        while p11.sign(session, CKM_ECDSA, key, &DIGEST).is_ok() {}
    });
    std::thread::sleep(Duration::from_millis(50));
});

struct AtThreadEnd(&'static P11);

impl Drop for AtThreadEnd {
    fn drop(&mut self) {
        // Thread-locals of the library may no longer exist: any result is fine, but no crash.
        let _ = signs(self.0);
        let mut info = CK_INFO::default();
        assert_eq!(ck!(self.0, C_GetInfo(&mut info)), CKR_OK);
    }
}

thread_local!(static AT_END: std::cell::RefCell<Option<AtThreadEnd>> = const { std::cell::RefCell::new(None) });

service_test!(calls_from_a_threads_last_destructors_are_answered, |_emulator: &Emulator| {
    let p11: &'static P11 = Box::leak(Box::new(P11::start()));
    std::thread::spawn(move || {
        // Made before the library's own on this thread, so it is destroyed after them.
        AT_END.with(|at_end| *at_end.borrow_mut() = Some(AtThreadEnd(p11)));
        assert_eq!(signs(p11), Ok(()));
    })
    .join()
    .expect("no panic");
    assert_eq!(signs(p11), Ok(()));
});

/// What is written to stderr while `body` runs.
fn stderr_of(emulator: &Emulator, body: impl FnOnce()) -> String {
    let path = emulator.dir.join("stderr-of-body");
    let file = std::fs::File::create(&path).expect("a file");
    let own = unsafe { libc::dup(2) };
    assert_eq!(unsafe { libc::dup2(file.as_raw_fd(), 2) }, 2);
    body();
    assert_eq!(unsafe { libc::dup2(own, 2) }, 2);
    std::fs::read_to_string(path).expect("text")
}

/// What a signature and the end of the session return at the end of a thread.
static SIGNED: AtomicU64 = AtomicU64::new(CKR_OK);
static CLOSED: AtomicU64 = AtomicU64::new(CKR_GENERAL_ERROR);

struct ClosesAtThreadEnd(&'static P11, CK_SESSION_HANDLE);

impl Drop for ClosesAtThreadEnd {
    fn drop(&mut self) {
        SIGNED.store(signs(self.0).err().unwrap_or(CKR_OK), Ordering::Relaxed);
        CLOSED.store(ck!(self.0, C_CloseSession(self.1)), Ordering::Relaxed);
    }
}

thread_local!(static CLOSES: std::cell::RefCell<Option<ClosesAtThreadEnd>> = const { std::cell::RefCell::new(None) });

// OpenSSL's provider closes its sessions in an exit handler, when the main thread's thread-locals are gone.
service_test!(calls_at_the_end_of_a_thread_leave_no_panic_on_stderr, |emulator: &Emulator| {
    let p11: &'static P11 = Box::leak(Box::new(P11::start()));
    // A key that the cache of an earlier run knows has its connection opened early.
    assert_eq!(signs(p11), Ok(()));
    p11.finish();
    assert_eq!(ck!(p11, C_Initialize(null_mut())), CKR_OK);
    let said = stderr_of(emulator, || {
        std::thread::spawn(move || {
            let session = p11.open(0);
            CLOSES.with(|closes| *closes.borrow_mut() = Some(ClosesAtThreadEnd(p11, session)));
            find(p11, session).expect("the key");
        })
        .join()
        .expect("no panic");
    });
    let (signed, closed) = (SIGNED.load(Ordering::Relaxed), CLOSED.load(Ordering::Relaxed));
    // With musl, the library's own thread-locals are still there at that moment, and it signs.
    if !(cfg!(target_env = "musl") && signed == CKR_OK) {
        assert_eq!(signed, CKR_FUNCTION_CANCELED);
        assert!(said.contains("is the thread or the process ending?"), "{said}");
    }
    assert_eq!(closed, CKR_OK);
    assert!(!said.contains("panicked"), "{said}");
    assert_eq!(signs(p11), Ok(()));
});
