//! One signature after another in one process, compared with clients that send the same POST.

use crate::bare::Bare;
use crate::bench::{Bench, NO_CACHE, number, with};
use crate::measure::{Series, timed};
use crate::module::{KINDS, Kind, Module};
use crate::raw::{Raw, Version};
use crate::report::{Row, Target};
use crate::settings::Settings;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cryptoki_sys::CKO_PUBLIC_KEY;
use serde_json::{Value, json};

/// Reports.
pub fn run(bench: &mut Bench) {
    let service = bench.demo_service(&[]);
    let settings = with(&service.settings(), &[NO_CACHE]);
    let home = bench.folder("home");
    for (takes, full, check) in [(0, 1500, 50), (20, 150, 5)] {
        service.sign_takes(takes);
        for (place, kind) in KINDS.iter().enumerate() {
            bench.report.section(NAMES[place + if takes == 0 { 0 } else { 2 }]);
            let rounds = bench.rounds(full, check);
            let id = service.keypair_id(kind.alias);
            let arguments = ["warm", &place.to_string(), &id, &rounds.to_string()];
            let (result, counts) = service.counted(|| bench.run(&home, &settings, &arguments));
            report(bench, *kind, takes, &result);
            // Each client signs once before the measurement; the module first looks up its key.
            let signs = 3 * (rounds as u64 + 1);
            bench.report.add(Row::count("requests of the three clients", counts.requests, Target::Exactly(signs + 1)));
            bench.report.add(Row::count("signatures", counts.signatures, Target::Exactly(signs)));
            bench.report.add(Row::count("connections", counts.connections, Target::Exactly(3)));
        }
    }
    service.sign_takes(0);
}

const NAMES: [&str; 4] = [
    "Warm C_SignInit + C_Sign, RSA-2048, service time 0 ms",
    "Warm C_SignInit + C_Sign, P-256, service time 0 ms",
    "Warm C_SignInit + C_Sign, RSA-2048, service time 20 ms",
    "Warm C_SignInit + C_Sign, P-256, service time 20 ms",
];

fn report(bench: &mut Bench, kind: Kind, takes: u64, result: &Value) {
    let of = |client: &str, name: &str| number(&result[client], name);
    let limit = match (takes, kind.alias) {
        (20, _) => 1.03,
        _ => 1.25,
    };
    let report = &mut bench.report;
    report.add(
        Row::new("p50, verification included", of("module", "p50"), "ms")
            .beside("raw client", of("raw", "p50"))
            .target(Target::TimesAtMost(limit)),
    );
    report.add(Row::new("p95", of("module", "p95"), "ms").beside("raw client", of("raw", "p95")));
    report.add(Row::new("p99", of("module", "p99"), "ms").beside("raw client", of("raw", "p99")));
    let verification = of("verify", "p50");
    let floor = 2.0 * of("bare", "p50") + verification;
    report.add(
        Row::new("p50", of("module", "p50"), "ms")
            .beside("2 x bare client + one verification", floor)
            .target(Target::TimesAtMost(1.0)),
    );
    report.add(
        Row::new("p50", of("module", "p50"), "ms")
            .beside("bare client", of("bare", "p50"))
            .target(Target::TimesAtMost(2.0)),
    );
    let verified = of("raw", "p50") + verification;
    report.add(Row::new("p50", of("module", "p50"), "ms").beside("raw client + one verification", verified));
    report.add(Row::new("one verification (C_VerifyInit + C_Verify), p50", verification, "ms"));
    report.add(
        Row::new("processor time a signature, median", of("module", "cpu"), "ms")
            .beside("raw client", of("raw", "cpu"))
            .target(Target::AtMost(0.2)),
    );
    report.add(Row::new("... of that the verification", of("verify", "cpu"), "ms"));
    report.add(Row::new("processor time of the bare client", of("bare", "cpu"), "ms"));
}

#[derive(Default)]
struct Times {
    wall: Series,
    cpu: Series,
}

impl Times {
    fn add<T>(&mut self, work: impl FnOnce() -> T) -> T {
        let (result, wall, cpu) = timed(work);
        self.wall.add(wall);
        self.cpu.add(cpu);
        result
    }

    fn json(&self) -> Value {
        let wall = &self.wall;
        json!({"p50": wall.median(), "p95": wall.at(0.95), "p99": wall.at(0.99), "min": wall.min(), "cpu": self.cpu.median()})
    }
}

/// The data to sign.
pub const DATA: &[u8] = b"what a signing tool signs, in its own attributes";

/// Measures the three in turn, signature by signature.
pub fn body(arguments: &[String]) -> Value {
    let [place, id, rounds] = arguments else { panic!("three arguments") };
    let kind = KINDS[place.parse::<usize>().expect("a number")];
    let settings = Settings::load();
    let path = format!("/keypairs/{id}/sign");
    let request = json!({"hash": STANDARD.encode([7; 32]), "sig_alg": kind.sig_alg}).to_string();

    let module = Module::start();
    let session = module.open();
    let key = module.private_key(session, kind.alias);
    let public = module.find(session, CKO_PUBLIC_KEY, Some(kind.alias))[0];
    let raw = Raw::new(&settings, Version::Http1);
    let mut bare = Bare::connect(&settings);
    let mut signature = module.sign(session, kind, key, DATA);
    raw.post(&path, &request);
    bare.post(&path, &request);

    let [mut of_module, mut of_raw, mut of_bare, mut of_verify] = [(); 4].map(|()| Times::default());
    for round in 0..rounds.parse::<usize>().expect("a number") {
        for turn in 0..3 {
            match (round + turn) % 3 {
                0 => signature = of_module.add(|| module.sign(session, kind, key, DATA)),
                1 => drop(of_raw.add(|| raw.post(&path, &request))),
                _ => drop(of_bare.add(|| bare.post(&path, &request).len())),
            }
        }
        of_verify.add(|| module.verify(session, kind, public, DATA, &signature));
    }
    module.finalize();
    json!({"module": of_module.json(), "raw": of_raw.json(), "bare": of_bare.json(), "verify": of_verify.json()})
}
