//! The keypairs of an account, as searches find them: in the cache, or by the smallest request.

use super::cache::{self, Cache};
use super::deadline::Deadline;
use super::dialect::Learned;
use super::flight::{self, Flight};
use super::lines::Lines;
use super::model::Keypair;
use super::refused::Refused;
use super::single_flight::{Found, Key, SingleFlight};
use super::stats::Stats;
use super::wanted::Wanted;
use super::{certificate_choice, listing, lookup};
use crate::config::TokenSettings;
use crate::lock::Mutex;
use crate::pattern;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// What is known of the keypairs of one account.
pub struct Directory {
    settings: Arc<TokenSettings>,
    lines: Arc<Lines>,
    /// What the cache has learned; `None` until it is read.
    learned: Mutex<Option<Learned>>,
    refused: Refused,
    /// Whether the last list was shorter than the service's own count.
    short: AtomicBool,
    /// The fetches in progress for the current login.
    single_flight: Mutex<Arc<SingleFlight>>,
    /// The cache for the current login; created when it is first needed.
    cache: Mutex<Option<Arc<Cache>>>,
    /// The last alias that was requested, and one that differs from it only in case.
    similar: Mutex<Option<(String, String)>>,
}

impl Directory {
    /// Reads no file, and sends no request.
    pub fn new(settings: Arc<TokenSettings>, lines: Arc<Lines>) -> Self {
        Self {
            settings,
            lines,
            learned: Mutex::default(),
            refused: Refused::default(),
            short: AtomicBool::new(false),
            single_flight: Mutex::default(),
            cache: Mutex::default(),
            similar: Mutex::default(),
        }
    }

    /// Keypairs. Parallel callers with the same search share one fetch.
    pub fn keypairs(&self, wanted: Wanted<'_>, deadline: Deadline) -> Found {
        let (key, hidden) = match wanted {
            Wanted::All => (Key::All, false),
            Wanted::Alias(alias) => (Key::Alias(alias.to_owned()), !self.shows(alias)),
            Wanted::Id(id) => (Key::Id(id.to_owned()), false),
        };
        if hidden {
            return Ok(Vec::new());
        }
        let single_flight = Arc::clone(&self.single_flight.lock());
        let found = single_flight.share(key, deadline, || {
            // Before the cache, because it belongs to the credentials.
            let deadline = self.lines.obtain(deadline)?;
            let cache = self.cache();
            if let Some(known) = cache.find(wanted) {
                Stats::add(&self.lines.stats.cache_hits, 1);
                return Ok(self.without_doubts(&cache, known, deadline));
            }
            self.refused.still()?;
            let flight = flight::join(cache.lock_path(wanted).as_deref(), deadline.at());
            // Whoever asked may also have ended just before this process took the lock.
            if !matches!(flight, Flight::Own(None))
                && let Some(known) = cache.find(wanted)
            {
                Stats::add(&self.lines.stats.cache_hits, 1);
                return Ok(self.without_doubts(&cache, known, deadline));
            }
            self.recall(&cache);
            let found = self.ask(wanted, deadline).inspect_err(|failure| {
                let silent = is_silent(*self.lines.stats.last_answer.lock(), deadline.begun());
                self.refused.note(failure, matches!(wanted, Wanted::Id(_)), silent);
            })?;
            if may_be_kept(wanted, self.list_is_short()) {
                self.keep(&cache, wanted, &found);
            }
            self.remember(&cache);
            Ok(found)
        })?;
        let shown = found.into_iter().filter(|keypair| self.shows(&keypair.alias));
        Ok(self.with_chosen_certificates(wanted, shown.collect()))
    }

    /// Puts the certificates first that `STM_PKCS11_CERTIFICATE` names, and reports names that match none.
    fn with_chosen_certificates(&self, wanted: Wanted<'_>, keypairs: Vec<Arc<Keypair>>) -> Vec<Arc<Keypair>> {
        let setting = &self.settings.certificates;
        if setting.is_empty() {
            return keypairs;
        }
        let keypairs: Vec<_> =
            keypairs.into_iter().map(|keypair| certificate_choice::choose(setting, keypair)).collect();
        if wanted != Wanted::All {
            for mismatch in keypairs.iter().filter_map(|keypair| certificate_choice::mismatch(setting, keypair)) {
                log::error!("{mismatch}");
            }
        } else if !self.list_is_short() {
            for name in self.unmatched_certificates(&keypairs) {
                log::error!(
                    "STM_PKCS11_CERTIFICATE ({name}) does not name a certificate of any keypair that is shown; use an id or \
                     alias that stm-pkcs11 certificate list shows"
                );
            }
        }
        keypairs
    }

    /// The names in `STM_PKCS11_CERTIFICATE` that match no certificate of these keypairs.
    pub fn unmatched_certificates(&self, keypairs: &[Arc<Keypair>]) -> Vec<&str> {
        certificate_choice::unmatched(&self.settings.certificates, keypairs)
    }

    fn ask(&self, wanted: Wanted<'_>, deadline: Deadline) -> Found {
        match wanted {
            Wanted::All => self.list(deadline),
            Wanted::Alias(alias) => {
                let lookup = self.lines.run(deadline, async |line| listing::by_alias(&line, alias).await)?;
                *self.similar.lock() = lookup.similar.map(|similar| (alias.to_owned(), similar));
                // The service needed the whole list for this: store it, so that the next process need not ask.
                if let Some(listing) = lookup.listing.filter(|listing| may_be_kept(Wanted::All, listing.short)) {
                    self.keep(&self.cache(), Wanted::All, &listing.keypairs);
                }
                Ok(lookup.found)
            }
            Wanted::Id(id) => {
                let found = self.lines.run(deadline, async |line| lookup::by_id(&line, id).await)?;
                Ok(found.into_iter().map(Arc::new).collect())
            }
        }
    }

    /// Adopts, once, what another process learned about the service.
    fn recall(&self, cache: &Cache) {
        let mut learned = self.learned.lock();
        if learned.is_none() {
            let known = cache.dialect().unwrap_or_default();
            self.lines.dialect.recall(known);
            *learned = Some(known);
        }
    }

    /// Stores what this process learned since a search read the cache.
    pub fn remember_dialect(&self) {
        self.remember(&self.cache());
    }

    /// Stores what this process learned since.
    fn remember(&self, cache: &Cache) {
        let (mut known, learned) = (self.learned.lock(), self.lines.dialect.learned());
        if known.unwrap_or_default() != learned {
            cache.store_dialect(learned);
        }
        *known = Some(learned);
    }

    /// Whether the service counted more keypairs than it listed, the last time: a missing one may exist.
    pub fn list_is_short(&self) -> bool {
        self.short.load(Ordering::Relaxed)
    }

    fn cache(&self) -> Arc<Cache> {
        let mut cache = self.cache.lock();
        let made = || Arc::new(Cache::new(&self.settings, self.lines.pin().as_ref()));
        Arc::clone(cache.get_or_insert_with(made))
    }

    /// Stores a response in the cache that was read before, unless another user logged in meanwhile.
    fn keep(&self, cache: &Arc<Cache>, wanted: Wanted<'_>, found: &[Arc<Keypair>]) {
        if Arc::ptr_eq(cache, &self.cache()) {
            cache.store(wanted, found);
        }
    }

    /// The cached keypairs, with a new response for each that failed since: one small request each.
    fn without_doubts(&self, cache: &Arc<Cache>, known: cache::Known, deadline: Deadline) -> Vec<Arc<Keypair>> {
        let cache::Known { mut keypairs, doubtful } = known;
        for place in doubtful.into_iter().rev() {
            let id = keypairs[place].id.clone();
            match self.ask(Wanted::Id(&id), deadline) {
                Ok(found) => {
                    match found.is_empty() {
                        true => cache.note_gone(&id),
                        false => self.keep(cache, Wanted::Id(&id), &found),
                    }
                    keypairs.splice(place..=place, found);
                }
                Err(failure) => log::info!("keypair {} is shown as it was: {failure}", keypairs[place].alias),
            }
        }
        keypairs
    }

    /// An alias that differs from this one only in case, if the service's last response contained one.
    pub fn similar(&self, alias: &str) -> Option<String> {
        self.similar.lock().as_ref().filter(|(wanted, _)| wanted == alias).map(|(_, similar)| similar.clone())
    }

    /// Whether the `keypairs` setting lets an alias through.
    pub fn shows(&self, alias: &str) -> bool {
        let patterns = &self.settings.keypairs;
        patterns.is_empty() || patterns.iter().any(|pattern| pattern::matches(pattern, alias))
    }

    /// The list; if the settings name the keypairs one by one, each is requested instead.
    fn list(&self, deadline: Deadline) -> Found {
        let names: Option<Vec<String>> = self.settings.keypairs.iter().map(|name| pattern::literal(name)).collect();
        let Some(names) = names.filter(|names| !names.is_empty()) else {
            let listing = self.lines.run(deadline, async |line| listing::keypairs(&line).await)?;
            self.short.store(listing.short, Ordering::Relaxed);
            return Ok(listing.keypairs);
        };
        self.short.store(false, Ordering::Relaxed);
        self.lines.run(deadline, async |line| {
            let mut found = Vec::new();
            for name in &names {
                let lookup = listing::by_alias(&line, name).await?;
                // If one name needed the whole list, it answers for all names.
                if let Some(listing) = lookup.listing {
                    return Ok(listing.keypairs);
                }
                found.extend(lookup.found);
            }
            Ok(found)
        })
    }

    /// A keypair was created: earlier misses and the cached list are out of date.
    pub fn outdate(&self) {
        self.single_flight.lock().forget_misses();
        self.cache().outdate_list();
    }

    /// Drops the cached entries of a keypair; returns whether there were any.
    pub fn forget(&self, keypair: &Keypair) -> bool {
        self.cache().forget(&keypair.alias, &keypair.id)
    }

    /// What was learned with one identity does not apply to the next.
    pub fn forget_all(&self) {
        *self.cache.lock() = None;
        *self.single_flight.lock() = Arc::default();
        *self.similar.lock() = None;
        self.short.store(false, Ordering::Relaxed);
    }

    /// The service has accepted the credentials.
    pub fn accepted(&self) {
        self.refused.forget();
    }

    /// Whether the service has refused the credentials, or was away, a moment ago.
    pub fn is_refused(&self) -> bool {
        self.refused.still().is_err()
    }
}

/// Whether a search's result may be stored. A short list would hide keypairs; a single one says nothing about others.
fn may_be_kept(wanted: Wanted<'_>, list_is_short: bool) -> bool {
    wanted != Wanted::All || !list_is_short
}

/// Whether the service has answered no request since this call began.
fn is_silent(last_answer: Option<Instant>, begun: Instant) -> bool {
    last_answer.is_none_or(|answer| answer < begun)
}

#[cfg(test)]
mod tests {
    use super::super::failure::{Failure, Kind};
    use super::super::model;
    use super::*;
    use crate::config::CacheMode;
    use std::path::Path;
    use std::time::Duration;

    /// Of a service that is not there, with its cache in `folder`.
    fn directory(folder: &Path) -> Directory {
        let settings = TokenSettings::sample(|settings| {
            settings.cache_dir = Some(folder.to_owned());
            settings.cache = CacheMode::For(Duration::from_secs(600));
        });
        Directory::new(Arc::clone(&settings), Arc::new(Lines::new(settings)))
    }

    fn keypair() -> Arc<Keypair> {
        let keypair = Keypair::from_json(&serde_json::json!({"id": "1", "alias": "k", "certificates": []}));
        Arc::new(Keypair { key_problem: None, given: model::Given::All, ..keypair })
    }

    #[test]
    fn a_short_list_is_not_kept_and_a_single_keypair_is() {
        for (wanted, short, expected) in [
            (Wanted::All, false, true),
            (Wanted::All, true, false),
            (Wanted::Alias("k"), true, true),
            (Wanted::Id("1"), false, true),
        ] {
            assert_eq!(may_be_kept(wanted, short), expected, "{wanted:?} {short}");
        }
    }

    #[test]
    fn a_service_is_silent_until_it_answers_this_call() {
        let begun = Instant::now();
        let moment = Duration::from_millis(1);
        for (last, expected) in
            [(None, true), (begun.checked_sub(moment), true), (Some(begun), false), (Some(begun + moment), false)]
        {
            assert_eq!(is_silent(last, begun), expected, "{last:?}");
        }
    }

    #[test]
    fn what_another_process_asked_for_meanwhile_is_not_asked_for_again() {
        let folder = tempfile::tempdir().unwrap();
        let (directory, cache) = (directory(folder.path()), self::directory(folder.path()).cache());
        let wanted = Wanted::Alias("k");
        let soon = Instant::now() + Duration::from_secs(60);
        let Flight::Own(Some(lock)) = flight::join(cache.lock_path(wanted).as_deref(), soon) else {
            panic!("nobody else asks")
        };
        std::thread::scope(|scope| {
            let waiting = scope.spawn(|| directory.keypairs(wanted, Deadline::after(Duration::from_secs(60))));
            std::thread::sleep(Duration::from_millis(30));
            cache.store(wanted, &[keypair()]);
            drop(lock);
            assert_eq!(waiting.join().unwrap(), Ok(vec![keypair()]));
        });
    }

    #[test]
    fn what_one_process_learned_the_next_one_recalls() {
        let folder = tempfile::tempdir().unwrap();
        let (one, other) = (directory(folder.path()), directory(folder.path()));
        one.remember_dialect();
        assert_eq!(other.cache().dialect(), None, "there is nothing to remember");
        one.lines.dialect.name_account();
        one.remember_dialect();
        other.recall(&other.cache());
        assert!(other.lines.dialect.account());
    }

    #[test]
    fn a_new_keypair_outdates_misses_and_the_list() {
        let folder = tempfile::tempdir().unwrap();
        let directory = directory(folder.path());
        let cache = directory.cache();
        cache.store(Wanted::All, &[keypair()]);
        let share = |found| {
            let single_flight = Arc::clone(&directory.single_flight.lock());
            single_flight.share(Key::All, Deadline::after(Duration::from_secs(60)), || Ok(found))
        };
        assert_eq!((share(Vec::new()), share(vec![keypair()])), (Ok(Vec::new()), Ok(Vec::new())));
        directory.outdate();
        assert_eq!((cache.find(Wanted::All), share(vec![keypair()])), (None, Ok(vec![keypair()])));
    }

    #[test]
    fn a_similar_alias_is_that_of_the_last_search() {
        let folder = tempfile::tempdir().unwrap();
        let directory = directory(folder.path());
        *directory.similar.lock() = Some(("KEY".into(), "key".into()));
        directory.short.store(true, Ordering::Relaxed);
        assert_eq!((directory.similar("KEY").as_deref(), directory.similar("other")), (Some("key"), None));
        assert!(directory.list_is_short());
        directory.forget_all();
        assert_eq!((directory.similar("KEY"), directory.list_is_short()), (None, false), "it was another user's");
    }

    #[test]
    fn refused_credentials_stay_so_until_some_are_accepted() {
        let folder = tempfile::tempdir().unwrap();
        let directory = directory(folder.path());
        assert!(!directory.is_refused());
        directory.refused.note(&Failure::new(Kind::Unauthorized, "no", ""), false, false);
        assert!(directory.is_refused());
        let refused = directory.keypairs(Wanted::All, Deadline::after(Duration::from_secs(60))).unwrap_err();
        assert_eq!(refused.to_string(), "no", "without another request");
        directory.accepted();
        assert!(!directory.is_refused());
    }
}
