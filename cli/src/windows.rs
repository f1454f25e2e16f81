//! `stm-pkcs11 windows`: the key storage provider's registration, which `signtool /csp` and certificate stores need, and the
//! certificates with links to their keys in such a store.

use crate::account::{Choice, refused as service_refused};
use crate::failure::Failure;
use crate::{keypair, table};
use clap::Subcommand;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use stm_pkcs11::service::{Keypair, Wanted};
use stm_pkcs11::windows::registration::{self, Refused};
use stm_pkcs11::windows::store::{self, Entry, Linked, Owner};
use stm_pkcs11::x509::Certificate;

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
    /// Put certificates into the certificate store, linked to their keys, for programs that sign with what is there
    Certsync(Certsync),
}

#[derive(clap::Args)]
struct Certsync {
    /// Aliases of keypairs; default: all that have a certificate and a key that Windows can sign with
    #[arg(value_name = "ALIAS")]
    aliases: Vec<String>,
    /// The same as ALIAS
    #[arg(long = "keypair-alias", value_name = "ALIAS")]
    more: Vec<String>,
    /// The machine's store and not the user's: for services; wants an administrator
    #[arg(long)]
    machine: bool,
    #[command(flatten)]
    account: Choice,
    /// JSON instead of a table
    #[arg(long)]
    json: bool,
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
        Command::Certsync(wanted) => certsync(wanted, name)?,
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

/// A keypair that is in the store now.
struct Row {
    keypair: Arc<Keypair>,
    linked: Linked,
}

fn certsync(wanted: &Certsync, provider: &str) -> Result<(), Failure> {
    if !store::provider_opens(provider) {
        let remedy = "stm-pkcs11 windows register, as an administrator; --name takes another name";
        return Err(Failure::new(format!("find the provider '{provider}'"), "it is not registered", remedy));
    }
    let account = wanted.account.open()?;
    let named: Vec<&String> = wanted.aliases.iter().chain(&wanted.more).collect();
    let keypairs = if named.is_empty() {
        let all = account.service.keypairs(Wanted::All, account.service.deadline());
        let mut all = all.map_err(|failure| service_refused("list the keypairs", &failure))?.to_vec();
        all.retain(|keypair| why_not(keypair).is_none());
        all
    } else {
        named.iter().map(|name| account.keypair(name)).collect::<Result<_, _>>()?
    };
    let owner = if wanted.machine { Owner::Machine } else { Owner::User };
    let mut rows = Vec::new();
    for keypair in keypairs {
        let linked = link(&keypair, provider, owner)?;
        rows.push(Row { keypair, linked });
    }
    if wanted.json {
        println!("{:#}", Value::Array(rows.iter().map(Row::json).collect()));
    } else {
        table::print(&["alias", "thumbprint", "until", ""], &rows.iter().map(Row::cells).collect::<Vec<_>>());
    }
    Ok(())
}

/// Why a program on Windows can do nothing with a keypair.
fn why_not(keypair: &Keypair) -> Option<(&'static str, &'static str)> {
    if keypair.default_certificate().is_none() {
        Some(("it has no certificate", "issue a certificate for it in the service's web page"))
    } else if !matches!(keypair.key_alg.to_uppercase().as_str(), "RSA" | "EC" | "ECDSA") {
        Some(("Windows signs with RSA and ECDSA keys only", "take another keypair"))
    } else {
        None
    }
}

fn link(keypair: &Keypair, provider: &str, owner: Owner) -> Result<Linked, Failure> {
    let what = || format!("put the certificate of {} into the store", keypair.alias);
    if let Some((cause, remedy)) = why_not(keypair) {
        return Err(Failure::new(what(), cause, remedy));
    }
    let record = keypair.default_certificate();
    let certificate = record.map_or(&[][..], |record| &record.der);
    // What signed itself would be a root: whom to trust is not ours to say.
    let roots = |der: &&[u8]| Certificate::parse(der.to_vec()).is_ok_and(|read| read.is_self_signed());
    let chain = record.iter().flat_map(|record| record.chain.iter().map(|der| &der[..]));
    let issuers: Vec<&[u8]> = chain.filter(|der| !roots(der)).collect();
    let remedy = if owner == Owner::Machine { ADMINISTRATOR } else { "see what Windows says" };
    store::link(&Entry { certificate, issuers: &issuers, alias: &keypair.alias, provider }, owner)
        .map_err(|why| Failure::new(what(), why, remedy))
}

impl Row {
    fn until(&self) -> String {
        keypair::day(keypair::certificate(&self.keypair).and_then(|read| read.not_after_date()))
    }

    fn cells(&self) -> Vec<String> {
        let Linked { thumbprint, new } = &self.linked;
        let done = if *new { "new" } else { "was there; linked anew" };
        vec![self.keypair.alias.clone(), thumbprint.clone(), self.until(), done.to_owned()]
    }

    fn json(&self) -> Value {
        let Linked { thumbprint, new } = &self.linked;
        json!({"alias": self.keypair.alias, "thumbprint": thumbprint, "not_after": self.until(), "new": new})
    }
}
