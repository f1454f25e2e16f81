//! A hundred build steps start at once, and the service accepts twenty requests per second.

use crate::bench::{Bench, NO_CACHE, finish, number, with};
use crate::measure::{ms, timed};
use crate::report::{Row, Target};
use std::time::Instant;

const PROCESSES: u64 = 100;
const RATE: u64 = 20;

/// A way to do it.
struct Way {
    name: &'static str,
    settings: &'static [(&'static str, &'static str)],
    /// The requests that it needs.
    needed: u64,
    /// Its line in the picture, and that of what the limit admits, which is the same for two of them.
    line: &'static str,
    bound: Option<&'static str>,
}

const WAYS: [Way; 4] = [
    Way {
        name: "100 cold processes at once without a cache, limited to 20 requests a second",
        settings: &[NO_CACHE],
        needed: 2 * PROCESSES,
        line: "together",
        bound: Some("bound"),
    },
    Way {
        name: "... each for itself, without a cache",
        settings: &[NO_CACHE, ALONE],
        needed: 2 * PROCESSES,
        line: "alone",
        bound: None,
    },
    Way {
        name: "100 cold processes at once with a cache, limited to 20 requests a second",
        settings: &[],
        needed: PROCESSES + 1,
        line: "together cached",
        bound: Some("bound cached"),
    },
    Way {
        name: "... each for itself, with a cache",
        settings: &[ALONE],
        needed: PROCESSES + 1,
        line: "alone cached",
        bound: None,
    },
];

const ALONE: (&str, &str) = ("STM_PKCS11_PACE", "off");

/// Reports.
pub fn run(bench: &mut Bench) {
    for Way { name, settings: more, needed, line, bound: limit } in WAYS {
        bench.report.section(name);
        let service = bench.demo_service(&["--rate-limit", &RATE.to_string()]);
        let settings = with(&service.settings(), more);
        let home = bench.folder("home");
        let ((processes, wall), counts) = service.counted(|| {
            let begun = Instant::now();
            let (took, wall, _) = timed(|| {
                let start = |_| {
                    let process = bench.process(&home, &settings, &["cold-module"]).spawn().expect("a process");
                    (ms(begun.elapsed()), process)
                };
                let processes: Vec<_> = (0..PROCESSES).map(start).collect();
                let took = |(start, process)| (start, number(&finish(process, &["cold-module"]), "total"));
                processes.into_iter().map(took).collect::<Vec<(f64, f64)>>()
            });
            (took, wall)
        });
        let slowest = processes.iter().map(|(_, took)| *took).fold(0.0, f64::max);
        // When each has its signature, in seconds after the first one began.
        let mut signed: Vec<f64> = processes.iter().map(|(start, took)| (start + took) / 1e3).collect();
        signed.sort_by(f64::total_cmp);
        for (place, at) in signed.iter().enumerate() {
            bench.report.point("fleet", line, *at, (place + 1) as f64);
        }
        let report = &mut bench.report;
        report.add(Row::count("signatures recorded", counts.signatures, Target::Exactly(PROCESSES)));
        // The service accepts the requests of one second at once.
        let bound = (needed - RATE) as f64 / RATE as f64;
        if let Some(limit) = limit {
            let each = needed as f64 / PROCESSES as f64;
            report.point("fleet", limit, 0.0, (RATE as f64 / each).floor());
            report.point("fleet", limit, bound, PROCESSES as f64);
        }
        let taken = Row::new("all done", wall / 1e3, "s").beside("what the limit allows", bound);
        let refused = counts.requests.saturating_sub(needed) as f64 / needed as f64;
        let (taken, most) = match more.contains(&ALONE) {
            true => (taken, None),
            false => (taken.target(Target::TimesAtMost(1.15)), Some(Target::AtMost(0.05))),
        };
        report.add(taken);
        report.add(Row::new("slowest process", slowest / 1e3, "s"));
        report.add(Row::new("requests, refused ones included", counts.requests as f64, ""));
        let refused = Row::new("refused, of those needed", refused, "x");
        report.add(if let Some(most) = most { refused.target(most) } else { refused });
    }
}
