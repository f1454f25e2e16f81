//! Where the PKCS#11 module is on this machine.

use crate::print::Failure;
use std::path::{Path, PathBuf};

/// The module that was named, or else is found beside this program or where packages put it.
pub fn find(named: Option<&Path>) -> Result<PathBuf, Failure> {
    const NAME: &str = if cfg!(windows) {
        "stm_pkcs11.dll"
    } else if cfg!(target_os = "macos") {
        "libstm_pkcs11.dylib"
    } else {
        "libstm_pkcs11.so"
    };
    if let Some(named) = named {
        return std::path::absolute(named).ok().filter(|path| path.is_file()).ok_or_else(|| {
            Failure::new(format!("find {}", named.display()), "there is no such file", "check the path of --module")
        });
    }
    // Through links to where it is; on Windows that would be a path in a form that few programs know.
    let program = std::env::current_exe().ok();
    let program = if cfg!(windows) { program } else { program.and_then(|path| path.canonicalize().ok()) };
    let beside = program.as_deref().and_then(Path::parent);
    let triple = triple();
    let near = beside.into_iter().flat_map(|folder| {
        let root = folder.parent().unwrap_or(folder);
        [
            folder.join(NAME),
            root.join("lib").join(&triple).join("pkcs11").join(NAME),
            root.join("lib/pkcs11").join(NAME),
        ]
    });
    let system =
        ["/usr/local/lib/pkcs11", "/usr/lib/pkcs11", "/usr/lib64/pkcs11"].map(|folder| Path::new(folder).join(NAME));
    near.chain(system).find(|path| path.is_file()).ok_or_else(|| {
        Failure::new("find the module", format!("{NAME} is not installed"), "name it with --module FILE")
    })
}

/// p11-kit's module, which shows the tokens of all modules that are registered with it, among them those of a signing host.
pub fn p11_kit_proxy() -> Option<PathBuf> {
    let native = Path::new("/usr/lib").join(triple());
    let folders = [native.as_path(), Path::new("/usr/lib64"), Path::new("/usr/lib"), Path::new("/usr/local/lib")];
    folders.map(|folder| folder.join("p11-kit-proxy.so")).into_iter().find(|path| path.is_file())
}

fn triple() -> String {
    format!("{}-linux-gnu", std::env::consts::ARCH)
}
