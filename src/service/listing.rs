//! Keypairs by list, by alias and by id.

use super::failure::{Failure, Kind};
use super::model::{self, Chains, Keypair, KeypairCertificate};
use super::page::{self, NoPage, Page};
use super::request::{Line, Request, segment};
use super::wire;
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

/// How many items are asked for; the service says how many it grants.
const PAGE: usize = 1000;
/// How many pages are under way at once.
const AT_ONCE: usize = 6;
/// More pages than any account has: a list that goes on for ever ends here.
const MAX_PAGES: usize = 2000;

/// A page out of an answer's text and its path.
type Read<T> = Result<Page<T>, NoPage>;

async fn page<T>(
    line: &Line,
    path: &'static str,
    offset: usize,
    limit: usize,
    read: impl Fn(&[u8], &str) -> Read<T>,
) -> Result<Page<T>, Failure> {
    let request = Request::list(path).with("limit", limit.to_string()).with("offset", offset.to_string());
    line.page(&request, read).await
}

/// All items of a list, in the service's order; `read` makes `T`s of a page as it comes in.
async fn all<T: Send + 'static>(
    line: &Line,
    path: &'static str,
    read: impl Fn(&[u8], &str) -> Read<T> + Clone + Send + Sync + 'static,
) -> Result<Vec<T>, Failure> {
    let first = page(line, path, 0, PAGE, &read).await?;
    let step = first.count;
    let first_item = first.first;
    let total = first.total.unwrap_or(step);
    let mut found = first.items;
    if step == 0 || total <= step {
        return Ok(found);
    }
    // What the service grants is what it says, or what it sent.
    let step = first.limit.map_or(step, |limit| limit.min(step));
    if total.div_ceil(step) > MAX_PAGES {
        log::warn!("GET {path}: the service says that there are {total}; only {} are asked for", step * MAX_PAGES);
    }
    let mut offsets = (step..total).step_by(step).take(MAX_PAGES).collect::<Vec<_>>().into_iter();
    let mut under_way = tokio::task::JoinSet::new();
    let mut pages: Vec<(usize, Vec<T>)> = Vec::new();
    let mut ended = false;
    loop {
        while under_way.len() < AT_ONCE && !ended {
            let Some(offset) = offsets.next() else { break };
            let (line, read, first_item) = (line.clone(), read.clone(), first_item.clone());
            under_way.spawn(async move {
                let page = page(&line, path, offset, step, &read).await?;
                // A service that ignores the offset repeats its first page; one whose total is too high runs empty.
                Ok::<_, Failure>((offset, page.items, page.count == 0 || page.first == first_item))
            });
        }
        match under_way.join_next().await {
            None => break,
            Some(Ok(Ok((_, _, true)))) => ended = true,
            Some(Ok(Ok((offset, items, false)))) => pages.push((offset, items)),
            Some(Ok(Err(failure))) => return Err(failure),
            Some(Err(_)) => return Err(Failure::new(Kind::Cancelled, format!("GET {path} was given up"), "")),
        }
    }
    pages.sort_by_key(|(offset, _)| *offset);
    found.extend(pages.into_iter().flat_map(|(_, items)| items));
    Ok(found)
}

fn keypairs_of(body: &[u8], path: &str, chains: &mut Chains) -> Read<Keypair> {
    page::read(body, path, |item: wire::Keypair<'_>| model::keypair(&item, chains))
}

/// The whole list.
pub async fn keypairs(line: &Line) -> Result<Vec<Arc<Keypair>>, Failure> {
    // Pages share their chain certificates; the lock is held while one page is read, never during a request.
    let chains = Arc::new(Mutex::new(Chains::new()));
    let read = move |body: &[u8], path: &str| keypairs_of(body, path, &mut chains.lock());
    let mut keypairs = all(line, "/keypairs", read).await?;
    let mut seen = HashSet::new();
    keypairs.retain(|keypair| seen.insert(keypair.id.clone()));
    if !keypairs.is_empty() && keypairs.iter().all(|keypair| !keypair.certificates_given) {
        join_certificates(line, &mut keypairs).await?;
    }
    complete(line, keypairs).await
}

/// A service whose list has no certificates has them in a list of their own.
async fn join_certificates(line: &Line, keypairs: &mut [Keypair]) -> Result<(), Failure> {
    let read = |body: &[u8], path: &str| {
        let mut chains = Chains::new();
        page::read(body, path, |item: wire::Certificate<'_>| {
            Some((model::keypair_of_certificate(&item)?, model::certificate(&item, &mut chains)?))
        })
    };
    let mut by_keypair: HashMap<String, Vec<KeypairCertificate>> = HashMap::new();
    for (keypair, certificate) in all(line, "/certificates", read).await? {
        by_keypair.entry(keypair).or_default().push(certificate);
    }
    for keypair in keypairs {
        keypair.certificates = by_keypair.remove(&keypair.id).unwrap_or_default();
        model::sort(&mut keypair.certificates);
        keypair.certificates_given = true;
        keypair.public_key = keypair.public_key.take().or_else(|| model::key_of(keypair.certificates.first()?));
    }
    Ok(())
}

/// Keypairs without a public key or without their certificates are asked for one by one.
async fn complete(line: &Line, keypairs: Vec<Keypair>) -> Result<Vec<Arc<Keypair>>, Failure> {
    let mut complete = Vec::with_capacity(keypairs.len());
    for keypair in keypairs {
        let poor = keypair.public_key.is_none() || !keypair.certificates_given;
        let richer = if poor { by_id_raw(line, &keypair.id).await.ok().flatten() } else { None };
        complete.push(Arc::new(richer.unwrap_or(keypair)));
    }
    Ok(complete)
}

/// The keypairs with exactly this alias; if there is none, one whose alias differs by case only.
pub async fn by_alias(line: &Line, alias: &str) -> Result<(Vec<Arc<Keypair>>, Option<String>), Failure> {
    let request = Request::list("/keypairs").with("alias", alias).with("limit", PAGE.to_string());
    let page = line.page(&request, |body, path| keypairs_of(body, path, &mut Chains::new())).await?;
    let filtered = page.total.unwrap_or(page.count) <= page.count;
    let mut found = page.items;
    if !filtered && !found.iter().any(|keypair| keypair.alias == alias) {
        // The service does not filter, and the page is not all: only the list can tell.
        let all = keypairs(line).await?;
        let similar = similar(alias, all.iter().map(|keypair| &keypair.alias));
        return Ok((all.into_iter().filter(|keypair| keypair.alias == alias).collect(), similar));
    }
    let similar = similar(alias, found.iter().map(|keypair| &keypair.alias));
    found.retain(|keypair| keypair.alias == alias);
    Ok((complete(line, found).await?, similar))
}

fn similar<'a>(alias: &str, mut known: impl Iterator<Item = &'a String>) -> Option<String> {
    known.find(|other| *other != alias && other.to_lowercase() == alias.to_lowercase()).cloned()
}

/// The keypair with this id, if there is one.
pub async fn by_id(line: &Line, id: &str) -> Result<Option<Arc<Keypair>>, Failure> {
    Ok(by_id_raw(line, id).await?.map(Arc::new))
}

async fn by_id_raw(line: &Line, id: &str) -> Result<Option<Keypair>, Failure> {
    let read = |keypair: &wire::Keypair<'_>| model::keypair(keypair, &mut Chains::new());
    match line.keypair(&Request::get(format!("/keypairs/{}", segment(id))), read).await {
        Ok(keypair) => Ok(keypair.filter(|keypair| keypair.id == id)),
        Err(failure) if failure.kind == Kind::NotFound => Ok(None),
        Err(failure) => Err(failure),
    }
}
