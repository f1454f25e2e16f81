//! The connection that is opened before the first request, through the built library.

#![allow(clippy::macro_metavars_in_unsafe, reason = "calling C functions is what these tests are for")]

mod support;

use cryptoki_sys::*;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use support::template::Attributes;
use support::{Emulator, P11};

const EC: &str = "demo-ec-p256";

/// The number of connections that the service accepted and that completed the TLS handshake.
fn handshakes(emulator: &Emulator) -> u64 {
    let stats: Value = serde_json::from_str(&emulator.call("GET", "/stats", "")).expect("JSON");
    stats["tls_handshakes"].as_u64().expect("a number")
}

/// Fills the cache in a run of its own.
fn fill_the_cache(p11: &P11) {
    let session = p11.open(0);
    p11.private_key(session, EC);
    p11.find(session, &Attributes::default());
    p11.finish();
    p11.begin("");
}

/// Calls of a host between its search and its signature, until the handshake is over or `calls` are made.
fn keep_busy(p11: &P11, session: CK_SESSION_HANDLE, key: CK_OBJECT_HANDLE, calls: usize, done: impl Fn() -> bool) {
    for _ in 0..calls {
        p11.number(session, key, CKA_CLASS);
        if done() {
            break;
        }
        thread::sleep(Duration::from_millis(10));
    }
}

/// Finds the key in the cache, and waits until the connection is open that this begins.
fn find_and_connect(emulator: &Emulator, p11: &P11, session: CK_SESSION_HANDLE) -> CK_OBJECT_HANDLE {
    let before = handshakes(emulator);
    let key = p11.private_key(session, EC);
    keep_busy(p11, session, key, 1000, || handshakes(emulator) > before);
    key
}

fn sockets() -> usize {
    let links = std::fs::read_dir("/proc/self/fd").expect("/proc").flatten();
    links
        .filter_map(|entry| std::fs::read_link(entry.path()).ok())
        .filter(|target| target.to_string_lossy().starts_with("socket:"))
        .count()
}

service_test!(a_search_by_name_opens_the_connection_that_the_signature_uses, |emulator: &Emulator| {
    let p11 = P11::start();
    fill_the_cache(&p11);
    let before = handshakes(emulator);
    emulator.clear();
    let session = p11.open(0);
    let key = find_and_connect(emulator, &p11, session);
    assert_eq!((handshakes(emulator), emulator.requests().len()), (before + 1, 0), "nothing but the handshake");
    p11.sign(session, CKM_ECDSA_SHA256, key, b"data").expect("a signature");
    p11.sign(session, CKM_ECDSA_SHA256, key, b"data").expect("a signature");
    assert_eq!((handshakes(emulator), emulator.requests().len()), (before + 1, 2), "over the same connection");
    p11.finish();
});

service_test!(
    a_program_that_lists_or_that_forbids_it_opens_no_connection,
    // Without dynamic keypairs, whose lists are never cached.
    [("STM_PKCS11_KEYPAIRS", "demo-ec-p256,demo-rsa-2048")],
    [],
    |emulator: &Emulator| {
        let p11 = P11::start();
        fill_the_cache(&p11);
        let (before, none) = (handshakes(emulator), sockets());
        let session = p11.open(0);
        let private = Attributes::new().class(CKO_PRIVATE_KEY);
        let certificate = Attributes::new().class(CKO_CERTIFICATE).label(EC);
        for search in [Attributes::new(), private, certificate] {
            let found = p11.find(session, &search);
            keep_busy(&p11, session, found[0], 5, || false);
        }
        assert_eq!((handshakes(emulator), sockets()), (before, none), "it lists");
        p11.finish();
        p11.begin("STM_PKCS11_EARLY_CONNECT=off");
        let session = p11.open(0);
        let key = p11.private_key(session, EC);
        keep_busy(&p11, session, key, 5, || false);
        assert_eq!((handshakes(emulator), sockets()), (before, none), "it is off");
        p11.sign(session, CKM_ECDSA_SHA256, key, b"data").expect("a signature");
        p11.finish();
    }
);

service_test!(a_connection_that_nobody_uses_is_closed_by_the_end_of_the_run_or_a_later_call, |emulator: &Emulator| {
    let p11 = P11::start();
    fill_the_cache(&p11);
    let none = sockets();
    for ends in [true, false] {
        let session = p11.open(0);
        let key = find_and_connect(emulator, &p11, session);
        assert_eq!(sockets(), none + 1);
        if ends {
            p11.finish();
            assert_eq!(sockets(), none);
            p11.begin("");
            continue;
        }
        thread::sleep(Duration::from_secs(11));
        keep_busy(&p11, session, key, 1, || false);
        assert_eq!(sockets(), none);
        p11.sign(session, CKM_ECDSA_SHA256, key, b"data").expect("over another connection");
    }
    p11.finish();
});

service_test!(
    a_forked_child_opens_none_early_and_leaves_its_parents_alone,
    [("STM_PKCS11_FORK", "lenient")],
    [],
    |emulator: &Emulator| {
        let p11 = P11::start();
        fill_the_cache(&p11);
        let before = handshakes(emulator);
        let session = p11.open(0);
        let key = find_and_connect(emulator, &p11, session);
        // SAFETY: the child calls the library and exits, as servers that fork do; this test has no other threads.
        let child = unsafe { libc::fork() };
        if child == 0 {
            let found = p11.private_key(session, EC);
            p11.number(session, found, CKA_CLASS);
            let signed = handshakes(emulator) == before + 1
                && p11.sign(session, CKM_ECDSA_SHA256, key, b"data").is_ok()
                && handshakes(emulator) == before + 2;
            // SAFETY: ends the child without the parent's exit handlers.
            unsafe { libc::_exit(i32::from(!signed)) };
        }
        let mut status = 0;
        // SAFETY: waits for the child that was started above.
        assert_eq!(unsafe { libc::waitpid(child, &mut status, 0) }, child);
        assert_eq!(status, 0, "the child signs over a connection of its own");
        p11.sign(session, CKM_ECDSA_SHA256, key, b"data").expect("over the early connection");
        assert_eq!(handshakes(emulator), before + 2);
        p11.finish();
    }
);

/// A relay before the service. A connection is served as its number says: passed on, closed when it has been silent for a
/// moment, or never answered.
struct Relay {
    address: SocketAddr,
    accepted: Arc<AtomicUsize>,
}

#[derive(Clone, Copy, PartialEq)]
enum Serve {
    Pass,
    CloseSilent,
    Swallow,
}

impl Relay {
    fn start(emulator: &Emulator, serve: &'static [Serve]) -> Self {
        let target: SocketAddr = emulator.host.trim_start_matches("https://").parse().expect("an address");
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let address = listener.local_addr().expect("its address");
        let accepted = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&accepted);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let number = count.fetch_add(1, Ordering::SeqCst);
                let serve = serve.get(number).copied().unwrap_or(Serve::Pass);
                if serve == Serve::Swallow {
                    thread::spawn(move || std::io::copy(&mut &client, &mut std::io::sink()));
                    continue;
                }
                let service = TcpStream::connect(target).expect("the service");
                if serve == Serve::CloseSilent {
                    service.set_read_timeout(Some(Duration::from_millis(500))).expect("a time-out");
                }
                let (from, to) = (client.try_clone().expect("a socket"), service.try_clone().expect("a socket"));
                thread::spawn(move || carry(from, to));
                thread::spawn(move || carry(service, client));
            }
        });
        Self { address, accepted }
    }

    fn settings(&self) -> String {
        format!("SM_HOST=https://{}", self.address)
    }
}

/// Copies until either end closes or the source is silent for longer than its time-out.
fn carry(mut from: TcpStream, mut to: TcpStream) {
    let mut buffer = [0; 16 << 10];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Both);
    let _ = from.shutdown(Shutdown::Both);
}

/// The cache is filled over the relay's first connection.
fn cached_behind(relay: &Relay) -> (P11, CK_SESSION_HANDLE) {
    let p11 = P11::load();
    p11.begin(&relay.settings());
    let session = p11.open(0);
    p11.private_key(session, EC);
    p11.finish();
    p11.begin(&relay.settings());
    let session = p11.open(0);
    (p11, session)
}

service_test!(
    a_connection_that_the_service_has_closed_meanwhile_is_opened_again_and_one_signature_made,
    |emulator: &Emulator| {
        let relay = Relay::start(emulator, &[Serve::Pass, Serve::CloseSilent]);
        let (p11, session) = cached_behind(&relay);
        emulator.clear();
        let key = find_and_connect(emulator, &p11, session);
        thread::sleep(Duration::from_secs(2));
        p11.sign(session, CKM_ECDSA_SHA256, key, b"data").expect("a signature");
        assert_eq!((emulator.signs(), relay.accepted.load(Ordering::SeqCst)), (1, 3));
        p11.finish();
    }
);

service_test!(
    a_service_that_does_not_answer_holds_up_no_call_before_the_signature,
    [("STM_PKCS11_TIMEOUT", "20")],
    [],
    |emulator: &Emulator| {
        let relay = Relay::start(emulator, &[Serve::Pass, Serve::Swallow, Serve::Swallow, Serve::Swallow]);
        let (p11, session) = cached_behind(&relay);
        let begun = Instant::now();
        let key = p11.private_key(session, EC);
        keep_busy(&p11, session, key, 20, || false);
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        p11.finish();
        // The next connection is passed on again.
        p11.begin(&relay.settings());
        let session = p11.open(0);
        let key = p11.private_key(session, EC);
        assert_eq!(p11.sign(session, CKM_ECDSA_SHA256, key, b"data").err(), Some(CKR_DEVICE_ERROR));
        p11.finish();
    }
);
