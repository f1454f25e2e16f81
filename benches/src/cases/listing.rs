//! Accounts with many keypairs: the list, and lookups in memory after it.

use crate::bench::{Bench, NO_CACHE, number, with};
use crate::link;
use crate::measure::{Series, peak_memory, timed};
use crate::module::Module;
use crate::raw::{Raw, Version};
use crate::report::{Row, Target};
use crate::service::Service;
use crate::settings::Settings;
use cryptoki_sys::*;
use serde_json::{Value, json};
use std::time::Duration;

/// The page size that the service permits.
const PAGE: usize = 100;
/// The number of parallel page requests, in the module and in the raw client.
const AT_ONCE: usize = 6;

/// The round trip time of the link through which the largest list is also fetched.
const ROUND_TRIP: Duration = Duration::from_millis(20);

/// Reports.
pub fn run(bench: &mut Bench) {
    bench.report.section("Listing all keypairs, 100 a page, 6 pages at once");
    for count in [10, 1_000, 10_000] {
        let state = bench.folder("bulk");
        let service = Service::start(&bench.emulator, &state, &["--seed", "empty", "--page-limit", &PAGE.to_string()]);
        service.add_keypairs(count);
        list(bench, &service, count);
    }
}

fn list(bench: &mut Bench, service: &Service, count: usize) {
    let cached = service.settings();
    let settings = with(&cached, &[NO_CACHE]);
    let rounds = if count > 1_000 { bench.rounds(7, 1) } else { bench.rounds(11, 1) };
    let (module, raw, requests) = compare(bench, service, &settings, count, rounds);
    let median = |results: &[Value], name: &str| series(results, name).median();
    let report = &mut bench.report;
    // Pages are requested as long as they are full: after a full last page, there is one more, empty request.
    let pages = (count / PAGE + 1) as u64;
    report.add(Row::count(format!("{count}: requests"), requests, Target::Exactly(pages)));
    report.point("listing", "module", count as f64, requests as f64);
    report.point("listing", "pages", count as f64, count.div_ceil(PAGE) as f64);
    let found = median(&module, "found") as u64;
    report.add(Row::count(format!("{count}: private keys found"), found, Target::Exactly(count as u64)));
    let row = Row::new(format!("{count}: first search, median"), median(&module, "list"), "ms");
    let row = row.beside("the same pages raw", median(&raw, "list"));
    report.add(if count > 1_000 { row.target(Target::TimesAtMost(1.3)) } else { row });
    report.add(
        Row::new(format!("{count}: processor time"), median(&module, "cpu"), "ms").beside("raw", median(&raw, "cpu")),
    );
    let row = Row::new(format!("{count}: peak memory of the process"), median(&module, "memory"), "MB");
    let row = row.beside("raw", median(&raw, "memory"));
    report.add(if count > 1_000 { row.target(Target::AtMost(150.0)) } else { row });
    if count > 1_000 {
        let row = Row::new(format!("{count}: find by label, p50"), median(&module, "find"), "us");
        report.add(row.target(Target::AtMost(20.0)));
        report.add(Row::new(format!("{count}: attributes read, one a call"), median(&module, "attributes"), "/s"));
    }
    if count > 1_000 && !bench.check {
        let near = format!("https://{}", link::open(service.address, ROUND_TRIP));
        let (module, raw, _) = compare(bench, service, &with(&settings, &[("SM_HOST", &near), NO_CACHE]), count, 3);
        bench.report.add(
            Row::new(format!("{count}: first search behind a link of 20 ms"), series(&module, "list").median(), "ms")
                .beside("the same pages raw", series(&raw, "list").median())
                .target(Target::TimesAtMost(1.15)),
        );
    }
    from_disk(bench, service, count, &cached);
}

fn series(results: &[Value], name: &str) -> Series {
    results.iter().map(|result| number(result, name)).collect()
}

/// Module and raw client in turn; the results of both, and the number of the module's requests in each process.
fn compare(
    bench: &Bench,
    service: &Service,
    settings: &[(String, String)],
    count: usize,
    rounds: usize,
) -> (Vec<Value>, Vec<Value>, u64) {
    let home = bench.folder("home");
    let (mut module, mut raw, mut requests) = (Vec::new(), Vec::new(), None);
    let text = count.to_string();
    for _ in 0..rounds {
        let (result, counts) = service.counted(|| bench.run(&home, settings, &["list-module", &text]));
        assert!(requests.is_none_or(|before| before == counts.requests), "{counts:?}, {requests:?}");
        requests = Some(counts.requests);
        module.push(result);
        raw.push(bench.run(&home, settings, &["list-raw", &text]));
    }
    (module, raw, requests.unwrap_or_default())
}

/// A first process fills the cache on disk, a second one reads it.
fn from_disk(bench: &mut Bench, service: &Service, count: usize, settings: &[(String, String)]) {
    let text = count.to_string();
    let arguments = ["list-module", text.as_str()];
    let (mut writes, mut reads, mut requests) = (Series::default(), Series::default(), 0);
    for _ in 0..bench.rounds(3, 1) {
        let home = bench.folder("home");
        writes.add(number(&bench.run(&home, settings, &arguments), "list"));
        let (result, counts) = service.counted(|| bench.run(&home, settings, &arguments));
        requests += counts.requests;
        reads.add(number(&result, "list"));
    }
    bench.report.add(Row::new(format!("{count}: first search, cache written"), writes.median(), "ms"));
    bench.report.add(Row::new(format!("{count}: first search of the next process"), reads.median(), "ms"));
    bench.report.add(Row::count(format!("{count}: requests of the next process"), requests, Target::Exactly(0)));
    bench.report.point("listing", "cached", count as f64, requests as f64);
}

/// Measures the module: all private keys, then lookups in memory.
pub fn module_body(arguments: &[String]) -> Value {
    let count: usize = arguments[0].parse().expect("a number");
    let module = Module::start();
    let session = module.open();
    let (found, list, cpu) = timed(|| module.find(session, CKO_PRIVATE_KEY, None));
    let memory = peak_memory();
    let mut find = Series::default();
    for number in 0..1_000 {
        let label = format!("bulk-{}", number * 7919 % count + 1);
        let (key, took, _) = timed(|| module.private_key(session, &label));
        assert!(found.contains(&key) || count > 100, "{label}");
        find.add(took * 1e3);
    }
    let attributes = [CKA_LABEL, CKA_ID, CKA_KEY_TYPE, CKA_SIGN, CKA_EC_PARAMS];
    let mut room = [0; 256];
    let mut read = 0;
    let ((), took, _) = timed(|| {
        for key in found.iter().cycle().take(20_000) {
            for attribute in attributes {
                module.attribute(session, *key, attribute, &mut room);
                read += 1;
            }
        }
    });
    module.finalize();
    json!({
        "found": found.len(), "list": list, "cpu": cpu, "memory": memory, "find": find.median(),
        "attributes": f64::from(read) / took * 1e3,
    })
}

/// Measures the same pages, fetched and discarded.
pub fn raw_body(arguments: &[String]) -> Value {
    let count: usize = arguments[0].parse().expect("a number");
    let settings = Settings::load();
    let raw = Raw::new(&settings, Version::Http1);
    let (bytes, list, cpu) = timed(|| raw.list("/keypairs", count, PAGE, AT_ONCE));
    json!({"list": list, "cpu": cpu, "memory": peak_memory(), "bytes": bytes})
}
