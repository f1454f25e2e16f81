//! Initialise, finalise, slots, sessions, login: the state rules of the standard (PKCS#11 3.2, 5.4 to 5.6).

#![allow(clippy::macro_metavars_in_unsafe, reason = "calling C functions is what these tests are for")]

mod support;

use cryptoki_sys::*;
use std::ptr::null_mut;
use support::template::Attributes;
use support::{Emulator, Mechanism, P11};

unsafe extern "C" fn create(_: *mut *mut std::ffi::c_void) -> CK_RV {
    CKR_OK
}

unsafe extern "C" fn mutex(_: *mut std::ffi::c_void) -> CK_RV {
    CKR_OK
}

fn args(flags: CK_FLAGS, mutexes: usize) -> CK_C_INITIALIZE_ARGS {
    CK_C_INITIALIZE_ARGS {
        CreateMutex: (mutexes > 0).then_some(create),
        DestroyMutex: (mutexes > 1).then_some(mutex),
        LockMutex: (mutexes > 2).then_some(mutex),
        UnlockMutex: (mutexes > 3).then_some(mutex),
        flags,
        pReserved: null_mut(),
    }
}

service_test!(every_form_of_the_initialise_arguments_is_judged, |emulator: &Emulator| {
    let p11 = P11::load();
    assert_eq!(ck!(p11, C_Finalize(null_mut())), CKR_CRYPTOKI_NOT_INITIALIZED);
    let try_with = |mut args: CK_C_INITIALIZE_ARGS| {
        let rv = ck!(p11, C_Initialize((&raw mut args).cast()));
        if rv == CKR_OK {
            assert_eq!(ck!(p11, C_Initialize((&raw mut args).cast())), CKR_CRYPTOKI_ALREADY_INITIALIZED);
            p11.finish();
        }
        rv
    };
    for flags in [
        0,
        CKF_OS_LOCKING_OK,
        CKF_LIBRARY_CANT_CREATE_OS_THREADS,
        CKF_OS_LOCKING_OK | CKF_LIBRARY_CANT_CREATE_OS_THREADS,
    ] {
        for (mutexes, rv) in
            [(0, CKR_OK), (1, CKR_ARGUMENTS_BAD), (2, CKR_ARGUMENTS_BAD), (3, CKR_ARGUMENTS_BAD), (4, CKR_OK)]
        {
            assert_eq!(try_with(args(flags, mutexes)), rv, "flags {flags:#x}, {mutexes} mutexes");
        }
    }
    let settings = c"SM_LOG_LEVEL=ERROR";
    assert_eq!(try_with(CK_C_INITIALIZE_ARGS { pReserved: settings.as_ptr().cast_mut().cast(), ..args(0, 0) }), CKR_OK);
    let nonsense = [0xffu8, 0xfe, 0];
    let reserved = nonsense.as_ptr().cast_mut().cast();
    assert_eq!(try_with(CK_C_INITIALIZE_ARGS { pReserved: reserved, ..args(0, 0) }), CKR_ARGUMENTS_BAD);
    assert_eq!(ck!(p11, C_Initialize(null_mut())), CKR_OK);
    assert_eq!(ck!(p11, C_Finalize(nonsense.as_ptr().cast_mut().cast())), CKR_ARGUMENTS_BAD);
    p11.finish();
    assert_eq!(ck!(p11, C_Finalize(null_mut())), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_eq!(emulator.requests().len(), 0);
});

// Invalid values of `pReserved`: numbers, unreadable memory, and memory with other content.
service_test!(a_reserved_argument_that_is_no_settings_is_refused_and_never_followed, |emulator: &Emulator| {
    let p11 = P11::load();
    let folder = tempfile::tempdir().expect("a folder");
    unsafe { std::env::set_var("SM_LOG_DIR", folder.path()) };
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    let unreadable = unsafe { libc::mmap(null_mut(), page, libc::PROT_NONE, flags, -1, 0) };
    let other = [7u64; 1024];
    let text = c"configdir='/etc/pki/nssdb'";
    let endless = vec![b'#'; 1 << 16];
    for (reserved, problem) in [
        (1, "is not a valid pointer"),
        (8, "is not a valid pointer"),
        (0x1000, "is not a valid pointer"),
        (0xffff, "is not a valid pointer"),
        (usize::MAX, "cannot be read"),
        (unreadable as usize, "cannot be read"),
        (other.as_ptr() as usize, "does not point to settings"),
        (text.as_ptr() as usize, "does not point to settings"),
        (endless.as_ptr() as usize, "without a terminator"),
    ] {
        let mut args = CK_C_INITIALIZE_ARGS { pReserved: reserved as *mut _, ..args(CKF_OS_LOCKING_OK, 0) };
        assert_eq!(ck!(p11, C_Initialize((&raw mut args).cast())), CKR_ARGUMENTS_BAD, "{reserved:#x}");
        let log = std::fs::read_to_string(folder.path().join("smpkcs11.log")).expect("a log");
        let last = log.lines().rfind(|line| line.contains(" ERROR ")).expect("a message");
        let advice = "; pass a null pointer, or settings such as SM_LOG_LEVEL=DEBUG;STM_PKCS11_TOKEN=Release";
        assert!(last.contains("pReserved of C_Initialize ") && last.contains(problem), "{reserved:#x}: {last}");
        assert!(last.contains(advice), "{last}");
        assert_eq!(ck!(p11, C_Finalize(null_mut())), CKR_CRYPTOKI_NOT_INITIALIZED);
    }
    assert_eq!(ck!(p11, C_Initialize(null_mut())), CKR_OK);
    p11.finish();
    assert_eq!(emulator.requests().len(), 0);
});

service_test!(settings_in_the_initialise_arguments_come_first, |_: &Emulator| {
    let p11 = P11::load();
    let settings = c"STM_PKCS11_TOKEN=Arguments; STM_PKCS11_MODERN_SLOT=off";
    let mut args = CK_C_INITIALIZE_ARGS { pReserved: settings.as_ptr().cast_mut().cast(), ..args(0, 0) };
    assert_eq!(ck!(p11, C_Initialize((&raw mut args).cast())), CKR_OK);
    assert_eq!(p11.slots(), [0]);
    let mut info = CK_TOKEN_INFO::default();
    assert_eq!(ck!(p11, C_GetTokenInfo(0, &mut info)), CKR_OK);
    assert!(info.label.starts_with(b"Arguments "));
});

service_test!(nothing_is_asked_until_something_is_looked_for, |emulator: &Emulator| {
    let p11 = P11::start();
    let mut info = CK_INFO::default();
    assert_eq!(ck!(p11, C_GetInfo(&mut info)), CKR_OK);
    assert_eq!((info.cryptokiVersion.major, info.cryptokiVersion.minor), (3, 2));
    for slot in p11.slots() {
        let (mut slot_info, mut token_info) = (CK_SLOT_INFO::default(), CK_TOKEN_INFO::default());
        assert_eq!(ck!(p11, C_GetSlotInfo(slot, &mut slot_info)), CKR_OK);
        assert_eq!(ck!(p11, C_GetTokenInfo(slot, &mut token_info)), CKR_OK);
        assert_eq!(token_info.flags & CKF_LOGIN_REQUIRED, 0);
        for mechanism in p11.mechanisms(slot) {
            let mut mechanism_info = CK_MECHANISM_INFO::default();
            assert_eq!(ck!(p11, C_GetMechanismInfo(slot, mechanism, &mut mechanism_info)), CKR_OK);
        }
        let session = p11.open(slot);
        assert_eq!(ck!(p11, C_Login(session, CKU_USER, null_mut(), 0)), CKR_OK);
        assert!(p11.find(session, &Attributes::new().class(CKO_SECRET_KEY)).is_empty());
        assert_eq!(p11.find(session, &Attributes::new().class(CKO_PROFILE)).len(), 2);
        assert!(p11.find(session, &Attributes::new().bytes(CKA_VENDOR_DEFINED | 0x1234, b"x")).is_empty());
    }
    p11.finish();
    assert_eq!(emulator.requests().len(), 0);
});

service_test!(a_token_without_login_takes_any_pin_once, |_: &Emulator| {
    let p11 = P11::start();
    let session = p11.open(0);
    let other = p11.open_rw(0);
    let login =
        |session, user, pin: &[u8]| ck!(p11, C_Login(session, user, pin.as_ptr().cast_mut(), pin.len() as CK_ULONG));
    for pin in [&b"1234"[..], b"", b"\xff\xfe"] {
        assert_eq!(login(session, CKU_USER, pin), CKR_OK);
        assert_eq!(login(other, CKU_USER, pin), CKR_USER_ALREADY_LOGGED_IN, "the state is the token's");
        assert_eq!(login(other, CKU_SO, pin), CKR_USER_ANOTHER_ALREADY_LOGGED_IN);
        assert_eq!(state(&p11, session), CKS_RO_USER_FUNCTIONS);
        assert_eq!(state(&p11, other), CKS_RW_USER_FUNCTIONS);
        assert_eq!(ck!(p11, C_Logout(other)), CKR_OK);
        assert_eq!(ck!(p11, C_Logout(session)), CKR_USER_NOT_LOGGED_IN);
        assert_eq!(state(&p11, session), CKS_RO_PUBLIC_SESSION);
    }
    assert_eq!(login(session, CKU_SO, b"1234"), CKR_SESSION_READ_ONLY_EXISTS);
    assert_eq!(ck!(p11, C_CloseSession(session)), CKR_OK);
    assert_eq!(login(other, CKU_SO, b"1234"), CKR_PIN_LOCKED);
    assert_eq!(login(other, CKU_CONTEXT_SPECIFIC, b"1234"), CKR_OPERATION_NOT_INITIALIZED);
    assert_eq!(login(other, 77, b"1234"), CKR_USER_TYPE_INVALID);
    assert_eq!(login(other, CKU_USER, b"1234"), CKR_OK);
    assert_eq!(ck!(p11, C_CloseAllSessions(0)), CKR_OK);
    let fresh = p11.open(0);
    assert_eq!(state(&p11, fresh), CKS_RO_PUBLIC_SESSION, "closing the last session logs out");
});

fn state(p11: &P11, session: CK_SESSION_HANDLE) -> CK_STATE {
    let mut info = CK_SESSION_INFO::default();
    assert_eq!(ck!(p11, C_GetSessionInfo(session, &mut info)), CKR_OK);
    info.state
}

service_test!(
    a_pin_that_is_the_api_key_is_checked_at_login_and_hides_private_keys_until_then,
    [("STM_PKCS11_LOGIN", "api-key")],
    [],
    |emulator: &Emulator| {
        let p11 = P11::start();
        let key = std::env::var("SM_API_KEY").unwrap();
        checks_a_pin(&p11, emulator, key.as_bytes());
    }
);

service_test!(
    a_pin_that_is_the_certificate_password_is_checked_at_login_and_hides_private_keys_until_then,
    [("STM_PKCS11_LOGIN", "password")],
    [],
    |emulator: &Emulator| {
        let p11 = P11::start();
        let password = std::env::var("SM_CLIENT_CERT_PASSWORD").unwrap();
        checks_a_pin(&p11, emulator, password.as_bytes());
    }
);

fn checks_a_pin(p11: &P11, emulator: &Emulator, right: &[u8]) {
    let flags = || {
        let mut info = CK_TOKEN_INFO::default();
        assert_eq!(ck!(p11, C_GetTokenInfo(0, &mut info)), CKR_OK);
        info.flags & (CKF_LOGIN_REQUIRED | CKF_USER_PIN_COUNT_LOW)
    };
    let (session, other) = (p11.open(0), p11.open_rw(0));
    let login = |pin: &[u8]| ck!(p11, C_Login(session, CKU_USER, pin.as_ptr().cast_mut(), pin.len() as CK_ULONG));
    let private = Attributes::new().class(CKO_PRIVATE_KEY).label("demo-rsa-2048");
    assert_eq!(flags(), CKF_LOGIN_REQUIRED);
    assert!(p11.find(session, &private).is_empty());
    assert_eq!(ck!(p11, C_Login(session, CKU_USER, null_mut(), 0)), CKR_ARGUMENTS_BAD);
    assert_eq!(login(b"wrong"), CKR_PIN_INCORRECT);
    assert_eq!(flags(), CKF_LOGIN_REQUIRED | CKF_USER_PIN_COUNT_LOW);
    assert_eq!(emulator.signs(), 0);
    assert_eq!(login(right), CKR_OK);
    assert_eq!(flags(), CKF_LOGIN_REQUIRED);
    assert_eq!(login(right), CKR_USER_ALREADY_LOGGED_IN);
    let key = p11.private_key(other, "demo-rsa-2048");
    assert_eq!(p11.attribute(other, key, CKA_PRIVATE), Ok(vec![1]));
    let signature = p11.sign(other, CKM_SHA256_RSA_PKCS, key, b"x").unwrap();
    let public = p11.public_key(session, "demo-rsa-2048");
    assert_eq!(ck!(p11, C_Logout(other)), CKR_OK);
    assert!(p11.find(session, &private).is_empty());
    assert_eq!(p11.attribute(session, key, CKA_LABEL), Err(CKR_OBJECT_HANDLE_INVALID));
    let mut mechanism = Mechanism::new(CKM_SHA256_RSA_PKCS);
    assert_eq!(ck!(p11, C_SignInit(session, &mut mechanism.raw(), key)), CKR_USER_NOT_LOGGED_IN);
    assert_eq!(p11.verify(session, CKM_SHA256_RSA_PKCS, public, b"x", &signature), Ok(()));
    assert_eq!(login(right), CKR_OK);
    assert_eq!(p11.private_key(session, "demo-rsa-2048"), key, "the handle is the same again");
}

service_test!(
    a_logout_ends_what_is_private_in_its_token_and_nothing_else,
    [("STM_PKCS11_LOGIN", "password"), ("SM_LOG_OUTPUT", "file")],
    [],
    |_: &Emulator| {
        let p11 = P11::start();
        let pin = std::env::var("SM_CLIENT_CERT_PASSWORD").unwrap();
        let (session, second, modern) = (p11.open(0), p11.open(0), p11.open(1));
        let rsa = |private| {
            Attributes::new()
                .class(CKO_PUBLIC_KEY)
                .number(CKA_KEY_TYPE, CKK_RSA)
                .bytes(CKA_MODULUS, &[0xab; 256])
                .bytes(CKA_PUBLIC_EXPONENT, &[1, 0, 1])
                .flag(CKA_PRIVATE, private)
        };
        let make = |session, private| {
            let mut attributes = rsa(private);
            let (mut raw, mut object) = (attributes.raw(), 0);
            let rv = ck!(p11, C_CreateObject(session, raw.as_mut_ptr(), raw.len() as CK_ULONG, &mut object));
            if rv == CKR_OK { Ok(object) } else { Err(rv) }
        };
        let there = |session, object| p11.attribute(session, object, CKA_KEY_TYPE).is_ok();
        // Before the login, an object may be public, and a key that is not shown is not said to be missing.
        assert_eq!(make(session, true), Err(CKR_USER_NOT_LOGGED_IN));
        let early = make(session, false).expect("a public object");
        assert!(p11.find(session, &Attributes::new().class(CKO_PRIVATE_KEY).label("demo-ec-p256")).is_empty());
        assert!(!logged().contains(" ERROR "), "{}", logged());
        for session in [session, modern] {
            assert_eq!(log_in(&p11, session, &pin), CKR_OK);
        }
        let (public, private) = (make(session, false).unwrap(), make(session, true).unwrap());
        let elsewhere = make(modern, true).unwrap();
        let found = p11.find(session, &Attributes::new().flag(CKA_TOKEN, false));
        assert_eq!(found, [early, public, private]);
        let mut sha256 = Mechanism::new(CKM_SHA256);
        for session in [session, second, modern] {
            assert_eq!(ck!(p11, C_DigestInit(session, &mut sha256.raw())), CKR_OK);
        }
        assert!(!p11.find(session, &Attributes::new().class(CKO_CERTIFICATE)).is_empty());

        // The last session of a token ends its login, and no other.
        assert_eq!(ck!(p11, C_CloseSession(p11.open(0))), CKR_OK);
        assert_eq!(state(&p11, session), CKS_RO_USER_FUNCTIONS);

        assert_eq!(ck!(p11, C_Logout(session)), CKR_OK);
        let mut digest = [0; 32];
        let end = |session, digest: &mut [u8; 32]| {
            let mut len = 32;
            ck!(p11, C_Digest(session, digest.as_mut_ptr(), 0, digest.as_mut_ptr(), &mut len))
        };
        assert_eq!(end(session, &mut digest), CKR_OPERATION_NOT_INITIALIZED);
        assert_eq!(end(second, &mut digest), CKR_OPERATION_NOT_INITIALIZED);
        assert_eq!(end(modern, &mut digest), CKR_OK);
        assert!(there(session, public) && there(session, early) && there(modern, elsewhere));
        assert!(p11.find(session, &Attributes::new().class(CKO_CERTIFICATE)).is_empty(), "what was found with the PIN");
        assert_eq!(log_in(&p11, session, &pin), CKR_OK);
        assert!(!there(session, private), "it does not come back");

        // All sessions of a token, and their objects.
        assert_eq!(ck!(p11, C_CloseAllSessions(0)), CKR_OK);
        assert!(there(modern, elsewhere));
        let session = p11.open(0);
        assert_eq!(state(&p11, session), CKS_RO_PUBLIC_SESSION);
        assert!(!there(session, public) && !there(session, early));
    }
);

service_test!(
    the_end_of_a_login_that_nobody_required_keeps_what_is_known,
    [("STM_PKCS11_CACHE", "off")],
    [],
    |emulator: &Emulator| {
        let p11 = P11::start();
        let session = p11.open(0);
        assert_eq!(log_in(&p11, session, "any"), CKR_OK);
        p11.private_key(session, "demo-ec-p256");
        emulator.clear();
        assert_eq!(ck!(p11, C_CloseSession(session)), CKR_OK);
        let session = p11.open(0);
        assert_eq!(state(&p11, session), CKS_RO_PUBLIC_SESSION);
        p11.private_key(session, "demo-ec-p256");
        assert_eq!(emulator.requests().len(), 0);
    }
);

fn log_in(p11: &P11, session: CK_SESSION_HANDLE, pin: &str) -> CK_RV {
    ck!(p11, C_Login(session, CKU_USER, pin.as_ptr().cast_mut(), pin.len() as CK_ULONG))
}

service_test!(
    a_pin_belongs_to_the_slot_that_was_given_it,
    [("STM_PKCS11_LOGIN", "api-key")],
    ["--require-api-key"],
    |_: &Emulator| {
        let p11 = P11::start();
        let pin = std::env::var("SM_API_KEY").unwrap();
        let keys = |session| p11.find(session, &Attributes::new().class(CKO_PRIVATE_KEY));
        let (classic, modern) = (p11.open(0), p11.open(1));
        assert_eq!(log_in(&p11, classic, &pin), CKR_OK);
        assert!(!keys(classic).is_empty());
        // The other token was given none.
        assert_eq!(state(&p11, modern), CKS_RO_PUBLIC_SESSION);
        assert!(keys(modern).is_empty());
        let certificates = Attributes::new().class(CKO_CERTIFICATE);
        assert!(p11.find(modern, &certificates).is_empty(), "it has no credentials to ask with");
        assert_eq!(log_in(&p11, modern, &pin), CKR_OK);
        let ed25519 = p11.private_key(modern, "demo-ed25519");
        // What ends in the one goes on in the other.
        assert_eq!(ck!(p11, C_CloseSession(classic)), CKR_OK);
        assert_eq!(state(&p11, modern), CKS_RO_USER_FUNCTIONS);
        assert!(p11.sign(modern, CKM_EDDSA, ed25519, b"x").is_ok());
        let classic = p11.open(0);
        assert_eq!(state(&p11, classic), CKS_RO_PUBLIC_SESSION);
        assert_eq!(log_in(&p11, classic, &pin), CKR_OK);
        assert_eq!(ck!(p11, C_Logout(modern)), CKR_OK);
        let ecdsa = p11.private_key(classic, "demo-ec-p256");
        assert!(p11.sign(classic, CKM_ECDSA, ecdsa, &[7; 32]).is_ok());
    }
);

service_test!(
    what_was_found_with_one_pin_is_not_there_for_another,
    [("STM_PKCS11_LOGIN", "api-key")],
    ["--require-api-key"],
    |emulator: &Emulator| {
        let p11 = P11::start();
        let pin = std::env::var("SM_API_KEY").unwrap();
        let session = p11.open(0);
        let keys = || p11.find(session, &Attributes::new().class(CKO_PRIVATE_KEY));
        assert_eq!(log_in(&p11, session, &pin), CKR_OK);
        let firsts = keys();
        let key = p11.private_key(session, "demo-ec-p256");
        assert!(firsts.len() > 1);
        assert_eq!(ck!(p11, C_Logout(session)), CKR_OK);
        // The second user has no keypairs; memory and disk have those of the first.
        emulator.faults(
            r#"[{"method": "GET", "path": "/signingmanager/api/v1/keypairs", "status": 200, "body": {"total": 0, "offset": 0, "limit": 100, "items": []}}]"#,
        );
        assert_eq!(log_in(&p11, session, "01_the-key-of-somebody-else"), CKR_OK);
        assert_eq!(keys().len(), 0);
        assert_eq!(p11.find(session, &Attributes::new().class(CKO_CERTIFICATE)).len(), 0);
        assert_eq!(p11.find(session, &Attributes::new().class(CKO_PRIVATE_KEY).label("demo-ec-p256")).len(), 0);
        assert_eq!(
            p11.attribute(session, key, CKA_LABEL),
            Err(CKR_OBJECT_HANDLE_INVALID),
            "a handle of the first user"
        );
        assert_eq!(ck!(p11, C_Logout(session)), CKR_OK);
        emulator.faults("[]");
        assert_eq!(log_in(&p11, session, &pin), CKR_OK);
        assert_eq!(keys().len(), firsts.len());
    }
);

/// Settings whose API key is printed by a command. Of two tokens neither takes its credentials from the environment.
fn with_command(emulator: &Emulator, command: &str) -> String {
    let dir = emulator.dir.display();
    let text = format!(
        "[[token]]\nname = 'slow'\nhost = '{}'\nca_file = '{dir}/tls-ca.pem'\nclient_cert_file = '{dir}/client.p12'\n\
         client_cert_password = 'file:{dir}/password'\napi_key = \"command:{command}\"\ntimeout = 2\n\
         [[token]]\nname = 'other'\nhost = '{}'\n",
        emulator.host, emulator.host
    );
    let home = std::env::var("HOME").expect("a home");
    let password = std::env::var("SM_CLIENT_CERT_PASSWORD").expect("it is set");
    for (path, text) in [(format!("{home}/slow.toml"), text), (format!("{dir}/password"), password)] {
        std::fs::write(&path, text).expect("a file");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(path, mode).expect("its mode");
    }
    format!("STM_PKCS11_CONFIG={home}/slow.toml;STM_PKCS11_CACHE=off")
}

fn logged() -> String {
    let home = std::env::var("HOME").expect("a home");
    std::fs::read_to_string(format!("{home}/.signingmanager/logs/smpkcs11.log")).expect("the log")
}

service_test!(
    a_command_that_prints_a_secret_gets_what_is_left_of_the_deadline,
    [("SM_LOG_OUTPUT", "file")],
    [],
    |emulator: &Emulator| {
        let p11 = P11::load();
        p11.begin(&with_command(emulator, "sh -c 'sleep 20; echo too-late'"));
        let begun = std::time::Instant::now();
        // Two threads: the one runs the command, the other waits for it no longer.
        std::thread::scope(|scope| {
            for label in ["demo-ec-p256", "demo-rsa-2048"] {
                let p11 = &p11;
                scope.spawn(move || {
                    let wanted = Attributes::new().class(CKO_PRIVATE_KEY).label(label);
                    assert!(p11.try_find(p11.open(0), &wanted).is_err());
                });
            }
        });
        let took = begun.elapsed();
        assert!(took < std::time::Duration::from_secs(8), "{took:?}");
        let log = logged();
        assert!(
            log.contains(
                "the command 'sh' did not end within 2.0 s; use a faster command, or raise STM_PKCS11_TIMEOUT"
            ),
            "{log}"
        );
        p11.finish();
    }
);

service_test!(a_deadline_that_a_command_used_up_says_so, [("SM_LOG_OUTPUT", "file")], [], |emulator: &Emulator| {
    let p11 = P11::load();
    emulator.call("PUT", "/latency", r#"{"all_ms": 3000}"#);
    p11.begin(&with_command(emulator, "sh -c 'sleep 1; echo the-key'"));
    let begun = std::time::Instant::now();
    assert!(p11.try_find(p11.open(0), &Attributes::new().class(CKO_PRIVATE_KEY)).is_err());
    let took = begun.elapsed();
    assert!(took < std::time::Duration::from_secs(4), "{took:?}");
    let log = logged();
    assert!(log.contains(" within 2 s, of which command: secrets took 1."), "{log}");
    p11.finish();
});

service_test!(handles_live_until_finalise_whatever_sessions_close, |_: &Emulator| {
    let p11 = P11::start();
    let session = p11.open(0);
    let key = p11.private_key(session, "demo-ec-p256");
    assert_eq!(ck!(p11, C_CloseSession(session)), CKR_OK);
    assert_eq!(ck!(p11, C_CloseSession(session)), CKR_SESSION_HANDLE_INVALID);
    let session = p11.open(0);
    assert!(p11.sign(session, CKM_ECDSA, key, &[7; 32]).is_ok());
    p11.finish();
    assert_eq!(ck!(p11, C_CloseSession(session)), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_eq!(ck!(p11, C_Initialize(null_mut())), CKR_OK);
    assert_eq!(ck!(p11, C_CloseSession(session)), CKR_SESSION_HANDLE_INVALID);
});

service_test!(interfaces_are_found_by_name_version_and_flags, |_: &Emulator| {
    let p11 = P11::load();
    type GetList = unsafe extern "C" fn(*mut CK_INTERFACE, *mut CK_ULONG) -> CK_RV;
    type Get = unsafe extern "C" fn(*mut u8, *mut CK_VERSION, *mut *mut CK_INTERFACE, CK_FLAGS) -> CK_RV;
    let list = unsafe { p11.library.get::<GetList>(b"C_GetInterfaceList\0") }.unwrap();
    let get = unsafe { p11.library.get::<Get>(b"C_GetInterface\0") }.unwrap();
    let mut count = 0;
    assert_eq!(unsafe { list(null_mut(), null_mut()) }, CKR_ARGUMENTS_BAD);
    assert_eq!(unsafe { list(null_mut(), &mut count) }, CKR_OK);
    assert_eq!(count, 3);
    let mut interfaces = vec![CK_INTERFACE::default(); 3];
    count = 2;
    assert_eq!(unsafe { list(interfaces.as_mut_ptr(), &mut count) }, CKR_BUFFER_TOO_SMALL);
    assert_eq!(count, 3);
    assert_eq!(unsafe { list(interfaces.as_mut_ptr(), &mut count) }, CKR_OK);
    let mut found = null_mut();
    assert_eq!(unsafe { get(null_mut(), null_mut(), null_mut(), 0) }, CKR_ARGUMENTS_BAD);
    for (major, minor, rv) in
        [(2, 40, CKR_OK), (3, 0, CKR_OK), (3, 2, CKR_OK), (3, 1, CKR_ARGUMENTS_BAD), (2, 20, CKR_ARGUMENTS_BAD)]
    {
        let mut version = CK_VERSION { major, minor };
        assert_eq!(unsafe { get(c"PKCS 11".as_ptr().cast_mut().cast(), &mut version, &mut found, 0) }, rv);
        if rv == CKR_OK {
            let version = unsafe { *(*found).pFunctionList.cast::<CK_VERSION>() };
            assert_eq!((version.major, version.minor), (major, minor));
        }
    }
    assert_eq!(unsafe { get(c"Vendor".as_ptr().cast_mut().cast(), null_mut(), &mut found, 0) }, CKR_ARGUMENTS_BAD);
    let get_list =
        unsafe { p11.library.get::<unsafe extern "C" fn(*mut *mut CK_FUNCTION_LIST) -> CK_RV>(b"C_GetFunctionList\0") }
            .unwrap();
    let mut functions = null_mut();
    assert_eq!(unsafe { get_list(null_mut()) }, CKR_ARGUMENTS_BAD);
    assert_eq!(unsafe { get_list(&mut functions) }, CKR_OK);
    let version = unsafe { (*functions).version };
    assert_eq!((version.major, version.minor), (2, 40));
});

service_test!(a_forked_child_starts_fresh_and_leaves_the_parent_alone, |emulator: &Emulator| {
    let p11 = P11::start();
    let session = p11.open(0);
    let key = p11.private_key(session, "demo-ec-p256");
    assert!(p11.sign(session, CKM_ECDSA, key, &[7; 32]).is_ok());
    let child = unsafe { libc::fork() };
    if child == 0 {
        // No assertion may unwind in the child: it would run the harness's code twice.
        let fresh = ck!(p11, C_Finalize(null_mut())) == CKR_CRYPTOKI_NOT_INITIALIZED
            && ck!(p11, C_CloseSession(session)) == CKR_CRYPTOKI_NOT_INITIALIZED
            && ck!(p11, C_Initialize(null_mut())) == CKR_OK;
        let signs = fresh && {
            let session = p11.open(0);
            let key = p11.private_key(session, "demo-ec-p256");
            p11.sign(session, CKM_ECDSA, key, &[8; 32]).is_ok()
        };
        let done = signs && ck!(p11, C_Finalize(null_mut())) == CKR_OK;
        unsafe { libc::_exit(if done { 0 } else { 1 }) };
    }
    let mut status = 0;
    assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
    assert_eq!(status, 0);
    assert!(p11.sign(session, CKM_ECDSA, key, &[9; 32]).is_ok());
    let requests = emulator.requests();
    let (first, last) = (&requests[0], &requests[requests.len() - 1]);
    assert_eq!(first.connection, last.connection, "the parent's connection lives on: {requests:?}");
    assert_eq!(emulator.signs(), 3);
});
