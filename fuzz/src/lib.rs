//! The fuzz targets. The tests here run the same functions over the committed corpora, without a fuzzer and with any
//! toolchain.
//!
//! A target fails by a panic, a finding of the sanitizer, or too much time or memory.

pub mod answers;
pub mod cache;
pub mod calls;
pub mod der;
pub mod identity;
pub mod mechanism;
mod memory;
mod reader;
pub mod settings;
mod shapes;
pub mod token;
mod workplace;

/// A name and what is done with the bytes.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: &[Target] = &[
    ("answers", answers::run),
    ("cache", cache::run),
    ("calls", calls::run),
    ("der", der::run),
    ("identity", identity::run),
    ("mechanism", mechanism::run),
    ("settings", settings::run),
    ("token", token::run),
];

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;
    use std::sync::{Mutex, PoisonError};

    /// A process has only one run of the module.
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

    /// Each target over its committed corpus.
    #[test]
    fn nothing_in_the_corpora_does_harm() {
        let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
        for (name, run) in TARGETS {
            let files = std::fs::read_dir(corpora.join(name)).unwrap_or_else(|error| panic!("corpus/{name}: {error}"));
            let mut count = 0;
            for file in files.flatten() {
                run(&std::fs::read(file.path()).expect("a file"));
                count += 1;
            }
            assert!(count > 5, "corpus/{name} has {count} inputs");
        }
    }

    /// The committed corpora, truncated, with flipped bits, and repeated: the first steps of a fuzzer.
    #[test]
    fn nothing_near_the_corpora_does_harm() {
        let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus");
        for (name, run) in TARGETS {
            let files = std::fs::read_dir(corpora.join(name)).unwrap_or_else(|error| panic!("corpus/{name}: {error}"));
            for (number, file) in files.flatten().enumerate().take(30) {
                let good = std::fs::read(file.path()).expect("a file");
                for round in 0..20 {
                    let mut bad = good.clone();
                    let place = (number * 7919 + round * 104_729) % bad.len().max(1);
                    match round % 3 {
                        0 => bad.truncate(place),
                        1 if !bad.is_empty() => bad[place] ^= 1 << (round % 8),
                        _ => bad.extend_from_within(place.min(bad.len())..),
                    }
                    run(&bad);
                }
            }
        }
    }
}
