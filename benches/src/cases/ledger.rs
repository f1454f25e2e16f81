//! The cost of the ledger: the same signatures with and without it, by processes that alternate.

use super::warm;
use crate::bench::{Bench, NO_CACHE, number, with};
use crate::measure::{Series, ms};
use crate::module::{KINDS, Module};
use crate::report::{Row, Target};
use serde_json::{Value, json};
use std::time::Instant;

/// Reports.
pub fn run(bench: &mut Bench) {
    let service = bench.demo_service(&[]);
    let home = bench.folder("home");
    let ledger = home.join("ledger").display().to_string();
    let off = with(&service.settings(), &[NO_CACHE]);
    let on = with(&off, &[NO_CACHE, ("STM_PKCS11_LEDGER", &ledger), ("STM_PKCS11_BUDGET", "1000000/day")]);
    for (takes, full, check) in [(0, 300, 10), (20, 40, 3)] {
        service.sign_takes(takes);
        bench.report.section(if takes == 0 {
            "Ledger and budget, service time 0 ms"
        } else {
            "Ledger and budget, service time 20 ms"
        });
        let rounds = bench.rounds(full, check);
        let turns = bench.rounds(7, 1);
        let mut times = [Series::default(), Series::default()];
        let ((), counts) = service.counted(|| {
            for turn in 0..2 * turns {
                // Off, on, on, off, off, on, ...: so that other work on the machine affects both.
                let place = turn.div_ceil(2) % 2;
                let settings = [&off, &on][place];
                times[place].add(number(&bench.run(&home, settings, &["ledger", &rounds.to_string()]), "p50"));
            }
        });
        let [off, on] = times.map(|series| series.median());
        let row = Row::new("p50, ledger on", on, "ms").beside("ledger off", off);
        let report = &mut bench.report;
        if takes == 0 {
            report.add(row);
            report.add(Row::new("more with the ledger on", on - off, "ms").target(Target::AtMost(0.04)));
        } else {
            report.add(row.target(Target::TimesAtMost(1.05)));
        }
        let signs = 2 * turns as u64 * (rounds as u64 + 1);
        report.add(Row::count("signatures", counts.signatures, Target::Exactly(signs)));
    }
    service.sign_takes(0);
}

/// Signs a number of times, after one signature that is not measured.
pub fn body(arguments: &[String]) -> Value {
    let rounds: usize = arguments[0].parse().expect("a number");
    let module = Module::start();
    let session = module.open();
    let key = module.private_key(session, KINDS[1].alias);
    module.sign(session, KINDS[1], key, warm::DATA);
    let mut times = Series::default();
    for _ in 0..rounds {
        let begun = Instant::now();
        module.sign(session, KINDS[1], key, warm::DATA);
        times.add(ms(begun.elapsed()));
    }
    module.finalize();
    json!({"p50": times.median()})
}
