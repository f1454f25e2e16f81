//! A private key that was searched for by its label and is not there. For PKCS#11 that is no failure; for the person who
//! typed the alias it is one, and the client says "key not found" at most.

use super::catalog::Catalog;
use crate::nearest::nearest;
use crate::service::Service;
use crate::token::object::Template;
use cryptoki_sys::*;

/// What to do about a key that cannot be read.
const UNREADABLE: &str = "have a certificate issued for it, or report what the service gives";

/// Tells of the alias in a template that nothing matched, if the template is for a private key and no keypair has it.
pub fn tell(template: &Template<'_>, catalog: &Catalog, service: &Service) {
    let private = template.number(CKA_CLASS) == Ok(Some(CKO_PRIVATE_KEY));
    let Some(alias) = template.get(CKA_LABEL).and_then(|label| std::str::from_utf8(label).ok()) else { return };
    if !private || alias.is_empty() || catalog.alias_since(alias).is_some() {
        return;
    }
    if !service.shows(alias) {
        return log::error!("the keypair '{alias}' is not shown: STM_PKCS11_KEYPAIRS excludes it");
    }
    if let Some(why) = catalog.unreadable(alias) {
        return log::error!("the keypair '{alias}' exists, but the module cannot show it: {why}; {UNREADABLE}");
    }
    let lower = alias.to_lowercase();
    let similar = || catalog.aliases().find(|other| other.to_lowercase() == lower).map(str::to_owned);
    if let Some(similar) = service.similar(alias).or_else(similar) {
        return log::error!("there is no keypair '{alias}', but there is '{similar}': aliases are case-sensitive");
    }
    let remedy = match nearest(alias, catalog.aliases()) {
        Some(near) => format!("did you mean '{near}'?"),
        None => "check the alias: `stm-pkcs11 keypair list` shows all".to_owned(),
    };
    log::error!("there is no keypair '{alias}' that this user may see; {remedy}");
}
