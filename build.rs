//! Links the module so that it cannot be unmapped while code of it may still run.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let target = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    if matches!(target.as_str(), "linux" | "android" | "freebsd") {
        // Thread-local destructors of std and of the crypto provider run when a host's thread ends, which may be long
        // after the host called dlclose.
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
    if linked_by_lld() {
        // Functions that came out the same are there once.
        println!("cargo:rustc-cdylib-link-arg=-Wl,--icf=all");
    }
}

/// Whether the compiler brings its own linker and uses it (x86-64 Linux, unless a distribution took it out): the only one
/// that is known to take the option.
fn linked_by_lld() -> bool {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let target = variable("TARGET");
    if target != "x86_64-unknown-linux-gnu" || variable("HOST") != target || !variable("RUSTC_LINKER").is_empty() {
        return false;
    }
    let sysroot = std::process::Command::new(variable("RUSTC")).args(["--print", "sysroot"]).output();
    let sysroot = sysroot.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned()).unwrap_or_default();
    std::path::Path::new(&sysroot).join("lib/rustlib").join(target).join("bin/gcc-ld/ld.lld").exists()
}
