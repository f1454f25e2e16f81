//! `stm-pkcs11 windows`: the key storage provider's registration, which `signtool /csp` and certificate stores need, and the
//! certificates with links to their keys in such a store.

use crate::account::describe;
use crate::account::{Choice, refused as service_refused};
use crate::print::{self, Failure, table};
use clap::Subcommand;
use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
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
    /// The provider's name, which stands behind signtool's /csp; default: "stm-pkcs11 Key Storage Provider", or the one that is
    /// registered
    #[arg(long, global = true)]
    name: Option<String>,
}

#[derive(Subcommand)]
enum Command {
    /// Copy the library to System32 and register its provider; requires administrator rights
    Register {
        /// stm_pkcs11.dll; default: the one beside this program
        #[arg(long, value_name = "FILE")]
        dll: Option<PathBuf>,
    },
    /// Unregister the provider, and remove the library from System32; requires administrator rights
    Unregister,
    /// Under which names it is registered, and whether the library is where Windows looks for it
    Status {
        /// JSON instead of lines
        #[arg(long)]
        json: bool,
    },
    /// Put certificates into the certificate store, linked to their keys, for programs that sign with what is there
    Certsync(Certsync),
}

#[derive(clap::Args)]
pub struct Certsync {
    /// Aliases of keypairs; default: all that have a certificate and a key that Windows can sign with
    #[arg(value_name = "ALIAS")]
    aliases: Vec<String>,
    /// The same as ALIAS
    #[arg(long = "keypair-alias", value_name = "ALIAS")]
    more: Vec<String>,
    /// Only keypairs of this type: PRODUCTION or TEST
    #[arg(long = "keypair-type", value_name = "TYPE")]
    kind: Option<String>,
    /// Use the certificate store of the machine instead of the user's, for services; requires administrator rights
    #[arg(long)]
    machine: bool,
    #[command(flatten)]
    account: Choice,
    /// JSON instead of a table
    #[arg(long)]
    json: bool,
}

impl Certsync {
    pub fn new(aliases: &[String], kind: Option<&str>, machine: bool, account: Choice) -> Self {
        Self {
            aliases: aliases.to_vec(),
            more: Vec::new(),
            kind: kind.map(str::to_owned),
            machine,
            account,
            json: false,
        }
    }
}

/// Which of the links are removed from a store.
pub struct Removal<'a> {
    /// Only those to this keypair.
    pub alias: Option<&'a str>,
    /// Only certificates that have expired.
    pub expired_only: bool,
    /// The machine's store instead of the user's.
    pub machine: bool,
}

/// The vendor's names of its provider, which scripts write behind signtool's `/csp`.
pub const VENDORS: [&str; 2] = ["DigiCert Signing Manager KSP", "DigiCert Software Trust Manager KSP"];

/// The library's name in System32.
const IMAGE: &str = "stm_pkcs11.dll";
const NAME: &str = "stm-pkcs11 Key Storage Provider";
const ADMINISTRATOR: &str = "run it as an administrator";
const REGISTER: &str = "stm-pkcs11 windows register, as an administrator";

pub fn run(arguments: &Arguments) -> Result<(), Failure> {
    let wanted = arguments.name.as_deref();
    match &arguments.command {
        Command::Register { dll } => register(wanted.unwrap_or(NAME), dll.as_deref()),
        Command::Unregister => unregister(&chosen(wanted, "unregister the provider")?),
        Command::Status { json } => status(wanted, *json),
        Command::Certsync(keypairs) => certsync(keypairs, wanted),
    }
}

fn register(name: &str, dll: Option<&Path>) -> Result<(), Failure> {
    let place = system32().join(IMAGE);
    copy(dll, &place)?;
    registration::register(name, IMAGE).map_err(|why| refused("register", name, why))?;
    print::line(&format!("registered: {name}, {}", place.display()));
    Ok(())
}

fn unregister(name: &str) -> Result<(), Failure> {
    let place = system32().join(IMAGE);
    registration::unregister(name).map_err(|why| refused("unregister", name, why))?;
    print::line(&format!("unregistered: {name}"));
    let others: Vec<String> = names()?.into_iter().filter(|other| other != name).collect();
    if !others.is_empty() {
        print::line(&format!("kept: {}, for {}", place.display(), others.join(", ")));
    } else if place.exists() {
        std::fs::remove_file(&place).map_err(|why| {
            Failure::new(format!("remove {}", place.display()), why, "end the programs that use it, and do it by hand")
        })?;
        print::line(&format!("removed: {}", place.display()));
    }
    Ok(())
}

/// Registers a name, unless it is registered with our library and the library is in its place. A name that is registered
/// with another library is somebody else's.
pub fn register_unless_there(name: &str) -> Result<(), Failure> {
    let all = registration::providers().map_err(|why| Failure::new("read the registry", why, ADMINISTRATOR))?;
    match all.iter().find(|provider| provider.name.eq_ignore_ascii_case(name)) {
        Some(provider) if !provider.image.eq_ignore_ascii_case(IMAGE) => {
            let why = format!("it is registered with {}", provider.image);
            let remedy = format!("unregister it, or replace it with stm-pkcs11 windows register --name \"{name}\"");
            Err(Failure::new(format!("register the provider '{name}'"), why, remedy))
        }
        Some(_) if system32().join(IMAGE).exists() => {
            print::line(&format!("registered already: {name}"));
            Ok(())
        }
        _ => register(name, None),
    }
}

/// Unregisters those of these names that our library has.
pub fn unregister_all(wanted: &[&str]) -> Result<(), Failure> {
    let ours = names()?;
    let meant = |name: &&String| wanted.iter().any(|wanted| name.eq_ignore_ascii_case(wanted));
    ours.iter().filter(meant).try_for_each(|name| unregister(name))
}

/// The names under which our library is registered, one a line.
pub fn list() -> Result<(), Failure> {
    names()?.iter().for_each(|name| print::line(name));
    Ok(())
}

/// Removes certificates that are linked to a provider of ours from the store, and nothing else.
pub fn certdesync(wanted: &Removal<'_>) -> Result<(), Failure> {
    let owner = if wanted.machine { Owner::Machine } else { Owner::User };
    let names: Vec<String> = names()?;
    let of_ours = |provider: &str| {
        let mut known = names.iter().map(String::as_str).chain([NAME]);
        known.any(|name| name.eq_ignore_ascii_case(provider))
    };
    let removed = store::unlink(owner, |link| {
        let expired = || {
            let read = Certificate::parse(link.certificate.clone());
            read.is_ok_and(|read| read.not_after() < describe::now())
        };
        of_ours(&link.provider)
            && wanted.alias.is_none_or(|alias| alias == link.alias)
            && (!wanted.expired_only || expired())
    });
    let remedy = if wanted.machine { ADMINISTRATOR } else { "look at what Windows says of it" };
    let removed = removed.map_err(|why| Failure::new("remove certificates from the store", why, remedy))?;
    removed.iter().for_each(|alias| print::line(&format!("removed: {}", print::shown(alias))));
    if removed.is_empty() {
        print::line("no certificate is linked");
    }
    Ok(())
}

fn status(wanted: Option<&str>, json: bool) -> Result<(), Failure> {
    let names = match wanted {
        Some(name) => vec![chosen(Some(name), "find the provider")?],
        None => names()?,
    };
    if names.is_empty() {
        return Err(Failure::new("find the provider", "none is registered with this library", REGISTER));
    }
    let place = system32().join(IMAGE);
    let exists = place.exists();
    if json {
        let row = |name: &String| json!({"name": name, "library": place.display().to_string(), "exists": exists});
        print::json(&names.iter().map(row).collect());
        return Ok(());
    }
    let there = if exists { "is there" } else { "is MISSING" };
    names.iter().for_each(|name| print::line(&format!("registered: {name}; {} {there}", place.display())));
    Ok(())
}

/// The names under which our library is registered.
fn names() -> Result<Vec<String>, Failure> {
    let all = registration::providers().map_err(|why| Failure::new("read the registry", why, ADMINISTRATOR))?;
    let ours = all.into_iter().filter(|provider| provider.image.eq_ignore_ascii_case(IMAGE));
    Ok(ours.map(|provider| provider.name).collect())
}

/// The registered provider that is meant: the one of this name, or the only one, or the one with our own name, or with the
/// first of the vendor's.
fn chosen(wanted: Option<&str>, what: &str) -> Result<String, Failure> {
    let names = names()?;
    let by_name = |wanted: &str| names.iter().find(|name| name.eq_ignore_ascii_case(wanted));
    let found = match (wanted, names.as_slice()) {
        (Some(wanted), _) => by_name(wanted),
        (None, [one]) => Some(one),
        // One choice whatever their order, so that a script that registers all names goes on.
        (None, _) => std::iter::once(NAME).chain(VENDORS).find_map(by_name),
    };
    found.cloned().ok_or_else(|| match wanted {
        _ if names.is_empty() => Failure::new(what, "none is registered with this library", REGISTER),
        None => Failure::new(what, "several are registered", format!("choose one with --name: {}", names.join(", "))),
        Some(wanted) => {
            let cause = format!("'{wanted}' is not registered with this library");
            Failure::new(what, cause, format!("{REGISTER}; or --name: {}", names.join(", ")))
        }
    })
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
    let remedy = if why.is_denied() { ADMINISTRATOR } else { "look at what Windows says of it" };
    Failure::new(format!("{what} the provider '{name}'"), why, remedy)
}

/// A keypair that is in the store now.
struct Row {
    keypair: Arc<Keypair>,
    linked: Linked,
}

/// Links certificates to the provider of a name, or else to the one that [`chosen`] finds.
pub fn certsync(wanted: &Certsync, provider: Option<&str>) -> Result<(), Failure> {
    let provider = &*chosen(provider, "link certificates to the provider")?;
    if !store::provider_opens(provider) {
        let remedy = "stm-pkcs11 windows status shows whether the library is in its place";
        return Err(Failure::new(format!("open the provider '{provider}'"), "Windows cannot", remedy));
    }
    let account = wanted.account.open()?;
    let named: Vec<&String> = wanted.aliases.iter().chain(&wanted.more).collect();
    let keypairs = if named.is_empty() {
        let all = account.service.keypairs(Wanted::All, account.service.deadline());
        let mut all = all.map_err(|failure| service_refused("list the keypairs", &failure))?.to_vec();
        all.retain(|keypair| why_not(keypair).is_none());
        all
    } else {
        named.iter().map(|name| account.keypair(name)).collect::<Result<Vec<_>, _>>()?
    };
    let of_kind =
        |keypair: &Arc<Keypair>| wanted.kind.as_deref().is_none_or(|kind| keypair.key_type.eq_ignore_ascii_case(kind));
    let keypairs: Vec<_> = keypairs.into_iter().filter(of_kind).collect();
    let owner = if wanted.machine { Owner::Machine } else { Owner::User };
    let mut rows = Vec::new();
    for keypair in keypairs {
        let linked = link(&keypair, provider, owner)?;
        rows.push(Row { keypair, linked });
    }
    if wanted.json {
        print::json(&Value::Array(rows.iter().map(Row::json).collect()));
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
    let remedy = if owner == Owner::Machine { ADMINISTRATOR } else { "look at what Windows says of it" };
    store::link(&Entry { certificate, issuers: &issuers, alias: &keypair.alias, provider }, owner)
        .map_err(|why| Failure::new(what(), why, remedy))
}

impl Row {
    fn until(&self) -> String {
        describe::day(describe::certificate(&self.keypair).and_then(|read| read.not_after_date()))
    }

    fn cells(&self) -> Vec<String> {
        let Linked { thumbprint, new } = &self.linked;
        let done = if *new { "new" } else { "was there; linked again" };
        vec![self.keypair.alias.clone(), thumbprint.clone(), self.until(), done.to_owned()]
    }

    fn json(&self) -> Value {
        let Linked { thumbprint, new } = &self.linked;
        // By SHA-256 the newer NuGet wants it.
        let sha256 = self.keypair.default_certificate().map(|record| HEXLOWER.encode(&Sha256::digest(&record.der)));
        json!({
            "alias": self.keypair.alias, "thumbprint": thumbprint, "sha256": sha256, "not_after": self.until(), "new": new,
        })
    }
}
