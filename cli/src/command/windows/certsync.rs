//! Puts the certificates of keypairs into a certificate store, with links to their keys, and takes out what has been
//! replaced.

use super::{Place, aliases, has_expired, provider, store_remedy};
use crate::account::{Account, Choice, describe, refused};
use crate::print::{self, Exit, Failure, table};
use data_encoding::HEXLOWER;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use stm_pkcs11::service::{Keypair, Wanted};
use stm_pkcs11::windows::link::{self, Entry, Link, Linked, Owner};
use stm_pkcs11::x509::Certificate;

#[derive(clap::Args)]
pub struct Certsync {
    /// Aliases of keypairs; default: all that are online and have a certificate and a key that Windows can sign with
    #[arg(value_name = "ALIAS")]
    aliases: Vec<String>,
    /// The same as ALIAS
    #[arg(long = "keypair-alias", value_name = "ALIAS")]
    more: Vec<String>,
    /// Only keypairs of this type: PRODUCTION or TEST
    #[arg(long = "keypair-type", value_name = "TYPE", ignore_case = true, value_parser = ["PRODUCTION", "TEST"])]
    kind: Option<String>,
    /// Keep earlier certificates of the keypairs, which have been renewed or have expired
    #[arg(long)]
    keep: bool,
    #[command(flatten)]
    place: Place,
    #[command(flatten)]
    account: Choice,
    /// Another account than the API key's
    #[arg(long, hide = true)]
    account_id: Option<String>,
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
            keep: false,
            place: Place::new(machine),
            account,
            account_id: None,
            json: false,
        }
    }
}

/// A keypair that is in the store now.
struct Row {
    keypair: Arc<Keypair>,
    linked: Linked,
}

/// A keypair that cannot be in the store, with cause and fix.
struct LeftOut {
    keypair: Arc<Keypair>,
    why: Unfit,
}

/// Links certificates to the provider of a name, or else to the one that [`chosen`] finds.
pub fn certsync(wanted: &Certsync, provider: Option<&str>) -> Result<(), Failure> {
    const WHAT: &str = "link certificates to the provider";
    let named = aliases(wanted.aliases.iter().chain(&wanted.more))?;
    if wanted.account_id.as_deref().is_some_and(|id| !id.is_empty()) {
        let (why, remedy) = ("the API key decides on the account", "set SM_API_KEY to a key of that account");
        return Err(Failure::new("use --account-id", why, remedy).exit(Exit::Usage));
    }
    let ours = provider::ours()?;
    let names: Vec<String> = ours.iter().map(|one| one.name.clone()).collect();
    if names.is_empty() {
        return Err(provider::none(WHAT));
    }
    let wanted_name = provider.map(|wanted| provider::named(wanted, &names, WHAT)).transpose()?;
    let account = wanted.account.open()?;
    let keypairs = keypairs(&account, &named)?;
    let of_kind =
        |keypair: &Arc<Keypair>| wanted.kind.as_deref().is_none_or(|kind| keypair.key_type.eq_ignore_ascii_case(kind));
    let (keypairs, others): (Vec<_>, Vec<_>) = keypairs.into_iter().partition(of_kind);
    let owner = wanted.place.owner();
    let read =
        || link::links(owner).map_err(|why| Failure::new("read the certificate store", why, store_remedy(owner)));
    let name = wanted_name.unwrap_or_else(|| chosen(&names, &keypairs, &read().unwrap_or_default()));
    if !ours.iter().any(|one| one.name == name && provider::opens(name, &one.image)) {
        let remedy = "run stm-pkcs11 windows register, as an administrator: it puts the library in place";
        return Err(Failure::new(format!("open the provider '{name}'"), "Windows does not find it", remedy));
    }
    let (mut rows, mut left_out) = (Vec::new(), Vec::new());
    for keypair in &keypairs {
        match unfit(keypair, wanted.keep) {
            // Who names a keypair may know of a release window.
            Some(why) if named.is_empty() || why != Unfit::Offline => {
                left_out.push(LeftOut { keypair: Arc::clone(keypair), why });
            }
            _ => rows.push(Row { keypair: Arc::clone(keypair), linked: link(keypair, name, owner)? }),
        }
    }
    let retired = if wanted.keep { Vec::new() } else { retire(owner, &keypairs, &rows, named.is_empty(), &read()?)? };
    report(wanted.json, &rows);
    let said: Vec<String> = std::iter::once(format!("provider: {}", with_others(name, &names)))
        .chain(
            retired
                .iter()
                .map(|(link, why)| format!("removed: {} {} ({why})", print::shown(&link.alias), link.thumbprint)),
        )
        .chain(if named.is_empty() { summary(&left_out) } else { other_type(&others) })
        .collect();
    // With --json, standard output is the rows alone.
    said.iter().for_each(|line| if wanted.json { print::note(line) } else { print::line(line) });
    match left_out.first().filter(|_| !named.is_empty()) {
        Some(LeftOut { keypair, why }) => {
            let what = format!("put the certificate of {} into the store", keypair.alias);
            Err(Failure::new(what, why.cause(), why.remedy()))
        }
        None => Ok(()),
    }
}

/// The keypairs of these names, or else all.
fn keypairs(account: &Account, named: &[&str]) -> Result<Vec<Arc<Keypair>>, Failure> {
    if named.is_empty() {
        let all = account.service.keypairs(Wanted::All, account.service.deadline());
        return Ok(all.map_err(|failure| refused("list the keypairs", &failure))?.to_vec());
    }
    named.iter().map(|name| account.keypair(name)).collect()
}

/// The name that links of these keypairs have; else the first of `names`, which are in the order of preference.
fn chosen<'a>(names: &'a [String], keypairs: &[Arc<Keypair>], links: &[Link]) -> &'a str {
    let of_these = |link: &&Link| {
        keypairs.iter().any(|keypair| match &link.mark {
            Some(mark) => mark.keypair == keypair.id,
            None => link.alias == keypair.alias,
        })
    };
    let linked: Vec<&Link> = links.iter().filter(of_these).collect();
    let has_links = |name: &&String| linked.iter().any(|link| link.provider.eq_ignore_ascii_case(name));
    names.iter().find(has_links).unwrap_or(&names[0])
}

fn with_others(name: &str, names: &[String]) -> String {
    let others: Vec<&str> = names.iter().map(String::as_str).filter(|other| *other != name).collect();
    if others.is_empty() {
        name.to_owned()
    } else {
        format!("{name} (--provider chooses another: {})", others.join(", "))
    }
}

/// Why a keypair is not put into the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unfit {
    NoCertificate,
    KeyType,
    Expired,
    Offline,
}

impl Unfit {
    const ALL: [Self; 4] = [Self::NoCertificate, Self::KeyType, Self::Expired, Self::Offline];

    fn cause(self) -> &'static str {
        match self {
            Self::NoCertificate => "it has no certificate",
            Self::KeyType => "Windows signs with RSA and ECDSA keys only",
            Self::Expired => "its certificate has expired",
            Self::Offline => "the keypair is OFFLINE",
        }
    }

    fn remedy(self) -> &'static str {
        match self {
            Self::NoCertificate => "issue a certificate for it in the service's web page",
            Self::KeyType => "use another keypair",
            Self::Expired => "renew the certificate in the service's web page, or add --keep",
            Self::Offline => "set it ONLINE, or name it",
        }
    }
}

fn unfit(keypair: &Keypair, keep: bool) -> Option<Unfit> {
    match keypair.default_certificate() {
        None => Some(Unfit::NoCertificate),
        _ if !matches!(keypair.key_alg.to_uppercase().as_str(), "RSA" | "EC" | "ECDSA") => Some(Unfit::KeyType),
        Some(record) if !keep && has_expired(&record.der) => Some(Unfit::Expired),
        _ if !keypair.online() => Some(Unfit::Offline),
        _ => None,
    }
}

fn link(keypair: &Keypair, provider: &str, owner: Owner) -> Result<Linked, Failure> {
    let record = keypair.default_certificate();
    let certificate = record.map_or(&[][..], |record| &record.der);
    // What signed itself would be a root: whom to trust is not ours to say.
    let roots = |der: &&[u8]| Certificate::parse(der.to_vec()).is_ok_and(|read| read.is_self_signed());
    let chain = record.iter().flat_map(|record| record.chain.iter().map(|der| &der[..]));
    let issuers: Vec<&[u8]> = chain.filter(|der| !roots(der)).collect();
    let certificate_alias = record.map_or("", |record| &record.alias);
    let entry = Entry {
        certificate,
        certificate_alias,
        issuers: &issuers,
        alias: &keypair.alias,
        keypair: &keypair.id,
        provider,
    };
    link::link(&entry, owner).map_err(|why| {
        let what = format!("put the certificate of {} into the store", keypair.alias);
        Failure::new(what, why, store_remedy(owner))
    })
}

/// Removes links of ours whose certificate has expired or has been replaced as the keypair's default, and those of keypairs that are
/// OFFLINE now. Only of these keypairs; of others, what has expired, if `all` of an account are wanted.
fn retire(
    owner: Owner,
    keypairs: &[Arc<Keypair>],
    rows: &[Row],
    all: bool,
    links: &[Link],
) -> Result<Vec<(Link, &'static str)>, Failure> {
    let why = |link: &Link| {
        let mark = link.mark.as_ref()?;
        if rows.iter().any(|row| row.linked.thumbprint == link.thumbprint) {
            return None;
        }
        match keypairs.iter().find(|keypair| keypair.id == mark.keypair) {
            _ if has_expired(&link.certificate) && all => Some("it has expired"),
            None => None,
            Some(_) if has_expired(&link.certificate) => Some("it has expired"),
            Some(keypair) if keypair.default_certificate().is_some_and(|record| record.der == link.certificate) => {
                (unfit(keypair, false) == Some(Unfit::Offline)).then_some("the keypair is OFFLINE")
            }
            Some(_) => Some("the keypair has another default certificate"),
        }
    };
    let superfluous: Vec<(&Link, &'static str)> =
        links.iter().filter_map(|link| why(link).map(|why| (link, why))).collect();
    if superfluous.is_empty() {
        return Ok(Vec::new());
    }
    let is_superfluous = |link: &Link| superfluous.iter().any(|(other, _)| other.thumbprint == link.thumbprint);
    let removed = link::unlink(owner, is_superfluous)
        .map_err(|why| Failure::new("remove replaced certificates from the store", why, store_remedy(owner)))?;
    let with_reason = |link: Link| {
        let found = superfluous.iter().find(|(other, _)| other.thumbprint == link.thumbprint);
        found.map(|(_, why)| *why).map(|why| (link, why))
    };
    Ok(removed.into_iter().filter_map(with_reason).collect())
}

/// What was left out, one line for each cause.
fn summary(left_out: &[LeftOut]) -> Vec<String> {
    /// How many aliases are named in a line.
    const MOST: usize = 10;
    let line = |why: Unfit| {
        let aliases: Vec<_> =
            left_out.iter().filter(|one| one.why == why).map(|one| print::shown(&one.keypair.alias)).collect();
        let more = aliases.len().saturating_sub(MOST);
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        let named = aliases.iter().take(MOST).map(|alias| &**alias).collect::<Vec<_>>().join(", ");
        (!aliases.is_empty()).then(|| format!("left out: {named}{more} ({})", why.cause()))
    };
    Unfit::ALL.into_iter().filter_map(line).collect()
}

/// Keypairs that were named, but are of another type than the wanted one.
fn other_type(others: &[Arc<Keypair>]) -> Vec<String> {
    let line = |keypair: &Arc<Keypair>| {
        format!("left out: {} (it is of the type {})", print::shown(&keypair.alias), print::shown(&keypair.key_type))
    };
    others.iter().map(line).collect()
}

fn report(json: bool, rows: &[Row]) {
    if json {
        print::json(&Value::Array(rows.iter().map(Row::json).collect()));
    } else {
        table::print(&["alias", "thumbprint", "until", ""], &rows.iter().map(Row::cells).collect::<Vec<_>>());
    }
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
        // Newer versions of NuGet require the SHA-256.
        let sha256 = self.keypair.default_certificate().map(|record| HEXLOWER.encode(&Sha256::digest(&record.der)));
        json!({
            "alias": self.keypair.alias, "thumbprint": thumbprint, "sha256": sha256, "not_after": self.until(), "new": new,
        })
    }
}
