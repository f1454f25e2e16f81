//! What stm-pkcs11 has put on this machine, so that it can be taken back: names, libraries, certificates, caches.

use super::provider;
use crate::account::describe;
use crate::print::{self, Failure};
use serde_json::{Value, json};
use std::path::PathBuf;
use stm_pkcs11::config;
use stm_pkcs11::windows::link::{self, Link, Owner};
use stm_pkcs11::windows::machine::{Directory, Machine};
use stm_pkcs11::windows::registration::Provider;
use stm_pkcs11::windows::{image_file, image_name};
use stm_pkcs11::x509::Certificate;

/// The stores, by the name that `--store` has for them.
const STORES: [(&str, Owner); 2] = [("user", Owner::User), ("system", Owner::Machine)];

/// A certificate in a store that is linked to a provider of ours, or that certsync put there.
struct Stored {
    store: &'static str,
    link: Link,
}

/// `wanted`: only the provider of this name, and what is linked to it.
pub fn status(wanted: Option<&str>, json: bool) -> Result<(), Failure> {
    const WHAT: &str = "find the provider";
    let mut providers = provider::ours()?;
    if let Some(wanted) = wanted {
        let names = provider::names()?;
        let name = provider::named(wanted, &names, WHAT)?;
        providers.retain(|provider| provider.name == name);
    }
    let files: Vec<PathBuf> = leftovers(&provider::ours()?);
    let certificates = certificates(&providers, wanted.is_none());
    let caches = caches();
    if json {
        print::json(&json!({
            "providers": providers.iter().map(provider_json).collect::<Value>(),
            "leftovers": files.iter().map(|file| file.display().to_string()).collect::<Value>(),
            "certificates": certificates.iter().map(Stored::json).collect::<Value>(),
            "caches": caches.iter().map(|folder| folder.display().to_string()).collect::<Value>(),
        }));
    } else {
        for provider in &providers {
            print::line(&format!("registered: {}; {}", provider.name, libraries(provider)));
        }
        for file in files {
            print::line(&format!("left over: {}; the next register or unregister removes it", file.display()));
        }
        certificates.iter().for_each(|stored| print::line(&stored.line()));
        caches.iter().for_each(|folder| print::line(&format!("cache: {}; delete it by hand", folder.display())));
    }
    if providers.is_empty() { Err(provider::none(WHAT)) } else { Ok(()) }
}

/// Where the library is missing, for messages.
fn place(provider: &Provider) -> PathBuf {
    image_file::shown(Directory::System32, &provider.image)
}

fn libraries(provider: &Provider) -> String {
    let there = provider::libraries(&provider.image);
    if there.is_empty() {
        return format!("{} is MISSING", place(provider).display());
    }
    let line = |(path, machine): &(PathBuf, Machine)| format!("{} is there ({machine})", path.display());
    there.iter().map(line).collect::<Vec<_>>().join(", ")
}

fn provider_json(provider: &Provider) -> Value {
    let there = provider::libraries(&provider.image);
    let first = there.first().map_or_else(|| place(provider), |(path, _)| path.clone());
    let programs: Value = there.iter().map(|(_, machine)| machine.to_string()).collect();
    json!({
        "name": provider.name, "library": first.display().to_string(), "exists": !there.is_empty(), "programs": programs,
    })
}

/// Files of ours in Windows' directories that no name leads to.
fn leftovers(providers: &[Provider]) -> Vec<PathBuf> {
    let needed = |file: &str| providers.iter().any(|provider| provider.image.eq_ignore_ascii_case(file));
    let files = image_file::files().into_iter();
    files
        .filter(|(_, file)| !needed(file) || !image_name::is_ours(file))
        .map(|(directory, file)| image_file::shown(directory, &file))
        .collect()
}

/// A store that this user may not read has none.
fn certificates(providers: &[Provider], all: bool) -> Vec<Stored> {
    let mut found: Vec<Stored> = Vec::new();
    for (store, owner) in STORES {
        for link in link::links(owner).unwrap_or_default() {
            let leads_here = providers.iter().any(|provider| provider.name.eq_ignore_ascii_case(&link.provider));
            if leads_here || (all && link.mark.is_some()) {
                found.push(Stored { store, link });
            }
        }
    }
    found
}

/// Directories with cached public data that exist.
fn caches() -> Vec<PathBuf> {
    let config = config::load(None);
    let folders =
        config.tokens.iter().filter_map(|token| token.cache_dir.as_ref()).map(|folder| folder.join("stm-pkcs11"));
    let mut folders: Vec<PathBuf> = folders.filter(|folder| folder.exists()).collect();
    folders.sort();
    folders.dedup();
    folders
}

impl Stored {
    fn until(&self) -> String {
        describe::day(Certificate::parse(self.link.certificate.clone()).ok().and_then(|read| read.not_after_date()))
    }

    fn line(&self) -> String {
        let Link { alias, thumbprint, provider, mark, .. } = &self.link;
        let by = if mark.is_some() { "certsync" } else { "another program" };
        let (alias, store, until) = (print::shown(alias), self.store, self.until());
        format!("linked: {alias} {thumbprint}, until {until}, in the store {store}, to {provider}, by {by}")
    }

    fn json(&self) -> Value {
        let Link { alias, thumbprint, provider, mark, .. } = &self.link;
        json!({
            "alias": alias, "thumbprint": thumbprint, "not_after": self.until(), "store": self.store, "provider": provider,
            "by_certsync": mark.is_some(),
        })
    }
}
