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
    if let Some(message) = message(template, catalog, service) {
        log::error!("{message}");
    }
}

fn message(template: &Template<'_>, catalog: &Catalog, service: &Service) -> Option<String> {
    let private = template.number(CKA_CLASS) == Ok(Some(CKO_PRIVATE_KEY));
    let alias = alias(template)?;
    if !private || alias.is_empty() || catalog.alias_since(alias).is_some() {
        return None;
    }
    if !service.shows(alias) {
        return Some(format!("the keypair '{alias}' is not shown: STM_PKCS11_KEYPAIRS excludes it"));
    }
    if let Some(why) = catalog.unreadable(alias) {
        return Some(format!("the keypair '{alias}' exists, but the module cannot show it: {why}; {UNREADABLE}"));
    }
    let lower = alias.to_lowercase();
    let similar = || catalog.aliases().find(|other| other.to_lowercase() == lower).map(str::to_owned);
    if let Some(similar) = service.similar(alias).or_else(similar) {
        return Some(format!("there is no keypair '{alias}', but there is '{similar}': aliases are case-sensitive"));
    }
    let remedy = match nearest(alias, catalog.aliases()) {
        Some(near) => format!("did you mean '{near}'?"),
        None => "check the alias: `stm-pkcs11 keypair list` shows all".to_owned(),
    };
    Some(format!("there is no keypair '{alias}' that this user may see; {remedy}"))
}

#[cfg(test)]
mod tests {
    use super::super::kind::SlotKind;
    use super::super::layout::Layout;
    use super::*;
    use crate::config::{Sources, load_from};
    use crate::service::Keypair;
    use crate::token::object::samples;
    use std::sync::Arc;
    use std::time::Instant;

    #[test]
    fn a_private_key_that_is_not_there_has_a_message_with_what_was_probably_meant() {
        let slots = vec![(SlotKind::Classic, 0)];
        let layout = Layout { slots, chain: true, id_prefix: "key-".into(), private: false, handles: Arc::default() };
        let keypairs = [
            Keypair::sample("1", "Release", &samples::key()),
            Keypair::sample("2", "nightly-build", &samples::key()),
            samples::changed(&Keypair::sample("3", "odd", &samples::key()), |keypair| keypair.public_key = None),
        ];
        let catalog = Catalog::empty(&layout).replaced(&keypairs.map(Arc::new), Instant::now(), &layout);
        let environment = [("STM_PKCS11_KEYPAIRS".to_owned(), "*e*,o*".to_owned())];
        let config = load_from(Sources::new(None, environment.into()));
        let service = Service::new(Arc::clone(&config.tokens[0]));
        let said = |class: CK_OBJECT_CLASS, label: &str| {
            let class = class.to_ne_bytes();
            let template = Template(vec![(CKA_CLASS, &class[..]), (CKA_LABEL, label.as_bytes())]);
            message(&template, &catalog, &service).unwrap_or_default()
        };
        for (label, expected) in [
            ("Release", ""),
            ("", ""),
            ("release", "there is no keypair 'release', but there is 'Release': aliases are case-sensitive"),
            (
                "nightly-biuld-e",
                "there is no keypair 'nightly-biuld-e' that this user may see; did you mean 'nightly-build'?",
            ),
            (
                "e",
                "there is no keypair 'e' that this user may see; check the alias: `stm-pkcs11 keypair list` shows all",
            ),
            ("x", "the keypair 'x' is not shown: STM_PKCS11_KEYPAIRS excludes it"),
        ] {
            assert_eq!(said(CKO_PRIVATE_KEY, label), expected);
            assert_eq!(said(CKO_PUBLIC_KEY, label), "", "{label}");
        }
        let odd = said(CKO_PRIVATE_KEY, "odd");
        assert!(
            odd.starts_with("the keypair 'odd' exists, but the module cannot show it: the service gives no"),
            "{odd}"
        );
        let class = CKO_PRIVATE_KEY.to_ne_bytes();
        assert_eq!(message(&Template(vec![(CKA_CLASS, &class)]), &catalog, &service), None);
    }
}
