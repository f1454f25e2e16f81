//! Certificates with links to their keys in Windows' certificate store, for programs that sign with certificates from
//! the store (`signtool /sha1`, `Set-AuthenticodeSignature`, mage, NuGet). The link is the provider's name and the alias.
//! Each certificate that is added has a [`Mark`], and is removed without a trace.

use super::mark::Mark;
pub use super::store::Owner;
use super::store::{Context, Store};
use crate::x509::Certificate;
use std::io;

/// The store of certificates with keys.
const PERSONAL: &str = "MY";
/// The store of issuers that are not roots.
const INTERMEDIATE: &str = "CA";

/// A certificate, and the location of its key.
pub struct Entry<'a> {
    /// DER.
    pub certificate: &'a [u8],
    /// The certificate's own alias in the service.
    pub certificate_alias: &'a str,
    /// DER of its issuers, the nearest first, without self-signed ones.
    pub issuers: &'a [&'a [u8]],
    /// The keypair's alias: the name of the key container.
    pub alias: &'a str,
    /// The keypair's id.
    pub keypair: &'a str,
    /// Name of the key storage provider.
    pub provider: &'a str,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Linked {
    /// SHA-1 of the certificate, by which Windows' programs find it: 40 hexadecimal digits.
    pub thumbprint: String,
    /// Whether the certificate is new in the store.
    pub new: bool,
}

/// Adds a certificate to `Personal`, with its link and a friendly name, and its issuers to `Intermediate Certification
/// Authorities`. Updates existing ones.
pub fn link(entry: &Entry<'_>, owner: Owner) -> io::Result<Linked> {
    let issuers = Store::open(INTERMEDIATE, owner)?;
    for issuer in entry.issuers {
        let (copy, new) = issuers.copy(issuer)?;
        if new {
            copy.describe(&Mark { added: true, ..Mark::default() }.text())?;
            issuers.save(&copy)?;
        }
    }
    let personal = Store::open(PERSONAL, owner)?;
    let (copy, new) = personal.copy(entry.certificate)?;
    let described = copy.description();
    let before = described.as_deref().and_then(Mark::read);
    copy.set_link(entry.alias, entry.provider, owner == Owner::Machine)?;
    copy.set_name(entry.alias)?;
    // A description that somebody wrote stays; the certificate is theirs then.
    if described.is_none() || before.is_some() {
        let mark = Mark {
            added: new || before.is_some_and(|before| before.added),
            keypair: entry.keypair.to_owned(),
            alias: entry.alias.to_owned(),
            certificate: entry.certificate_alias.to_owned(),
            provider: entry.provider.to_owned(),
        };
        copy.describe(&mark.text())?;
    }
    personal.save(&copy)?;
    Ok(Linked { thumbprint: copy.thumbprint()?, new })
}

/// A certificate in `Personal` that is linked to a CNG key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// DER.
    pub certificate: Vec<u8>,
    /// SHA-1 of the certificate: 40 hexadecimal digits.
    pub thumbprint: String,
    /// Name of the key container.
    pub alias: String,
    /// Name of the key storage provider.
    pub provider: String,
    /// What [`link`] noted, if the link is still the one that it made; `None` for links of other programs.
    pub mark: Option<Mark>,
}

/// The certificates in `Personal` that are linked to CNG keys.
pub fn links(owner: Owner) -> io::Result<Vec<Link>> {
    let store = Store::open(PERSONAL, owner)?;
    store.contexts().iter().filter_map(|context| read(context).transpose()).collect()
}

/// The certificates of issuers that [`link`] added.
pub fn issuers(owner: Owner) -> io::Result<Vec<Vec<u8>>> {
    let store = Store::open(INTERMEDIATE, owner)?;
    Ok(store
        .contexts()
        .iter()
        .filter(|context| is_added_issuer(context))
        .map(|context| context.der().to_vec())
        .collect())
}

fn read(context: &Context) -> io::Result<Option<Link>> {
    let Some((alias, provider)) = context.link() else { return Ok(None) };
    let mark = context.description().as_deref().and_then(Mark::read).filter(|mark| mark.is_of(&alias, &provider));
    let (certificate, thumbprint) = (context.der().to_vec(), context.thumbprint()?);
    Ok(Some(Link { certificate, thumbprint, alias, provider, mark }))
}

fn is_added_issuer(context: &Context) -> bool {
    context.description().as_deref().and_then(Mark::read).is_some_and(|mark| mark.added && mark.keypair.is_empty())
}

/// Takes back what [`link`] did, for those of its links for which `chosen` is true: removes the certificates that it added,
/// the links from those that were there before, and the issuers that no remaining link needs. Returns the links.
pub fn unlink(owner: Owner, chosen: impl Fn(&Link) -> bool) -> io::Result<Vec<Link>> {
    let store = Store::open(PERSONAL, owner)?;
    let mut removed = Vec::new();
    let mut needed = Vec::new();
    for context in store.contexts() {
        let Some(link) = read(&context)? else { continue };
        let Some(mark) = link.mark.as_ref().filter(|_| chosen(&link)) else {
            needed.push(link.certificate);
            continue;
        };
        if mark.added {
            context.remove()?;
        } else {
            let (copy, _) = store.copy(context.der())?;
            copy.clear()?;
            store.save(&copy)?;
        }
        removed.push(link);
    }
    if !removed.is_empty() {
        remove_issuers(owner, needed)?;
    }
    Ok(removed)
}

/// Removes the issuers that [`link`] added, except those of these certificates.
fn remove_issuers(owner: Owner, needed: Vec<Vec<u8>>) -> io::Result<()> {
    let store = Store::open(INTERMEDIATE, owner)?;
    let name = |der: &[u8], which: fn(&Certificate) -> &[u8]| {
        Certificate::parse(der.to_vec()).map(|read| which(&read).to_vec()).ok()
    };
    let mut wanted: Vec<Vec<u8>> = needed.iter().filter_map(|der| name(der, Certificate::issuer)).collect();
    let mut superfluous: Vec<Context> = store.contexts().into_iter().filter(is_added_issuer).collect();
    // An issuer that is needed needs its own.
    loop {
        let (found, rest): (Vec<_>, Vec<_>) = superfluous.into_iter().partition(|context| {
            name(context.der(), Certificate::subject).is_none_or(|subject| wanted.contains(&subject))
        });
        superfluous = rest;
        if found.is_empty() {
            break;
        }
        wanted.extend(found.iter().filter_map(|context| name(context.der(), Certificate::issuer)));
    }
    superfluous.into_iter().try_for_each(Context::remove)
}
