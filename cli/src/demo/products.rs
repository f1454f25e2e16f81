//! The module and the emulator: built from the repository, or found beside this program, or named by the user.

use crate::print::{self, Failure};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The two files that the demo needs.
#[derive(Debug, PartialEq, Eq)]
pub struct Products {
    /// `libstm_pkcs11.so`
    pub module: PathBuf,
    /// `stm-emulator`
    pub emulator: PathBuf,
    /// True when they were built just now.
    pub built: bool,
}

const MODULE: &str = if cfg!(target_os = "macos") { "libstm_pkcs11.dylib" } else { "libstm_pkcs11.so" };
const EMULATOR: &str = "stm-emulator";

/// Named files win; then a build when cargo runs this program; then the files beside this program.
pub fn find(module: Option<&Path>, emulator: Option<&Path>) -> Result<Products, Failure> {
    if let (Some(module), Some(emulator)) = (module, emulator) {
        return Ok(Products { module: existing(module)?, emulator: existing(emulator)?, built: false });
    }
    let found = match (std::env::var_os("CARGO"), std::env::var_os("CARGO_MANIFEST_DIR")) {
        (Some(cargo), Some(manifest)) => build(Path::new(&cargo), Path::new(&manifest))?,
        _ => beside()?,
    };
    Ok(Products {
        module: module.map_or(Ok(found.module), existing)?,
        emulator: emulator.map_or(Ok(found.emulator), existing)?,
        built: found.built,
    })
}

fn existing(path: &Path) -> Result<PathBuf, Failure> {
    path.canonicalize().map_err(|error| {
        Failure::new(format!("find {}", path.display()), error, "name a file that exists, or leave the option out")
    })
}

/// Both, one after the other as the README and `tests/run` build them too: what the emulator requires of a shared crate does not
/// get into the module.
fn build(cargo: &Path, manifest: &Path) -> Result<Products, Failure> {
    print::note("             building the module and the emulator (a first build takes some minutes) ...");
    let emulator = built(cargo, manifest, &["build", "--release", "--package", "stm-emulator"], EMULATOR)?;
    let module = built(cargo, manifest, &["module"], MODULE)?;
    Ok(Products { module, emulator, built: true })
}

/// Where a command of cargo put a file. Cargo's own progress goes to stderr, its report of what it made comes to us.
fn built(cargo: &Path, manifest: &Path, command: &[&str], wanted: &str) -> Result<PathBuf, Failure> {
    let failed = |why: String| {
        Failure::new(
            "build the module and the emulator",
            why,
            "the compiler's words stand above; a Rust toolchain and a C compiler (apt-get install build-essential) are needed",
        )
    };
    let mut child = Command::new(cargo)
        .args(command)
        .arg("--message-format=json-render-diagnostics")
        .current_dir(manifest.parent().unwrap_or(manifest))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| failed(format!("cargo did not start: {error}")))?;
    let mut made = None;
    let output = child.stdout.take().ok_or_else(|| failed("cargo has no output".to_owned()))?;
    for line in BufReader::new(output).lines().map_while(Result::ok) {
        let found = files_of(&line).into_iter().find(|file| file.file_name().is_some_and(|name| name == wanted));
        made = found.or(made);
    }
    let status = child.wait().map_err(|error| failed(error.to_string()))?;
    if !status.success() {
        return Err(failed(format!("cargo ended with {status}")));
    }
    made.ok_or_else(|| failed(format!("cargo did not report {wanted}")))
}

/// The files that one line of cargo's report says were made.
fn files_of(line: &str) -> Vec<PathBuf> {
    let message: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
    let names = message["filenames"].as_array().map(Vec::as_slice).unwrap_or_default();
    names.iter().filter_map(|name| name.as_str()).map(PathBuf::from).collect()
}

fn beside() -> Result<Products, Failure> {
    let program = std::env::current_exe().unwrap_or_default();
    let directory = program.parent().unwrap_or(Path::new("."));
    let (module, emulator) = (directory.join(MODULE), directory.join(EMULATOR));
    if module.is_file() && emulator.is_file() {
        return Ok(Products { module, emulator, built: false });
    }
    Err(Failure::new(
        "find the module and the emulator",
        format!("{MODULE} and {EMULATOR} are not beside {}", program.display()),
        "run `cargo demo` in a clone of the repository, or name them with --module and --emulator",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cargo_s_report_names_the_files() {
        let line = r#"{"reason":"compiler-artifact","filenames":["/x/libstm_pkcs11.so","/x/libstm_pkcs11.rlib"]}"#;
        assert_eq!(files_of(line), [PathBuf::from("/x/libstm_pkcs11.so"), PathBuf::from("/x/libstm_pkcs11.rlib")]);
    }

    #[test]
    fn other_lines_of_cargo_name_nothing() {
        assert!(files_of(r#"{"reason":"build-finished","success":true}"#).is_empty());
        assert!(files_of("not json").is_empty());
    }

    #[test]
    fn a_named_file_that_is_not_there_is_a_failure_that_names_it() {
        let failure = find(Some(Path::new("/no/module")), Some(Path::new("/no/emulator"))).unwrap_err();
        assert!(failure.to_string().contains("/no/module"), "{failure}");
    }
}
