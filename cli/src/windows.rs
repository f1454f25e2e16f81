//! `stm-pkcs11 windows`: the key storage provider's registration, which `signtool /csp` and certificate stores need.

use crate::failure::Failure;
use clap::Subcommand;
use std::path::{Path, PathBuf};
use stm_pkcs11::windows::registration::{self, Refused};

#[derive(clap::Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
    /// The provider's name: what stands behind signtool's /csp
    #[arg(long, global = true, default_value = "stm-pkcs11 Key Storage Provider")]
    name: String,
}

#[derive(Subcommand)]
enum Command {
    /// Copy the library into System32 and make Windows know its provider; wants an administrator
    Register {
        /// stm_pkcs11.dll; default: the one beside this program
        #[arg(long, value_name = "FILE")]
        dll: Option<PathBuf>,
    },
    /// Make Windows forget the provider, and remove the library from System32; wants an administrator
    Unregister,
    /// Whether it is registered, and where
    Status,
}

/// The library's name in System32.
const IMAGE: &str = "stm_pkcs11.dll";
const ADMINISTRATOR: &str = "run it as an administrator";

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let name = &arguments.name;
    let place = system32().join(IMAGE);
    match &arguments.command {
        Command::Register { dll } => {
            copy(dll.as_deref(), &place)?;
            registration::register(name, IMAGE).map_err(|why| refused("register", name, why))?;
            println!("registered: {name}, {}", place.display());
        }
        Command::Unregister => {
            registration::unregister(name).map_err(|why| refused("unregister", name, why))?;
            if place.exists() {
                std::fs::remove_file(&place).map_err(|why| {
                    Failure::new(
                        format!("remove {}", place.display()),
                        why,
                        "end the programs that use it, and do it by hand",
                    )
                })?;
            }
            println!("unregistered: {name}");
        }
        Command::Status => {
            let image = registration::image(name).map_err(|why| {
                Failure::new(
                    format!("find the provider '{name}'"),
                    why,
                    "stm-pkcs11 windows register, as an administrator",
                )
            })?;
            let there = if place.exists() { "is there" } else { "is MISSING" };
            println!("registered: {name}, {image}; {} {there}", place.display());
        }
    }
    Ok(())
}

fn system32() -> PathBuf {
    let root = std::env::var_os("SystemRoot").map_or_else(|| PathBuf::from(r"C:\Windows"), PathBuf::from);
    root.join("System32")
}

fn copy(named: Option<&Path>, place: &Path) -> Result<(), Failure> {
    let beside = || Some(std::env::current_exe().ok()?.parent()?.join(IMAGE));
    let from = named.map(Path::to_owned).or_else(beside).unwrap_or_else(|| PathBuf::from(IMAGE));
    let what = || format!("copy {} to {}", from.display(), place.display());
    std::fs::copy(&from, place).map(drop).map_err(|why| match why.kind() {
        std::io::ErrorKind::NotFound => Failure::new(what(), why, "name the library with --dll FILE"),
        _ => Failure::new(what(), why, ADMINISTRATOR),
    })
}

fn refused(what: &str, name: &str, why: Refused) -> Failure {
    Failure::new(format!("{what} the provider '{name}'"), why, ADMINISTRATOR)
}
