//! The cost of the ledger: the same signatures with and without it, in turns of a few signatures in one process. Processes differ
//! more from one another than the ledger costs.

use super::warm;
use crate::bench::{Bench, NO_CACHE, number, with};
use crate::measure::{Series, ms};
use crate::module::{KINDS, Module};
use crate::report::{Row, Target};
use serde_json::{Value, json};
use std::time::Instant;

/// The signatures of one turn.
const TURN: usize = 20;

/// Reports.
pub fn run(bench: &mut Bench) {
    let service = bench.demo_service(&[]);
    let home = bench.folder("home");
    let ledger = home.join("ledger").display().to_string();
    let settings = with(&service.settings(), &[NO_CACHE]);
    for (takes, full, check) in [(0, 100, 2), (20, 6, 1)] {
        service.sign_takes(takes);
        bench.report.section(if takes == 0 {
            "Ledger and budget, service time 0 ms"
        } else {
            "Ledger and budget, service time 20 ms"
        });
        let turns = bench.rounds(full, check);
        let (result, counts) =
            service.counted(|| bench.run(&home, &settings, &["ledger", &ledger, &turns.to_string()]));
        let (on, off) = (number(&result, "on"), number(&result, "off"));
        let row = Row::new("p50, ledger on", on, "ms").beside("ledger off", off);
        let report = &mut bench.report;
        if takes == 0 {
            report.add(row);
            report.add(Row::new("more with the ledger on", on - off, "ms").target(Target::AtMost(0.04)));
        } else {
            report.add(row.target(Target::TimesAtMost(1.05)));
        }
        let signs = 2 * turns as u64 * (TURN as u64 + 1);
        report.add(Row::count("signatures", counts.signatures, Target::Exactly(signs)));
    }
    service.sign_takes(0);
}

/// Signs in turns, each after one signature that is not measured.
pub fn body(arguments: &[String]) -> Value {
    let [ledger, turns] = arguments else { panic!("two arguments") };
    let on = format!("STM_PKCS11_LEDGER={ledger}\nSTM_PKCS11_BUDGET=1000000/day");
    let turns: usize = turns.parse().expect("a number");
    let module = Module::load();
    let mut times = [Series::default(), Series::default()];
    for turn in 0..2 * turns {
        // Off, on, on, off, off, on, ...: so that other work on the machine affects both.
        let place = turn.div_ceil(2) % 2;
        module.initialize_with(["", &on][place]);
        let session = module.open();
        let key = module.private_key(session, KINDS[1].alias);
        module.sign(session, KINDS[1], key, warm::DATA);
        for _ in 0..TURN {
            let begun = Instant::now();
            module.sign(session, KINDS[1], key, warm::DATA);
            times[place].add(ms(begun.elapsed()));
        }
        module.finalize();
    }
    let [off, on] = times.map(|series| series.median());
    json!({"on": on, "off": off})
}
