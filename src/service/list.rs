//! A list, page by page. The module requests pages as long as they are full. The length that the service states only
//! decides how many requests run in parallel.

use super::budget::{AT_ONCE, Kept};
use super::dialect::{self, LIMITS};
use super::failure::{Failure, Kind};
use super::line::Line;
use super::page::{NoPage, Page};
use super::request::Request;
use super::transport::aside;
use std::collections::HashSet;

/// The number of pages that may wait to be parsed while [`AT_ONCE`] are requested.
const PARSED: usize = AT_ONCE;
/// More pages than any account has: stops a list that never ends.
const MAX_PAGES: usize = 2000;

/// A page, parsed from a response's text and path.
pub type Read<T> = Result<Page<T>, NoPage>;

/// A list, as far as it could be read.
pub struct Listed<T> {
    /// The parsed items, in the service's order.
    pub items: Vec<T>,
    /// The number of items, including those that could not be parsed.
    pub count: usize,
    /// The number of items according to the service.
    pub total: Option<usize>,
}

/// All items of a list; `read` parses each page as it arrives.
pub async fn all<T: Kept + Send + 'static>(
    line: &Line,
    path: &'static str,
    read: impl Fn(&[u8], &str) -> Read<T> + Clone + Send + Sync + 'static,
) -> Result<Listed<T>, Failure> {
    let (first, asked) = first_page(line, path, &read).await?;
    aside(|| further(line, path, read, first, asked)).await
}

/// The list whose first page is `first`, read with the limit `asked`.
async fn further<T: Kept + Send + 'static>(
    line: &Line,
    path: &'static str,
    read: impl Fn(&[u8], &str) -> Read<T> + Clone + Send + Sync + 'static,
    first: Page<T>,
    asked: Option<usize>,
) -> Result<Listed<T>, Failure> {
    let mut walk = Walk::new(&first, asked);
    let mut pages = vec![(0, first.items)];
    let mut under_way = tokio::task::JoinSet::new();
    loop {
        while let Some(offset) = walk.next(under_way.len()) {
            let (line, read, limit) = (line.clone(), read.clone(), asked.map(|limit| walk.step.min(limit)));
            under_way.spawn(async move { (offset, page(&line, path, Some(offset), limit, &read).await) });
        }
        match under_way.join_next().await {
            None => break,
            Some(Ok((offset, Ok(page)))) => {
                if walk.arrived(offset, page.count, page.first) {
                    pages.push((offset, page.items));
                }
            }
            Some(Ok((_, Err(failure)))) if refuses_offset(pages.len(), &failure) => {
                under_way.abort_all();
                let whole = in_one_page(line, path, walk.total, &read, failure).await?;
                return Ok(Listed { items: whole.items, count: whole.count, total: whole.total });
            }
            Some(Ok((_, Err(failure)))) => return Err(failure),
            Some(Err(_)) => return Err(Failure::new(Kind::Cancelled, format!("GET {path} was given up"), "")),
        }
    }
    pages.sort_by_key(|(offset, _)| *offset);
    let items = pages.into_iter().flat_map(|(_, items)| items).collect();
    Ok(Listed { items, count: walk.count, total: walk.total })
}

async fn page<T: Kept>(
    line: &Line,
    path: &'static str,
    offset: Option<usize>,
    limit: Option<usize>,
    read: impl Fn(&[u8], &str) -> Read<T>,
) -> Result<Page<T>, Failure> {
    line.page(&request(path, offset, limit), read).await
}

fn request(path: &str, offset: Option<usize>, limit: Option<usize>) -> Request {
    let named = [("limit", limit), ("offset", offset)];
    let named = named.into_iter().filter_map(|(name, value)| Some((name, value?)));
    named.fold(Request::list(path), |request, (name, value)| request.with(name, value.to_string()))
}

/// The first page with the largest accepted `limit`, and that `limit`.
async fn first_page<T: Kept>(
    line: &Line,
    path: &'static str,
    read: impl Fn(&[u8], &str) -> Read<T>,
) -> Result<(Page<T>, Option<usize>), Failure> {
    let dialect = &line.endpoint.dialect;
    let begin = dialect.limit();
    let mut refusal: Option<Failure> = None;
    for (place, limit) in LIMITS.into_iter().enumerate().skip(begin) {
        let plainer = place + 1 < LIMITS.len();
        let request = request(path, None, limit);
        match line.page(&if plainer { request.hasty() } else { request }, &read).await {
            Ok(page) => {
                if let Some(refusal) = &refusal {
                    dialect.begin_at(place, refusal);
                }
                return Ok((page, limit));
            }
            Err(failure) if plainer && dialect::may_be_of_a_parameter(&failure) => {
                log::debug!("{failure}; sending a plainer list request");
                refusal.get_or_insert(failure);
            }
            Err(failure) => return Err(most_informative(refusal, failure)),
        }
    }
    Err(Failure::new(Kind::BadAnswer, format!("GET {path} was not asked for"), ""))
}

/// Marks the first of several refusals.
pub fn plainer_too(refusal: Failure) -> Failure {
    Failure { cause: format!("{} (plainer requests fail as well)", refusal.cause), ..refusal }
}

/// The first of several refusals is of the usual request; `last` counts if it is about something else.
pub fn most_informative(first: Option<Failure>, last: Failure) -> Failure {
    match first {
        Some(first) if dialect::may_be_of_a_parameter(&last) => plainer_too(first),
        _ => last,
    }
}

/// Whether the first request with an `offset`, after so many pages, was refused because of it.
fn refuses_offset(pages: usize, failure: &Failure) -> bool {
    let is_clients = failure.status.is_some_and(|status| (400..500).contains(&status));
    pages == 1 && is_clients && dialect::may_be_of_a_parameter(failure)
}

/// The service refuses `offset`: the whole list in one page, or the refusal.
async fn in_one_page<T: Kept>(
    line: &Line,
    path: &'static str,
    total: Option<usize>,
    read: impl Fn(&[u8], &str) -> Read<T>,
    refusal: Failure,
) -> Result<Page<T>, Failure> {
    let remedy = "find keypairs by alias, or name them in STM_PKCS11_KEYPAIRS: only the list needs further pages";
    let refused = || Failure { remedy: remedy.to_owned(), ..refusal };
    let Some(total) = total else { return Err(refused()) };
    match page(line, path, None, Some(total), read).await {
        Ok(page) if page.count >= total => Ok(page),
        _ => Err(refused()),
    }
}

/// The pages to request.
struct Walk {
    /// The number of items on a full page.
    step: usize,
    /// The next offset to request.
    offset: usize,
    /// The total number of items, if the service states more than its first page has.
    total: Option<usize>,
    /// Whether the stated number is that of the list, and not of the page.
    counted: bool,
    ended: bool,
    /// Pages that remain to be requested in parallel.
    wave: usize,
    /// The pages read, and their items.
    pages: usize,
    count: usize,
    /// The ids of the first items: a service that ignores the offset repeats them.
    firsts: HashSet<String>,
}

impl Walk {
    fn new<T>(first: &Page<T>, asked: Option<usize>) -> Self {
        // The page size is what the service states, or else what it sent.
        let step = first.limit.map_or(first.count, |limit| limit.min(first.count));
        // If the service states neither, a page that is shorter than requested may have a smaller size.
        let full_size = first.limit.or(asked.filter(|_| first.total.is_some()));
        let counted = first.total.is_some_and(|total| total > first.count);
        let short = full_size.is_some_and(|size| first.count < size);
        Self {
            step,
            offset: step,
            total: first.total,
            counted,
            ended: first.count == 0 || short && !counted,
            wave: 0,
            pages: 1,
            count: first.count,
            firsts: first.first.iter().cloned().collect(),
        }
    }

    /// The next page to request, while this many are in progress.
    fn next(&mut self, under_way: usize) -> Option<usize> {
        if self.ended || self.offset / self.step >= MAX_PAGES {
            return None;
        }
        // A page that begins at the end follows a full one, and shows that the list has no more.
        let inside = self.counted && self.offset <= self.total.unwrap_or(0);
        if inside {
            // Only the second page shows whether there are more.
            let at_once = if self.pages == 1 { 1 } else { AT_ONCE + PARSED };
            if under_way >= at_once {
                return None;
            }
        } else {
            // The total is unknown: request a few more pages than there were, and decide then.
            if under_way == 0 {
                self.wave = if self.counted { 1 } else { self.pages.min(AT_ONCE) };
            }
            self.wave = self.wave.checked_sub(1)?;
        }
        self.offset += self.step;
        Some(self.offset - self.step)
    }

    /// Records a page; returns whether its items are new.
    fn arrived(&mut self, offset: usize, count: usize, first: Option<String>) -> bool {
        let repeated = first.is_some_and(|first| !self.firsts.insert(first));
        if count == 0 || repeated {
            self.ended = true;
            return false;
        }
        // A page inside the list can be short if this user may not see all items.
        let last = offset + self.step >= self.total.filter(|_| self.counted).unwrap_or(0);
        self.ended |= last && count < self.step;
        self.pages += 1;
        self.count += count;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The offsets that are requested for a list of this many items, and how many were read. `answer` returns the page
    /// at an offset: the id of its first item, and their number.
    fn walk(first: Page<()>, asked: Option<usize>, answer: impl Fn(usize) -> (usize, usize)) -> (Vec<usize>, usize) {
        let mut walk = Walk::new(&first, asked);
        let (mut offsets, mut waiting) = (Vec::new(), std::collections::VecDeque::new());
        loop {
            while let Some(offset) = walk.next(waiting.len()) {
                offsets.push(offset);
                waiting.push_back(offset);
            }
            let Some(offset) = waiting.pop_front() else { return (offsets, walk.count) };
            let (first, count) = answer(offset);
            walk.arrived(offset, count, (count > 0).then(|| first.to_string()));
        }
    }

    fn first(count: usize, total: Option<usize>, limit: Option<usize>) -> Page<()> {
        Page { items: Vec::new(), kept: 0, count, first: (count > 0).then(|| "0".to_owned()), total, limit }
    }

    /// A list of `len` items in pages of `size`.
    fn list(len: usize, size: usize) -> impl Fn(usize) -> (usize, usize) {
        move |offset| (offset, len.saturating_sub(offset).min(size))
    }

    #[test]
    fn pages_are_asked_for_while_they_are_full() {
        let asked = Some(100);
        for (len, total, limit, offsets) in [
            (0, Some(0), Some(100), 0),
            (7, Some(7), Some(100), 0),
            (7, None, Some(100), 0),
            // Neither total nor page size: seven may be a full page.
            (7, None, None, 1),
            (253, Some(253), Some(100), 2),
            (253, None, Some(100), 2),
            (253, None, None, 2),
            // The total is that of the page.
            (253, Some(100), Some(100), 2),
            (253, Some(100), None, 2),
            // A total that is too small, and one that is too large.
            (253, Some(150), Some(100), 2),
            (253, Some(900), Some(100), 8),
            // A last page that is full.
            (200, Some(200), Some(100), 2),
        ] {
            let page = first(len.min(100), total, limit);
            let (asked_for, read) = walk(page, asked, list(len, 100));
            assert_eq!(read, len, "{len} {total:?} {limit:?}");
            assert!(
                asked_for.len() >= offsets && asked_for.len() <= offsets + AT_ONCE + PARSED,
                "{len} {total:?}: {asked_for:?}"
            );
        }
    }

    #[test]
    fn all_pages_that_must_be_requested_are_requested_at_once() {
        for (len, offsets) in [(353, vec![200, 300]), (400, vec![200, 300, 400])] {
            let mut walk = Walk::new(&first(100, Some(len), Some(100)), Some(100));
            let second = walk.next(0).unwrap();
            assert_eq!(walk.next(1), None, "only the second page shows whether there are more");
            assert!(walk.arrived(second, 100, Some(second.to_string())));
            let at_once: Vec<usize> = (0..).map_while(|under_way| walk.next(under_way)).collect();
            assert_eq!(at_once, offsets, "{len} keypairs: before any of these pages has arrived");
        }
    }

    #[test]
    fn a_long_list_has_six_requests_in_progress_and_as_many_pages_to_parse() {
        let mut walk = Walk::new(&first(100, Some(100_000), Some(100)), Some(100));
        let second = walk.next(0).unwrap();
        walk.arrived(second, 100, Some(second.to_string()));
        assert_eq!((0..).map_while(|under_way| walk.next(under_way)).count(), 12);
    }

    fn refusal(status: u16, cause: &str) -> Failure {
        Failure { status: Some(status), ..Failure::new(Kind::BadRequest, cause, "") }
    }

    #[test]
    fn only_the_first_further_page_shows_that_the_service_refuses_an_offset() {
        for (pages, status, expected) in
            [(1, 400, true), (1, 499, true), (2, 400, false), (1, 500, false), (1, 401, false), (1, 399, false)]
        {
            assert_eq!(refuses_offset(pages, &refusal(status, "no")), expected, "{pages} {status}");
        }
    }

    #[test]
    fn the_first_of_several_refusals_is_reported_unless_the_last_has_another_reason() {
        let said = |first: Option<&str>, last| {
            let first = first.map(|cause| refusal(400, cause));
            most_informative(first, refusal(last, "last")).to_string()
        };
        assert_eq!(said(Some("first"), 400), "first (plainer requests fail as well)");
        assert_eq!(said(Some("first"), 401), "last");
        assert_eq!(said(None, 400), "last");
    }

    #[test]
    fn a_smaller_page_than_asked_for_is_gone_on_with() {
        let (offsets, read) = walk(first(50, Some(120), Some(100)), Some(100), list(120, 50));
        assert_eq!((offsets, read), (vec![50, 100], 120));
        let (_, read) = walk(first(20, None, Some(20)), None, list(45, 20));
        assert_eq!(read, 45);
        let (_, read) = walk(first(20, None, None), None, list(45, 20));
        assert_eq!(read, 45);
    }

    #[test]
    fn a_page_that_is_repeated_ends_the_list() {
        let (offsets, read) = walk(first(3, Some(1_000_000_000), Some(3)), Some(100), |_| (0, 3));
        assert_eq!(read, 3);
        assert_eq!(offsets, [3], "one page shows it");
        let (offsets, read) = walk(first(3, None, None), Some(100), |_| (0, 3));
        assert_eq!((offsets.len(), read), (1, 3));
    }

    #[test]
    fn a_list_without_end_ends() {
        let (offsets, _) = walk(first(3, None, Some(3)), Some(100), |offset| (offset, 3));
        assert_eq!(offsets.len(), MAX_PAGES - 1);
    }
}
