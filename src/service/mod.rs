//! The remote signing service: keypairs, certificates, signatures. It knows nothing about PKCS#11.
//!
//! The layers above use [`Service`]. Nothing is created before the first request: `Service::line` creates CA
//! certificates, client certificate, event loop and connection.

mod answer;
mod ber;
mod budget;
mod cache;
mod cache_file;
mod cache_identity;
mod cache_record;
mod certificate_choice;
mod chains;
mod complete;
mod connections;
pub mod contract;
mod credentials;
mod deadline;
mod derivation_cost;
mod dialect;
mod early;
mod encrypted_key;
mod failure;
mod flight;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod identity;
mod lenient_base64;
mod list;
mod listing;
mod lookup;
mod model;
mod observe;
mod pace;
mod pace_file;
mod page;
mod progress;
mod provider;
mod public_key;
mod refused;
mod request;
mod resolve;
mod retry;
mod shape;
mod shared_lock;
mod sign;
mod signature_record;
mod single_flight;
mod stats;
mod subject;
mod tls;
mod transport;
mod transport_error;
mod turns;
mod wanted;
mod wire;

pub use contract::markdown as contract_table;
pub use deadline::Deadline;
pub use failure::{Failure, Kind};
pub use model::{Keypair, KeypairCertificate, NewKeypair};
pub use observe::{Exchange, Observer};
pub use progress::Progress;
pub use request::SIGNATURE_LOG;
pub use resolve::permit_threads;
pub use retry::markdown as retry_table;
pub use signature_record::{SignatureRecord, Signed};
pub use transport::user_agent;
pub use wanted::Wanted;

use crate::config::{Login, Secret, TokenSettings};
use crate::host::quietly;
use crate::lock::{Condvar, Mutex, RwLock};
use crate::pattern;
use crate::x509::Certificate;
use cache::Cache;
use chains::Chains;
use connections::Connections;
use credentials::Credentials;
use dialect::{Dialect, Learned};
use flight::Flight;
use refused::Refused;
use request::{Endpoint, Line, Request, segment};
use serde_json::json;
use sha2::{Digest, Sha256};
use sign::Order;
use single_flight::{Found, Key, SingleFlight};
use stats::Stats;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Instant, SystemTime};
use transport::Dialer;
use turns::Turns;

/// The table of requests, and of the fields read from the responses.
pub fn contract() -> &'static [contract::Row] {
    contract::ROWS
}

/// An open line: connections, and the shared state of requests.
struct Open {
    connections: Connections,
    endpoint: Arc<Endpoint>,
}

/// The service, with the settings of one account.
pub struct Service {
    settings: Arc<TokenSettings>,
    stats: Arc<Stats>,
    met: Arc<AtomicBool>,
    observation: Arc<observe::Observation>,
    dialect: Arc<Dialect>,
    /// What the cache has learned; `None` until it is read.
    learned: Mutex<Option<Learned>>,
    refused: Refused,
    /// Whether the last list was shorter than the service's own count.
    short: AtomicBool,
    open: RwLock<Option<Arc<Open>>>,
    /// Whether the first connection is being opened before a request needs it.
    early: AtomicBool,
    /// Whether the parent of this process had connections.
    forked: AtomicBool,
    /// Whether a thread is opening the line.
    opening: Mutex<bool>,
    opened: Condvar,
    pin: Mutex<Option<Secret>>,
    /// SHA-256 of the last PIN that was accepted.
    last_pin: Mutex<Option<[u8; 32]>>,
    /// The fetches in progress for the current login.
    single_flight: Mutex<Arc<SingleFlight>>,
    /// The cache for the current login; created when it is first needed.
    cache: Mutex<Option<Arc<Cache>>>,
    /// The last alias that was requested, and one that differs from it only in case.
    similar: Mutex<Option<(String, String)>>,
}

impl Service {
    /// Reads no file, and sends no request.
    pub fn new(settings: Arc<TokenSettings>) -> Self {
        Self {
            settings,
            stats: Arc::default(),
            met: Arc::default(),
            observation: Arc::default(),
            dialect: Arc::default(),
            learned: Mutex::default(),
            refused: Refused::default(),
            short: AtomicBool::new(false),
            open: RwLock::default(),
            early: AtomicBool::new(false),
            forked: AtomicBool::new(false),
            opening: Mutex::default(),
            opened: Condvar::default(),
            pin: Mutex::default(),
            last_pin: Mutex::default(),
            single_flight: Mutex::default(),
            cache: Mutex::default(),
            similar: Mutex::default(),
        }
    }

    /// The open line; the first caller opens it. Not inlined, to save stack.
    #[inline(never)]
    fn line(&self, deadline: Deadline) -> Result<Arc<Open>, Failure> {
        let _one_opens = {
            let mut opening = self.opening.lock();
            loop {
                if let Some(open) = &*self.open.read() {
                    return Ok(Arc::clone(open));
                }
                if !*opening {
                    break;
                }
                if deadline.is_over() {
                    return Err(deadline.passed("another thread did not get the connection ready"));
                }
                opening = self.opened.wait_until(opening, deadline.at());
            }
            *opening = true;
            Opening(self)
        };
        let open = Arc::new(self.make_line(self.pin.lock().clone().as_ref())?);
        *self.open.write() = Some(Arc::clone(&open));
        Ok(open)
    }

    /// Runs the programs that print secrets, if they have not run yet, within the deadline. The result records how much
    /// time they took.
    fn obtain(&self, deadline: Deadline) -> Result<Deadline, Failure> {
        let settings = &*self.settings;
        let begun = Instant::now();
        let mut ran = false;
        for secret in [&settings.api_key, &settings.client_cert_password, &settings.proxy].into_iter().flatten() {
            if secret.is_known() {
                continue;
            }
            ran = true;
            secret.obtain(deadline.left()).map_err(|cause| match deadline.is_over() {
                false => Failure::new(Kind::Settings, cause, "check the settings file"),
                true => Failure::new(Kind::Timeout, cause, "use a faster command, or raise STM_PKCS11_TIMEOUT"),
            })?;
        }
        Ok(if ran { deadline.with_secrets(begun.elapsed()) } else { deadline })
    }

    fn make_line(&self, pin: Option<&Secret>) -> Result<Open, Failure> {
        let settings = &*self.settings;
        if !settings.problems.is_empty() {
            return Err(Failure::of_settings(&settings.problems));
        }
        let Some(host) = &settings.host else { return Err(Failure::new(Kind::Settings, "SM_HOST is not set", "")) };
        let connections = Connections::new(Dialer::new(settings, &Credentials::new(settings, pin))?);
        let endpoint = Arc::new(Endpoint {
            base: Endpoint::base(host)?,
            proxy: settings.proxy.as_ref().and_then(transport::proxy_name),
            stats: Arc::clone(&self.stats),
            met: Arc::clone(&self.met),
            observation: Arc::clone(&self.observation),
            dialect: Arc::clone(&self.dialect),
            turns: Turns::new(self.pace_path(pin)),
        });
        Ok(Open { connections, endpoint })
    }

    /// The deadline of a call that begins now.
    pub fn deadline(&self) -> Deadline {
        Deadline::after(self.settings.timeout)
    }

    /// Runs work that sends requests, on the calling thread.
    fn run<T, F>(&self, deadline: Deadline, work: impl FnOnce(Line) -> F) -> Result<T, Failure>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        Stats::add(&self.stats.operations, 1);
        let deadline = self.obtain(deadline)?;
        let open = self.line(deadline)?;
        if self.early.swap(false, Ordering::Relaxed) {
            open.connections.forget_early();
        }
        run_on(&open, deadline, work).map_err(|failure| self.without_key(failure))
    }

    /// If no API key was sent, a refusal of the credentials has one likely reason.
    fn without_key(&self, failure: Failure) -> Failure {
        let sent = self.settings.api_key.is_some() || self.settings.login == Login::ApiKey;
        if sent || failure.kind() != Kind::Unauthorized {
            return failure;
        }
        let remedy = "SM_API_KEY is not set: set it, or ask whether the client certificate alone may sign in";
        Failure { remedy: remedy.into(), ..failure }
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
            let deadline = self.obtain(deadline)?;
            let cache = self.cache();
            if let Some(known) = cache.find(wanted) {
                Stats::add(&self.stats.cache_hits, 1);
                return Ok(self.without_doubts(&cache, known, deadline));
            }
            self.refused.still()?;
            let flight = flight::join(cache.lock_path(wanted).as_deref(), deadline.at());
            // Whoever asked may also have ended just before this process took the lock.
            if !matches!(flight, Flight::Own(None))
                && let Some(known) = cache.find(wanted)
            {
                Stats::add(&self.stats.cache_hits, 1);
                return Ok(self.without_doubts(&cache, known, deadline));
            }
            self.recall(&cache);
            let found = self
                .ask(wanted, deadline)
                .inspect_err(|failure| self.refused.note(failure, matches!(wanted, Wanted::Id(_))))?;
            if !(wanted == Wanted::All && self.list_is_short()) {
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
                let lookup = self.run(deadline, async |line| listing::by_alias(&line, alias).await)?;
                *self.similar.lock() = lookup.similar.map(|similar| (alias.to_owned(), similar));
                // The service needed the whole list for this: store it, so that the next process need not ask.
                if let Some(listing) = lookup.listing.filter(|listing| !listing.short) {
                    self.keep(&self.cache(), Wanted::All, &listing.keypairs);
                }
                Ok(lookup.found)
            }
            Wanted::Id(id) => {
                let found = self.run(deadline, async |line| lookup::by_id(&line, id).await)?;
                Ok(found.into_iter().map(Arc::new).collect())
            }
        }
    }

    /// Adopts, once, what another process learned about the service.
    fn recall(&self, cache: &Cache) {
        let mut learned = self.learned.lock();
        if learned.is_none() {
            let known = cache.dialect().unwrap_or_default();
            self.dialect.recall(known);
            *learned = Some(known);
        }
    }

    /// Stores what this process learned since.
    fn remember(&self, cache: &Cache) {
        let (mut known, learned) = (self.learned.lock(), self.dialect.learned());
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
        let made = || Arc::new(Cache::new(&self.settings, self.pin.lock().as_ref()));
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
            let listing = self.run(deadline, async |line| listing::keypairs(&line).await)?;
            self.short.store(listing.short, Ordering::Relaxed);
            return Ok(listing.keypairs);
        };
        self.short.store(false, Ordering::Relaxed);
        self.run(deadline, async |line| {
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

    /// One signature: exactly one `POST .../sign` that is executed. If the response lacks the signature, the signature
    /// log is read. Only for the token's signer, which records every request.
    pub(crate) fn sign(
        &self,
        keypair: &Keypair,
        sig_alg: &str,
        hash: &[u8],
        deadline: Deadline,
        progress: &Arc<Progress>,
    ) -> Result<Signed, Failure> {
        Stats::add(&self.stats.signatures, 1);
        let order = Order { keypair, sig_alg, hash, progress };
        let before = self.dialect.learned();
        let signed = self.run(deadline, async |line| order.execute(&line).await);
        if self.dialect.learned() != before {
            self.remember(&self.cache());
        }
        signed.map_err(|failure| named(failure, keypair))
    }

    /// A keypair as it is now, without the cache; `None` if none has this id.
    pub fn current_keypair(&self, id: &str, deadline: Deadline) -> Result<Option<Arc<Keypair>>, Failure> {
        let found = self.run(deadline, async |line| Ok(lookup::by_id(&line, id).await?.map(Arc::new)))?;
        Ok(found.map(|keypair| certificate_choice::choose(&self.settings.certificates, keypair)))
    }

    /// The file through which the processes with this identity share their pace; `None` if they do not.
    fn pace_path(&self, pin: Option<&Secret>) -> Option<PathBuf> {
        let dir = self.settings.cache_dir.as_ref().filter(|_| self.settings.shared_pace)?;
        Some(dir.join("stm-pkcs11").join(cache_identity::identity(&self.settings, pin)).join("pace"))
    }

    /// The directory for the stored signatures of this identity; `None` if the user has no cache directory.
    pub fn signatures_dir(&self) -> Option<PathBuf> {
        let dir = self.settings.cache_dir.as_ref()?;
        Some(dir.join("stm-pkcs11").join("signatures").join(cache_identity::identity(&self.settings, None)))
    }

    /// An entry of the signature log.
    pub fn signature(&self, id: &str, deadline: Deadline) -> Result<SignatureRecord, Failure> {
        // In a path these are directories.
        if matches!(id, "" | "." | "..") {
            let remedy = "use the ID from the ledger or from the service's signature log";
            return Err(Failure::new(Kind::NotFound, format!("'{id}' is not a valid signature ID"), remedy));
        }
        let request = Request::get(format!("/signatures/{}", segment(id)));
        self.run(deadline, async |line| Ok(signature_record::record(&line.run(&request).await?)))
    }

    /// The log entry of a new signature; waits until it exists and is final.
    pub fn finished_signature(&self, id: &str, deadline: Deadline) -> Result<SignatureRecord, Failure> {
        self.run(deadline, async |line| sign::finished(&line, id).await)
    }

    /// Creates a keypair: exactly one `POST /keypairs`, and a read if its response is not the whole keypair.
    pub fn create_keypair(&self, new: &NewKeypair) -> Result<Arc<Keypair>, Failure> {
        let properties: serde_json::Map<_, _> = new.properties.iter().cloned().collect();
        let body = json!({
            "alias": new.alias, "key_alg": new.key_alg, "key_storage": new.key_storage, "key_type": new.key_type,
            "properties": properties, "status": new.status,
        });
        let request = Request::post("/keypairs", body);
        let deadline = self.deadline();
        let made = self.run(deadline, async |line| {
            let read = |made: &wire::Keypair<'_>| (made.id.owned(), model::keypair(made, &mut Chains::new()));
            let (id, made) = line.keypair(&request, read).await?;
            if let Some(keypair) = made.filter(|keypair| keypair.public_key.is_some()) {
                return Ok(Arc::new(keypair));
            }
            let found = match Some(&id).filter(|id| !id.is_empty()) {
                Some(id) => lookup::by_id(&line, id).await?.map(Arc::new),
                None => listing::by_alias(&line, &new.alias).await?.found.into_iter().next(),
            };
            found.ok_or_else(|| {
                let cause = format!("the keypair {} was made, but the service does not show it", new.alias);
                Failure::new(Kind::BadAnswer, cause, "look for it in the service's web page")
            })
        });
        self.single_flight.lock().forget_misses();
        self.cache().outdate_list();
        made
    }

    /// With a login setting: checks a PIN with one small request, and keeps it for later requests. Returns whether it
    /// differs from the last accepted one.
    pub fn log_in(&self, pin: &[u8]) -> Result<bool, Failure> {
        let hash = Sha256::digest(pin).into();
        let pin = std::str::from_utf8(pin).map(Secret::new);
        let pin = pin.map_err(|_| Failure::new(Kind::Password, "the PIN is not UTF-8 text", ""))?;
        Stats::add(&self.stats.operations, 1);
        let deadline = self.obtain(self.deadline())?;
        let open = Arc::new(self.make_line(Some(&pin))?);
        run_on(&open, deadline, async |line| listing::knock(&line).await)?;
        self.refused.forget();
        *self.pin.lock() = Some(pin);
        *self.open.write() = Some(open);
        self.forget_all();
        Ok(self.last_pin.lock().replace(hash).is_some_and(|last| last != hash))
    }

    /// What was learned with one identity does not apply to the next.
    fn forget_all(&self) {
        *self.cache.lock() = None;
        *self.single_flight.lock() = Arc::default();
        *self.similar.lock() = None;
        self.short.store(false, Ordering::Relaxed);
    }

    /// Sends one small request that checks connection and credentials; returns the service's clock, if the response has
    /// it.
    pub fn check(&self) -> Result<Option<SystemTime>, Failure> {
        self.run(self.deadline(), async |line| listing::knock(&line).await)
    }

    /// The client certificate, read from its file; `None` if there is none. An expired one is a failure.
    pub fn client_certificate(&self) -> Result<Option<Certificate>, Failure> {
        let identity = identity::load(&self.settings, &Credentials::new(&self.settings, None))?;
        Ok(identity.and_then(|identity| Certificate::parse(identity.chain.first()?.to_vec()).ok()))
    }

    /// Forgets the PIN, and closes the connections that were opened with it.
    pub fn log_out(&self) {
        *self.pin.lock() = None;
        self.forget_all();
        quietly(|| *self.open.write() = None);
    }

    /// Drops the cached entries of a keypair.
    pub fn forget(&self, keypair: &Keypair) {
        if self.cache().forget(&keypair.alias, &keypair.id) {
            log::warn!("the cached entry of keypair {} is dropped: the next search requests it again", keypair.alias);
        }
    }

    /// In a forked child: abandons the parent's connections, and opens others when needed.
    pub fn adopt(&self) {
        // Never dropped: that could write to the parent's sockets.
        std::mem::forget(self.open.write().take());
        self.early.store(false, Ordering::Relaxed);
        self.forked.store(true, Ordering::Relaxed);
    }

    /// A signature will probably follow: begins to open a connection, if there is none, without waiting for it. Failures are those of
    /// the request that follows, which opens its own.
    pub fn expect_signature(&self) {
        let settings = &*self.settings;
        let secrets = [&settings.api_key, &settings.client_cert_password, &settings.proxy];
        // A program that prints a secret may take long, and a name server as well.
        if !settings.early_connect
            || !resolve::is_aside()
            || self.forked.load(Ordering::Relaxed)
            || secrets.into_iter().flatten().any(|secret| !secret.is_known())
            || self.refused.still().is_err()
        {
            return;
        }
        let Ok(open) = self.line(self.deadline()) else { return };
        let begun = guarded(|| open.connections.open_early(open.endpoint.base.clone()).is_ok());
        if begun {
            self.early.store(true, Ordering::Relaxed);
            self.drive_early();
        }
    }

    /// Drives the connection that [`Service::expect_signature`] began, without waiting.
    pub fn drive_early(&self) {
        if !self.early.load(Ordering::Relaxed) {
            return;
        }
        let Some(open) = self.open.read().clone() else { return };
        if !guarded(|| open.connections.drive_early()) {
            self.early.store(false, Ordering::Relaxed);
        }
    }

    /// The number of requests so far, and of bytes received.
    pub fn traffic(&self) -> (u64, u64) {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (get(&self.stats.requests), get(&self.stats.received))
    }

    /// `C_Finalize`: logs what the run cost, and closes the connections.
    pub fn finish(&self) {
        panic_point!("finish");
        if let Some(summary) = self.stats.summary() {
            log::info!("{summary}");
        }
        quietly(|| *self.open.write() = None);
    }
}

/// The thread that opens the line.
struct Opening<'a>(&'a Service);

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        *self.0.opening.lock() = false;
        self.0.opened.notify_all();
    }
}

/// Adds the keypair's alias to a failed sign request, whose path has only its id.
fn named(failure: Failure, keypair: &Keypair) -> Failure {
    Failure { cause: format!("keypair {}: {}", keypair.alias, failure.cause), ..failure }
}

/// Runs work on an event loop that nobody waits for; false if it cannot run on this thread.
fn guarded(work: impl FnOnce() -> bool) -> bool {
    let mut work = Some(work);
    let mut done = false;
    let run = || quietly(|| done = work.take().is_some_and(|work| work()));
    catch_unwind(AssertUnwindSafe(run)).is_ok() && done
}

/// Runs work on an open line. A thread that is ending may have lost its thread-locals, without which the event loop
/// cannot run. That is a failure of this call, not of the host.
fn run_on<T, F>(open: &Open, deadline: Deadline, work: impl FnOnce(Line) -> F) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    let connection = open.connections.take()?;
    let endpoint = Arc::clone(&open.endpoint);
    let line = Line { client: connection.client().clone(), endpoint, deadline, budget: Arc::default() };
    let work = transport::on_the_heap(|| work(line));
    let run = || quietly(|| connection.block_on(work));
    catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| {
        let cause = "the request could not be run on this thread (is the thread or the process ending?)";
        Err(Failure::new(Kind::Cancelled, cause, ""))
    })
}
