//! Secrets must never leave the module. Every whole-module test runs at TRACE, and its output and files are searched
//! for the API key and the passwords (`tests/support`). These tests check that the search works, and cover what it does
//! not see.

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

/// Where a secret stands in this process's memory. The test itself has it only masked.
struct Copies {
    masked: Vec<u8>,
    window: Vec<u8>,
}

const MASK: u8 = 0x5a;

impl Copies {
    fn of(variable: &str) -> Self {
        let mut value = std::env::var_os(variable).expect("it is set").into_encoded_bytes();
        let masked = value.iter().map(|byte| byte ^ MASK).collect();
        zeroize::Zeroize::zeroize(&mut value);
        Self { masked, window: vec![0; 1 << 20] }
    }

    /// How many there are in all that can be written to.
    fn count(&mut self) -> usize {
        use std::os::unix::fs::FileExt;
        let memory = std::fs::File::open("/proc/self/mem").expect("/proc");
        let maps = std::fs::read_to_string("/proc/self/maps").expect("/proc");
        let own = self.window.as_ptr_range();
        let own = own.start as u64..own.end as u64;
        let mut places = std::collections::BTreeSet::new();
        for line in maps.lines().filter(|line| line.contains(" rw") && !line.contains("[vv")) {
            let range = line.split(' ').next().and_then(|range| range.split_once('-')).expect("a range");
            let parse = |number| u64::from_str_radix(number, 16).expect("hexadecimal");
            let (mut at, end) = (parse(range.0), parse(range.1));
            while at < end {
                let length = self.window.len().min((end - at) as usize);
                if memory.read_at(&mut self.window[..length], at).is_err() {
                    break;
                }
                let found = self.window[..length].windows(self.masked.len()).enumerate();
                let found =
                    found.filter(|(_, part)| part.iter().zip(&self.masked).all(|(one, other)| one ^ MASK == *other));
                places.extend(found.map(|(place, _)| at + place as u64).filter(|place| !own.contains(place)));
                // One that lies across two windows is seen in the second.
                at += (length - self.masked.len().min(length - 1)).max(1) as u64;
            }
        }
        self.window.fill(0);
        places.len()
    }
}

service_test!(copies_of_secrets_in_memory_are_few, [("SM_LOG_OUTPUT", "discard")], [], |_: &Emulator| {
    let (mut key, mut password) = (Copies::of("SM_API_KEY"), Copies::of("SM_CLIENT_CERT_PASSWORD"));
    let before = (key.count(), password.count());
    assert!(before.0 > 0 && before.1 > 0, "the environment has them: {before:?}");
    let p11 = P11::start();
    let session = p11.open(0);
    let private = p11.private_key(session, "demo-ec-p256");
    assert!(p11.sign(session, CKM_ECDSA, private, &[7; 32]).is_ok());
    let running = (key.count() - before.0, password.count() - before.1);
    p11.finish();
    let after = (key.count().saturating_sub(before.0), password.count().saturating_sub(before.1));
    println!("measured: copies of API key and password beside the environment: running {running:?}, after {after:?}");
    assert!(running.0 <= MOST_COPIES.0 && running.1 <= MOST_COPIES.1, "{running:?}");
    assert!(after.0 <= MOST_LEFT.0 && after.1 <= MOST_LEFT.1, "{after:?}");
});

/// Of the API key and of the password, beside the environment's: SECURITY.md promises this.
const MOST_COPIES: (usize, usize) = (4, 2);
const MOST_LEFT: (usize, usize) = (1, 0);
