//! Many processes of one user at once, through the built library: one search for all, and one pace.

mod support;

use std::path::PathBuf;
use std::process::{Child, Command, Output};
use std::time::{Duration, Instant};
use support::Emulator;
use support::crowd::{is_one, one, sign_once};

fn all_signed(children: Vec<Child>) {
    for child in children {
        let Output { status, stderr, .. } = child.wait_with_output().expect("its end");
        assert!(status.success(), "{status}: {}", String::from_utf8_lossy(&stderr));
    }
}

/// How many requests were answered with this status.
fn answered(emulator: &Emulator, method: &str, status: u64) -> usize {
    emulator.requests().iter().filter(|request| request.method == method && request.status == status).count()
}

fn cached(name: &str) -> Vec<PathBuf> {
    let home = PathBuf::from(std::env::var_os("HOME").expect("a home"));
    let identities = std::fs::read_dir(home.join(".cache/stm-pkcs11")).into_iter().flatten().flatten();
    identities.map(|identity| identity.path().join(name)).filter(|path| path.exists()).collect()
}

/// Waits until the service has seen a list request.
fn await_list(emulator: &Emulator) {
    let begun = Instant::now();
    while !emulator.requests().iter().any(|request| request.method == "GET") {
        assert!(begun.elapsed() < Duration::from_secs(60), "nobody asks");
        std::thread::sleep(Duration::from_millis(10));
    }
}

service_test!(
    forty_processes_under_a_rate_limit_list_once_and_are_hardly_refused,
    [],
    ["--rate-limit", "10"],
    |emulator: &Emulator| {
        if is_one() {
            sign_once();
        }
        let name = "forty_processes_under_a_rate_limit_list_once_and_are_hardly_refused";
        all_signed((0..40).map(|_| one(name, "TRACE")).collect());
        assert_eq!((answered(emulator, "GET", 200), answered(emulator, "POST", 200)), (1, 40));
        let refused = answered(emulator, "GET", 429) + answered(emulator, "POST", 429);
        // Without the pace, each is refused several times; on a busy machine turns and requests drift apart.
        assert!(refused <= 40, "{refused} were refused");
        assert_eq!(cached("pace").len(), 1);
    }
);

service_test!(
    with_the_pace_off_each_process_goes_its_own,
    [("STM_PKCS11_PACE", "off"), ("STM_PKCS11_CACHE", "off")],
    ["--rate-limit", "10"],
    |emulator: &Emulator| {
        if is_one() {
            sign_once();
        }
        all_signed((0..12).map(|_| one("with_the_pace_off_each_process_goes_its_own", "TRACE")).collect());
        assert_eq!(answered(emulator, "GET", 200), 12);
        assert_eq!(cached("pace"), [""; 0].map(PathBuf::from));
    }
);

service_test!(
    a_process_that_is_killed_or_stopped_while_it_lists_keeps_no_other_from_it,
    [("STM_PKCS11_TIMEOUT", "10")],
    [],
    |emulator: &Emulator| {
        if is_one() {
            sign_once();
        }
        let name = "a_process_that_is_killed_or_stopped_while_it_lists_keeps_no_other_from_it";
        for signal in ["KILL", "STOP"] {
            for folder in cached("") {
                std::fs::remove_dir_all(folder).expect("the cache is removed");
            }
            emulator.clear();
            emulator.faults(r#"[{"method": "GET", "times": 1, "delay_ms": 20000}]"#);
            let mut first = one(name, "TRACE");
            await_list(emulator);
            let id = first.id().to_string();
            let stopped = Command::new("kill").args(["-s", signal, &id]).status().expect("kill");
            assert!(stopped.success());
            let begun = Instant::now();
            all_signed((0..3).map(|_| one(name, "TRACE")).collect());
            // The killed one keeps nobody; the stopped one half of the time that a call may take.
            assert!(begun.elapsed() < Duration::from_secs(60), "{signal}: {:?}", begun.elapsed());
            assert_eq!(emulator.signs(), 3, "{signal}");
            let _ = first.kill();
            first.wait().expect("its end");
        }
    }
);
