//! The files that a release has, and what is promised of each.

use crate::read::{Image, System};
use std::collections::BTreeSet;

/// The entry points that only Windows has: of key storage providers, and of signtool's `/dlib`.
const WINDOWS_ENTRY_POINTS: [&str; 3] =
    ["AuthenticodeDigestSign", "AuthenticodeDigestSignEx", "GetKeyStorageInterface"];

/// A file that a release has, on any system.
pub struct Kind {
    /// Its name without what the system adds.
    pub stem: &'static str,
    pub is_module: bool,
    /// The size that a release must not exceed, in bytes.
    pub largest: usize,
}

/// The module, the companion and the emulator.
pub const KINDS: [Kind; 3] = [
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
    let page = include_str!("../../../docs/conformance.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `C_"));
    let names: BTreeSet<_> = rows.filter_map(|row| Some(format!("C_{}", row.split_once('`')?.0))).collect();
    assert!(names.len() > 100, "docs/conformance.md is not read: {names:?}");
    names
}

/// What is wrong with the image, one line each.
pub fn faults(image: &Image, kind: &Kind) -> Vec<String> {
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
