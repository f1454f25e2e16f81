//! Threads: many, with small stacks, interrupted by signals, and none at all.

use super::*;
use crate::support::Emulator;
use crate::{ck, service_test};
use std::ffi::c_void;
use std::ptr::null_mut;

/// Runs `body` on a thread with a stack of so many bytes.
fn on_stack(size: usize, body: &mut dyn FnMut()) {
    extern "C" fn run(body: *mut c_void) -> *mut c_void {
        // SAFETY: the pointer that was given below, to what outlives the thread.
        let body = unsafe { &mut *body.cast::<&mut dyn FnMut()>() };
        body();
        null_mut()
    }
    let mut body = body;
    unsafe {
        let mut attributes = std::mem::zeroed();
        assert_eq!(libc::pthread_attr_init(&mut attributes), 0);
        assert_eq!(libc::pthread_attr_setstacksize(&mut attributes, size), 0);
        let mut thread = std::mem::zeroed();
        assert_eq!(libc::pthread_create(&mut thread, &attributes, run, (&raw mut body).cast()), 0);
        assert_eq!(libc::pthread_join(thread, null_mut()), 0);
    }
}

/// The stack size of servers' threads. Debug builds need several times the stack of release builds, and get it:
/// STM_PKCS11_MODULE=target/release/libstm_pkcs11.so tests the other.
fn small() -> usize {
    // On arm64 the least that a thread may have is more.
    if crate::support::is_shipped() { (64 << 10).max(libc::PTHREAD_STACK_MIN) } else { 512 << 10 }
}

service_test!(a_thread_with_a_small_stack_connects_lists_and_signs_with_every_family, |emulator: &Emulator| {
    let p11 = P11::load();
    on_stack(small(), &mut || {
        assert_eq!(ck!(p11, C_Initialize(null_mut())), CKR_OK);
        for slot in [0, 1] {
            let session = p11.open(slot);
            let keys = p11.find(session, &crate::support::template::Attributes::new().class(CKO_PRIVATE_KEY));
            assert!(!keys.is_empty());
        }
        for (slot, alias, mechanism) in [
            (0, "demo-ec-p256", CKM_ECDSA_SHA256),
            (0, "demo-rsa-3072", CKM_SHA256_RSA_PKCS),
            (1, "demo-ed25519", CKM_EDDSA),
            (1, "demo-ml-dsa-65", CKM_ML_DSA),
        ] {
            let session = p11.open(slot);
            let key = p11.private_key(session, alias);
            assert!(p11.sign(session, mechanism, key, b"data").is_ok(), "{alias}");
        }
        p11.finish();
    });
    assert_eq!(emulator.signs(), 4);
});

service_test!(a_host_that_forbids_threads_gets_none, |_emulator: &Emulator| {
    let p11 = P11::load();
    let mut args = CK_C_INITIALIZE_ARGS {
        flags: CKF_LIBRARY_CANT_CREATE_OS_THREADS | CKF_OS_LOCKING_OK,
        ..CK_C_INITIALIZE_ARGS::default()
    };
    assert_eq!(ck!(p11, C_Initialize((&raw mut args).cast())), CKR_OK);
    let before = tasks();
    assert_eq!(signs(&p11), Ok(()));
    assert_eq!(tasks(), before);
    p11.finish();
});

#[cfg(target_os = "linux")]
extern "C" fn tick(_: libc::c_int) {}

#[cfg(target_os = "linux")]
service_test!(signals_that_interrupt_system_calls_are_not_noticed, |emulator: &Emulator| {
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = tick as *const () as usize;
        // Without SA_RESTART every blocking call of the thread returns EINTR.
        action.sa_flags = 0;
        assert_eq!(libc::sigaction(libc::SIGALRM, &action, null_mut()), 0);
        let every = libc::timeval { tv_sec: 0, tv_usec: 500 };
        let timer = libc::itimerval { it_interval: every, it_value: every };
        assert_eq!(libc::syscall(libc::SYS_setitimer, libc::ITIMER_REAL, &timer, null_mut::<c_void>()), 0);
    }
    let p11 = P11::start();
    for _ in 0..3 {
        assert_eq!(signs(&p11), Ok(()));
    }
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..10 {
                    assert_eq!(signs(&p11), Ok(()));
                }
            });
        }
    });
    p11.finish();
    assert_eq!(emulator.signs(), 83);
});

service_test!(sixty_four_threads_sign_at_once_over_no_more_connections, |emulator: &Emulator| {
    let p11 = P11::start();
    let key = p11.private_key(p11.open(0), KEY);
    std::thread::scope(|scope| {
        for _ in 0..64 {
            scope.spawn(|| {
                let session = p11.open(0);
                for _ in 0..5 {
                    assert!(p11.sign(session, CKM_ECDSA, key, &DIGEST).is_ok());
                }
            });
        }
    });
    let connections: std::collections::HashSet<u64> = emulator.requests().iter().map(|r| r.connection).collect();
    assert!(connections.len() <= 64, "{}", connections.len());
    assert_eq!(emulator.signs(), 320);
});

service_test!(a_hundred_threads_share_what_there_is, |emulator: &Emulator| {
    let p11 = P11::start();
    let key = p11.private_key(p11.open(0), KEY);
    std::thread::scope(|scope| {
        for _ in 0..100 {
            scope.spawn(|| {
                let session = p11.open(0);
                for _ in 0..3 {
                    assert!(p11.sign(session, CKM_ECDSA, key, &DIGEST).is_ok());
                }
            });
        }
    });
    assert_eq!(emulator.signs(), 300);
});
