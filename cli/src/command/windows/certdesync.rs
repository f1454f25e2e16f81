//! Takes certificates and links that certsync made out of a certificate store.

use super::{Place, aliases, has_expired, is_early, store_remedy};
use crate::account::{Choice, refused};
use crate::print::{self, Failure};
use clap::ValueEnum;
use std::sync::Arc;
use stm_pkcs11::service::{Keypair, Wanted};
use stm_pkcs11::windows::link::{self, Link};

#[derive(clap::Args)]
pub struct Certdesync {
    /// Aliases of keypairs; default: all
    #[arg(value_name = "ALIAS")]
    aliases: Vec<String>,
    /// The same as ALIAS
    #[arg(long = "keypair-alias", value_name = "ALIAS")]
    more: Vec<String>,
    /// Only certificates with this alias, which is not the keypair's
    #[arg(long, value_name = "ALIAS")]
    certificate_alias: Vec<String>,
    /// Only certificates in this state; REVOKED and INVALID ask the service
    #[arg(long, value_enum, ignore_case = true, default_value = "all")]
    certificate_status: Status,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    account: Choice,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Status {
    All,
    Expired,
    /// Revoked, by what the service says
    #[value(alias = "revoke")]
    Revoked,
    /// Expired, not valid yet, or revoked
    Invalid,
}

impl Certdesync {
    pub fn new(
        aliases: &[String],
        certificates: &[String],
        certificate_status: Status,
        machine: bool,
        account: Choice,
    ) -> Self {
        Self {
            aliases: aliases.to_vec(),
            more: Vec::new(),
            certificate_alias: certificates.to_vec(),
            certificate_status,
            place: Place::new(machine),
            account,
        }
    }

    /// The keypairs of the account, if a status must be looked up for one of these links.
    fn keypairs(&self, links: &[&Link]) -> Result<Vec<Arc<Keypair>>, Failure> {
        let must_ask = match self.certificate_status {
            Status::All | Status::Expired => false,
            Status::Revoked => !links.is_empty(),
            Status::Invalid => links.iter().any(|link| !out_of_time(link)),
        };
        if !must_ask {
            return Ok(Vec::new());
        }
        let account = self.account.open()?;
        let all = account.service.keypairs(Wanted::All, account.service.deadline());
        Ok(all.map_err(|failure| refused("look up the certificates' status", &failure))?.to_vec())
    }
}

fn out_of_time(link: &Link) -> bool {
    has_expired(&link.certificate) || is_early(&link.certificate)
}

/// Whether the service says so. Not for a certificate that it does not list.
fn is_revoked(link: &Link, keypairs: &[Arc<Keypair>]) -> bool {
    let mut records = keypairs.iter().flat_map(|keypair| &keypair.certificates);
    records.any(|record| record.der == link.certificate && record.status.eq_ignore_ascii_case("REVOKED"))
}

/// Removes what certsync put there, and nothing else. `provider`: only links to this provider.
pub fn certdesync(wanted: &Certdesync, provider: Option<&str>) -> Result<(), Failure> {
    let owner = wanted.place.owner();
    let keypair_aliases = aliases(wanted.aliases.iter().chain(&wanted.more))?;
    let certificate_aliases = aliases(wanted.certificate_alias.iter())?;
    let failed = |why| Failure::new("remove certificates from the store", why, store_remedy(owner));
    let is_named = |link: &Link| {
        let certificate = link.mark.as_ref().map_or("", |mark| mark.certificate.as_str());
        (keypair_aliases.is_empty() || keypair_aliases.contains(&link.alias.as_str()))
            && (certificate_aliases.is_empty() || certificate_aliases.contains(&certificate))
            && provider.is_none_or(|provider| provider.eq_ignore_ascii_case(&link.provider))
    };
    let links = link::links(owner).map_err(failed)?;
    let named: Vec<&Link> = links.iter().filter(|link| link.mark.is_some() && is_named(link)).collect();
    let keypairs = wanted.keypairs(&named)?;
    let removed = link::unlink(owner, |link| {
        is_named(link)
            && match wanted.certificate_status {
                Status::All => true,
                Status::Expired => has_expired(&link.certificate),
                Status::Revoked => is_revoked(link, &keypairs),
                Status::Invalid => out_of_time(link) || is_revoked(link, &keypairs),
            }
    });
    let removed = removed.map_err(failed)?;
    for link in &removed {
        print::line(&format!("removed: {} {}", print::shown(&link.alias), link.thumbprint));
    }
    if removed.is_empty() {
        print::line("certsync has put no such certificate into this store");
    }
    Ok(())
}
