//! Reads the built files: machine, exports, imports, protections, version and signature, and paths of the machine that built them.
//!
//! The library of this test run is always read. `STM_TEST_ARTEFACTS`, a list of directories like `PATH`, names releases that are read, too:
//! `tests/run` names this machine's, `tests/windows/run` the one for Windows, and `packaging/build` each that it has built. The last sets
//! `STM_TEST_PACKAGED`, because more is promised of what others get: no path of the builder, the oldest systems, a size.

#[path = "artefacts/read.rs"]
mod read;
#[path = "artefacts/signature.rs"]
mod signature;
mod support;

use object::Architecture;
use read::{Image, System};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The variable that names directories with releases.
const RELEASES: &str = "STM_TEST_ARTEFACTS";

/// Whether the releases are those that `packaging/build` makes for others.
fn are_packaged() -> bool {
    std::env::var_os("STM_TEST_PACKAGED").is_some()
}

/// How the name of a target begins, and the machines that its files are for. A universal file of macOS is for both of its machines.
const MACHINES: [(&str, &[Architecture]); 4] = [
    ("x86_64-", &[Architecture::X86_64]),
    ("aarch64-", &[Architecture::Aarch64]),
    ("i686-", &[Architecture::I386]),
    ("universal-", &[Architecture::X86_64, Architecture::Aarch64]),
];

/// The entry points that only Windows has: of key storage providers, and of signtool's `/dlib`.
const WINDOWS_ENTRY_POINTS: [&str; 3] =
    ["AuthenticodeDigestSign", "AuthenticodeDigestSignEx", "GetKeyStorageInterface"];

/// A file that a release has, on any system.
struct Kind {
    /// Its name without what the system adds.
    stem: &'static str,
    is_module: bool,
    /// The size that a release must not exceed, in bytes.
    largest: usize,
}

const KINDS: [Kind; 3] = [
    Kind { stem: "stm_pkcs11", is_module: true, largest: 9 << 20 },
    Kind { stem: "stm-pkcs11", is_module: false, largest: 16 << 20 },
    Kind { stem: "stm-emulator", is_module: false, largest: 16 << 20 },
];

/// Libraries that are part of each system. Windows: of version 10, and the C runtimes that come with it.
fn is_of_the_system(system: System, library: &str) -> bool {
    match system {
        System::Linux => ["libc.", "libm.", "libpthread.", "libdl.", "librt.", "libgcc_s.", "ld-linux-", "ld-musl-"]
            .iter()
            .any(|start| library.starts_with(start)),
        System::Windows => {
            library.starts_with("api-ms-win-")
                || [
                    "advapi32.dll",
                    "bcrypt.dll",
                    "bcryptprimitives.dll",
                    "crypt32.dll",
                    "kernel32.dll",
                    "msvcrt.dll",
                    "ncrypt.dll",
                    "ntdll.dll",
                    "ole32.dll",
                    "secur32.dll",
                    "shell32.dll",
                    "user32.dll",
                    "userenv.dll",
                    "version.dll",
                    "ws2_32.dll",
                ]
                .contains(&library)
        }
        System::MacOs => library.starts_with("/usr/lib/lib") || library.starts_with("/System/Library/Frameworks/"),
    }
}

/// Every function of the standard that docs/conformance.md lists, which `tests/conformance.rs` compares with the code.
fn functions_of_the_standard() -> BTreeSet<String> {
    let page = include_str!("../docs/conformance.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `C_"));
    let names: BTreeSet<_> = rows.filter_map(|row| Some(format!("C_{}", row.split_once('`')?.0))).collect();
    assert!(names.len() > 100, "docs/conformance.md is not read: {names:?}");
    names
}

fn images(path: &Path) -> (Vec<u8>, Vec<Image>) {
    let data = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let images = read::images(&data).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(!images.is_empty(), "{}: no image", path.display());
    (data, images)
}

/// The files of the releases that the environment names, with their kinds.
fn released() -> Vec<(PathBuf, &'static Kind)> {
    let directories = std::env::var_os(RELEASES).unwrap_or_default();
    let mut found = Vec::new();
    for directory in std::env::split_paths(&directories).filter(|directory| !directory.as_os_str().is_empty()) {
        let before = found.len();
        for kind in &KINDS {
            let stem = kind.stem;
            let names = if kind.is_module {
                [format!("lib{stem}.so"), format!("{stem}.dll"), format!("lib{stem}.dylib")].to_vec()
            } else {
                [stem.to_owned(), format!("{stem}.exe")].to_vec()
            };
            found.extend(
                names
                    .into_iter()
                    .map(|name| directory.join(name))
                    .filter(|path| path.exists())
                    .map(|path| (path, kind)),
            );
        }
        let has_module = found[before..].iter().any(|(_, kind)| kind.is_module);
        assert!(has_module, "{RELEASES}: {} has no module", directory.display());
    }
    found
}

/// What is wrong with the image, one line each.
fn faults(image: &Image, kind: &Kind) -> Vec<String> {
    let mut faults = Vec::new();
    if kind.is_module {
        let mut expected = functions_of_the_standard();
        if image.system == System::Windows {
            expected.extend(WINDOWS_ENTRY_POINTS.map(str::to_owned));
        }
        let lost: Vec<_> = expected.difference(&image.exports).collect();
        let added: Vec<_> = image.exports.difference(&expected).take(5).collect();
        if !lost.is_empty() || !added.is_empty() {
            faults.push(format!("exports: {lost:?} are missing, {added:?} are not of the standard"));
        }
    }
    let foreign: Vec<_> = image.libraries.iter().filter(|name| !is_of_the_system(image.system, name)).collect();
    if !foreign.is_empty() {
        faults.push(format!("imports from libraries that are not of the system: {foreign:?}"));
    }
    faults.extend(image.unprotected.iter().map(|what| format!("lacks {what}")));
    match image.system {
        System::Linux => {}
        System::Windows => {
            if kind.is_module && !image.has_version {
                faults.push("has no version resource".to_owned());
            }
            if image.oldest_system > Some((10, 0)) {
                faults.push(format!("requires Windows {:?}", image.oldest_system));
            }
        }
        System::MacOs => {
            if !image.is_signed {
                faults.push("has no signature, or a wrong one: an arm64 Mac does not load it".to_owned());
            }
            if image.oldest_system != Some((11, 0)) {
                faults.push(format!("requires macOS {:?}, not 11.0", image.oldest_system));
            }
            if kind.is_module && image.install_name.as_deref() != Some("@rpath/libstm_pkcs11.dylib") {
                faults.push(format!("its install name is {:?}", image.install_name));
            }
        }
    }
    faults
}

/// Where this machine builds: no release may tell.
fn places_of_the_builder() -> Vec<String> {
    let variable = |name: &str| std::env::var(name).ok();
    let home = variable("HOME");
    let under_home = |directory: &str| home.as_ref().map(|home| format!("{home}/{directory}"));
    let places = [
        Some(env!("CARGO_MANIFEST_DIR").to_owned()),
        variable("CARGO_HOME").or_else(|| under_home(".cargo")),
        variable("RUSTUP_HOME").or_else(|| under_home(".rustup")),
        home.clone(),
        variable("TMPDIR"),
    ];
    let places = places.into_iter().flatten().filter(|place| place.len() > 1);
    // Compilers for Windows may write the paths of this machine with its separators.
    let spellings = places.map(|place| format!("{}/", place.trim_end_matches('/')));
    spellings.flat_map(|place| [place.replace('/', "\\"), place]).collect()
}

/// The texts of `data` that contain `place`, at most `limit` characters of each.
fn mentions(data: &[u8], place: &str) -> Vec<String> {
    let finder = memchr::memmem::Finder::new(place);
    let shown = |at: usize| String::from_utf8_lossy(&data[at..data.len().min(at + 100)]).into_owned();
    finder.find_iter(data).map(shown).collect()
}

#[test]
fn the_library_of_this_machine_exports_the_standard_and_is_protected() {
    let (_, images) = images(&support::module_path());
    for image in &images {
        let faults = faults(image, &KINDS[0]);
        assert!(faults.is_empty(), "{}", faults.join("\n"));
    }
}

#[test]
fn every_released_file_is_what_it_should_be() {
    let mut faulty = Vec::new();
    for (path, kind) in released() {
        let (data, images) = images(&path);
        let mut found = Vec::new();
        for image in &images {
            found.extend(faults(image, kind).into_iter().map(|fault| format!("{:?}: {fault}", image.machine)));
            println!(
                "{}: {:?} {:?}, {} bytes, {} exports, oldest system {:?}, newest versions {:?}, libraries {:?}",
                path.display(),
                image.system,
                image.machine,
                data.len(),
                image.exports.len(),
                image.oldest_system,
                image.newest,
                image.libraries
            );
        }
        // Without the optimisation of the whole, which `cargo build` omits, the library is larger than this.
        let is_measured = images[0].system == System::Linux && images[0].machine == Architecture::X86_64;
        if kind.is_module && is_measured && data.len() > 6_500_000 {
            found.push(format!("{} bytes: build it with `cargo module`", data.len()));
        }
        if are_packaged() && data.len() > kind.largest * images.len() {
            found.push(format!("{} bytes are more than {} for each machine", data.len(), kind.largest));
        }
        faulty.extend(found.into_iter().map(|fault| format!("{}: {fault}", path.display())));
    }
    assert!(faulty.is_empty(), "{}", faulty.join("\n"));
}

/// The directories of `packaging/build` have the name of the target: `aarch64-unknown-linux-gnu`.
#[test]
fn a_packaged_release_is_for_its_machine_and_its_oldest_system() {
    if !are_packaged() {
        return;
    }
    for (path, _) in released() {
        let is_target = |part: &&str| MACHINES.iter().any(|(start, _)| part.starts_with(start));
        let target = path.iter().filter_map(|part| part.to_str()).rfind(is_target);
        let target = target.unwrap_or_else(|| panic!("{}: the path has no target", path.display()));
        let expected =
            MACHINES.iter().find(|(start, _)| target.starts_with(start)).map_or(&[][..], |(_, machines)| machines);
        let (_, images) = images(&path);
        let machines: Vec<_> = images.iter().map(|image| image.machine).collect();
        assert_eq!(machines, expected, "{}", path.display());
        for image in images.iter().filter(|_| target.ends_with("-linux-gnu")) {
            let glibc = image.newest.get("GLIBC").expect("a glibc release needs versions of it");
            assert!(*glibc <= vec![2, 28], "{}: requires glibc {glibc:?}", path.display());
        }
        for image in images.iter().filter(|_| target.ends_with("-linux-musl")) {
            assert_eq!(image.newest.get("GLIBC"), None, "{}: requires glibc", path.display());
        }
    }
}

#[test]
fn no_release_tells_where_it_was_built() {
    if !are_packaged() {
        return;
    }
    let places = places_of_the_builder();
    assert!(places.len() >= 3, "the places of this machine are not known: {places:?}");
    for (path, _) in released() {
        let data = std::fs::read(&path).expect("a released file is readable");
        for place in &places {
            let told = mentions(&data, place);
            assert!(
                told.is_empty(),
                "{}: {} texts have {place}, such as {:?}",
                path.display(),
                told.len(),
                &told[..told.len().min(5)]
            );
        }
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

#[test]
fn a_wrong_page_is_noticed_in_a_signature_of_macos() {
    use sha2::{Digest as _, Sha256};
    let mut image = vec![7_u8; 5000];
    let hashes: Vec<u8> = image.chunks(4096).flat_map(|page| Sha256::digest(page).to_vec()).collect();
    let mut directory = vec![0_u8; 44];
    let mut put = |at: usize, number: u32| directory[at..at + 4].copy_from_slice(&number.to_be_bytes());
    put(0, 0xfade_0c02);
    put(16, 44);
    put(28, 2);
    put(32, 5000);
    directory[36..40].copy_from_slice(&[32, 2, 0, 12]);
    directory.extend(hashes);
    let mut blob: Vec<u8> = [0xfade_0cc0_u32, 0, 1, 0, 20].iter().flat_map(|number| number.to_be_bytes()).collect();
    blob.extend(directory);
    assert!(signature::is_right(&blob, &image));
    image[4999] = 8;
    assert!(!signature::is_right(&blob, &image));
}
