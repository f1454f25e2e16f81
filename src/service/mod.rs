//! The remote signing service: keypairs, certificates, signatures. It knows nothing about PKCS#11.
//!
//! The layers above use [`Service`]. Nothing is created before the first request: [`lines`] creates CA
//! certificates, client certificate, event loop and connection.

mod answer;
mod attempts;
mod ber;
mod budget;
mod cache;
mod cache_file;
mod cache_identity;
mod cache_place;
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
mod directory;
mod early;
mod encrypted_key;
mod failure;
mod flight;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod identity;
mod lenient_base64;
mod line;
mod lines;
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
#[cfg(test)]
mod scripted;
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

pub use attempts::SIGNATURE_LOG;
pub use contract::markdown as contract_table;
pub use deadline::Deadline;
pub use failure::{Failure, Kind};
pub use model::{Keypair, KeypairCertificate, NewKeypair};
pub use observe::{Exchange, Observer};
pub use progress::Progress;
pub use resolve::permit_threads;
pub use retry::markdown as retry_table;
pub use signature_record::{SignatureRecord, Signed};
pub use transport::user_agent;
pub use wanted::Wanted;

use crate::config::{Secret, TokenSettings};
use crate::lock::Mutex;
use crate::x509::Certificate;
use chains::Chains;
use credentials::Credentials;
use directory::Directory;
use lines::Lines;
use request::{Request, segment};
use serde_json::json;
use sha2::{Digest, Sha256};
use sign::Order;
use single_flight::Found;
use stats::Stats;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

/// The table of requests, and of the fields read from the responses.
pub fn contract() -> &'static [contract::Row] {
    contract::ROWS
}

/// The service, with the settings of one account.
pub struct Service {
    settings: Arc<TokenSettings>,
    lines: Arc<Lines>,
    directory: Directory,
    /// SHA-256 of the last PIN that was accepted.
    last_pin: Mutex<Option<[u8; 32]>>,
}

impl Service {
    /// Reads no file, and sends no request.
    pub fn new(settings: Arc<TokenSettings>) -> Self {
        let lines = Arc::new(Lines::new(Arc::clone(&settings)));
        let directory = Directory::new(Arc::clone(&settings), Arc::clone(&lines));
        Self { settings, lines, directory, last_pin: Mutex::default() }
    }

    /// The deadline of a call that begins now.
    pub fn deadline(&self) -> Deadline {
        self.lines.deadline()
    }

    /// Keypairs. Parallel callers with the same search share one fetch.
    pub fn keypairs(&self, wanted: Wanted<'_>, deadline: Deadline) -> Found {
        self.directory.keypairs(wanted, deadline)
    }

    /// The names in `STM_PKCS11_CERTIFICATE` that match no certificate of these keypairs.
    pub fn unmatched_certificates(&self, keypairs: &[Arc<Keypair>]) -> Vec<&str> {
        self.directory.unmatched_certificates(keypairs)
    }

    /// Whether the service counted more keypairs than it listed, the last time: a missing one may exist.
    pub fn list_is_short(&self) -> bool {
        self.directory.list_is_short()
    }

    /// An alias that differs from this one only in case, if the service's last response contained one.
    pub fn similar(&self, alias: &str) -> Option<String> {
        self.directory.similar(alias)
    }

    /// Whether the `keypairs` setting lets an alias through.
    pub fn shows(&self, alias: &str) -> bool {
        self.directory.shows(alias)
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
        Stats::add(&self.lines.stats.signatures, 1);
        let order = Order { keypair, sig_alg, hash, progress };
        let before = self.lines.dialect.learned();
        let signed = self.lines.run(deadline, async |line| order.execute(&line).await);
        if self.lines.dialect.learned() != before {
            self.directory.remember_dialect();
        }
        signed.map_err(|failure| named(failure, keypair))
    }

    /// A keypair as it is now, without the cache; `None` if none has this id.
    pub fn current_keypair(&self, id: &str, deadline: Deadline) -> Result<Option<Arc<Keypair>>, Failure> {
        let found = self.lines.run(deadline, async |line| Ok(lookup::by_id(&line, id).await?.map(Arc::new)))?;
        Ok(found.map(|keypair| certificate_choice::choose(&self.settings.certificates, keypair)))
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
        self.lines.run(deadline, async |line| Ok(signature_record::record(&line.run(&request).await?)))
    }

    /// The log entry of a new signature; waits until it exists and is final.
    pub fn finished_signature(&self, id: &str, deadline: Deadline) -> Result<SignatureRecord, Failure> {
        self.lines.run(deadline, async |line| sign::finished(&line, id).await)
    }

    /// Creates a keypair: exactly one `POST /keypairs`, and a read if its response is not the whole keypair.
    pub fn create_keypair(&self, new: &NewKeypair) -> Result<Arc<Keypair>, Failure> {
        let properties: serde_json::Map<_, _> = new.properties.iter().cloned().collect();
        let body = json!({
            "alias": new.alias, "key_alg": new.key_alg, "key_storage": new.key_storage, "key_type": new.key_type,
            "properties": properties, "status": new.status,
        });
        let request = Request::post("/keypairs", body);
        let deadline = self.lines.deadline();
        let made = self.lines.run(deadline, async |line| {
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
        self.directory.outdate();
        made
    }

    /// With a login setting: checks a PIN with one small request, and keeps it for later requests. Returns whether it
    /// differs from the last accepted one.
    pub fn log_in(&self, pin: &[u8]) -> Result<bool, Failure> {
        let hash = Sha256::digest(pin).into();
        let pin = std::str::from_utf8(pin).map(Secret::new);
        let pin = pin.map_err(|_| Failure::new(Kind::Password, "the PIN is not UTF-8 text", ""))?;
        let open = self.lines.try_pin(&pin)?;
        self.directory.accepted();
        self.lines.log_in(pin, open);
        self.directory.forget_all();
        Ok(self.last_pin.lock().replace(hash).is_some_and(|last| last != hash))
    }

    /// Sends one small request that checks connection and credentials; returns the service's clock, if the response has
    /// it.
    pub fn check(&self) -> Result<Option<SystemTime>, Failure> {
        self.lines.run(self.lines.deadline(), async |line| listing::knock(&line).await)
    }

    /// The client certificate, read from its file; `None` if there is none. An expired one is a failure.
    pub fn client_certificate(&self) -> Result<Option<Certificate>, Failure> {
        let identity = identity::load(&self.settings, &Credentials::new(&self.settings, None))?;
        Ok(identity.and_then(|identity| Certificate::parse(identity.chain.first()?.to_vec()).ok()))
    }

    /// Forgets the PIN, and closes the connections that were opened with it.
    pub fn log_out(&self) {
        self.directory.forget_all();
        self.lines.log_out();
    }

    /// Drops the cached entries of a keypair.
    pub fn forget(&self, keypair: &Keypair) {
        if self.directory.forget(keypair) {
            log::warn!("the cached entry of keypair {} is dropped: the next search requests it again", keypair.alias);
        }
    }

    /// In a forked child: abandons the parent's connections, and opens others when needed.
    pub fn adopt(&self) {
        self.lines.adopt();
    }

    /// A signature will probably follow: begins to open a connection, if there is none, without waiting for it.
    pub fn expect_signature(&self) {
        if !self.directory.is_refused() {
            self.lines.expect_signature();
        }
    }

    /// Drives the connection that [`Service::expect_signature`] began, without waiting.
    pub fn drive_early(&self) {
        self.lines.drive_early();
    }

    /// The number of requests so far, and of bytes received.
    pub fn traffic(&self) -> (u64, u64) {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        (get(&self.lines.stats.requests), get(&self.lines.stats.received))
    }

    /// `C_Finalize`: logs what the run cost, and closes the connections.
    pub fn finish(&self) {
        panic_point!("finish");
        if let Some(summary) = self.lines.stats.summary() {
            log::info!("{summary}");
        }
        self.lines.close();
    }
}

/// Adds the keypair's alias to a failed sign request, whose path has only its id.
fn named(failure: Failure, keypair: &Keypair) -> Failure {
    Failure { cause: format!("keypair {}: {}", keypair.alias, failure.cause), ..failure }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, load_from};

    #[test]
    fn traffic_is_requests_and_received_bytes() {
        let service = Service::new(Arc::clone(&load_from(Sources::new(None, Default::default())).tokens[0]));
        let Stats { requests, received, sent, .. } = &*service.lines.stats;
        for (counter, amount) in [(requests, 3), (received, 500), (sent, 70)] {
            Stats::add(counter, amount);
        }
        assert_eq!(service.traffic(), (3, 500));
    }
}
