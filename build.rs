//! Links the module so that it cannot be unmapped while code of it may still run.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let target = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    if matches!(target.as_str(), "linux" | "android" | "freebsd") {
        // Thread-local destructors of std and of the crypto provider run when a host's thread ends, which may be long
        // after the host called dlclose.
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}
