//! Many threads sign at once in one process.

use crate::bare::Bare;
use crate::bench::{Bench, NO_CACHE, number, with};
use crate::measure::{Series, ms, processor_time};
use crate::module::{KINDS, Kind, Module};
use crate::raw::{Raw, Version};
use crate::report::{Row, Target};
use crate::settings::Settings;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

/// The key of this case: RSA would measure the service's arithmetic.
const KIND: Kind = KINDS[1];

const CLIENTS: &[&str] = &[
    "bare",
    "module",
    "raw",
    #[cfg(feature = "http2")]
    "raw-http2",
];

/// Reports.
pub fn run(bench: &mut Bench) {
    bench.report.section("Threads of one process, P-256, service time 20 ms");
    let service = bench.demo_service(&[]);
    service.sign_takes(20);
    let settings = with(&service.settings(), &[NO_CACHE]);
    let home = bench.folder("home");
    let id = service.keypair_id(KIND.alias);
    let threads: &[u64] = if bench.check { &[8] } else { &[1, 8, 32, 64] };
    let clients = if bench.check { &CLIENTS[1..2] } else { CLIENTS };
    let (rounds, window) = (bench.rounds(5, 1), if bench.check { "300" } else { "1500" });
    for &threads in threads {
        let mut results: Vec<Results> = clients.iter().map(|_| Results::default()).collect();
        for _ in 0..rounds {
            for (client, results) in clients.iter().zip(&mut results) {
                let arguments = ["throughput", client, &id, &threads.to_string(), window];
                let (result, counts) = service.counted(|| bench.run(&home, &settings, &arguments));
                let signed = number(&result, "signatures") as u64;
                assert_eq!(counts.signatures, signed, "{client}: one signature for each call");
                assert_eq!(counts.signs, signed, "{client}: one POST for each signature");
                results.rate.add(number(&result, "rate"));
                results.cpu.add(number(&result, "cpu"));
                results.connections = results.connections.max(counts.connections);
            }
        }
        report(bench, threads, clients, &results);
    }
}

#[derive(Default)]
struct Results {
    rate: Series,
    cpu: Series,
    connections: u64,
}

fn report(bench: &mut Bench, threads: u64, clients: &[&str], all: &[Results]) {
    let of = |name: &str| clients.iter().position(|client| *client == name).map(|place| &all[place]);
    let Some(module) = of("module") else { return };
    let mut row = Row::new(format!("{threads} threads: signatures a second"), module.rate.median(), "/s");
    bench.report.point("throughput", "module", threads as f64, module.rate.median());
    if let Some(bare) = of("bare") {
        bench.report.point("throughput", "bare", threads as f64, bare.rate.median());
        row = row.beside("bare client", bare.rate.median());
        if threads > 1 {
            row = row.target(Target::TimesAtLeast(0.97));
        }
    }
    bench.report.add(row);
    bench.report.add(Row::count(
        format!("{threads} threads: connections"),
        module.connections,
        Target::NoMoreThan(threads),
    ));
    for client in ["raw", "raw-http2"] {
        if let (Some(other), Some(bare)) = (of(client), of("bare")) {
            bench.report.add(
                Row::new(
                    format!("{threads} threads: {client} client, {} connections", other.connections),
                    other.rate.median(),
                    "/s",
                )
                .beside("bare client", bare.rate.median()),
            );
        }
    }
    let cpu: Vec<String> =
        clients.iter().zip(all).map(|(client, results)| format!("{client} {:.3}", results.cpu.median())).collect();
    bench.report.remark(format!("{threads} threads, client processor time in ms a signature: {}.", cpu.join(", ")));
}

/// Measures one client with so many threads for so many milliseconds.
pub fn body(arguments: &[String]) -> Value {
    let [client, id, threads, window] = arguments else { panic!("four arguments") };
    let threads: usize = threads.parse().expect("a number");
    let window = Duration::from_millis(window.parse().expect("a number"));
    let settings = Settings::load();
    let path = format!("/keypairs/{id}/sign");
    let request = json!({"hash": STANDARD.encode([7; 32]), "sig_alg": KIND.sig_alg}).to_string();
    let (path, request) = (path.as_str(), request.as_str());
    match client.as_str() {
        "module" => {
            let module = Module::start();
            let module = &module;
            let result = race(threads, window, || {
                let session = module.open();
                let key = module.private_key(session, KIND.alias);
                move || _ = module.sign(session, KIND, key, b"data")
            });
            module.finalize();
            result
        }
        "bare" => race(threads, window, || {
            let mut bare = Bare::connect(&settings);
            move || _ = bare.post(path, request)
        }),
        "raw" => race_raw(threads, window, &Raw::new(&settings, Version::Http1), path, request),
        #[cfg(feature = "http2")]
        "raw-http2" => race_raw(threads, window, &Raw::new(&settings, Version::Http2), path, request),
        other => panic!("no client {other}"),
    }
}

fn race_raw(threads: usize, window: Duration, raw: &Raw, path: &str, request: &str) -> Value {
    race(threads, window, || move || _ = raw.post(path, request))
}

/// Every thread prepares, signs once and waits for the others; then all sign until the time is up.
fn race<W: FnMut()>(threads: usize, window: Duration, ready: impl Fn() -> W + Sync) -> Value {
    let (barrier, signatures) = (Barrier::new(threads + 1), AtomicU64::new(0));
    let (wall, cpu) = thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut work = ready();
                work();
                barrier.wait();
                let begun = Instant::now();
                while begun.elapsed() < window {
                    work();
                    signatures.fetch_add(1, Relaxed);
                }
                barrier.wait();
            });
        }
        barrier.wait();
        let (begun, processor) = (Instant::now(), processor_time(libc::CLOCK_PROCESS_CPUTIME_ID));
        barrier.wait();
        (begun.elapsed(), processor_time(libc::CLOCK_PROCESS_CPUTIME_ID) - processor)
    });
    let signed = signatures.load(Relaxed);
    json!({
        "signatures": signed + threads as u64,
        "rate": signed as f64 / wall.as_secs_f64(),
        "cpu": ms(cpu) / signed as f64,
    })
}
