//! Between the module and the service: proxies, a service that restarts, silent links, responses that never end.
//! `tests/faults.rs` has the table of single faults; these tests take more than one call.

#![allow(clippy::macro_metavars_in_unsafe, reason = "calling C functions is what these tests are for")]

mod support;

#[path = "network/relay.rs"]
mod relay;

use cryptoki_sys::*;
use relay::Relay;
use std::ffi::CString;
use std::time::{Duration, Instant};
use support::{Emulator, P11};

const DIGEST: [u8; 32] = [7; 32];
const KEY: &str = "demo-ec-p256";

/// Begins a run with settings of its own.
fn start(settings: &[(&str, &str)]) -> P11 {
    let p11 = P11::load();
    let text: Vec<String> = settings.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let text = CString::new(text.join("\n")).expect("no NUL");
    let mut args =
        CK_C_INITIALIZE_ARGS { pReserved: text.as_ptr().cast_mut().cast(), ..CK_C_INITIALIZE_ARGS::default() };
    assert_eq!(ck!(p11, C_Initialize((&raw mut args).cast())), CKR_OK);
    p11
}

fn find(p11: &P11, session: CK_SESSION_HANDLE) -> Result<CK_OBJECT_HANDLE, CK_RV> {
    let wanted = support::template::Attributes::new().class(CKO_PRIVATE_KEY).label(KEY);
    p11.try_find(session, &wanted)?.first().copied().ok_or(CKR_KEY_HANDLE_INVALID)
}

/// The lines of a log file that are errors.
fn errors(folder: &std::path::Path) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join("smpkcs11.log")).unwrap_or_default();
    text.lines().filter(|line| line.contains(" ERROR ")).map(str::to_owned).collect()
}

service_test!(a_proxy_with_credentials_carries_everything_over_one_tunnel, |emulator: &Emulator| {
    // user:pass word
    let relay = Relay::proxy(Some("Basic dXNlcjpwYXNzIHdvcmQ="));
    let proxy = format!("http://user:pass%20word@{}", relay.address);
    let p11 = start(&[("HTTPS_PROXY", &proxy), ("NO_PROXY", "")]);
    let session = p11.open(0);
    let key = find(&p11, session).expect("the key");
    for _ in 0..3 {
        assert!(p11.sign(session, CKM_ECDSA, key, &DIGEST).is_ok());
    }
    assert_eq!(relay.targets(), [emulator.host.trim_start_matches("https://")]);
    assert_eq!(emulator.signs(), 3);
    p11.finish();
});

service_test!(a_proxy_that_requires_other_credentials_is_named_without_them, |_emulator: &Emulator| {
    let relay = Relay::proxy(Some("Basic dXNlcjpwYXNzIHdvcmQ="));
    let log = tempfile::tempdir().expect("a folder");
    for credentials in ["", "user:wrong-proxy-password@"] {
        let proxy = format!("http://{credentials}{}", relay.address);
        let folder = log.path().display().to_string();
        let p11 = start(&[("HTTPS_PROXY", &proxy), ("SM_LOG_DIR", &folder), ("SM_LOG_LEVEL", "TRACE")]);
        let begun = Instant::now();
        assert_eq!(find(&p11, p11.open(0)), Err(CKR_DEVICE_ERROR));
        assert!(begun.elapsed() < Duration::from_secs(5));
        p11.finish();
    }
    let text = std::fs::read_to_string(log.path().join("smpkcs11.log")).expect("a log");
    assert!(errors(log.path()).iter().all(|line| line.contains("proxy") && line.contains("HTTPS_PROXY")), "{text}");
    assert!(!text.contains("wrong-proxy-password"), "{text}");
});

service_test!(hosts_that_no_proxy_names_are_reached_without_it, |emulator: &Emulator| {
    let relay = Relay::proxy(None);
    let proxy = format!("http://{}", relay.address);
    let p11 = start(&[("HTTPS_PROXY", &proxy), ("NO_PROXY", "example.com,127.0.0.1")]);
    let session = p11.open(0);
    let key = find(&p11, session).expect("the key");
    assert!(p11.sign(session, CKM_ECDSA, key, &DIGEST).is_ok());
    assert!(relay.targets().is_empty(), "{:?}", relay.targets());
    assert_eq!(emulator.signs(), 1);
});

service_test!(further_connections_of_a_process_resume_its_session, |emulator: &Emulator| {
    let p11 = P11::start();
    let session = p11.open(0);
    let key = find(&p11, session).expect("the key");
    emulator.call("PUT", "/latency", r#"{"sign_ms": 1000}"#);
    // Each thread needs a connection of its own; the session's tickets came with the first.
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let session = p11.open(0);
                p11.sign(session, CKM_ECDSA, key, &DIGEST).expect("a signature");
            });
        }
    });
    let stats: serde_json::Value = serde_json::from_str(&emulator.call("GET", "/stats", "")).expect("JSON");
    assert_eq!((&stats["tls_handshakes"], &stats["tls_resumed"]), (&3.into(), &2.into()));
    p11.finish();
});

service_test!(a_service_that_restarts_in_the_middle_is_waited_for, |emulator: &Emulator| {
    let relay = Relay::to(emulator.host.trim_start_matches("https://"));
    let p11 = start(&[("SM_HOST", &format!("https://{}", relay.address))]);
    let session = p11.open(0);
    let key = find(&p11, session).expect("the key");
    for _ in 0..3 {
        assert!(p11.sign(session, CKM_ECDSA, key, &DIGEST).is_ok());
        // Every connection ends, new ones are refused, and a second later it is back.
        relay.stop();
        let back = relay.clone();
        let restart = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_secs(1));
            back.go_on();
        });
        assert!(p11.sign(session, CKM_ECDSA, key, &DIGEST).is_ok());
        restart.join().expect("no panic");
    }
    assert_eq!(emulator.signs(), 6, "none was lost, none was made twice");
});

service_test!(a_service_that_restarts_under_the_first_request_is_waited_for_too, |emulator: &Emulator| {
    let relay = Relay::to(emulator.host.trim_start_matches("https://"));
    emulator.faults(r#"[{"path": "/signingmanager", "delay_ms": 2000, "times": 1}]"#);
    let p11 = start(&[("SM_HOST", &format!("https://{}", relay.address))]);
    let front = relay.clone();
    let requests = emulator.requests().len();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while emulator.requests().len() == requests {
                std::thread::sleep(Duration::from_millis(20));
            }
            front.stop();
            // Longer than somebody is knocked at who was never there.
            std::thread::sleep(Duration::from_secs(6));
            front.go_on();
        });
        assert!(find(&p11, p11.open(0)).is_ok());
    });
});

service_test!(
    a_link_that_falls_silent_costs_one_deadline_and_the_next_call_takes_another_connection,
    |emulator: &Emulator| {
        let relay = Relay::to(emulator.host.trim_start_matches("https://"));
        let host = format!("https://{}", relay.address);
        let p11 = start(&[("SM_HOST", &host), ("STM_PKCS11_TIMEOUT", "2"), ("STM_PKCS11_CACHE", "off")]);
        let session = p11.open(0);
        let key = find(&p11, session).expect("the key");
        assert!(p11.sign(session, CKM_ECDSA, key, &DIGEST).is_ok());
        relay.fall_silent();
        let begun = Instant::now();
        assert_eq!(p11.sign(session, CKM_ECDSA, key, &DIGEST), Err(CKR_DEVICE_ERROR));
        let took = begun.elapsed();
        assert!((Duration::from_millis(1900)..Duration::from_secs(3)).contains(&took), "{took:?}");
        assert!(p11.sign(session, CKM_ECDSA, key, &DIGEST).is_ok());
        assert_eq!(emulator.signs(), 2, "the signature that got no answer was not asked for again");
    }
);

service_test!(one_deadline_covers_all_requests_of_a_call, |emulator: &Emulator| {
    // A search that is a look-up by alias and then the list: each answer takes longer than half of the deadline.
    emulator.faults(r#"[{"method": "GET", "path": "/signingmanager/api/v1/keypairs", "delay_ms": 1300}]"#);
    let p11 = start(&[("STM_PKCS11_TIMEOUT", "2"), ("STM_PKCS11_CACHE", "off")]);
    let session = p11.open(0);
    let begun = Instant::now();
    let wanted = support::template::Attributes::new().class(CKO_CERTIFICATE).label("nobody has this name");
    assert_eq!(p11.try_find(session, &wanted), Err(CKR_DEVICE_ERROR));
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    emulator.faults("[]");
    assert!(find(&p11, session).is_ok());
});
