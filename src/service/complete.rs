//! Completes keypairs whose list entries lack certificates or public keys. They are read once from `GET /keypairs/{id}`
//! or `GET /certificates`. A failure here is never an error, because a keypair can sign without them.

use super::budget::AT_ONCE;
use super::chains::Chains;
use super::failure::Failure;
use super::list;
use super::lookup;
use super::model::{self, Given, Keypair, KeypairCertificate};
use super::page;
use super::request::Line;
use super::wire;
use crate::plural::counted;
use std::collections::HashMap;
use std::sync::Arc;

/// Up to this many are requested one by one; above it, the list of all certificates is requested.
const FEW: usize = 3;
/// The most that are requested one by one in one listing. A search by alias still completes the others.
const MOST: usize = 120;

/// Completes keypairs that were requested by name.
pub async fn few(line: &Line, keypairs: Vec<Keypair>) -> Vec<Arc<Keypair>> {
    let mut complete = Vec::with_capacity(keypairs.len());
    for mut keypair in keypairs {
        if poor(&keypair) || keypair.given == Given::Nothing {
            match lookup::by_id(line, &keypair.id).await {
                Ok(Some(richer)) => merge(&mut keypair, richer),
                Ok(None) => log::debug!("GET /keypairs/{}: the service does not show it", keypair.id),
                Err(failure) => log::warn!("keypair {} is used as the list shows it: {failure}", keypair.alias),
            }
        }
        complete.push(Arc::new(keypair));
    }
    complete
}

/// Completes the incomplete keypairs of a whole list.
pub async fn listed(line: &Line, mut keypairs: Vec<Keypair>) -> Vec<Arc<Keypair>> {
    let nothing = !keypairs.is_empty() && keypairs.iter().all(|keypair| keypair.given == Given::Nothing);
    let before: Vec<usize> = (0..keypairs.len()).filter(|place| nothing || poor(&keypairs[*place])).collect();
    if before.is_empty() {
        return keypairs.into_iter().map(Arc::new).collect();
    }
    let mut failure = None;
    if before.len() > FEW && before.iter().any(|place| keypairs[*place].given != Given::All) {
        match certificates(line).await {
            Ok(by_keypair) => join(&mut keypairs, by_keypair),
            Err(other) => failure = Some(other),
        }
    }
    // A missing key justifies a request; a missing certificate does so only if few are missing.
    let asked = before.iter().copied();
    let asked = asked.filter(|place| keypairs[*place].public_key.is_none() || before.len() <= FEW);
    let asked: Vec<usize> = asked.take(MOST).collect();
    for (place, richer) in one_by_one(line, &keypairs, asked).await {
        match richer {
            Ok(Some(richer)) => merge(&mut keypairs[place], richer),
            Ok(None) => {}
            Err(other) => failure = failure.or(Some(other)),
        }
    }
    let left: Vec<&str> = before.iter().map(|place| &keypairs[*place]).filter(|k| poor(k)).map(|k| &*k.alias).collect();
    let why = failure.map_or_else(String::new, |failure| format!(": {failure}"));
    if left.is_empty() && nothing && keypairs.iter().all(|keypair| keypair.certificates.is_empty()) {
        log::debug!("no keypair of the account has a certificate");
    } else {
        let names = left[..left.len().min(3)].join(", ");
        let rest =
            if left.is_empty() { String::new() } else { format!("; still incomplete: {} ({names}){why}", left.len()) };
        log::warn!(
            "GET /keypairs lists {} of {} without all of their certificates or without a readable public key; the \
             module reads these separately{rest}",
            before.len(),
            counted(keypairs.len(), "keypair")
        );
    }
    keypairs.into_iter().map(Arc::new).collect()
}

/// Whether the entry lacks something that the service has.
fn poor(keypair: &Keypair) -> bool {
    keypair.public_key.is_none() || keypair.given == Given::Part
}

/// Adds to `keypair` what `richer` has and the list lacked.
fn merge(keypair: &mut Keypair, richer: Keypair) {
    let had = std::mem::replace(keypair, richer);
    if keypair.certificates.len() < had.certificates.len() {
        keypair.certificates = had.certificates;
    }
    if keypair.public_key.is_none() {
        (keypair.public_key, keypair.key_problem) = (had.public_key, keypair.key_problem.take().or(had.key_problem));
    }
    keypair.settle();
}

/// Every certificate of the account, by the id of its keypair.
async fn certificates(line: &Line) -> Result<HashMap<String, Vec<KeypairCertificate>>, Failure> {
    let read = |body: &[u8], path: &str| {
        let mut chains = Chains::new();
        page::read(body, path, |item: wire::Certificate<'_>| {
            Some((model::keypair_of_certificate(&item)?, model::certificate(&item, &mut chains)?))
        })
    };
    let mut by_keypair: HashMap<String, Vec<KeypairCertificate>> = HashMap::new();
    for (keypair, certificate) in list::all(line, "/certificates", read).await?.items {
        by_keypair.entry(keypair).or_default().push(certificate);
    }
    Ok(by_keypair)
}

fn join(keypairs: &mut [Keypair], mut by_keypair: HashMap<String, Vec<KeypairCertificate>>) {
    for keypair in keypairs.iter_mut().filter(|keypair| keypair.given != Given::All) {
        let certificates = by_keypair.remove(&keypair.id).unwrap_or_default();
        if certificates.len() >= keypair.certificates.len() {
            keypair.certificates = certificates;
        }
        keypair.given = Given::All;
        keypair.settle();
    }
}

async fn one_by_one(
    line: &Line,
    keypairs: &[Keypair],
    places: Vec<usize>,
) -> Vec<(usize, Result<Option<Keypair>, Failure>)> {
    let mut places = places.into_iter();
    let mut under_way = tokio::task::JoinSet::new();
    let mut found = Vec::new();
    loop {
        while under_way.len() < AT_ONCE {
            let Some(place) = places.next() else { break };
            let (line, id) = (line.clone(), keypairs[place].id.clone());
            under_way.spawn(async move { (place, lookup::by_id(&line, &id).await) });
        }
        match under_way.join_next().await {
            None => return found,
            Some(Ok(one)) => found.push(one),
            Some(Err(_)) => {}
        }
    }
}
