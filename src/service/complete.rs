//! Completes keypairs whose list entries lack certificates or public keys. They are read once from `GET /keypairs/{id}`
//! or `GET /certificates`. A failure here is never an error, because a keypair can sign without them.

use super::budget::AT_ONCE;
use super::chains::Chains;
use super::failure::Failure;
use super::line::Line;
use super::list;
use super::lookup;
use super::model::{self, Given, Keypair, KeypairCertificate};
use super::page;
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
        if is_worth_a_request(&keypair) {
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
    let (nothing, before) = (shows_nothing(&keypairs), incomplete(&keypairs));
    if before.is_empty() {
        return keypairs.into_iter().map(Arc::new).collect();
    }
    let mut failure = None;
    if wants_all(&keypairs, &before) {
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
    match told(&keypairs, &before, nothing, failure.as_ref()) {
        Some(told) => log::warn!("{told}"),
        None => log::debug!("no keypair of the account has a certificate"),
    }
    keypairs.into_iter().map(Arc::new).collect()
}

/// Whether a list has no certificate, and does not say that there are none.
fn shows_nothing(keypairs: &[Keypair]) -> bool {
    keypairs.iter().all(|keypair| keypair.given == Given::Nothing)
}

/// The places of the keypairs whose entries lack something. A list without any certificate lacks them all.
fn incomplete(keypairs: &[Keypair]) -> Vec<usize> {
    let nothing = shows_nothing(keypairs);
    (0..keypairs.len()).filter(|place| nothing || poor(&keypairs[*place])).collect()
}

/// Whether the list of all certificates is requested.
fn wants_all(keypairs: &[Keypair], incomplete: &[usize]) -> bool {
    incomplete.len() > FEW && incomplete.iter().any(|place| keypairs[*place].given != Given::All)
}

/// The warning about a list that was incomplete; `None` if it showed `nothing`, and there is nothing.
fn told(keypairs: &[Keypair], before: &[usize], nothing: bool, failure: Option<&Failure>) -> Option<String> {
    let left: Vec<&str> = before.iter().map(|place| &keypairs[*place]).filter(|k| poor(k)).map(|k| &*k.alias).collect();
    if left.is_empty() && nothing && keypairs.iter().all(|keypair| keypair.certificates.is_empty()) {
        return None;
    }
    let rest = if left.is_empty() {
        String::new()
    } else {
        let names = left[..left.len().min(3)].join(", ");
        let why = failure.map_or_else(String::new, |failure| format!(": {failure}"));
        format!("; still incomplete: {} ({names}){why}", left.len())
    };
    Some(format!(
        "GET /keypairs lists {} of {} without all of their certificates or without a readable public key; the module \
         reads these separately{rest}",
        before.len(),
        counted(keypairs.len(), "keypair")
    ))
}

/// Whether the entry lacks something that the service has.
fn poor(keypair: &Keypair) -> bool {
    keypair.public_key.is_none() || keypair.given == Given::Part
}

/// The same of a keypair that was requested by name: one without certificates may have some.
fn is_worth_a_request(keypair: &Keypair) -> bool {
    poor(keypair) || keypair.given == Given::Nothing
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
    let asked = places.into_iter().map(|place| {
        let (line, id) = (line.clone(), keypairs[place].id.clone());
        async move { (place, lookup::by_id(&line, &id).await) }
    });
    side_by_side(asked).await
}

/// Runs tasks, [`AT_ONCE`] at a time; returns their results in the order in which they end.
async fn side_by_side<F: Future<Output: Send> + Send + 'static>(mut tasks: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut under_way = tokio::task::JoinSet::new();
    let mut found = Vec::new();
    loop {
        while under_way.len() < AT_ONCE {
            let Some(task) = tasks.next() else { break };
            under_way.spawn(task);
        }
        match under_way.join_next().await {
            None => return found,
            Some(Ok(one)) => found.push(one),
            Some(Err(_)) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::failure::Kind;
    use super::super::public_key::SAMPLE as KEY;
    use super::*;
    use serde_json::{Value, json};
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    fn keypair(key: &str, certificates: &Value) -> Keypair {
        Keypair::from_json(&json!({"id": "1", "alias": "k", "public_key": key, "certificates": certificates}))
    }

    fn certificates(ids: &[&str]) -> Value {
        ids.iter().map(|id| json!({"id": id, "cert": "MA=="})).collect()
    }

    fn whole() -> Keypair {
        keypair(KEY, &certificates(&["c"]))
    }

    /// Without a word about certificates.
    fn bare() -> Keypair {
        keypair(KEY, &json!([]))
    }

    fn partial() -> Keypair {
        keypair(KEY, &Value::Null)
    }

    fn keyless() -> Keypair {
        keypair("", &certificates(&["c"]))
    }

    #[test]
    fn a_keypair_is_requested_if_its_entry_lacks_something() {
        for (keypair, expected) in [(whole(), false), (bare(), true), (partial(), true), (keyless(), true)] {
            assert_eq!(is_worth_a_request(&keypair), expected, "{keypair:?}");
        }
    }

    #[test]
    fn a_list_lacks_what_single_entries_lack_or_all_certificates() {
        for (keypairs, expected) in [
            (vec![], &[][..]),
            (vec![whole(), bare()], &[]),
            (vec![bare(), bare()], &[0, 1]),
            (vec![whole(), partial(), bare(), keyless()], &[1, 3]),
        ] {
            assert_eq!(incomplete(&keypairs), expected);
        }
    }

    #[test]
    fn all_certificates_are_requested_if_those_of_more_than_a_few_keypairs_are_missing() {
        let wants = |keypairs: &[Keypair]| wants_all(keypairs, &incomplete(keypairs));
        assert!(!wants(&[partial(), partial(), partial()]));
        assert!(wants(&[partial(), partial(), partial(), partial()]));
        assert!(wants(&[keyless(), keyless(), keyless(), partial()]));
        assert!(!wants(&[keyless(), keyless(), keyless(), keyless()]), "only keys are missing");
        assert!(!wants(&[whole(), whole(), whole(), partial()]), "one is missing");
    }

    #[test]
    fn a_list_that_was_incomplete_is_reported_unless_there_is_nothing_more() {
        let told = |keypairs: &[Keypair], before: &[usize], nothing| {
            let failure = Failure::new(Kind::Timeout, "no answer", "wait");
            let told = super::told(keypairs, before, nothing, Some(&failure))?;
            let rest = told.split_once("the module reads these separately").unwrap().1.to_owned();
            Some((told.split_once(" without").unwrap().0.to_owned(), rest))
        };
        let said = |lists: &str, rest: &str| Some((format!("GET /keypairs lists {lists}"), rest.to_owned()));
        assert_eq!(told(&[bare(), bare()], &[0, 1], true), None, "no keypair has a certificate");
        assert_eq!(told(&[whole(), bare()], &[0, 1], true), said("2 of 2 keypairs", ""));
        assert_eq!(told(&[bare(), bare()], &[1], false), said("1 of 2 keypairs", ""), "a key was missing");
        let one = "; still incomplete: 1 (k): no answer; wait";
        assert_eq!(told(&[bare(), partial()], &[0, 1], true), said("2 of 2 keypairs", one));
        let four = "; still incomplete: 4 (k, k, k): no answer; wait";
        assert_eq!(
            told(&[partial(), partial(), partial(), partial()], &[0, 1, 2, 3], false),
            said("4 of 4 keypairs", four)
        );
    }

    #[test]
    fn of_two_answers_the_one_with_more_certificates_and_a_key_counts() {
        for (had, richer, expected) in [
            (&["a"][..], &["b"][..], &["b"][..]),
            (&["a"], &["a", "b"], &["a", "b"]),
            (&["a", "b"], &["a"], &["a", "b"]),
        ] {
            let mut keypair = keypair(KEY, &certificates(had));
            merge(&mut keypair, super::tests::keypair("", &certificates(richer)));
            let ids: Vec<_> = keypair.certificates.iter().map(|certificate| &*certificate.id).collect();
            assert_eq!((ids.as_slice(), &keypair.key_problem), (expected, &None));
            assert_eq!(keypair.public_key, whole().public_key);
        }
        let mut without = keyless();
        merge(&mut without, keyless());
        assert_eq!(without.key_problem.as_deref(), Some("the service gives no public_key"));
    }

    #[test]
    fn six_tasks_run_side_by_side_and_none_is_lost() {
        let counts = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
        let task = |number: usize| {
            let counts = Arc::clone(&counts);
            async move {
                let (running, most) = &*counts;
                most.fetch_max(running.fetch_add(1, Relaxed) + 1, Relaxed);
                tokio::task::yield_now().await;
                running.fetch_sub(1, Relaxed);
                number
            }
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mut found = runtime.block_on(side_by_side((0..20).map(task)));
        found.sort_unstable();
        assert_eq!((found, counts.1.load(Relaxed)), ((0..20).collect(), 6));
    }
}
