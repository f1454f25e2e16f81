//! What must never leave the module. Every whole-module test runs at TRACE, and what it prints and writes is searched for
//! the API key and the passwords (`tests/support`); here is that this search finds something, and what it does not see.

#![allow(clippy::macro_metavars_in_unsafe, reason = "calling C functions is what these tests are for")]

mod front;
mod support;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cryptoki_sys::*;
use front::{Front, Plan, Step};
use std::ffi::CString;
use support::{Emulator, P11};

service_test!(at_trace_the_log_tells_of_calls_and_requests_and_no_secret, |emulator: &Emulator| {
    let folder = tempfile::tempdir().expect("a folder");
    let secret = |name: &str| std::env::var(name).expect("it is set");
    let (key, password) = (secret("SM_API_KEY"), secret("SM_CLIENT_CERT_PASSWORD"));
    let settings = format!(
        "SM_LOG_DIR={};SM_LOG_LEVEL=TRACE;STM_PKCS11_LOGIN=password;STM_PKCS11_TIMEOUT=2",
        folder.path().display()
    );
    let text = CString::new(settings).expect("no NUL");
    let p11 = P11::load();
    let mut args =
        CK_C_INITIALIZE_ARGS { pReserved: text.as_ptr().cast_mut().cast(), ..CK_C_INITIALIZE_ARGS::default() };
    assert_eq!(ck!(p11, C_Initialize((&raw mut args).cast())), CKR_OK);
    let session = p11.open(0);
    let login = |pin: &str| ck!(p11, C_Login(session, CKU_USER, pin.as_ptr().cast_mut(), pin.len() as CK_ULONG));
    assert_eq!(login("a wrong PIN that is a secret, too"), CKR_PIN_INCORRECT);
    assert_eq!(login(&password), CKR_OK);
    let private = p11.private_key(session, "demo-ec-p256");
    assert!(p11.sign(session, CKM_ECDSA, private, &[7; 32]).is_ok());
    emulator.faults(r#"[{"method": "POST", "path": "/signingmanager/api/v1/keypairs", "status": 401}]"#);
    assert!(p11.sign(session, CKM_ECDSA, private, &[7; 32]).is_err());
    p11.finish();
    let log = std::fs::read_to_string(folder.path().join("smpkcs11.log")).expect("a log");
    for word in ["C_SignInit", "POST https://", "HTTP 200", " ERROR "] {
        assert!(log.contains(word), "the log tells of {word}: {log}");
    }
    for secret in [key.as_str(), &password, "a wrong PIN that is a secret", "BEGIN PRIVATE KEY"] {
        assert!(!log.contains(secret), "{log}");
    }
});

service_test!(
    secrets_in_the_wrong_setting_are_not_repeated,
    [("SM_LOG_LEVEL", "DEBUG"), ("SM_HOST", "https://me:a-password-in-a-url@127.0.0.1")],
    [],
    |_emulator: &Emulator| {
        let folder = tempfile::tempdir().expect("a folder");
        let key = std::env::var("SM_API_KEY").expect("it is set");
        let settings = format!("SM_LOG_DIR={};SM_CONN_TIMEOUT={key}@x;SM_CA_FILE=", folder.path().display());
        let text = CString::new(settings).expect("no NUL");
        let p11 = P11::load();
        let mut args =
            CK_C_INITIALIZE_ARGS { pReserved: text.as_ptr().cast_mut().cast(), ..CK_C_INITIALIZE_ARGS::default() };
        assert_eq!(ck!(p11, C_Initialize((&raw mut args).cast())), CKR_OK);
        let wanted = support::template::Attributes::new().class(CKO_PRIVATE_KEY);
        assert!(p11.try_find(p11.open(0), &wanted).is_err());
        let log = std::fs::read_to_string(folder.path().join("smpkcs11.log")).expect("a log");
        assert!(log.contains("SM_CONN_TIMEOUT") && log.contains("SM_HOST"), "{log}");
        assert!(!log.contains(&key) && !log.contains("a-password-in-a-url"), "{log}");
    }
);

service_test!(children_of_the_host_get_no_more_than_the_host_has, |_emulator: &Emulator| {
    let before: Vec<_> = std::env::vars_os().collect();
    let p11 = P11::start();
    let session = p11.open(0);
    let key = p11.private_key(session, "demo-ec-p256");
    assert!(p11.sign(session, CKM_ECDSA, key, &[7; 32]).is_ok());
    assert_eq!(std::env::vars_os().collect::<Vec<_>>(), before);
    // Nor its descriptors: each that the module opened closes when the host executes another program.
    for entry in std::fs::read_dir("/proc/self/fd").expect("/proc").flatten() {
        let number: i32 = entry.file_name().to_string_lossy().parse().expect("a number");
        let ours = std::fs::read_link(entry.path()).is_ok_and(|target| {
            let target = target.to_string_lossy().into_owned();
            target.starts_with("socket:") || target.contains("eventpoll") || target.contains("eventfd")
        });
        let flags = unsafe { libc::fcntl(number, libc::F_GETFD) };
        assert!(!ours || flags < 0 || flags & libc::FD_CLOEXEC != 0, "descriptor {number}");
    }
    p11.finish();
});

/// The service's words have every form of the secrets that it can know.
fn echo() -> Vec<u8> {
    let key = std::env::var("SM_API_KEY").expect("it is set");
    let hex: String = key.bytes().map(|byte| format!("{byte:02x}")).collect();
    let encoded = STANDARD.encode(&key);
    let half = &key[..key.len() * 2 / 3];
    let shifted = STANDARD.encode(format!("user:{key}"));
    serde_json::json!({"error": {"code": "bad", "message": format!("{key} {encoded} {hex} {shifted} cut {half}")}})
        .to_string()
        .into_bytes()
}

service_test!(what_the_service_echoes_is_redacted, |emulator: &Emulator| {
    const STEPS: &[Step] = &[Step::Own("HTTP/1.1 400 Bad Request\r\nContent-Type: application/json", echo)];
    let folder = tempfile::tempdir().expect("a folder");
    let front = Front::start(emulator);
    front.set(Plan { on: "GET", steps: STEPS, ..Plan::FAIR });
    let p11 = P11::load();
    p11.begin(&format!("SM_HOST={};SM_LOG_DIR={};SM_LOG_LEVEL=TRACE", front.host, folder.path().display()));
    let wanted = support::template::Attributes::new().class(CKO_PRIVATE_KEY);
    assert!(p11.try_find(p11.open(0), &wanted).is_err());
    p11.finish();
    let log = std::fs::read_to_string(folder.path().join("smpkcs11.log")).expect("a log");
    assert!(log.contains("bad: [redacted] [redacted]"), "{log}");
    let key = std::env::var("SM_API_KEY").expect("it is set");
    let hex: String = key.bytes().map(|byte| format!("{byte:02x}")).collect();
    let whole = STANDARD.encode(&key);
    let shifted = STANDARD.encode(format!("user:{key}"));
    for form in
        [key.as_str(), &key[..key.len() / 2], &hex, &hex[..hex.len() / 2], &whole, &shifted[8..shifted.len() - 4]]
    {
        assert!(!log.contains(form), "{form}: {log}");
    }
});
