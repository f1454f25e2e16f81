//! `STM_PKCS11_CERTIFICATE`: the certificates that the user chose, by id or alias, instead of the service's default
//! ones.

use super::model::{self, Keypair, KeypairCertificate};
use crate::pattern;
use std::sync::Arc;

/// Whether a name in the setting is a certificate's alias, or its id in either case.
fn names(name: &str, certificate: &KeypairCertificate) -> bool {
    pattern::matches(name, &certificate.alias)
        || pattern::matches(&name.to_ascii_lowercase(), &certificate.id.to_ascii_lowercase())
}

/// The keypair, with the certificate first that the first matching name chooses; unchanged if none matches.
pub fn choose(setting: &[String], keypair: Arc<Keypair>) -> Arc<Keypair> {
    let place = |name: &String| keypair.certificates.iter().position(|certificate| names(name, certificate));
    let Some(place) = setting.iter().find_map(place) else { return keypair };
    let mut chosen = Keypair::clone(&keypair);
    chosen.certificates[place].chosen = true;
    model::sort(&mut chosen.certificates);
    Arc::new(chosen)
}

/// The names in the setting that match no certificate of these keypairs.
pub fn unmatched<'a>(setting: &'a [String], keypairs: &[Arc<Keypair>]) -> Vec<&'a str> {
    let matched =
        |name: &str| keypairs.iter().flat_map(|keypair| &keypair.certificates).any(|known| names(name, known));
    setting.iter().map(String::as_str).filter(|name| !matched(name)).collect()
}

/// The message for a requested keypair that has certificates, none of which the setting names.
pub fn mismatch(setting: &[String], keypair: &Keypair) -> Option<String> {
    let (default, chosen) = (keypair.certificates.first()?, keypair.certificates.iter().any(|known| known.chosen));
    if setting.is_empty() || chosen {
        return None;
    }
    let known: Vec<String> = keypair.certificates.iter().map(described).collect();
    Some(format!(
        "STM_PKCS11_CERTIFICATE ({}) does not name a certificate of keypair {}, so {} is used; name one of: {}",
        setting.join(", "),
        keypair.alias,
        described(default),
        known.join(", ")
    ))
}

/// Alias and id, or the one that it has.
fn described(certificate: &KeypairCertificate) -> String {
    match (certificate.alias.as_str(), certificate.id.as_str()) {
        ("", id) => id.to_owned(),
        (alias, "") => alias.to_owned(),
        (alias, id) => format!("{alias} ({id})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn keypair(certificates: &[(&str, &str, bool)]) -> Arc<Keypair> {
        let certificates: Vec<_> = certificates
            .iter()
            .map(|(id, alias, default)| json!({"id": id, "alias": alias, "cert": "MA==", "default_cert": default}))
            .collect();
        Arc::new(Keypair::from_json(&json!({"id": "1", "alias": "k", "certificates": certificates})))
    }

    fn list(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn an_id_or_an_alias_chooses_and_the_first_name_that_fits_wins() {
        let known = keypair(&[("AB-1", "one", true), ("ab-2", "two, too", false), ("ab-3", "three", false)]);
        let shown = |names: &[&str]| {
            let chosen = choose(&list(names), Arc::clone(&known));
            chosen.default_certificate().unwrap().id.clone()
        };
        for (names, id) in [
            (&["two, too"][..], "ab-2"),
            (&[r"two\, too"], "ab-2"),
            (&["AB-3"], "ab-3"),
            (&["ab-1"], "AB-1"),
            (&["nobody", "three", "two, too"], "ab-3"),
            (&["t*"], "ab-2"),
            (&["Three"], "AB-1"),
            (&[], "AB-1"),
        ] {
            assert_eq!(shown(names), id, "{names:?}");
        }
    }

    #[test]
    fn a_name_that_fits_nothing_is_found() {
        let known = keypair(&[("1", "one", true), ("2", "", false)]);
        let setting = list(&["one", "other"]);
        assert_eq!(unmatched(&setting, &[Arc::clone(&known)]), ["other"]);
        assert_eq!(mismatch(&setting, &choose(&setting, Arc::clone(&known))), None);
        assert_eq!(
            mismatch(&list(&["other"]), &known).as_deref(),
            Some(
                "STM_PKCS11_CERTIFICATE (other) does not name a certificate of keypair k, so one (1) is used; name one of: one (1), 2"
            )
        );
        assert_eq!(mismatch(&[], &known), None);
        assert_eq!(mismatch(&setting, &keypair(&[])), None, "there is nothing to choose from");
    }
}
