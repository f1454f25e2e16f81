//! A hundred build steps start at once, and the service accepts twenty requests per second.

use crate::bench::{Bench, NO_CACHE, finish, with};
use crate::measure::timed;
use crate::report::{Row, Target};

const PROCESSES: u64 = 100;
const RATE: &str = "20";

/// Reports.
pub fn run(bench: &mut Bench) {
    bench.report.section("100 cold processes at once, service limited to 20 requests a second");
    let service = bench.demo_service(&["--rate-limit", RATE]);
    let settings = with(&service.settings(), &[NO_CACHE]);
    let home = bench.folder("home");
    let ((signed, wall), counts) = service.counted(|| {
        let (signed, wall, _) = timed(|| {
            let processes: Vec<_> = (0..PROCESSES)
                .map(|_| bench.process(&home, &settings, &["cold-module"]).spawn().expect("a process"))
                .collect();
            processes.into_iter().map(|process| finish(process, &["cold-module"])).collect::<Vec<_>>().len()
        });
        (signed as u64, wall)
    });
    bench.report.add(Row::count("processes that signed", signed, Target::Exactly(PROCESSES)));
    bench.report.add(Row::count("signatures recorded", counts.signatures, Target::Exactly(PROCESSES)));
    bench.report.add(
        Row::new("all done, without a cache", wall / 1e3, "s").beside("200 requests at 20 a second, after 20", 9.0),
    );
    bench.report.add(Row::new("requests, refused ones included", counts.requests as f64, ""));
}
