//! A hundred build steps start at once, and the service accepts twenty requests per second.

use crate::bench::{Bench, NO_CACHE, finish, number, with};
use crate::measure::timed;
use crate::report::{Row, Target};

const PROCESSES: u64 = 100;
const RATE: u64 = 20;

/// Each way to do it: what it is called, its settings, and the number of requests that it needs.
const WAYS: [(&str, &[(&str, &str)], u64); 4] = [
    ("100 cold processes at once without a cache, limited to 20 requests a second", &[NO_CACHE], 2 * PROCESSES),
    ("... each for itself", &[NO_CACHE, ALONE], 2 * PROCESSES),
    ("100 cold processes at once with a cache, limited to 20 requests a second", &[], PROCESSES + 1),
    ("... each for itself", &[ALONE], PROCESSES + 1),
];

const ALONE: (&str, &str) = ("STM_PKCS11_PACE", "off");

/// Reports.
pub fn run(bench: &mut Bench) {
    for (name, more, needed) in WAYS {
        bench.report.section(name);
        let service = bench.demo_service(&["--rate-limit", &RATE.to_string()]);
        let settings = with(&service.settings(), more);
        let home = bench.folder("home");
        let ((slowest, wall), counts) = service.counted(|| {
            let (took, wall, _) = timed(|| {
                let processes: Vec<_> = (0..PROCESSES)
                    .map(|_| bench.process(&home, &settings, &["cold-module"]).spawn().expect("a process"))
                    .collect();
                processes
                    .into_iter()
                    .map(|process| number(&finish(process, &["cold-module"]), "total"))
                    .fold(0.0, f64::max)
            });
            (took, wall)
        });
        let report = &mut bench.report;
        report.add(Row::count("signatures recorded", counts.signatures, Target::Exactly(PROCESSES)));
        // The service accepts the requests of one second at once.
        let bound = (needed - RATE) as f64 / RATE as f64;
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
