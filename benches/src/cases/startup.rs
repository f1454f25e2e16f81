//! The cost of having the module in a configuration: load and initialise, without any request.

use crate::bench::{Bench, number};
use crate::measure::{Series, timed};
use crate::module::Module;
use crate::report::{Row, Target};
use serde_json::{Value, json};

/// Reports.
pub fn run(bench: &mut Bench) {
    bench.report.section("Load and initialise");
    let service = bench.demo_service(&[]);
    let (settings, home) = (service.settings(), bench.folder("home"));
    let rounds = bench.rounds(31, 1);
    let (results, counts) =
        service.counted(|| (0..rounds).map(|_| bench.run(&home, &settings, &["startup"])).collect::<Vec<_>>());
    let median = |name: &str| results.iter().map(|result| number(result, name)).collect::<Series>().median();
    bench.report.add(
        Row::new("dlopen + C_GetFunctionList + C_Initialize, median", median("total"), "ms")
            .target(Target::AtMost(5.0)),
    );
    bench.report.add(Row::new("... dlopen + C_GetFunctionList", median("load"), "ms"));
    bench.report.add(Row::new("... C_Initialize", median("initialize"), "ms"));
    bench.report.add(Row::count("requests, C_Initialize to C_OpenSession", counts.requests, Target::Exactly(0)));
    bench.report.add(Row::count("connections", counts.connections, Target::Exactly(0)));
}

/// Measures.
pub fn body(_: &[String]) -> Value {
    let (module, load, _) = timed(Module::load);
    let ((), initialize, _) = timed(|| module.initialize());
    module.open();
    json!({"load": load, "initialize": initialize, "total": load + initialize})
}
