//! Unusual processes: without standard streams, disk space or descriptors; with another OpenSSL, other `dlopen` flags,
//! or the default action of SIGPIPE.

use super::*;
use crate::support::{Emulator, module_path};
use crate::{ck, service_test};
use std::ffi::CString;
use std::ptr::null_mut;

service_test!(closed_standard_streams_are_neither_missed_nor_written_to, |emulator: &Emulator| {
    let p11 = P11::load();
    let fine = in_child(|| {
        for stream in 0..3 {
            unsafe { libc::close(stream) };
        }
        // The connection gets one of the free numbers, and an error line must not go there.
        ck!(p11, C_Initialize(null_mut())) == CKR_OK && signs(&p11).is_ok() && {
            let session = p11.open(0);
            let offline = p11.private_key(session, "demo-offline");
            p11.sign(session, CKM_ECDSA, offline, &DIGEST).is_err() && signs(&p11).is_ok()
        }
    });
    assert!(fine);
    assert!(emulator.requests().iter().all(|request| request.status != 400), "{:?}", emulator.requests());
});

service_test!(without_a_home_everything_works_but_the_cache, [("HOME", "")], [], |emulator: &Emulator| {
    unsafe {
        std::env::remove_var("HOME");
    }
    let p11 = P11::start();
    assert_eq!(signs(&p11), Ok(()));
    p11.finish();
    assert_eq!(ck!(p11, C_Initialize(null_mut())), CKR_OK);
    assert_eq!(signs(&p11), Ok(()));
    let lists = emulator.requests().iter().filter(|request| request.method == "GET").count();
    assert_eq!(lists, 2, "nothing was kept between the two runs");
});

service_test!(
    a_home_that_cannot_be_written_to_is_no_error,
    [("HOME", "/proc/1"), ("SM_LOG_OUTPUT", "file")],
    [],
    |_emulator: &Emulator| {
        let p11 = P11::start();
        assert_eq!(signs(&p11), Ok(()));
        p11.finish();
    }
);

fn limit(descriptors: u64) {
    let limit = libc::rlimit { rlim_cur: descriptors, rlim_max: 4096 };
    assert_eq!(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &limit) }, 0);
}

service_test!(when_descriptors_run_out_calls_fail_and_work_again_when_there_are_some, |emulator: &Emulator| {
    let p11 = P11::start();
    let used = descriptors() as u64;
    for more in 0..8 {
        limit(used + more);
        match signs(&p11) {
            Ok(()) => break,
            Err(rv) => {
                let proper = [CKR_FUNCTION_FAILED, CKR_DEVICE_ERROR, CKR_HOST_MEMORY, CKR_GENERAL_ERROR];
                assert!(proper.contains(&rv), "{rv:#x} with {more} descriptors");
            }
        }
    }
    limit(1024);
    assert_eq!(signs(&p11), Ok(()));
    assert!(emulator.signs() >= 1);
    // With one lane there and no descriptors for another, threads share it.
    limit(descriptors() as u64 + 1);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let signed = signs(&p11);
                assert!(matches!(signed, Ok(()) | Err(CKR_DEVICE_ERROR | CKR_FUNCTION_FAILED)), "{signed:x?}");
            });
        }
    });
    limit(1024);
    assert_eq!(signs(&p11), Ok(()));
});

service_test!(
    a_connection_that_the_service_closed_does_not_kill_a_host_with_the_default_sigpipe,
    |emulator: &Emulator| {
        unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
        let p11 = P11::start();
        for _ in 0..5 {
            assert_eq!(signs(&p11), Ok(()));
            emulator.faults(r#"[{"method": "POST", "path": "/signingmanager/api/v1/keypairs", "times": 1, "drop": "before_execution"}]"#);
            let _ = signs(&p11);
            emulator.faults("[]");
        }
        assert_eq!(signs(&p11), Ok(()));
        p11.finish();
    }
);

// musl has no such flag.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
service_test!(loaded_with_deepbind_beside_another_openssl_it_works, |_emulator: &Emulator| {
    // Whatever OpenSSL the system has: its symbols are in the process, global, before ours.
    let openssl = ["libcrypto.so.3", "libcrypto.so.1.1"].iter().find_map(|name| {
        let name = CString::new(*name).expect("no NUL");
        let handle = unsafe { libc::dlopen(name.as_ptr(), libc::RTLD_NOW | libc::RTLD_GLOBAL) };
        (!handle.is_null()).then_some(handle)
    });
    assert!(openssl.is_some(), "this test needs the system's OpenSSL (libssl3)");
    let path = CString::new(module_path().to_str().expect("UTF-8")).expect("no NUL");
    let flags = libc::RTLD_NOW | libc::RTLD_LOCAL | libc::RTLD_DEEPBIND;
    assert!(!unsafe { libc::dlopen(path.as_ptr(), flags) }.is_null());
    let p11 = P11::start();
    assert_eq!(signs(&p11), Ok(()));
    p11.finish();
});

service_test!(a_host_with_its_own_event_loop_may_call_from_within_it, |_emulator: &Emulator| {
    let p11 = P11::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("an event loop");
    runtime.block_on(async {
        assert_eq!(signs(&p11), Ok(()));
        tokio::task::spawn_blocking(move || assert_eq!(signs(&p11), Ok(()))).await.expect("no panic");
    });
});

service_test!(pointers_that_are_not_aligned_are_read_all_the_same, |_emulator: &Emulator| {
    let p11 = P11::start();
    let session = p11.open(0);
    let key = p11.private_key(session, KEY);
    let mechanism = CK_MECHANISM { mechanism: CKM_ECDSA, pParameter: null_mut(), ulParameterLen: 0 };
    let mut room = vec![0u8; size_of::<CK_MECHANISM>() + 1];
    let askew = unsafe { room.as_mut_ptr().add(1) }.cast::<CK_MECHANISM>();
    unsafe { askew.write_unaligned(mechanism) };
    assert_eq!(ck!(p11, C_SignInit(session, askew, key)), CKR_OK);
    let mut len_room = [0u8; 9];
    let askew = unsafe { len_room.as_mut_ptr().add(1) }.cast::<CK_ULONG>();
    unsafe { askew.write_unaligned(64) };
    let mut signature = [0u8; 64];
    let (data, to) = (DIGEST.as_ptr().cast_mut(), signature.as_mut_ptr());
    assert_eq!(ck!(p11, C_Sign(session, data, 32, to, askew)), CKR_OK);
    assert_eq!(unsafe { askew.read_unaligned() }, 64);
});
