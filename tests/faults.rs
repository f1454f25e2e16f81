//! The network and the service at their worst. `docs/faults.md` is made from these tables.

#![allow(clippy::macro_metavars_in_unsafe, reason = "calling C functions is what these tests are for")]

mod front;
mod support;

#[path = "faults/mod.rs"]
mod table;

use support::Emulator;
use table::{GROUPS, run};

service_test!(connecting, |emulator: &Emulator| run::rows(emulator, GROUPS[0].rows));
service_test!(tls, |emulator: &Emulator| run::rows(emulator, GROUPS[1].rows));
service_test!(signing, |emulator: &Emulator| run::rows(emulator, GROUPS[2].rows));
service_test!(reading, |emulator: &Emulator| run::rows(emulator, GROUPS[3].rows));
service_test!(making, |emulator: &Emulator| run::rows(emulator, GROUPS[4].rows));
service_test!(signatures, |emulator: &Emulator| run::rows(emulator, GROUPS[5].rows));
service_test!(keypairs, |emulator: &Emulator| run::rows(emulator, GROUPS[6].rows));
service_test!(refusals, |emulator: &Emulator| run::rows(emulator, GROUPS[7].rows));
service_test!(later, |emulator: &Emulator| run::rows(emulator, GROUPS[8].rows));
service_test!(lists, |emulator: &Emulator| run::rows(emulator, GROUPS[9].rows));
