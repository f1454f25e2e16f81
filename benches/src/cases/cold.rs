//! A process that signs one file and ends, like most signing tools.

use crate::bare::Bare;
use crate::bench::{Bench, NO_CACHE, number, with};
use crate::link;
use crate::measure::{Series, timed};
use crate::module::{KINDS, Kind, Module};
use crate::report::{Row, Target};
use crate::service::{Counts, Service};
use crate::settings::Settings;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;

/// The key of this case: RSA would measure the service.
pub const KIND: Kind = KINDS[1];

/// Round trip of the link.
const ROUND_TRIP: Duration = Duration::from_millis(20);

/// One way to sign.
pub struct Way {
    what: &'static str,
    settings: Vec<(String, String)>,
    bare: bool,
    pub totals: Series,
    phases: Vec<Value>,
    counts: Option<Counts>,
}

impl Way {
    fn new(what: &'static str, settings: Vec<(String, String)>) -> Self {
        Self { what, settings, bare: false, totals: Series::default(), phases: Vec::new(), counts: None }
    }

    /// The median of a phase, in milliseconds.
    pub fn phase(&self, name: &str) -> f64 {
        self.phases.iter().map(|phases| number(phases, name)).collect::<Series>().median()
    }
}

/// Reports.
pub fn run(bench: &mut Bench) {
    let service = bench.demo_service(&[]);
    let home = bench.folder("home");
    bench.report.section("Cold process to its first signature (P-256), 0 ms");
    let settings = service.settings();
    let rounds = bench.rounds(25, 1);
    let mut ways = ways(&service, &settings);
    measure(bench, &service, &home, &mut ways, rounds);
    let [bare, off, warm, p12] = &ways;
    let floor = bare.phase("handshake") + bare.phase("post");
    let row = |way: &Way| Row::new(format!("{}, median", way.what), way.totals.median(), "ms");
    let beside = "bare client: handshake + POST";
    bench.report.add(row(off).beside(beside, floor).target(Target::TimesAtMost(2.0)));
    bench.report.add(row(warm).beside(beside, floor));
    bench.report.add(row(p12).beside(beside, floor));
    bench.report.add(Row::new("bare client, its files read, too", bare.totals.median(), "ms"));
    bench
        .report
        .add(Row::new("processor time, cache off", off.phase("cpu"), "ms").beside("bare client", bare.phase("cpu")));
    for (way, requests) in [(off, 2), (warm, 1), (p12, 2)] {
        let counts = way.counts.unwrap_or_default();
        bench.report.add(Row::count(format!("requests, {}", way.what), counts.requests, Target::Exactly(requests)));
        bench.report.add(Row::count(format!("connections, {}", way.what), counts.connections, Target::Exactly(1)));
    }
    for way in [off, warm] {
        let phases = ["load", "initialize", "session", "find", "sign"];
        let phases: Vec<String> = phases.iter().map(|name| format!("{name} {:.2}", way.phase(name))).collect();
        bench.report.remark(format!("Phases in ms, {}: {}.", way.what, phases.join(", ")));
    }
    behind_link(bench, &service, &home);
}

/// The bare client, and the module without and with a cached list, and with another file.
pub fn ways(service: &Service, settings: &[(String, String)]) -> [Way; 4] {
    [
        Way { bare: true, ..Way::new("bare client", settings.to_vec()) },
        Way::new("cache off", with(settings, &[NO_CACHE])),
        Way::new("cache warm", settings.to_vec()),
        Way::new("cache off, client certificate as PKCS#12", with(&service.settings_with_p12(), &[NO_CACHE])),
    ]
}

fn behind_link(bench: &mut Bench, service: &Service, home: &Path) {
    bench.report.section("Cold process to its first signature (P-256), behind a link of 20 ms");
    let near = format!("https://{}", link::open(service.address, ROUND_TRIP));
    let settings = with(&service.settings(), &[("SM_HOST", &near)]);
    let rounds = bench.rounds(11, 1);
    let mut ways = ways(service, &settings);
    measure(bench, service, home, &mut ways[..3], rounds);
    let [bare, off, warm, _] = &ways;
    let (connect, get, post) = (bare.phase("handshake"), bare.phase("get"), bare.phase("post"));
    let row = |way: &Way| Row::new(format!("{}, median", way.what), way.totals.median(), "ms");
    let beside = "bare client: TCP, TLS, GET; POST";
    bench.report.add(row(off).beside(beside, connect + get + post).target(Target::TimesAtMost(1.1)));
    bench.report.add(row(warm).beside("bare client: TCP, TLS; POST", connect + post));
    bench.report.remark(
        "The link is a relay on this machine that holds the bytes of each direction for 10 ms, and the first bytes of a \
         connection for 20 ms more, in the place of TCP's own round trip.",
    );
}

/// All ways in turn, round by round, so that a disturbance affects all of them.
pub fn measure(bench: &Bench, service: &Service, home: &Path, ways: &mut [Way], rounds: usize) {
    let id = service.keypair_id(KIND.alias);
    // Fills the module's cache, and the kernel's cache with every file.
    for way in &*ways {
        let name = if way.bare { "cold-bare" } else { "cold-module" };
        bench.run(home, &way.settings, &[name, &id]);
    }
    for _ in 0..rounds {
        for way in &mut *ways {
            let name = if way.bare { "cold-bare" } else { "cold-module" };
            let (phases, counts) = service.counted(|| bench.run(home, &way.settings, &[name, &id]));
            assert!(way.counts.is_none_or(|before| before == counts), "{}: {counts:?}, {:?}", way.what, way.counts);
            way.counts = Some(counts);
            way.totals.add(number(&phases, "total"));
            way.phases.push(phases);
        }
    }
}

/// Measures the module.
pub fn module_body(_: &[String]) -> Value {
    let mut phases = serde_json::Map::new();
    let ((), total, cpu) = timed(|| {
        let mut phase = |name: &str, took: f64| phases.insert(name.to_owned(), json!(took));
        let (module, took, _) = timed(Module::load);
        phase("load", took);
        phase("initialize", timed(|| module.initialize()).1);
        let (session, took, _) = timed(|| module.open());
        phase("session", took);
        let (key, took, _) = timed(|| module.private_key(session, KIND.alias));
        phase("find", took);
        phase("sign", timed(|| module.sign(session, KIND, key, b"a file's signed attributes")).1);
    });
    phases.insert("total".to_owned(), json!(total));
    phases.insert("cpu".to_owned(), json!(cpu));
    phases.into()
}

/// Measures a bare client: files, handshake, POST. The module's lookup is timed as well, but is not part of the total.
pub fn bare_body(arguments: &[String]) -> Value {
    let id = &arguments[0];
    let ((settings, files), _, files_cpu) = timed(|| {
        let (settings, took, _) = timed(Settings::load);
        (settings, took)
    });
    let (mut bare, handshake, handshake_cpu) = timed(|| Bare::connect(&settings));
    let body = json!({"hash": STANDARD.encode([7; 32]), "sig_alg": KIND.sig_alg}).to_string();
    let path = format!("/keypairs/{id}/sign");
    let (_, post, post_cpu) = timed(|| bare.post(&path, &body).len());
    let path = format!("/keypairs?alias={}", KIND.alias);
    let (_, get, _) = timed(|| bare.get(&path).len());
    let cpu = files_cpu + handshake_cpu + post_cpu;
    json!({"handshake": handshake, "post": post, "get": get, "total": files + handshake + post, "cpu": cpu})
}
