//! The doctor's checks of keypairs.

use super::visit::{Finding, Visit};
use super::{SOON, clients, hint};
use crate::account::describe::{Held, certificates, day, now};
use crate::account::similar;
use crate::print::{Exit, progress};
use std::sync::Arc;
use stm_pkcs11::config::TokenSettings;
use stm_pkcs11::mechanism::PublicKey;
use stm_pkcs11::plural::counted;
use stm_pkcs11::service::{Keypair, Service, Wanted};
use stm_pkcs11::x509::Certificate;

/// Checks the keypairs that this user sees, and returns them.
pub fn look(visit: &mut Visit, service: &Service, settings: &TokenSettings, only: Option<&str>) -> Vec<Arc<Keypair>> {
    match progress::during(service, || service.keypairs(Wanted::All, service.deadline())) {
        Ok(all) => {
            look_at(visit, service, settings, &all, only);
            all
        }
        Err(failure) => {
            visit.wrong("keypairs", failure.kind().into(), failure.cause(), hint(&failure));
            Vec::new()
        }
    }
}

fn look_at(visit: &mut Visit, service: &Service, settings: &TokenSettings, all: &[Arc<Keypair>], only: Option<&str>) {
    let filter = settings.keypairs.join(", ");
    match (all.len(), filter.is_empty()) {
        (0, true) => {
            let remedy = "ask for access to a keypair, or make one: stm-pkcs11 keypair create ALIAS";
            return visit.wrong("keypairs", Exit::NotFound, "this user sees none", remedy);
        }
        (0, false) => {
            let remedy = "check STM_PKCS11_KEYPAIRS: aliases are case-sensitive, * and ? are patterns";
            return visit.wrong("keypairs", Exit::NotFound, format!("none has an alias like {filter}"), remedy);
        }
        (count, true) => visit.fine("keypairs", format!("this user sees {count}")),
        (count, false) => visit.fine("keypairs", format!("{count} have an alias like {filter}")),
    }
    let chosen: Vec<&Arc<Keypair>> =
        all.iter().filter(|keypair| only.is_none_or(|only| keypair.alias == only || keypair.id == only)).collect();
    if let (true, Some(only)) = (chosen.is_empty(), only) {
        return visit.wrong("keypair", Exit::NotFound, format!("there is no keypair {only}"), similar(only, all));
    }
    for name in service.unmatched_certificates(all) {
        let detail = format!("STM_PKCS11_CERTIFICATE ({name}) does not name a certificate of any of these keypairs");
        let remedy = "use an id or alias that stm-pkcs11 certificate list shows, or unset it";
        visit.wrong("keypairs", Exit::Settings, detail, remedy);
    }
    if settings.modern_slot {
        clients::edwards(visit, &chosen);
    }
    for keypair in &chosen {
        one_keypair(visit, keypair, only.is_some());
    }
    if visit.able() == 0 && !visit.is_wrong() {
        let remedy = "set one ONLINE, or ask for permission to sign: the warnings above say what each keypair lacks";
        let detail = format!("this user sees {}, and can sign with none", counted(chosen.len(), "keypair"));
        visit.wrong("keypairs", Exit::Refused, detail, remedy);
    }
}

fn one_keypair(visit: &mut Visit, keypair: &Keypair, asked_for: bool) {
    let alias = &keypair.alias;
    // A problem of one of many keypairs is an error only for users of that keypair.
    let bad = if asked_for { Finding::Wrong(Exit::Refused) } else { Finding::Warning };
    let key = keypair.public_key.as_deref().map(PublicKey::from_spki);
    let Some(Ok(key)) = key else {
        let detail = format!("{alias}: its public key is of a kind that is not supported");
        return visit.add("keypair", bad, detail, "choose another keypair");
    };
    if !keypair.online() {
        let remedy = "set it ONLINE in the service's web page, or open a release window";
        return visit.add("keypair", bad, format!("{alias} is OFFLINE, and does not sign"), remedy);
    }
    if keypair.signable == Some(false) {
        let remedy = "ask for the right to sign with it, or for membership in its team";
        return visit.add("keypair", bad, format!("{alias}: you may not sign with it"), remedy);
    }
    visit.can_sign();
    let held = certificates(keypair);
    unfit(visit, alias, &held);
    let first = |wanted: fn(&Held<'_>) -> bool| held.iter().find(|held| wanted(held));
    let Some(shown) = first(|held| held.record.chosen).or(first(|held| held.record.default)).or(held.first()) else {
        let remedy = "make a certificate for it in the service's web page; Java and Windows sign only with one";
        return visit.warning("keypair", format!("{alias} ({}) has no certificate", key.name()), remedy);
    };
    let Ok(found) = &shown.read else { return };
    let until = day(found.not_after_date());
    if found.not_after() < now() {
        let detail = format!("{alias}: its certificate ended on {until}");
        if shown.record.chosen {
            let remedy = "name another certificate in STM_PKCS11_CERTIFICATE, or unset it";
            return visit.add("keypair", bad, format!("{detail}, and STM_PKCS11_CERTIFICATE names it"), remedy);
        }
        return match valid(&held) {
            // The keypair signs; the problem is the certificate that goes with the signatures.
            Some(other) => {
                let remedy =
                    format!("make the certificate {} the default one in the service's web page", other.record.id);
                visit.warning("keypair", format!("{detail}, and is still the default one"), remedy);
            }
            None => visit.add("keypair", bad, detail, "renew it in the service's web page"),
        };
    }
    let text = format!("{alias} ({}), certificate until {until}", key.name());
    if found.not_after() < now() + SOON * 86_400 {
        visit.warning("keypair", text, "its certificate expires soon: renew it");
    } else {
        visit.fine("keypair", text);
    }
    clients::look(visit, alias, found, &shown.record.chain);
    chain(visit, keypair, found);
}

/// Warns about certificates that the token does not show.
fn unfit(visit: &mut Visit, alias: &str, held: &[Held<'_>]) {
    for Held { record, read } in held {
        if let Err(unfit) = read {
            let remedy = if record.default {
                "make another certificate the default one in the service's web page"
            } else {
                "remove it from the keypair in the service's web page"
            };
            let detail = format!("{alias}: the certificate {} {}; it is not shown", record.id, unfit.why());
            visit.warning("keypair", detail, remedy);
        }
    }
}

/// A certificate that is ACTIVE and valid now.
fn valid<'a, 'b>(held: &'b [Held<'a>]) -> Option<&'b Held<'a>> {
    held.iter().find(|held| {
        let in_time = held.read.as_ref().is_ok_and(|read| read.not_before() <= now() && now() <= read.not_after());
        in_time && held.record.status.eq_ignore_ascii_case("ACTIVE")
    })
}

/// Checks that each certificate is followed by its issuer, up to a self-signed one.
fn chain(visit: &mut Visit, keypair: &Keypair, leaf: &Certificate) {
    let Some(record) = keypair.default_certificate() else { return };
    let above: Vec<Certificate> = record.chain.iter().filter_map(|der| Certificate::parse(der.to_vec()).ok()).collect();
    let mut last = leaf.clone();
    let mut length = 1;
    while !last.is_self_signed() {
        let Some(issuer) = above.iter().find(|one| one.subject() == last.issuer()) else {
            let remedy = "tools that need the whole chain require the missing certificates in a file";
            let text = format!("{}: the issuer of '{}' is not among them", keypair.alias, last.subject_display());
            return visit.warning("chain", text, remedy);
        };
        if issuer.not_after() < now() {
            let text =
                format!("{}: '{}' ended on {}", keypair.alias, issuer.subject_display(), day(issuer.not_after_date()));
            return visit.warning("chain", text, "renew the keypair's certificate");
        }
        last = issuer.clone();
        length += 1;
        if length > 10 {
            return visit.warning("chain", format!("{}: it does not end", keypair.alias), "");
        }
    }
    visit.fine(
        "chain",
        format!("{}: {}, up to '{}'", keypair.alias, counted(length, "certificate"), last.subject_display()),
    );
}
