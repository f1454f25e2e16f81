//! The service's responses on disk, so that the next process signs with one request.
//!
//! The cache contains only public data: keypairs, public keys, certificates. Each file belongs to an identity, which is
//! the host and a hash of the credentials; no other identity reads it. The list is one file. Each keypair that was
//! looked up alone has two small files, by alias and by id, because reading a list of thousands takes longer than a
//! request. A keypair that failed gets a note of doubt, and is requested again; the rest of the list stays valid. Files
//! are written beside their path and renamed, so hundreds of processes can read and write at the same time. A file that
//! is damaged, of another version or of another user counts as missing. Nothing here ever fails: without a home
//! directory, or on a full or read-only disk, there is just no cache.

use super::cache_file::{self, Found};
use super::cache_identity::identity;
use super::cache_place::{Place, name};
use super::cache_record::{Doubt, Keypairs};
use super::dialect::Learned;
use super::model::Keypair;
use super::wanted::Wanted;
use crate::config::{CacheMode, Secret, TokenSettings};
use serde::Serialize;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// A longer list, in bytes, is not read to find a single keypair.
const QUICK: u64 = 4 << 20;
/// The longest cache file, in bytes.
const LONGEST: u64 = 1 << 30;
/// With more doubtful keypairs than this, the whole list is requested.
const MOST_DOUBTS: usize = 16;

/// The cache of one identity.
pub struct Cache {
    place: Option<Place>,
    /// The beginning of every file of this identity.
    identity: String,
    /// How long a file is valid.
    lifetime: Duration,
}

struct Stored {
    keypairs: Vec<Arc<Keypair>>,
    /// Whether the list is complete.
    complete: bool,
    /// In milliseconds since 1970.
    written: u64,
}

#[derive(Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Keypairs, in the service's order.
    pub keypairs: Vec<Arc<Keypair>>,
    /// Keypairs that failed since they were listed, so that the service must be asked again: indexes into `keypairs`,
    /// in ascending order.
    pub doubtful: Vec<usize>,
}

impl Cache {
    /// Determines where the files are. `pin` is that of the logged-in user. Reads the size and time of the client
    /// certificate file, and the first bytes of a cache file that the settings name.
    pub fn new(settings: &TokenSettings, pin: Option<&Secret>) -> Self {
        let none = |lifetime| Self { place: None, identity: String::new(), lifetime };
        let lifetime = match settings.cache {
            CacheMode::Off => return none(Duration::ZERO),
            CacheMode::For(lifetime) => lifetime,
            CacheMode::Offline => Duration::MAX,
        };
        let identity = identity(settings, pin);
        Self { place: Place::of(settings, &identity), identity, lifetime }
    }

    /// Fresh entries; `None` if the service must be asked.
    pub fn find(&self, wanted: Wanted<'_>) -> Option<Known> {
        let place = self.place.as_ref()?;
        match wanted {
            Wanted::All => {
                let list = self.read(&place.list, LONGEST).filter(|list| list.complete)?;
                self.with_doubts(place, list)
            }
            Wanted::Alias(name) | Wanted::Id(name) => {
                let fits = |keypair: &Arc<Keypair>| match wanted {
                    Wanted::Alias(_) => keypair.alias == name,
                    _ => keypair.id == name,
                };
                let single = self.read(&place.single(wanted)?, QUICK).map(|single| single.keypairs);
                let keypairs: Vec<_> = single.into_iter().flatten().filter(fits).collect();
                if !keypairs.is_empty() {
                    return Some(Known { keypairs, doubtful: Vec::new() });
                }
                let list = self.read(&place.list, QUICK)?;
                let keypairs: Vec<_> = list.keypairs.into_iter().filter(fits).collect();
                // A name that is missing may be new, and one that failed may have changed: ask the service at once.
                let doubtful = |keypair: &Arc<Keypair>| self.doubt(place, &keypair.id, list.written).is_some();
                let found = !keypairs.is_empty() && !keypairs.iter().any(doubtful);
                found.then_some(Known { keypairs, doubtful: Vec::new() })
            }
        }
    }

    /// The file that a process locks while it asks the service; `None` if it stores nothing that others could wait for.
    pub fn lock_path(&self, wanted: Wanted<'_>) -> Option<PathBuf> {
        let place = self.place.as_ref()?;
        let single = place.single(wanted);
        let file = single.as_ref().and_then(|path| path.file_name()?.to_str()).unwrap_or("list");
        Some(place.folder.join(format!("{file}.lock")))
    }

    /// A list, with the doubts about single keypairs since it was written.
    fn with_doubts(&self, place: &Place, list: Stored) -> Option<Known> {
        let doubts = place.doubts();
        if doubts.is_empty() {
            return Some(Known { keypairs: list.keypairs, doubtful: Vec::new() });
        }
        let mut known = Known::default();
        for keypair in list.keypairs {
            let noted = doubts.contains(&name("doubt", &keypair.id));
            let doubt = if noted { self.doubt(place, &keypair.id, list.written) } else { None };
            let Some((doubt, since)) = doubt else {
                known.keypairs.push(keypair);
                continue;
            };
            let newer = place.single(Wanted::Id(&keypair.id)).and_then(|path| self.read(&path, QUICK));
            match newer.filter(|newer| newer.written >= since) {
                Some(newer) => known.keypairs.extend(newer.keypairs.into_iter().filter(|newer| newer.id == keypair.id)),
                None if doubt.gone => {}
                None => {
                    known.doubtful.push(known.keypairs.len());
                    known.keypairs.push(keypair);
                }
            }
        }
        (known.doubtful.len() <= MOST_DOUBTS).then_some(known)
    }

    /// The doubt about a keypair of a list written at `listed`, and its time.
    fn doubt(&self, place: &Place, id: &str, listed: u64) -> Option<(Doubt, u64)> {
        let content = self.content(&place.doubt(id), QUICK).filter(|content| content.written >= listed)?;
        let doubt = serde_json::from_str(content.body()).unwrap_or(Doubt { gone: false });
        Some((doubt, content.written))
    }

    /// Stores a response of the service.
    pub fn store(&self, wanted: Wanted<'_>, found: &[Arc<Keypair>]) {
        let Some(place) = &self.place else { return };
        let lasting: Vec<Arc<Keypair>> = found.iter().filter(|keypair| !keypair.dynamic).cloned().collect();
        let complete = lasting.len() == found.len();
        match wanted {
            Wanted::All => {
                // This list settles earlier doubts.
                for name in place.doubts() {
                    cache_file::remove(&place.folder.join(name));
                }
                self.write(&place.list, &Keypairs::of(&lasting, complete));
            }
            _ if complete => lasting.iter().for_each(|keypair| self.store_one(keypair, &lasting)),
            _ => {}
        }
    }

    fn store_one(&self, keypair: &Keypair, same_name: &[Arc<Keypair>]) {
        let Some(place) = &self.place else { return };
        let alone: Vec<_> = same_name.iter().filter(|other| other.id == keypair.id).cloned().collect();
        for (wanted, keypairs) in [(Wanted::Alias(&keypair.alias), same_name), (Wanted::Id(&keypair.id), &alone)] {
            if let Some(path) = place.single(wanted) {
                self.write(&path, &Keypairs::of(keypairs, true));
            }
        }
    }

    /// A keypair was created, so the list is no longer complete.
    pub fn outdate_list(&self) {
        if let Some(place) = &self.place {
            cache_file::remove(&place.list);
        }
    }

    /// Drops the entries of a keypair; returns whether there were any.
    pub fn forget(&self, alias: &str, id: &str) -> bool {
        let Some(place) = &self.place else { return false };
        let singles = [Wanted::Alias(alias), Wanted::Id(id)];
        let known = singles.map(|wanted| place.single(wanted).is_some_and(|path| cache_file::remove(&path)));
        let listed = cache_file::look(&place.list) == Found::Ours;
        if listed {
            self.write(&place.doubt(id), &Doubt { gone: false });
        }
        listed || known.contains(&true)
    }

    /// The service no longer has a keypair with this id.
    pub fn note_gone(&self, id: &str) {
        if let Some(place) = &self.place {
            self.write(&place.doubt(id), &Doubt { gone: true });
        }
    }

    /// The service's dialect, as another process learned it.
    pub fn dialect(&self) -> Option<Learned> {
        let content = self.content(&self.place.as_ref()?.dialect(), QUICK)?;
        serde_json::from_str(content.body()).ok()
    }

    /// Stores what this process learned about the service's lists, for later processes.
    pub fn store_dialect(&self, learned: Learned) {
        if let Some(place) = &self.place {
            self.write(&place.dialect(), &learned);
        }
    }

    fn write(&self, path: &Path, body: &impl Serialize) {
        if let Err(error) = cache_file::write(path, &self.identity, body) {
            log::debug!("the cache {} cannot be written: {error}", path.display());
        }
    }

    fn content(&self, path: &Path, longest: u64) -> Option<cache_file::Content> {
        cache_file::read(path, &self.identity, longest, self.lifetime).unwrap_or_else(|error| {
            log::debug!("the cache {} is not used: {error}", path.display());
            None
        })
    }

    fn read(&self, path: &Path, longest: u64) -> Option<Stored> {
        let content = self.content(path, longest)?;
        let decoded = serde_json::from_str::<Keypairs<'_>>(content.body()).ok().and_then(|read| {
            let complete = read.complete();
            Some(Stored { complete, keypairs: read.into_keypairs()?, written: content.written })
        });
        if decoded.is_none() {
            log::debug!("the cache {} is not used: it is damaged", path.display());
        }
        decoded
    }
}

#[cfg(test)]
mod tests {
    use super::super::dialect::Dialect;
    use super::super::model::{Given, KeypairCertificate};
    use super::*;
    use std::fs;

    fn keypair(id: &str, alias: &str, dynamic: bool) -> Arc<Keypair> {
        let chain: Arc<[Arc<[u8]>]> = [Arc::from(&b"one"[..]), Arc::from(&b"two"[..])].into();
        let certificate = KeypairCertificate {
            id: "c".into(),
            alias: "c".into(),
            status: "ACTIVE".into(),
            default: true,
            chosen: false,
            valid_from: String::new(),
            valid_to: String::new(),
            der: vec![1, 2],
            chain,
        };
        Arc::new(Keypair {
            id: id.into(),
            alias: alias.into(),
            key_alg: "RSA".into(),
            key_type: "TEST".into(),
            key_storage: "HSM".into(),
            key_status: "ONLINE".into(),
            dynamic,
            signable: Some(true),
            public_key: Some(vec![3]),
            certificates: vec![certificate],
            key_problem: None,
            given: Given::All,
            account: None,
        })
    }

    fn cache(folder: &Path, lifetime: Duration) -> Cache {
        let place = Some(Place { list: folder.join("list"), folder: folder.to_owned() });
        Cache { place, identity: "one".into(), lifetime }
    }

    const LONG: Duration = Duration::from_secs(600);

    fn found(cache: &Cache, wanted: Wanted<'_>) -> Option<Vec<Arc<Keypair>>> {
        cache.find(wanted).map(|known| known.keypairs)
    }

    #[test]
    fn what_was_stored_is_found_again_by_list_alias_and_id() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(folder.path(), LONG);
        let pair = [keypair("1", "a", false), keypair("2", "b", false)];
        cache.store(Wanted::All, &pair);
        assert_eq!(found(&cache, Wanted::All).unwrap(), pair);
        assert_eq!(found(&cache, Wanted::Alias("b")).unwrap(), pair[1..]);
        assert_eq!(cache.find(Wanted::Alias("c")), None);
        let third = [keypair("3", "c", false)];
        cache.store(Wanted::Alias("c"), &third);
        assert_eq!(found(&cache, Wanted::Id("3")).unwrap(), third);
    }

    #[test]
    fn dynamic_keypairs_are_never_kept() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(folder.path(), LONG);
        cache.store(Wanted::All, &[keypair("1", "a", false), keypair("2", "b", true)]);
        assert_eq!(cache.find(Wanted::All), None);
        assert!(cache.find(Wanted::Alias("a")).is_some());
        cache.store(Wanted::Alias("b"), &[keypair("2", "b", true)]);
        assert_eq!(cache.find(Wanted::Alias("b")), None);
    }

    #[test]
    fn a_name_that_a_dynamic_keypair_shares_is_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(folder.path(), LONG);
        cache.store(Wanted::Alias("a"), &[keypair("1", "a", false), keypair("2", "a", true)]);
        assert_eq!(cache.find(Wanted::Alias("a")), None);
    }

    #[test]
    fn a_list_is_incomplete_once_a_keypair_was_created_and_its_keypairs_are_known() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(folder.path(), LONG);
        let one = [keypair("1", "a", false)];
        cache.store(Wanted::All, &one);
        cache.store(Wanted::Id("1"), &one);
        cache.outdate_list();
        assert_eq!((found(&cache, Wanted::All), found(&cache, Wanted::Alias("a"))), (None, Some(one.to_vec())));
    }

    #[test]
    fn each_search_has_a_lock_of_its_own_and_without_a_cache_there_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(folder.path(), LONG);
        let name = |wanted| {
            let path = cache.lock_path(wanted).unwrap();
            assert_eq!(path.parent(), Some(folder.path()));
            path.file_name().unwrap().to_str().unwrap().to_owned()
        };
        assert_eq!(name(Wanted::All), "list.lock");
        assert_eq!(name(Wanted::Alias("a")), format!("{}.lock", super::name("alias", "a")));
        assert_eq!(name(Wanted::Id("a")), format!("{}.lock", super::name("id", "a")));
        assert_eq!(Cache { place: None, ..cache }.lock_path(Wanted::All), None);
    }

    #[test]
    fn what_was_learned_about_the_service_is_known_to_the_next_process() {
        let folder = tempfile::tempdir().unwrap();
        let cache = || cache(folder.path(), LONG);
        assert_eq!(cache().dialect(), None);
        let dialect = Dialect::default();
        dialect.name_account();
        cache().store_dialect(dialect.learned());
        assert_eq!(cache().dialect(), Some(dialect.learned()));
    }

    #[test]
    fn damaged_old_and_open_files_are_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("list");
        let keep = |lifetime| {
            let cache = cache(folder.path(), lifetime);
            cache.store(Wanted::All, &[keypair("1", "a", false)]);
            cache
        };
        let short = keep(Duration::ZERO);
        std::thread::sleep(Duration::from_millis(3));
        assert_eq!(short.find(Wanted::All), None);
        let cache = keep(LONG);
        assert!(cache.find(Wanted::All).is_some());
        let good = fs::read_to_string(&list).unwrap();
        for bad in [&good[..good.len() - 1], "", "stm-pkcs11 cache 1\n", &good.replace("RSA", "EC"), "\u{0}"] {
            fs::write(&list, bad).unwrap();
            assert_eq!(cache.find(Wanted::All), None);
        }
        fs::remove_file(&list).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let cache = keep(LONG);
            assert_eq!(fs::metadata(&list).unwrap().permissions().mode() & 0o777, 0o600);
            fs::set_permissions(&list, fs::Permissions::from_mode(0o666)).unwrap();
            assert_eq!(cache.find(Wanted::All), None);
        }
    }

    #[test]
    fn a_file_of_another_identity_or_another_time_is_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let one = cache(folder.path(), LONG);
        one.store(Wanted::All, &[keypair("1", "a", false)]);
        let other = Cache { identity: "two".into(), ..cache(folder.path(), LONG) };
        assert_eq!(other.find(Wanted::All), None);
        let list = folder.path().join("list");
        let text = fs::read_to_string(&list).unwrap();
        let body = text.splitn(3, '\n').nth(2).unwrap();
        for (age, there) in [(0, true), (599_000, true), (601_000, false)] {
            for written in [cache_file::now() - age, cache_file::now() + age] {
                fs::write(&list, cache_file::framed("one", written, body)).unwrap();
                assert_eq!(one.find(Wanted::All).is_some(), there, "{age}");
            }
        }
        // Only a deliberate change could write another time or name into it, not an accident.
        fs::write(&list, text.replacen("\none ", "\ntwo ", 1)).unwrap();
        assert_eq!(other.find(Wanted::All), None);
    }

    #[test]
    fn nothing_but_our_own_files_is_replaced_or_removed() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("list");
        let cache = cache(folder.path(), LONG);
        for theirs in [&b"SQLite format 3\0data"[..], b"", b"stm-pkcs11", b"\xff\xfe"] {
            fs::write(&list, theirs).unwrap();
            cache.store(Wanted::All, &[keypair("1", "a", false)]);
            cache.outdate_list();
            assert!(!cache.forget("a", "1"));
            assert_eq!(fs::read(&list).unwrap(), theirs);
        }
        for version in ["stm-pkcs11 cache 1\n", "stm-pkcs11 cache 99\nx"] {
            fs::write(&list, version).unwrap();
            cache.store(Wanted::All, &[keypair("1", "a", false)]);
            assert!(cache.find(Wanted::All).is_some());
        }
        fs::remove_file(&list).unwrap();
        #[cfg(unix)]
        {
            let elsewhere = folder.path().join("elsewhere");
            fs::write(&elsewhere, "stm-pkcs11 cache 1\n").unwrap();
            std::os::unix::fs::symlink(&elsewhere, &list).unwrap();
            cache.store(Wanted::All, &[keypair("1", "a", false)]);
            assert_eq!((cache.find(Wanted::All), fs::read(&elsewhere).unwrap().len()), (None, 19));
        }
        let names: Vec<_> = fs::read_dir(folder.path()).unwrap().flatten().map(|entry| entry.file_name()).collect();
        assert!(names.iter().all(|name| !name.to_string_lossy().starts_with(".stm")), "{names:?}");
    }

    #[test]
    fn a_keypair_that_failed_is_doubted_and_the_rest_of_the_list_stays() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(folder.path(), LONG);
        let all = [keypair("1", "a", false), keypair("2", "b", false), keypair("3", "c", false)];
        cache.store(Wanted::All, &all);
        assert!(cache.forget("b", "2"));
        let known = cache.find(Wanted::All).unwrap();
        assert_eq!((known.keypairs.as_slice(), known.doubtful.as_slice()), (&all[..], &[1][..]));
        assert_eq!(found(&cache, Wanted::Alias("b")), None);
        assert_eq!(found(&cache, Wanted::Id("2")), None);
        assert_eq!(found(&cache, Wanted::Alias("c")).unwrap(), all[2..]);
        // The service shows it under another name.
        let renamed = [keypair("2", "B", false)];
        cache.store(Wanted::Id("2"), &renamed);
        let known = cache.find(Wanted::All).unwrap();
        assert_eq!(known.keypairs, [&all[..1], &renamed, &all[2..]].concat());
        assert_eq!(known.doubtful, [0; 0]);
        // It was deleted.
        assert!(cache.forget("B", "2"));
        cache.note_gone("2");
        let known = cache.find(Wanted::All).unwrap();
        assert_eq!((known.keypairs.len(), known.doubtful.len()), (2, 0));
        // A newer list settles it.
        cache.store(Wanted::All, &all);
        assert_eq!(found(&cache, Wanted::All).unwrap(), all);
    }

    #[test]
    fn with_many_doubts_the_list_is_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(folder.path(), LONG);
        let all: Vec<_> = (0..20).map(|number| keypair(&number.to_string(), "a", false)).collect();
        cache.store(Wanted::All, &all);
        assert!(all.iter().take(MOST_DOUBTS).all(|keypair| cache.forget("a", &keypair.id)));
        assert_eq!(cache.find(Wanted::All).unwrap().doubtful.len(), MOST_DOUBTS);
        cache.forget("a", "19");
        assert_eq!(cache.find(Wanted::All), None);
    }

    #[test]
    fn a_place_that_cannot_be_written_is_no_error() {
        let cache = cache(Path::new("/proc/no/such/place"), LONG);
        cache.store(Wanted::All, &[keypair("1", "a", false)]);
        assert_eq!(cache.find(Wanted::All), None);
        assert!(!cache.forget("a", "1"));
    }
}
