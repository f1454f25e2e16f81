//! Limits the memory that a service, or an impostor, can make a host use: no response costs more than 64 MB in addition
//! to what is kept of it.

#![allow(clippy::macro_metavars_in_unsafe, reason = "calling C functions is what these tests are for")]

mod front;
mod support;

use cryptoki_sys::*;
use front::{Front, Plan, Step};
use std::time::{Duration, Instant};
use support::template::Attributes;
use support::{Emulator, P11};

/// The memory that a call may use, in bytes.
const ROOM: usize = 64 << 20;

/// What four bytes that are kept can take: the C library musl rounds sizes up by as much as a quarter.
const ROUNDED: usize = if cfg!(target_env = "musl") { 5 } else { 4 };

/// The process's peak memory since the last [`forget`], in bytes.
fn most() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").expect("/proc");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("VmHWM");
    line.trim().trim_end_matches("kB").trim().parse::<usize>().expect("a number") << 10
}

fn forget() {
    std::fs::write("/proc/self/clear_refs", "5").expect("the mark of the highest can be taken back");
}

/// Lists all keypairs while the front behaves like this; returns the result, and the peak memory in bytes.
fn listed(emulator: &Emulator, steps: &'static [Step]) -> (Result<Vec<CK_OBJECT_HANDLE>, CK_RV>, usize) {
    let front = Front::start(emulator);
    let p11 = P11::load();
    p11.begin(&format!("SM_HOST={};STM_PKCS11_CACHE=off;STM_PKCS11_TIMEOUT=120", front.host));
    let session = p11.open(0);
    let wanted = Attributes::new().class(CKO_PRIVATE_KEY);
    // Connections, CA certificates and buffers are created once.
    let key = p11.private_key(session, "demo-ec-p256");
    front.set(Plan { on: "GET", steps, ..Plan::FAIR });
    forget();
    let (before, begun) = (most(), Instant::now());
    let found = p11.try_find(session, &wanted);
    let took = most() - before;
    assert!(begun.elapsed() < Duration::from_secs(110), "{:?}", begun.elapsed());
    front.set(Plan::FAIR);
    let signed = p11.sign(session, CKM_ECDSA, key, &[7; 32]);
    assert!(signed.is_ok(), "{signed:x?}");
    p11.finish();
    (found, took)
}

const ENDLESS: &str = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 1000000000\r\n\r\n";

service_test!(an_error_of_sixty_megabytes_is_read_for_its_first_64_kib, |emulator: &Emulator| {
    const STEPS: &[Step] = &[
        Step::Raw("HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: 62914560\r\n\r\n[[]"),
        Step::Made(|_| ",[]".into(), 62_914_557),
    ];
    let (found, took) = listed(emulator, STEPS);
    assert_eq!(found, Err(CKR_FUNCTION_FAILED));
    assert!(took < ROOM / 8, "{took}");
});

service_test!(an_answer_longer_than_any_is_not_read, |emulator: &Emulator| {
    let (found, took) = listed(emulator, &[Step::Raw(ENDLESS), Step::Flood(1_000_000_000)]);
    assert_eq!(found, Err(CKR_DEVICE_ERROR));
    assert!(took < ROOM, "{took}");
    let chunked: &[Step] = &[
        Step::Raw("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n"),
        Step::Flood(1_000_000_000),
    ];
    let (found, took) = listed(emulator, chunked);
    assert_eq!(found, Err(CKR_DEVICE_ERROR));
    assert!(took < ROOM, "{took}");
});

service_test!(one_keypair_of_a_million_certificates_is_one_keypair, |emulator: &Emulator| {
    const STEPS: &[Step] = &[
        Step::Raw("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 20000000\r\n\r\n"),
        Step::Raw("[{\"id\":\"1\",\"alias\":\"a\",\"certificates\":[{}"),
        Step::Made(|_| ",{}".into(), 19_999_956),
        Step::Raw("]}]"),
    ];
    let (_, took) = listed(emulator, STEPS);
    assert!(took < ROOM, "{took}");
});

service_test!(words_and_chains_without_end_are_not_kept, |emulator: &Emulator| {
    fn item(number: u64) -> String {
        let long = "x".repeat(60_000);
        format!(
            r#",{{"id":"{number}","alias":"{number}","key_alg":"{long}","certificates":[{{"chain":[{{"blob":"AAAA{number:04}"}}]}}]}}"#
        )
    }
    const STEPS: &[Step] = &[
        Step::Raw("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 20000000\r\n\r\n"),
        Step::Raw("{\"total\":300,\"items\":[{\"id\":\"first\",\"alias\":\"first\"}"),
        Step::Made(item, 19_999_946),
        Step::Raw("]}"),
    ];
    let (_, took) = listed(emulator, STEPS);
    assert!(took < ROOM, "{took}");
});

service_test!(a_list_without_end_ends_where_its_room_does, |emulator: &Emulator| {
    /// A keypair of eighteen kilobytes, all of which is kept; a page contains more than a thousand.
    fn item(number: u64) -> String {
        let der = "MAAA".repeat(4_500);
        format!(r#"{{"id":"{number}","alias":"{number}","certificates":[{{"cert":"{der}"}}]}},"#)
    }
    const STEPS: &[Step] = &[
        Step::Raw("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 20000000\r\n\r\n"),
        Step::Raw("{\"total\":2000000000,\"items\":["),
        Step::Made(item, 19_999_967),
        Step::Raw("{}]}"),
    ];
    let (found, took) = listed(emulator, STEPS);
    assert_eq!(found, Err(CKR_DEVICE_ERROR));
    assert!(took > 200 << 20, "the room was used: {took}");
    assert!(took < (64 << 20) * ROUNDED + ROOM, "{took}");
});
