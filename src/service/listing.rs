//! Requests keypairs as a list, by alias and by id.

use super::chains::Chains;
use super::complete;
use super::dialect::{self, LIMITS};
use super::failure::{Failure, Kind};
use super::line::Line;
use super::list::{self, Read, most_informative, plainer_too};
use super::model::{self, Keypair};
use super::page;
use super::request::Request;
use super::transport::aside;
use super::wire;
use crate::lock::Mutex;
use crate::plural::counted;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::SystemTime;

/// The keypairs of an account.
pub struct Listing {
    /// In the service's order.
    pub keypairs: Vec<Arc<Keypair>>,
    /// Whether the service counts more keypairs than it lists: a missing one may exist.
    pub short: bool,
}

/// The result of a search by alias.
pub struct Lookup {
    /// The keypairs with exactly this alias.
    pub found: Vec<Arc<Keypair>>,
    /// An alias that differs only in case.
    pub similar: Option<String>,
    /// The whole list, if it had to be requested.
    pub listing: Option<Listing>,
}

fn keypairs_of(body: &[u8], path: &str, chains: &mut Chains) -> Read<Keypair> {
    page::read(body, path, |item: wire::Keypair<'_>| model::keypair(&item, chains))
}

/// The whole list, page by page.
pub async fn keypairs(line: &Line) -> Result<Listing, Failure> {
    // Pages share their chain certificates; the lock is held while a page is parsed, never during a request.
    let chains = Arc::new(Mutex::new(Chains::new()));
    let read = move |body: &[u8], path: &str| keypairs_of(body, path, &mut chains.lock());
    let listed = aside(|| list::all(line, "/keypairs", read)).await?;
    let (keypairs, repeated) = distinct(listed.items);
    let (short, miscount) = compared(listed.count.saturating_sub(repeated), listed.total);
    if let Some(miscount) = miscount {
        log::warn!("GET /keypairs: {miscount}");
    }
    Ok(Listing { keypairs: aside(|| complete::listed(line, keypairs)).await, short })
}

/// The keypairs without those whose id came before, and the number of those.
fn distinct(mut keypairs: Vec<Keypair>) -> (Vec<Keypair>, usize) {
    let mut seen = HashSet::with_capacity(keypairs.len());
    let new: Vec<bool> = keypairs.iter().map(|keypair| seen.insert(keypair.id.as_str())).collect();
    let repeated = new.iter().filter(|new| !**new).count();
    let mut new = new.into_iter();
    keypairs.retain(|_| new.next() == Some(true));
    (keypairs, repeated)
}

/// Compares the number of listed keypairs with the service's own: whether some are missing, and the difference in words.
fn compared(count: usize, total: Option<usize>) -> (bool, Option<String>) {
    let total = total.unwrap_or(count);
    let miscount = || format!("the service counts {} and lists {count}", counted(total, "keypair"));
    (total > count, (total != count).then(miscount))
}

/// The keypairs with exactly this alias. The request has no `limit`, because an alias names one keypair.
pub async fn by_alias(line: &Line, alias: &str) -> Result<Lookup, Failure> {
    let dialect = &line.endpoint.dialect;
    if !dialect.filters() {
        return in_the_list(line, alias).await;
    }
    let request = Request::list("/keypairs").with("alias", alias);
    let page = match line.page(&request, |body, path| keypairs_of(body, path, &mut Chains::new())).await {
        Ok(page) => page,
        // Another way to say that the alias does not exist.
        Err(failure) if failure.kind == Kind::NotFound && failure.says_no_such_keypair() => {
            return Ok(Lookup { found: Vec::new(), similar: None, listing: None });
        }
        Err(failure) if failure.kind != Kind::Timeout && dialect::may_be_of_a_parameter(&failure) => {
            log::debug!("{failure}; the alias is looked for in the list");
            return match in_the_list(line, alias).await {
                Ok(lookup) => {
                    dialect.no_filter(&failure);
                    Ok(lookup)
                }
                Err(other) => Err(most_informative(Some(failure), other)),
            };
        }
        Err(failure) => return Err(failure),
    };
    let mut found = page.items;
    // The service does not filter, or the page is incomplete: only the list is reliable.
    let is_whole = is_whole(page.count, page.total, page.limit);
    if !is_reliable(alias, page.count, is_whole, found.iter().map(|keypair| &*keypair.alias)) {
        return in_the_list(line, alias).await;
    }
    let similar = similar(alias, found.iter().map(|keypair| &keypair.alias));
    found.retain(|keypair| keypair.alias == alias);
    Ok(Lookup { found: aside(|| complete::few(line, found)).await, similar, listing: None })
}

/// Whether the page of a search by alias, with these aliases, answers it: it has the alias, or nothing, or is a whole list of similar
/// ones.
fn is_reliable<'a>(alias: &str, count: usize, is_whole: bool, known: impl Iterator<Item = &'a str> + Clone) -> bool {
    let lower = alias.to_lowercase();
    let mut similar = known.clone().map(|known| known.to_lowercase().contains(&lower));
    count == 0 || known.clone().any(|known| known == alias) || is_whole && similar.all(|similar| similar)
}

/// Whether a page of so many items is the whole list, as far as the service says.
fn is_whole(count: usize, total: Option<usize>, limit: Option<usize>) -> bool {
    let is_known = total.is_some() || limit.is_some();
    is_known && total.is_none_or(|total| total <= count) && limit.is_none_or(|limit| count < limit)
}

async fn in_the_list(line: &Line, alias: &str) -> Result<Lookup, Failure> {
    let listing = keypairs(line).await?;
    let similar = similar(alias, listing.keypairs.iter().map(|keypair| &keypair.alias));
    let found = listing.keypairs.iter().filter(|keypair| keypair.alias == alias).cloned().collect();
    Ok(Lookup { found, similar, listing: Some(listing) })
}

fn similar<'a>(alias: &str, mut known: impl Iterator<Item = &'a String>) -> Option<String> {
    known.find(|other| *other != alias && other.to_lowercase() == alias.to_lowercase()).cloned()
}

/// One small request that checks connection and credentials; returns the service's clock, if the response has it.
pub async fn knock(line: &Line) -> Result<Option<SystemTime>, Failure> {
    if LIMITS[line.endpoint.dialect.limit()].is_none() {
        return line.knock(&Request::list("/keypairs")).await;
    }
    match line.knock(&Request::get("/keypairs").with("limit", "1")).await {
        Err(failure) if dialect::may_be_of_a_parameter(&failure) => {
            line.knock(&Request::list("/keypairs")).await.map_err(|_| plainer_too(failure))
        }
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_the_whole_list_only_if_the_service_says_so() {
        for (count, total, limit, expected) in [
            (3, Some(3), Some(4), true),
            (3, Some(3), Some(3), false),
            (3, Some(4), Some(5), false),
            (3, Some(3), None, true),
            (3, Some(4), None, false),
            (3, None, Some(4), true),
            (3, None, Some(3), false),
            (3, None, None, false),
        ] {
            assert_eq!(is_whole(count, total, limit), expected, "{count} {total:?} {limit:?}");
        }
    }

    #[test]
    fn a_page_answers_a_search_if_the_service_filtered_it() {
        for (aliases, is_whole, expected) in [
            (&[][..], false, true),
            (&["other", "key"], false, true),
            (&["Key", "my-key"], true, true),
            (&["Key", "my-key"], false, false),
            (&["Key", "other"], true, false),
            (&["other"], false, false),
        ] {
            let found = is_reliable("key", aliases.len(), is_whole, aliases.iter().copied());
            assert_eq!(found, expected, "{aliases:?} {is_whole}");
        }
        assert!(!is_reliable("key", 1, false, [].into_iter()), "it has a keypair that cannot be read");
    }

    #[test]
    fn a_list_with_fewer_keypairs_than_the_service_counts_is_short() {
        assert_eq!(compared(2, None), (false, None));
        assert_eq!(compared(2, Some(2)), (false, None));
        assert_eq!(compared(2, Some(3)), (true, Some("the service counts 3 keypairs and lists 2".to_owned())));
        assert_eq!(compared(2, Some(1)), (false, Some("the service counts 1 keypair and lists 2".to_owned())));
    }

    #[test]
    fn a_keypair_that_is_listed_twice_is_one() {
        let page = br#"[{"id": 1, "alias": "a"}, {"id": 2, "alias": "a"}, {"id": 1, "alias": "b"}]"#;
        let page = keypairs_of(page, "/keypairs", &mut Chains::new()).ok().unwrap();
        let (keypairs, repeated) = distinct(page.items);
        let names: Vec<_> = keypairs.iter().map(|keypair| (&*keypair.id, &*keypair.alias)).collect();
        assert_eq!((names, repeated), (vec![("1", "a"), ("2", "a")], 1));
    }

    #[test]
    fn a_similar_alias_differs_only_in_case() {
        let known = ["other", "Name", "NAME"].map(str::to_owned);
        assert_eq!(similar("name", known.iter()).as_deref(), Some("Name"));
        assert_eq!(similar("Name", known.iter()).as_deref(), Some("NAME"));
        assert_eq!(similar("none", known.iter()), None);
    }
}
