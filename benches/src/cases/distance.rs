//! The time of a signature behind links of several round-trip times: from a cold process, with a cached list, and warm.

use super::cold;
use crate::bench::{Bench, NO_CACHE, number, with};
use crate::link;
use crate::module::KINDS;
use crate::report::Row;
use std::time::Duration;

/// Round-trip times in milliseconds: the same machine, a data centre, a country, a continent, an ocean.
const ROUND_TRIPS: &[u64] = &[0, 5, 20, 50, 100];

/// Reports.
pub fn run(bench: &mut Bench) {
    bench.report.section("Signature time and round-trip time, P-256");
    let service = bench.demo_service(&[]);
    let home = bench.folder("home");
    let id = service.keypair_id(cold::KIND.alias);
    let kind = KINDS.iter().position(|kind| kind.alias == cold::KIND.alias).unwrap_or_default();
    let round_trips = if bench.check { &ROUND_TRIPS[..1] } else { ROUND_TRIPS };
    for &round_trip in round_trips {
        let near = format!("https://{}", link::open(service.address, Duration::from_millis(round_trip)));
        let settings = with(&service.settings(), &[("SM_HOST", &near)]);
        let mut ways = cold::ways(&service, &settings);
        cold::measure(bench, &service, &home, &mut ways[..3], bench.rounds(9, 1));
        let [bare, off, cached, _] = &ways;
        let (connect, get, post) = (bare.phase("handshake"), bare.phase("get"), bare.phase("post"));
        let rounds = bench.rounds(15, 2).to_string();
        let warm = bench.run(&home, &with(&settings, &[NO_CACHE]), &["warm", &kind.to_string(), &id, &rounds]);
        let p50 = |client: &str| number(&warm[client], "p50");
        let rows = [
            ("cold", off.totals.median(), "bare client: TCP, TLS, GET; POST", connect + get + post),
            ("cached list", cached.totals.median(), "bare client: TCP, TLS; POST", connect + post),
            ("warm", p50("module"), "bare client: POST", p50("bare")),
        ];
        for (place, (what, value, beside, than)) in rows.into_iter().enumerate() {
            let row = Row::new(format!("{round_trip} ms: {what}, median"), value, "ms");
            bench.report.add(row.beside(beside, than));
            let (line, bare) = LINES[place];
            bench.report.point("signature-time", line, round_trip as f64, value);
            bench.report.point("signature-time", bare, round_trip as f64, than);
        }
    }
}

/// The lines of the picture: the module, and what the bare client needs for the same.
const LINES: [(&str, &str); 3] = [("cold", "bare cold"), ("cached", "bare cached"), ("warm", "bare warm")];
