//! The system calls of one signature, counted by strace: each is a change to the kernel and back.

use super::warm::DATA;
use crate::bench::{Bench, NO_CACHE, with};
use crate::module::{KINDS, Module};
use crate::raw::{Raw, Version};
use crate::report::{Row, Target};
use crate::settings::Settings;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;

/// `KINDS[1]`, P-256.
const KIND: usize = 1;
/// Signatures of the two processes whose difference counts.
const FEW: u64 = 10;
const MANY: u64 = 110;

/// Calls, by name.
type Calls = BTreeMap<String, u64>;

/// Reports.
pub fn run(bench: &mut Bench) {
    bench.report.section("System calls of a warm signature, P-256");
    if !super::is_installed("strace") {
        bench.report.remark("strace is not installed.");
        return;
    }
    let service = bench.demo_service(&[]);
    let settings = with(&service.settings(), &[NO_CACHE]);
    let id = service.keypair_id(KINDS[KIND].alias);
    let home = bench.folder("home");
    let [module, raw] = ["calls-module", "calls-raw"].map(|body| {
        let of = |signatures: u64| calls(bench, &home, &settings, &[body, &id, &signatures.to_string()]);
        let (few, many) = (of(FEW), of(MANY));
        let each = |(name, count): (String, u64)| {
            let more = count.saturating_sub(few.get(&name).copied().unwrap_or(0));
            (name, more as f64 / (MANY - FEW) as f64)
        };
        many.into_iter().map(each).filter(|(_, each)| *each >= 0.05).collect::<BTreeMap<_, _>>()
    });
    let sum = |calls: &BTreeMap<String, f64>| calls.values().sum::<f64>();
    let row = Row::new("all", sum(&module), "").beside("raw client", sum(&raw));
    bench.report.add(row.target(Target::AtMost(8.0)));
    for (name, count) in &module {
        let row = Row::new(name.clone(), *count, "");
        bench.report.add(match raw.get(name) {
            Some(raw) => row.beside("raw client", *raw),
            None => row,
        });
    }
}

/// The calls of a measured process and its threads.
fn calls(bench: &Bench, home: &Path, settings: &[(String, String)], arguments: &[&str]) -> Calls {
    let counts = home.join("calls");
    let mut command = bench.host("strace".as_ref(), home, settings);
    command.args(["-f", "-c", "-U", "name,calls", "-o"]).arg(&counts);
    let measured = bench.process(home, settings, arguments);
    command.arg(measured.get_program()).args(measured.get_args());
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status().expect("strace");
    assert!(status.success(), "strace {arguments:?}: {status}");
    parsed(&std::fs::read_to_string(&counts).expect("strace's table"))
}

/// strace's table of names and counts, without its head and sum.
fn parsed(table: &str) -> Calls {
    let row = |line: &str| {
        let (name, count) = line.split_once(' ')?;
        Some((name.to_owned(), count.trim().parse().ok()?))
    };
    table.lines().filter_map(row).filter(|(name, _)| name != "total").collect()
}

/// Signs with the module.
pub fn module_body(arguments: &[String]) -> Value {
    let module = Module::start();
    let session = module.open();
    let key = module.private_key(session, KINDS[KIND].alias);
    for _ in 0..rounds(arguments) {
        module.sign(session, KINDS[KIND], key, DATA);
    }
    module.finalize();
    Value::Null
}

/// Sends the same requests with the module's HTTP library.
pub fn raw_body(arguments: &[String]) -> Value {
    let raw = Raw::new(&Settings::load(), Version::Http1);
    let request = json!({"hash": STANDARD.encode([7; 32]), "sig_alg": KINDS[KIND].sig_alg}).to_string();
    for _ in 0..rounds(arguments) {
        raw.post(&format!("/keypairs/{}/sign", arguments[0]), &request);
    }
    Value::Null
}

fn rounds(arguments: &[String]) -> u64 {
    arguments[1].parse().expect("a number")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_strace_is_read_without_its_head_and_sum() {
        let table = "syscall              calls\n------------------- --------\nrecvfrom             3835\nfutex                   1\n------------------- --------\ntotal                3836\n";
        let expected = [("futex".to_owned(), 1), ("recvfrom".to_owned(), 3835)];
        assert_eq!(parsed(table), Calls::from(expected));
    }
}
