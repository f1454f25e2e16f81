//! Where programs are: on the PATH, or where their makers put them.

use crate::on_path;
use std::env;
use std::path::{Path, PathBuf};

/// A program of the Java development kit: of `JAVA_HOME`, else of the PATH.
pub fn in_java(name: &str) -> Option<PathBuf> {
    let home = env::var_os("JAVA_HOME").filter(|home| !home.is_empty());
    home.and_then(|home| on_path::find_in(&Path::new(&home).join("bin"), name)).or_else(|| on_path::find(name))
}

/// Of the PATH, else of the newest build tools of `ANDROID_HOME` or `ANDROID_SDK_ROOT`.
pub fn apksigner() -> Option<PathBuf> {
    let homes = ["ANDROID_HOME", "ANDROID_SDK_ROOT"].into_iter().filter_map(env::var_os);
    let newest = |home| newest(&Path::new(&home).join("build-tools"), |folder| on_path::find_in(folder, "apksigner"));
    on_path::find("apksigner").or_else(|| homes.filter(|home| !home.is_empty()).find_map(newest))
}

/// Of the PATH, else of the newest Windows Kit.
pub fn signtool() -> Option<PathBuf> {
    let kits = ["ProgramFiles(x86)", "ProgramFiles"].into_iter().filter_map(env::var_os);
    let machine = match env::consts::ARCH {
        "aarch64" => "arm64",
        "x86" => "x86",
        _ => "x64",
    };
    let in_kits = |root| {
        let bin = Path::new(&root).join("Windows Kits").join("10").join("bin");
        newest(&bin, |folder| on_path::find_in(&folder.join(machine), "signtool"))
    };
    on_path::find("signtool").or_else(|| kits.filter(|root| !root.is_empty()).find_map(in_kits))
}

/// In the directory with the highest version of those in which it is.
fn newest(folder: &Path, find: impl Fn(&Path) -> Option<PathBuf>) -> Option<PathBuf> {
    let mut versions: Vec<PathBuf> = folder.read_dir().ok()?.flatten().map(|entry| entry.path()).collect();
    versions.sort_by_key(|path| std::cmp::Reverse(version(&path.file_name().unwrap_or_default().to_string_lossy())));
    versions.iter().find_map(|folder| find(folder))
}

/// The numbers of a name: `34.0.0-rc1` -> 34, 0, 0, 1
fn version(name: &str) -> Vec<u64> {
    name.split(|letter: char| !letter.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn the_newest_version_with_the_program_is_found() {
        use std::os::unix::fs::PermissionsExt;
        let root = tempfile::tempdir().unwrap();
        for (name, mode) in [("9.0.0", 0o755), ("34.0.0", 0o755), ("35.0.0", 0o644), ("36.0.0-rc1", 0)] {
            let folder = root.path().join(name);
            std::fs::create_dir(&folder).unwrap();
            if mode != 0 {
                std::fs::write(folder.join("tool"), "").unwrap();
                std::fs::set_permissions(folder.join("tool"), std::fs::Permissions::from_mode(mode)).unwrap();
            }
        }
        let found = newest(root.path(), |folder| on_path::find_in(folder, "tool")).unwrap();
        assert_eq!(found, root.path().join("34.0.0/tool"));
        assert_eq!(newest(&root.path().join("none"), |folder| on_path::find_in(folder, "tool")), None);
    }
}
