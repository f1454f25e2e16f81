//! What is in the library that cargo builds for tests: exports and protections, and no private-key operation of a crate with a known weakness.
//! Releases are read by `packaging/artefacts`.

mod support;

use artefacts::{Image, KINDS, faults, images};

#[test]
fn the_library_of_this_machine_exports_the_standard_and_is_protected() {
    let (_, images) = images(&support::module_path());
    for image in &images {
        let faults = faults(image, &KINDS[0]);
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }
}

/// The words in the names of those functions of the `rsa` crate that need a private key.
const PRIVATE: [&str; 5] = ["rsa_decrypt", "private_key::", "pkcs1v15_sign", "pss::sign", "blind"];

fn private_operations(image: &Image) -> Vec<&String> {
    let of_the_crate = |name: &&String| name.starts_with("rsa::") || name.contains("<rsa::") || name.contains(" rsa::");
    image.functions.iter().filter(of_the_crate).filter(|name| PRIVATE.iter().any(|word| name.contains(word))).collect()
}

/// RUSTSEC-2023-0071 is about the timing of private-key operations; deny.toml accepts it because of this test.
#[test]
fn the_module_has_no_private_key_operation_of_the_rsa_crate() {
    let (_, module) = images(&support::module_path());
    let uses: usize =
        module.iter().map(|image| image.functions.iter().filter(|name| name.starts_with("rsa::")).count()).sum();
    assert!(
        uses > 0,
        "the symbols of the library cannot be read, or it does not use the crate any more: see deny.toml"
    );
    for image in &module {
        assert_eq!(private_operations(image), Vec::<&String>::new());
    }
}

/// The emulator signs with the crate, so its names show what the test above looks for.
#[test]
fn private_key_operations_of_the_rsa_crate_are_recognised() {
    let (_, emulator) = images(&support::emulator::binary());
    for word in PRIVATE {
        let found = emulator.iter().flat_map(private_operations).any(|name| name.contains(word));
        assert!(found, "no function of the emulator is called {word}: has the crate renamed it?");
    }
}

/// An exception without a reason that users can read, and scanners, is none.
#[test]
fn each_accepted_advisory_is_explained() {
    let deny = toml::de::DeTable::parse(include_str!("../deny.toml")).expect("deny.toml is TOML");
    let ignored = deny.get_ref()["advisories"].get_ref().get("ignore").expect("deny.toml has exceptions");
    let accepted = ignored.get_ref().as_array().expect("the exceptions are a list");
    assert!(!accepted.is_empty());
    for advisory in accepted.iter() {
        let text =
            |name: &str| advisory.get_ref().get(name).and_then(|value| value.get_ref().as_str()).unwrap_or_default();
        let id = text("id");
        assert!(text("reason").len() > 20, "deny.toml: the exception '{id}' requires a reason");
        let row = format!("| [{id}](");
        assert!(include_str!("../SECURITY.md").contains(&row), "SECURITY.md has no row for {id}");
        let statement = format!("id: \"{id}\"");
        assert!(include_str!("../packaging/sbom").contains(&statement), "packaging/sbom has no statement on {id}");
    }
}
