//! The speed of hashing large files, which are not sent to the service.

use crate::bench::{Bench, number};
use crate::measure::{Series, timed};
use crate::module::{KINDS, Module};
use crate::report::Row;
use aws_lc_rs::digest;
use serde_json::{Value, json};

const PART: usize = 64 << 10;

/// Reports.
pub fn run(bench: &mut Bench) {
    bench.report.section("Hashing");
    let service = bench.demo_service(&[]);
    let home = bench.folder("home");
    let settings = service.settings();
    let megabytes = if bench.check { "8" } else { "256" };
    let results: Vec<Value> =
        (0..bench.rounds(5, 1)).map(|_| bench.run(&home, &settings, &["hashing", megabytes])).collect();
    let median = |name: &str| results.iter().map(|result| number(result, name)).collect::<Series>().median();
    bench.report.add(
        Row::new("C_SignUpdate, SHA-256, 64 KiB a call", median("module"), "MB/s")
            .beside("the crypto library alone", median("library")),
    );
}

/// Measures.
pub fn body(arguments: &[String]) -> Value {
    let megabytes: usize = arguments[0].parse().expect("a number");
    let parts = megabytes * (1 << 20) / PART;
    let part = vec![0x5a; PART];
    let module = Module::start();
    let session = module.open();
    let key = module.private_key(session, KINDS[0].alias);
    let rate = |took: f64| (parts * PART) as f64 / 1e6 / (took / 1e3);
    module.sign_init(session, KINDS[0].mechanism, key);
    // Work that only the first call of each does is not measured.
    module.sign_update(session, &part);
    let _ = digest::digest(&digest::SHA256, &part);
    let ((), of_module, _) = timed(|| (0..parts).for_each(|_| module.sign_update(session, &part)));
    // Ends the operation without a signature.
    module.close(session);
    let (_, of_library, _) = timed(|| {
        let mut context = digest::Context::new(&digest::SHA256);
        (0..parts).for_each(|_| context.update(&part));
        context.finish()
    });
    module.finalize();
    json!({"module": rate(of_module), "library": rate(of_library)})
}
