//! Reads the files of releases. `STM_TEST_ARTEFACTS`, a list of directories like `PATH`, names them:
//! `tests/run` names this machine's, `tests/windows/run` the one for Windows, and `packaging/build` each that it has built. The last sets
//! `STM_TEST_PACKAGED`, because more is promised of what others get: no path of the builder, the oldest systems, a size.

use artefacts::{KINDS, Kind, System, faults, images};
use object::Architecture;
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

/// Where this machine builds: no release may tell.
fn places_of_the_builder() -> Vec<String> {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("the package is in packaging/");
    let variable = |name: &str| std::env::var(name).ok();
    let home = variable("HOME");
    let under_home = |directory: &str| home.as_ref().map(|home| format!("{home}/{directory}"));
    let places = [
        repository.to_str().map(str::to_owned),
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
