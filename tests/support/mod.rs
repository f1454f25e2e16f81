//! Shared by the whole-module tests: an emulated service, a PKCS#11 client that loads the built library, and a process
//! for each test, because a module has one state in each process, and reads its settings from the environment.

#![allow(dead_code, reason = "each test binary uses its part")]
#![allow(clippy::missing_safety_doc, clippy::macro_metavars_in_unsafe, unsafe_code)]

pub mod check;
pub mod crowd;
pub mod emulator;
pub mod p11;
pub mod template;

use std::path::PathBuf;
use std::process::Command;

#[allow(unused_imports, reason = "each test binary uses its part")]
pub use emulator::Emulator;
#[allow(unused_imports, reason = "each test binary uses its part")]
pub use p11::{Mechanism, P11};

/// The timeout of a test, in seconds, unless `STM_TEST_LONGEST` is set.
const LONGEST: &str = "900";

/// Set in the process that a test runs in.
const ALONE: &str = "STM_PKCS11_TEST_ALONE";

/// The directory into which cargo builds this profile.
pub fn target_dir() -> PathBuf {
    let mut path = std::env::current_exe().expect("the test knows its own path");
    path.pop();
    if path.ends_with("deps") {
        path.pop();
    }
    path
}

/// The library under test: `STM_PKCS11_MODULE`, else the one that cargo built for this test.
pub fn module_path() -> PathBuf {
    std::env::var_os("STM_PKCS11_MODULE").map_or_else(
        || target_dir().join("deps").join(format!("libstm_pkcs11{}", std::env::consts::DLL_SUFFIX)),
        PathBuf::from,
    )
}

/// Whether the library under test is a release build.
pub fn is_shipped() -> bool {
    module_path().components().any(|part| part.as_os_str() == "release")
}

/// Runs `body` in a separate process with these variables and an otherwise empty environment.
///
/// `name` is the test's full name, by which the test harness filters.
pub fn alone(name: &str, variables: &[(String, String)], body: impl FnOnce()) {
    if std::env::var(ALONE).as_deref() == Ok(name) {
        body();
        return;
    }
    let home = tempfile::tempdir().expect("a home for the test");
    // A test that hangs fails by name; otherwise its processes could fill the machine's memory.
    let mut command = Command::new("timeout");
    let longest = std::env::var("STM_TEST_LONGEST").unwrap_or_else(|_| LONGEST.to_owned());
    command.args(["--signal=KILL", &longest]).arg(std::env::current_exe().expect("the test knows its own path"));
    command.args([name, "--exact", "--nocapture", "--test-threads=1"]);
    for (variable, _) in std::env::vars_os() {
        let known = variable.to_string_lossy();
        if known.starts_with("SM_") || known.starts_with("STM_PKCS11_") && known != "STM_PKCS11_MODULE" {
            command.env_remove(&variable);
        }
    }
    command.env_remove("HTTPS_PROXY").env_remove("https_proxy").env("HOME", home.path()).env_remove("XDG_CACHE_HOME");
    // Everything is logged, so that a leaked secret would be visible.
    command.env("SM_LOG_LEVEL", "TRACE");
    // The library ends the process if a code is not in its function's list.
    command.env("STM_TEST_CODES", "strict");
    command.env(ALONE, name).envs(variables.iter().cloned());
    let output = command.output().expect("the test's own process starts");
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(
        text.contains("1 passed") || text.contains("FAILED") || !output.status.success(),
        "no such test: {name}\n{text}"
    );
    assert!(output.status.success(), "{name}: {}\n{text}", output.status);
    text.lines().filter(|line| line.starts_with("measured: ")).for_each(|line| println!("{line}"));
    for (place, bytes) in [("the output", text.into_bytes())].into_iter().chain(files(home.path())) {
        for (secret, value) in variables.iter().filter(|(name, _)| SECRETS.contains(&name.as_str())) {
            assert!(!contains(&bytes, value.as_bytes()), "{name}: {place} holds the value of {secret}");
        }
    }
}

/// Must not occur in any log message or any file that the module writes.
const SECRETS: [&str; 2] = ["SM_API_KEY", "SM_CLIENT_CERT_PASSWORD"];

fn contains(text: &[u8], secret: &[u8]) -> bool {
    secret.len() > 5 && text.windows(secret.len()).any(|window| window == secret)
}

/// The files that a test left in its home: logs, the cache.
fn files(folder: &std::path::Path) -> Vec<(&'static str, Vec<u8>)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let content = |path: PathBuf| match path.is_dir() {
        true => files(&path),
        false => vec![("a file in the home", std::fs::read(&path).unwrap_or_default())],
    };
    entries.flat_map(|entry| content(entry.path())).collect()
}

/// Whether this is the process that `alone` started; the parent process only prepares the test.
pub fn is_alone(name: &str) -> bool {
    std::env::var(ALONE).as_deref() == Ok(name)
}

/// Runs `body` in a separate process with an emulated service that has the demo keypairs.
pub fn with_service(name: &str, extra: &[(&str, &str)], options: &[&str], body: impl FnOnce(&Emulator)) {
    if is_alone(name) {
        let emulator = Emulator::inherited();
        alone(name, &[], || body(&emulator));
        return;
    }
    let emulator = Emulator::start(options);
    let mut variables = emulator.variables();
    variables.extend(extra.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    alone(name, &variables, || unreachable!("the body runs in the child"));
}

/// A whole-module test: `service_test!(name, |emulator| { ... })`, with settings and emulator options if wanted.
#[macro_export]
macro_rules! service_test {
    ($name:ident, $body:expr) => {
        $crate::service_test!($name, [], [], $body);
    };
    ($name:ident, [$($setting:expr),*], [$($option:expr),*], $body:expr) => {
        #[test]
        fn $name() {
            let path = concat!(module_path!(), "::", stringify!($name));
            // The harness names tests without the crate.
            let name = path.split_once("::").map_or(path, |(_, rest)| rest);
            $crate::support::with_service(name, &[$($setting),*], &[$($option),*], $body);
        }
    };
}
