//! `fork`: before, during and after calls, with and without the calls that the standard requires.

use super::*;
use crate::support::Emulator;
use crate::{ck, service_test};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

service_test!(children_that_are_forked_while_threads_sign_start_afresh_and_hurt_nobody, |emulator: &Emulator| {
    let p11 = P11::start();
    let session = p11.open(0);
    let key = p11.private_key(session, KEY);
    let (stop, made) = (AtomicBool::new(false), AtomicUsize::new(0));
    let mut by_children = 0;
    /// The threads end when a child is not fine, too.
    struct Stop<'a>(&'a AtomicBool);
    impl Drop for Stop<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    std::thread::scope(|scope| {
        let _stop = Stop(&stop);
        for _ in 0..4 {
            scope.spawn(|| {
                let session = p11.open(0);
                while !stop.load(Ordering::Relaxed) {
                    p11.sign(session, CKM_ECDSA, key, &DIGEST).expect("the parent goes on signing");
                    made.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for round in 0..20 {
            let fine = in_child(|| {
                let mut count = 0;
                ck!(p11, C_GetSlotList(CK_TRUE, null_mut(), &mut count)) == CKR_CRYPTOKI_NOT_INITIALIZED
                    && ck!(p11, C_CloseSession(session)) == CKR_CRYPTOKI_NOT_INITIALIZED
                    && ck!(p11, C_Finalize(null_mut())) == CKR_CRYPTOKI_NOT_INITIALIZED
                    && ck!(p11, C_Initialize(null_mut())) == CKR_OK
                    && (round % 4 != 0 || signs(&p11).is_ok())
                    && ck!(p11, C_Finalize(null_mut())) == CKR_OK
            });
            assert!(fine, "child {round}");
            by_children += usize::from(round % 4 == 0);
        }
    });
    assert!(made.load(Ordering::Relaxed) > 0);
    assert_eq!(emulator.signs(), made.load(Ordering::Relaxed) + by_children, "each signature was asked for once");
});

service_test!(a_child_of_a_child_may_initialise_too, |emulator: &Emulator| {
    let p11 = P11::start();
    assert_eq!(signs(&p11), Ok(()));
    let fine = in_child(|| {
        ck!(p11, C_Initialize(null_mut())) == CKR_OK
            && in_child(|| ck!(p11, C_Initialize(null_mut())) == CKR_OK && signs(&p11).is_ok())
            && signs(&p11).is_ok()
    });
    assert!(fine);
    assert_eq!(signs(&p11), Ok(()));
    assert_eq!(emulator.signs(), 4);
});

service_test!(
    a_server_that_forks_and_never_initialises_again_works_when_the_setting_permits_it,
    [("STM_PKCS11_FORK", "lenient")],
    [],
    |emulator: &Emulator| {
        let p11 = P11::start();
        let session = p11.open(0);
        let key = p11.private_key(session, KEY);
        assert!(p11.sign(session, CKM_ECDSA, key, &DIGEST).is_ok());
        let worker = || p11.sign(session, CKM_ECDSA, key, &DIGEST).is_ok();
        for _ in 0..3 {
            assert!(in_child(|| worker() && worker() && in_child(worker)));
            assert!(p11.sign(session, CKM_ECDSA, key, &DIGEST).is_ok(), "the parent's connection is its own");
        }
        assert_eq!(emulator.signs(), 1 + 3 * 4);
        let requests = emulator.requests();
        let of_parent = requests.iter().filter(|request| request.connection == requests[0].connection).count();
        assert_eq!(of_parent, 1 + 1 + 3, "{requests:?}");
    }
);

service_test!(
    where_children_may_go_on_a_child_that_initialises_starts_afresh_all_the_same,
    [("STM_PKCS11_FORK", "lenient")],
    [],
    |emulator: &Emulator| {
        let p11 = P11::start();
        let session = p11.open(0);
        assert!(signs(&p11).is_ok());
        let fresh = in_child(|| {
            ck!(p11, C_Initialize(null_mut())) == CKR_OK
                && ck!(p11, C_CloseSession(session)) == CKR_SESSION_HANDLE_INVALID
                && signs(&p11).is_ok()
                && ck!(p11, C_Initialize(null_mut())) == CKR_CRYPTOKI_ALREADY_INITIALIZED
                && ck!(p11, C_Finalize(null_mut())) == CKR_OK
        });
        assert!(fresh);
        assert!(signs(&p11).is_ok());
        assert_eq!(emulator.signs(), 3);
    }
);

service_test!(
    a_child_of_a_parent_that_was_inside_begins_afresh_and_says_why_once,
    [("STM_PKCS11_FORK", "lenient"), ("SM_LOG_OUTPUT", "file")],
    [],
    |emulator: &Emulator| {
        emulator.call("PUT", "/latency", r#"{"sign_ms": 1500}"#);
        let p11 = P11::start();
        let session = p11.open(0);
        let key = p11.private_key(session, KEY);
        let signing = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                signing.store(true, Ordering::Relaxed);
                assert!(p11.sign(session, CKM_ECDSA, key, &DIGEST).is_ok(), "the parent's signature is its own");
            });
            while !signing.load(Ordering::Relaxed) {
                std::thread::yield_now();
            }
            std::thread::sleep(std::time::Duration::from_millis(300));
            let afresh = in_child(|| {
                let mut count = 0;
                let mut caught = || {
                    p11.open_with(0, CKF_SERIAL_SESSION) == Err(CKR_CRYPTOKI_NOT_INITIALIZED)
                        && ck!(p11, C_GetSlotList(CK_TRUE, null_mut(), &mut count)) == CKR_CRYPTOKI_NOT_INITIALIZED
                };
                caught() && in_child(&mut caught) && ck!(p11, C_Initialize(null_mut())) == CKR_OK && signs(&p11).is_ok()
            });
            assert!(afresh);
        });
        assert_eq!(emulator.signs(), 2);
        let log = std::env::var("HOME").map(|home| format!("{home}/.signingmanager/logs/smpkcs11.log"));
        let log = std::fs::read_to_string(log.expect("a home")).expect("the log");
        let said = |line: &&str| line.contains(" ERROR STM_PKCS11_FORK=lenient has no effect in this process: ");
        // The child, and the child's child.
        assert_eq!(log.lines().filter(said).count(), 2, "{log}");
    }
);
