//! A host that hashes a large file between its search and its signature, behind a slow link, with a cached list.

use super::warm;
use crate::bench::{Bench, number, with};
use crate::link;
use crate::measure::{Series, ms};
use crate::module::{KINDS, Module};
use crate::report::{Row, Target};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const ROUND_TRIP: Duration = Duration::from_millis(100);
/// The host hashes this many parts, each for this long.
const PARTS: usize = 30;
const PART: Duration = Duration::from_millis(10);

/// Reports.
pub fn run(bench: &mut Bench) {
    bench
        .report
        .section("Cold process with a cached list behind a link of 100 ms, host hashes for 300 ms before it signs");
    let service = bench.demo_service(&[]);
    let home = bench.folder("home");
    let near = format!("https://{}", link::open(service.address, ROUND_TRIP));
    let early = with(&service.settings(), &[("SM_HOST", &near)]);
    let late = with(&early, &[("STM_PKCS11_EARLY_CONNECT", "off")]);
    // Fills the cache.
    bench.run(&home, &early, &["early"]);
    let mut times = [Series::default(), Series::default()];
    let rounds = bench.rounds(7, 1);
    let ((), counts) = service.counted(|| {
        for _ in 0..rounds {
            for (place, settings) in [&early, &late].into_iter().enumerate() {
                times[place].add(number(&bench.run(&home, settings, &["early"]), "final"));
            }
        }
    });
    let [early, late] = times.map(|series| series.median());
    let trip = ROUND_TRIP.as_secs_f64() * 1e3;
    let report = &mut bench.report;
    report.add(
        Row::new("C_SignFinal, median", early, "ms").beside("a round trip", trip).target(Target::TimesAtMost(1.1)),
    );
    report.add(Row::new("... STM_PKCS11_EARLY_CONNECT=off", late, "ms").beside("a round trip", trip));
    report.add(Row::count("connections", counts.connections, Target::Exactly(2 * rounds as u64)));
    report.add(Row::count("requests", counts.requests, Target::Exactly(2 * rounds as u64)));
}

/// Signs once, in parts.
pub fn body(_: &[String]) -> Value {
    let module = Module::start();
    let session = module.open();
    let key = module.private_key(session, KINDS[1].alias);
    module.sign_init(session, KINDS[1].mechanism, key);
    for _ in 0..PARTS {
        std::thread::sleep(PART);
        module.sign_update(session, warm::DATA);
    }
    let begun = Instant::now();
    module.sign_final(session);
    let took = ms(begun.elapsed());
    module.finalize();
    json!({ "final": took })
}
