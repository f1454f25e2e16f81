//! Takes certificates and links that certsync made out of a certificate store.

use super::{Place, aliases, has_expired, store_remedy};
use crate::print::{self, Failure};
use clap::ValueEnum;
use stm_pkcs11::windows::link;

#[derive(clap::Args)]
pub struct Certdesync {
    /// Aliases of keypairs; default: all
    #[arg(value_name = "ALIAS")]
    aliases: Vec<String>,
    /// The same as ALIAS
    #[arg(long = "keypair-alias", value_name = "ALIAS")]
    more: Vec<String>,
    /// Only certificates in this state
    #[arg(long, value_enum, ignore_case = true, default_value = "all")]
    certificate_status: Status,
    #[command(flatten)]
    place: Place,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Status {
    All,
    Expired,
}

impl Certdesync {
    pub fn new(aliases: &[String], expired_only: bool, machine: bool) -> Self {
        let certificate_status = if expired_only { Status::Expired } else { Status::All };
        Self { aliases: aliases.to_vec(), more: Vec::new(), certificate_status, place: Place::new(machine) }
    }
}

/// Removes what certsync put there, and nothing else. `provider`: only links to this provider.
pub fn certdesync(wanted: &Certdesync, provider: Option<&str>) -> Result<(), Failure> {
    let owner = wanted.place.owner();
    let aliases = aliases(wanted.aliases.iter().chain(&wanted.more))?;
    let removed = link::unlink(owner, |link| {
        (aliases.is_empty() || aliases.contains(&link.alias.as_str()))
            && provider.is_none_or(|provider| provider.eq_ignore_ascii_case(&link.provider))
            && (wanted.certificate_status == Status::All || has_expired(&link.certificate))
    });
    let removed =
        removed.map_err(|why| Failure::new("remove certificates from the store", why, store_remedy(owner)))?;
    for link in &removed {
        print::line(&format!("removed: {} {}", print::shown(&link.alias), link.thumbprint));
    }
    if removed.is_empty() {
        print::line("certsync has put no such certificate into this store");
    }
    Ok(())
}
