//! Load for any length of time: one process with 64 threads and 15 with four each sign under changing faults. Every
//! returned signature is verified, and is in the service's signature log once. Every signature in the log was
//! requested. Memory, descriptors and threads stay constant.
//!
//! `tests/soak [SECONDS]` runs it; here it runs for `STM_SOAK_SECONDS`, or a few seconds.

#![allow(clippy::macro_metavars_in_unsafe, reason = "calling C functions is what these tests are for")]

mod support;

use cryptoki_sys::*;
use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use support::{Emulator, P11, check};

const WORKER: &str = "STM_SOAK_WORKER";
const KEY: &str = "demo-ec-p256";

/// Pauses of a thread between two signatures.
const BREATH: Duration = Duration::from_millis(200);

fn seconds() -> u64 {
    std::env::var("STM_SOAK_SECONDS").ok().and_then(|text| text.parse().ok()).unwrap_or(6)
}

/// Fault rules (`emulator/README.md`), each in force for a moment. An empty one means no faults.
const WEATHER: [&str; 10] = [
    "",
    r#"{"status": 503, "times": 20}"#,
    r#"{"status": 429, "headers": {"Retry-After": "1"}, "times": 40}"#,
    "",
    r#"{"drop": "before_execution", "times": 5}"#,
    r#"{"drop": "after_execution", "times": 5}"#,
    r#"{"half_body": true, "times": 5}"#,
    "",
    r#"{"status": 500, "times": 5}"#,
    r#"{"delay_ms": 300, "times": 50}"#,
];

#[test]
fn under_load_and_faults_nothing_is_lost_nothing_is_doubled_and_nothing_grows() {
    if std::env::var_os(WORKER).is_some() {
        return worker();
    }
    let emulator = Emulator::start(&[]);
    let folder = tempfile::tempdir().expect("a folder");
    let mut processes: Vec<(PathBuf, Child)> = (0..16)
        .map(|number| {
            let report = folder.path().join(format!("worker-{number}"));
            let mut command = Command::new(std::env::current_exe().expect("this program"));
            command.args(["--exact", "under_load_and_faults_nothing_is_lost_nothing_is_doubled_and_nothing_grows"]);
            command.arg("--nocapture").envs(emulator.variables()).env("HOME", folder.path());
            command.env(WORKER, &report).env("STM_SOAK_THREADS", if number == 0 { "64" } else { "4" });
            command.env("STM_PKCS11_TIMEOUT", "10").env("SM_LOG_OUTPUT", "discard");
            (report, command.spawn().expect("a process"))
        })
        .collect();
    let begun = Instant::now();
    let mut turn = 0;
    while begun.elapsed() < Duration::from_secs(seconds()) {
        let rule = WEATHER[turn % WEATHER.len()];
        turn += 1;
        let place = r#"{"method": "POST", "path": "/signingmanager/api/v1/keypairs", "#;
        let rules = if rule.is_empty() { String::new() } else { rule.replacen('{', place, 1) };
        emulator.faults(&format!("[{rules}]"));
        std::thread::sleep(Duration::from_millis(400));
    }
    emulator.faults("[]");
    let fine = processes.iter_mut().all(|(_, process)| process.wait().expect("a process").success());
    assert!(fine, "a process crashed or found something wrong");
    let reports: Vec<PathBuf> = processes.into_iter().map(|(report, _)| report).collect();
    compare(&emulator, &reports);
}

/// Compares what the processes received with what the service recorded.
fn compare(emulator: &Emulator, reports: &[PathBuf]) {
    // By hash, which no two calls share: whether a signature was returned.
    let mut asked: HashMap<String, bool> = HashMap::new();
    for report in reports {
        for line in BufReader::new(std::fs::File::open(report).expect("a report")).lines() {
            let line = line.expect("text");
            let Some((how, hash)) = line.split_once(' ') else { panic!("{line}") };
            match how {
                "returned" | "failed" => assert!(asked.insert(hash.to_owned(), how == "returned").is_none(), "{line}"),
                _ => println!("{line}"),
            }
        }
    }
    let mut recorded = HashSet::new();
    let record = std::fs::File::open(emulator.dir.join("signatures.jsonl")).expect("the record");
    for line in BufReader::new(record).lines() {
        let item: serde_json::Value = serde_json::from_str(&line.expect("text")).expect("JSON");
        let hash = item["hash"].as_str().expect("a hash").to_owned();
        assert!(recorded.insert(hash.clone()), "{hash} was signed twice");
        assert!(asked.contains_key(&hash), "{hash} was never asked for");
    }
    let returned = asked.iter().filter(|(_, returned)| **returned).count();
    let unrecorded = asked.iter().filter(|(hash, returned)| **returned && !recorded.contains(*hash)).count();
    let lost = recorded.len() - (returned - unrecorded);
    println!(
        "{} s: {} calls, {returned} signatures returned and verified, {} recorded, {lost} made whose answer a fault ate",
        seconds(),
        asked.len(),
        recorded.len()
    );
    assert_eq!(unrecorded, 0, "every signature that was returned is recorded");
    assert!(returned > asked.len() / 2, "most calls work");
}

/// One process: threads that sign, and a look at what it uses.
fn worker() {
    let report = PathBuf::from(std::env::var_os(WORKER).expect("it is set"));
    let threads: usize = std::env::var("STM_SOAK_THREADS").expect("it is set").parse().expect("a number");
    let out = Mutex::new(std::io::BufWriter::new(std::fs::File::create(report).expect("a report")));
    let end = Instant::now() + Duration::from_secs(seconds());
    let p11 = P11::start();
    let spki = {
        let session = p11.open(0);
        let key = p11.public_key(session, KEY);
        p11.attribute(session, key, CKA_PUBLIC_KEY_INFO).expect("a public key")
    };
    let (working, counter) = (AtomicU64::new(0), AtomicU64::new(0));
    let mut warm = None;
    std::thread::scope(|scope| {
        for _ in 0..threads {
            working.fetch_add(1, Ordering::SeqCst);
            scope.spawn(|| {
                sign(&p11, &spki, end, &counter, &out);
                working.fetch_sub(1, Ordering::SeqCst);
            });
        }
        std::thread::sleep(Duration::from_secs(seconds()).mul_f64(0.4));
        while working.load(Ordering::SeqCst) as usize == threads && end > Instant::now() + Duration::from_millis(300) {
            let now = usage();
            let first = *warm.get_or_insert(now);
            assert!(now.descriptors <= first.descriptors + 3 * threads, "descriptors: {first:?}, {now:?}");
            assert!(now.threads <= first.threads + 2, "threads: {first:?}, {now:?}");
            std::thread::sleep(Duration::from_secs(1).min(Duration::from_secs(seconds()) / 10));
        }
        let last = usage();
        let first = warm.unwrap_or(last);
        writeln!(
            out.lock().expect("no panic"),
            "{threads} threads: {} kB, {} descriptors, {} threads when warm; {} kB, {} descriptors, {} threads at the end",
            first.memory, first.descriptors, first.threads, last.memory, last.descriptors, last.threads
        )
        .expect("room");
        // A short run is not warm yet when it ends.
        let bound = if seconds() >= 300 { 2_000 } else { 8_000 };
        assert!(last.memory < first.memory + bound, "memory: {first:?}, {last:?}");
    });
    p11.finish();
}

fn sign(p11: &P11, spki: &[u8], end: Instant, counter: &AtomicU64, out: &Mutex<impl Write>) {
    use sha2::Digest;
    let mut session = p11.open(0);
    let mut key = None;
    while Instant::now() < end {
        let number = counter.fetch_add(1, Ordering::Relaxed);
        if number.is_multiple_of(50) {
            // Sessions come and go, and keys are looked up again.
            assert_eq!(ck!(p11, C_CloseSession(session)), CKR_OK);
            (session, key) = (p11.open(0), None);
        }
        let wanted = support::template::Attributes::new().class(CKO_PRIVATE_KEY).label(KEY);
        key = key.or_else(|| p11.try_find(session, &wanted).ok()?.first().copied());
        let Some(found) = key else { continue };
        let digest = sha2::Sha256::digest(format!("{} {number}", std::process::id()));
        let signed = p11.sign(session, CKM_ECDSA, found, &digest);
        let how = match signed {
            Ok(signature) => {
                assert!(check::ecdsa(spki, &digest, &signature), "a wrong signature");
                "returned"
            }
            Err(rv) => {
                let proper = [CKR_DEVICE_ERROR, CKR_FUNCTION_FAILED, CKR_FUNCTION_REJECTED];
                assert!(proper.contains(&rv), "{rv:#x}");
                "failed"
            }
        };
        let mut line = String::new();
        let _ = writeln!(line, "{how} {}", base64::Engine::encode(&base64::engine::general_purpose::STANDARD, digest));
        out.lock().expect("no panic").write_all(line.as_bytes()).expect("room");
        std::thread::sleep(BREATH);
    }
}

/// What this process uses.
#[derive(Clone, Copy, Debug)]
struct Usage {
    /// kB
    memory: u64,
    descriptors: usize,
    threads: usize,
}

fn usage() -> Usage {
    let status = std::fs::read_to_string("/proc/self/status").expect("/proc");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("VmRSS");
    let count = |path: &str| std::fs::read_dir(Path::new(path)).expect("/proc").count();
    Usage {
        memory: line.trim().trim_end_matches(" kB").parse().expect("a number"),
        descriptors: count("/proc/self/fd"),
        threads: count("/proc/self/task"),
    }
}
