//! Links the module so that it cannot be unmapped while its code may still run.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let target = std::env::var("CARGO_CFG_TARGET_OS").unwrap_or_default();
    if matches!(target.as_str(), "linux" | "android" | "freebsd") {
        // Thread-local destructors of std and of the crypto provider run when a thread of the host ends, which may be
        // long after dlclose.
        println!("cargo:rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
    if target == "macos" {
        // Not the absolute path of the directory in which it was built. A library with thread-local variables stays mapped.
        println!("cargo:rustc-cdylib-link-arg=-Wl,-install_name,@rpath/libstm_pkcs11.dylib");
    }
    if target == "windows" {
        version_resource();
    }
    if linked_by_lld() {
        // Identical functions are merged.
        println!("cargo:rustc-cdylib-link-arg=-Wl,--icf=all");
    }
}

/// Name and version in the form that Windows shows (the "Details" of the file), compiled by the resource compiler of MinGW or LLVM.
fn version_resource() {
    let variable = |name: &str| std::env::var(name).unwrap_or_default();
    let folder = std::path::PathBuf::from(variable("OUT_DIR"));
    let (version, numbers) = (variable("CARGO_PKG_VERSION"), variable("CARGO_PKG_VERSION").replace('.', ","));
    let text = format!(
        "1 VERSIONINFO\nFILEVERSION {numbers},0\nPRODUCTVERSION {numbers},0\nFILETYPE 2\nBEGIN\n\
         BLOCK \"StringFileInfo\"\nBEGIN\nBLOCK \"040904b0\"\nBEGIN\n\
         VALUE \"FileDescription\", \"PKCS#11 module and key storage provider for Software Trust Manager\"\n\
         VALUE \"ProductName\", \"stm-pkcs11\"\nVALUE \"OriginalFilename\", \"stm_pkcs11.dll\"\n\
         VALUE \"FileVersion\", \"{version}\"\nVALUE \"ProductVersion\", \"{version}\"\n\
         VALUE \"LegalCopyright\", \"MIT or Apache-2.0\"\nEND\nEND\n\
         BLOCK \"VarFileInfo\"\nBEGIN\nVALUE \"Translation\", 0x409, 1200\nEND\nEND\n"
    );
    let (source, object) = (folder.join("version.rc"), folder.join("version.o"));
    let written = std::fs::write(&source, text).is_ok();
    // Each machine has its own object format, and the linker refuses those of others.
    let machine = match variable("CARGO_CFG_TARGET_ARCH").as_str() {
        "x86" => "i686-w64-mingw32",
        "aarch64" => "aarch64-w64-mingw32",
        _ => "x86_64-w64-mingw32",
    };
    let mingw = format!("{machine}-windres");
    let llvm = format!("--target={machine}");
    let compilers: [(&str, &[&str]); 2] = [(&mingw, &[]), ("llvm-windres", &["--no-preprocess", &llvm])];
    let compiled = written
        && compilers.into_iter().any(|(name, arguments)| {
            let mut command = std::process::Command::new(name);
            command.args(arguments).args(["-O", "coff"]).arg("-i").arg(&source).arg("-o").arg(&object);
            command.status().is_ok_and(|status| status.success())
        });
    if compiled {
        println!("cargo:rustc-cdylib-link-arg={}", object.display());
    } else {
        println!(
            "cargo:warning={mingw} and llvm-windres are not installed, or failed: the DLL has no version resource"
        );
    }
}

/// Whether the compiler has its own linker and uses it (x86-64 Linux, unless a distribution removed it): the only one
/// known to support the option.
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
