//! Reports a search for a private key by a label that does not exist. For PKCS#11 this is not an error. But the user
//! has probably mistyped the alias, and the client says at most "key not found".

use super::catalog::Catalog;
use crate::nearest::nearest;
use crate::service::Service;
use crate::token::object::Template;
use cryptoki_sys::*;

/// The fix for a key that cannot be parsed.
const UNREADABLE: &str = "have a certificate issued for it, or report what the service gives";

/// The alias that a template names.
pub fn alias<'a>(template: &Template<'a>) -> Option<&'a str> {
    template.get(CKA_LABEL).and_then(|label| std::str::from_utf8(label).ok())
}

/// Logs an error for an alias that matched nothing, if the template is for a private key and no keypair has the alias.
pub fn tell(template: &Template<'_>, catalog: &Catalog, service: &Service) {
    let private = template.number(CKA_CLASS) == Ok(Some(CKO_PRIVATE_KEY));
    let Some(alias) = alias(template) else { return };
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
