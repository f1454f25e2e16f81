//! Children of a parent whose threads are inside the module during the fork: none may hang, whatever lock it has
//! inherited.
//!
//! `STM_TEST_FORKS` sets the number of children in each test; `tests/forks` runs 10,000.

use super::*;
use crate::support::Emulator;
use crate::support::template::Attributes;
use crate::{ck, service_test};
use std::ptr::null_mut;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const FEW: usize = 150;

/// The status of a child that succeeded.
const AFRESH: i32 = 0;
const ADOPTED: i32 = 50;

/// Finds a key and creates an object, without a request. `step` is the stage of the child, and its status on failure.
fn works(p11: &P11, session: CK_SESSION_HANDLE, step: i32) -> Result<(), i32> {
    find(p11, session).map_err(|_| step)?;
    object(p11, session).map_err(|_| step + 1)?;
    ok(ck!(p11, C_CloseSession(session)), step + 2)
}

fn object(p11: &P11, session: CK_SESSION_HANDLE) -> Result<CK_OBJECT_HANDLE, CK_RV> {
    let mut key = Attributes::new()
        .class(CKO_PUBLIC_KEY)
        .number(CKA_KEY_TYPE, CKK_RSA)
        .bytes(CKA_MODULUS, &[0xab; 256])
        .bytes(CKA_PUBLIC_EXPONENT, &[1, 0, 1]);
    let (mut raw, mut object) = (key.raw(), 0);
    match ck!(p11, C_CreateObject(session, raw.as_mut_ptr(), raw.len() as CK_ULONG, &mut object)) {
        CKR_OK => Ok(object),
        rv => Err(rv),
    }
}

fn ok(rv: CK_RV, step: i32) -> Result<(), i32> {
    if rv == CKR_OK { Ok(()) } else { Err(step) }
}

fn child(p11: &P11, lenient: bool, inherited: CK_SESSION_HANDLE) -> i32 {
    let life = || -> Result<i32, i32> {
        match p11.open_with(0, CKF_SERIAL_SESSION) {
            Ok(session) if lenient => {
                works(p11, session, 1)?;
                // The parent's session is this process's, too.
                find(p11, inherited).map_err(|_| 4)?;
                Ok(ADOPTED)
            }
            Err(CKR_CRYPTOKI_NOT_INITIALIZED) => {
                // This does not change, for any function.
                if ck!(p11, C_Finalize(null_mut())) != CKR_CRYPTOKI_NOT_INITIALIZED {
                    return Err(5);
                }
                ok(ck!(p11, C_Initialize(null_mut())), 6)?;
                let session = p11.open_with(0, CKF_SERIAL_SESSION).map_err(|_| 7)?;
                works(p11, session, 8)?;
                ok(ck!(p11, C_Finalize(null_mut())), 11)?;
                Ok(AFRESH)
            }
            _ => Err(12),
        }
    };
    life().unwrap_or_else(|step| step)
}

/// The parent's threads open sessions, search, sign and create objects, and everything is logged.
fn busy_parent(emulator: &Emulator, lenient: bool) {
    let forks = std::env::var("STM_TEST_FORKS").map_or(FEW, |count| count.parse().expect("a number"));
    let home = std::env::var("HOME").expect("the test has a home");
    let log = std::path::Path::new(&home).join(".signingmanager/logs/smpkcs11.log");
    let p11 = P11::start();
    let session = p11.open(0);
    // The children go on with the one, in which nothing is under way; the parent's thread searches in the other.
    let searching = p11.open(0);
    let key = find(&p11, session).expect("the key");
    let stop = AtomicBool::new(false);
    struct Stop<'a>(&'a AtomicBool);
    impl Drop for Stop<'_> {
        fn drop(&mut self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }
    let jobs: [(&str, &(dyn Fn() + Sync)); 4] = [
        ("sessions", &|| {
            let session = p11.open(0);
            assert_eq!(ck!(p11, C_CloseSession(session)), CKR_OK);
        }),
        ("searches", &|| {
            find(&p11, searching).expect("the key");
        }),
        ("objects", &|| {
            let session = p11.open(0);
            let object = object(&p11, session).expect("an object");
            assert_eq!(ck!(p11, C_DestroyObject(session, object)), CKR_OK);
            assert_eq!(ck!(p11, C_CloseSession(session)), CKR_OK);
        }),
        ("signatures", &|| {
            let session = p11.open(0);
            p11.sign(session, CKM_ECDSA, key, &DIGEST).expect("the parent goes on signing");
            assert_eq!(ck!(p11, C_CloseSession(session)), CKR_OK);
            std::thread::sleep(Duration::from_millis(20));
        }),
    ];
    let (mut adopted, mut hung, mut failed) = (0, 0, Vec::new());
    let begun = std::time::Instant::now();
    std::thread::scope(|scope| {
        let _stop = Stop(&stop);
        for (_, job) in jobs {
            let stop = &stop;
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    // In turns busy and away: a fork has to meet both.
                    for _ in 0..20 {
                        job();
                    }
                    std::thread::sleep(Duration::from_millis(1));
                }
            });
        }
        for round in 0..forks {
            match status_of_child(|| child(&p11, lenient, session)) {
                Some(AFRESH) => {}
                Some(ADOPTED) => adopted += 1,
                Some(status) => failed.push((round, status)),
                None => hung += 1,
            }
            if round % 100 == 99 {
                // The log of all calls of an hour is long.
                std::fs::File::options().write(true).open(&log).and_then(|log| log.set_len(0)).expect("the log");
                assert!(hung + failed.len() < 20, "{hung} of {round} children hang, {failed:?} fail");
            }
        }
    });
    println!(
        "measured: {forks} children, {adopted} went on with the parent's run, {hung} hung, in {:?}",
        begun.elapsed()
    );
    assert_eq!((hung, &failed[..]), (0, &[][..]), "of {forks} children, hung and failed (round, step)");
    assert_eq!(adopted > 0, lenient);
    assert!(adopted < forks, "no fork met a thread inside");
    assert!(emulator.signs() > 0);
}

service_test!(no_child_of_a_busy_parent_hangs, [("SM_LOG_OUTPUT", "file")], [], |emulator: &Emulator| busy_parent(
    emulator, false
));

service_test!(
    no_child_of_a_busy_parent_hangs_that_may_go_on_with_its_run,
    [("SM_LOG_OUTPUT", "file"), ("STM_PKCS11_FORK", "lenient")],
    [],
    |emulator: &Emulator| busy_parent(emulator, true)
);
