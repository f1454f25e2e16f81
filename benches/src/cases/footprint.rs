//! The module's use of resources: file size, memory, threads, descriptors; and what remains afterwards.

use crate::bench::{Bench, NO_CACHE, number, with};
use crate::measure::{descriptors, memory, threads};
use crate::module::{KINDS, Module};
use crate::report::{Row, Target};
use serde_json::{Value, json};
use std::time::Duration;

/// Reports.
pub fn run(bench: &mut Bench) {
    bench.report.section("Footprint");
    let service = bench.demo_service(&[]);
    let (settings, home) = (with(&service.settings(), &[NO_CACHE]), bench.folder("home"));
    let result = bench.run(&home, &settings, &["footprint"]);
    let of = |name: &str| number(&result, name);
    let size = std::fs::metadata(&bench.module).expect("the module").len();
    bench.report.add(Row::new("size of the library", size as f64 / 1e6, "MB").target(Target::AtMost(6.0)));
    bench.report.add(Row::new("memory that loading, initialising and one signature add", of("memory"), "MB"));
    let counts = [
        ("threads of the module's own while it works", "threads"),
        ("threads left by C_Finalize", "threads left"),
        ("descriptors left by C_Finalize", "descriptors left"),
    ];
    for (what, name) in counts {
        bench.report.add(Row::count(what, of(name) as u64, Target::Exactly(0)));
    }
    bench.report.remark("Threads and descriptors after signatures of eight threads, counted in /proc.");
}

/// Measures.
pub fn body(_: &[String]) -> Value {
    let (threads_before, descriptors_before, memory_before) = (threads(), descriptors(), memory());
    let module = Module::start();
    let kind = KINDS[0];
    let session = module.open();
    let key = module.private_key(session, kind.alias);
    module.sign(session, kind, key, b"data");
    let grown = memory() - memory_before;
    let sign = || {
        let session = module.open();
        module.sign(session, kind, module.private_key(session, kind.alias), b"data");
    };
    std::thread::scope(|scope| {
        let signing: Vec<_> = (0..8).map(|_| scope.spawn(sign)).collect();
        // Waited for one by one, because the kernel may not have finished with the threads at the end of a scope.
        signing.into_iter().for_each(|thread| thread.join().expect("a thread that signs"));
    });
    let working = more_threads(threads_before);
    module.finalize();
    json!({
        "memory": grown, "threads": working, "threads left": more_threads(threads_before),
        "descriptors left": descriptors() - descriptors_before,
    })
}

/// How many more threads there are than `before`. The kernel may list one that was joined for a moment longer.
fn more_threads(before: usize) -> usize {
    for _ in 0..100 {
        if threads() <= before {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    threads().saturating_sub(before)
}
