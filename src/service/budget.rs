//! Limits the memory that one call of the application uses for responses, whatever the service sends.
//!
//! Pages of a list are read in parallel, and their content adds up. Each page in progress uses a share of the budget; a
//! page that is longer than a share is requested again with several. A page that has arrived uses only its length until it
//! is parsed, so that other requests are in progress meanwhile. What is kept of all pages counts against [`KEPT`].

use super::failure::{Failure, Kind};
use super::model::{Keypair, KeypairCertificate};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::sync::{Semaphore, SemaphorePermit};

/// The number of parallel requests.
pub const AT_ONCE: usize = 6;
/// The unit of memory for text, in bytes.
const UNIT: usize = 64 << 10;
/// The longest page that is read in parallel, in bytes: a thousand keypairs of eight kilobytes each.
const SHARE: usize = 8 << 20;
/// The most text of pages in memory, in units: [`AT_ONCE`] shares.
const TEXT: usize = AT_ONCE * SHARE / UNIT;
/// The number of shares for a longer page. No page may be longer.
const LONG: u32 = 3;
/// The longest page, in bytes.
pub const LONGEST_PAGE: usize = SHARE * LONG as usize;
/// The most that is kept of one list, in bytes.
const KEPT: usize = 256 << 20;

/// The budget of one call.
pub struct Budget {
    requests: Semaphore,
    /// In units of [`UNIT`] bytes.
    text: Semaphore,
    /// Whether a page was longer than a share: the following pages probably are as well.
    long: AtomicBool,
    kept: AtomicUsize,
}

/// The memory of a page in progress.
pub struct Share<'a> {
    units: Option<SemaphorePermit<'a>>,
    /// The longest page that fits, in bytes.
    pub limit: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            requests: Semaphore::new(AT_ONCE),
            text: Semaphore::new(TEXT),
            long: AtomicBool::new(false),
            kept: AtomicUsize::new(0),
        }
    }
}

impl Budget {
    /// Waits until one of [`AT_ONCE`] requests may be sent. Held until the response has arrived.
    pub async fn request(&self) -> Option<SemaphorePermit<'_>> {
        // The semaphore is never closed.
        self.requests.acquire().await.ok()
    }

    /// Reserves memory for a page; waits until others have been read.
    pub async fn share(&self) -> Share<'_> {
        let count = if self.long.load(Ordering::Relaxed) { LONG } else { 1 };
        let limit = SHARE * count as usize;
        let units = self.text.acquire_many((limit / UNIT) as u32).await.ok();
        Share { units, limit }
    }

    /// A page did not fit into its share; returns whether a second request with more shares makes sense.
    pub fn lengthen(&self, share: &Share<'_>) -> bool {
        self.long.store(true, Ordering::Relaxed);
        share.limit < LONGEST_PAGE
    }

    /// Counts what is kept of a page, in bytes.
    ///
    /// # Errors
    /// The list as a whole is longer than that of any account.
    pub fn keep(&self, bytes: usize) -> Result<(), Failure> {
        let kept = self.kept.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        if kept <= KEPT {
            return Ok(());
        }
        let cause = format!("the list takes more than {} MiB of memory", KEPT >> 20);
        Err(Failure::new(
            Kind::BadAnswer,
            cause,
            "name the keypairs in STM_PKCS11_KEYPAIRS, or check SM_HOST and the proxy",
        ))
    }
}

impl Share<'_> {
    /// The page has arrived, and has this many bytes: others may use the rest.
    pub fn arrived(&mut self, bytes: usize) {
        if let Some(units) = &mut self.units {
            let rest = units.num_permits().saturating_sub(bytes.div_ceil(UNIT));
            drop(units.split(rest));
        }
    }
}

/// The memory that an item of a list needs.
pub trait Kept {
    /// In bytes, without parts that items share.
    fn kept(&self) -> usize;
}

impl Kept for Keypair {
    fn kept(&self) -> usize {
        let texts = [&self.id, &self.alias, &self.key_alg, &self.key_type, &self.key_storage, &self.key_status];
        let certificates = self.certificates.iter().map(Kept::kept).sum::<usize>();
        size_of::<Self>() + length(&texts) + self.public_key.as_ref().map_or(0, Vec::len) + certificates
    }
}

impl Kept for KeypairCertificate {
    fn kept(&self) -> usize {
        let texts = [&self.id, &self.alias, &self.status, &self.valid_from, &self.valid_to];
        size_of::<Self>() + length(&texts) + self.der.len()
    }
}

impl<T> Kept for (T, KeypairCertificate) {
    fn kept(&self) -> usize {
        size_of::<T>() + self.1.kept()
    }
}

fn length(texts: &[&String]) -> usize {
    texts.iter().map(|text| text.len()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn pages_of_usual_length_are_read_side_by_side_and_long_ones_are_not() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let budget = Budget::default();
            let mut shares = Vec::new();
            for _ in 0..AT_ONCE {
                shares.push(budget.share().await);
            }
            assert_eq!(budget.text.available_permits(), 0);
            for share in &mut shares {
                share.arrived(UNIT + 1);
            }
            assert_eq!(budget.text.available_permits(), TEXT - 2 * AT_ONCE, "what has arrived uses its own length");
            let first = shares.pop().unwrap();
            assert!(budget.lengthen(&first), "once more, with more room");
            drop((first, shares));
            let mut long = budget.share().await;
            assert_eq!((long.limit, budget.text.available_permits()), (24 << 20, TEXT / 2));
            long.arrived(usize::MAX);
            assert_eq!(budget.text.available_permits(), TEXT / 2, "never more than there was");
            assert!(!budget.lengthen(&long), "no page is longer than this");
        });
    }

    #[test]
    fn six_requests_are_in_progress_at_once() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let budget = Budget::default();
            let mut permits = Vec::new();
            for _ in 0..6 {
                permits.push(budget.request().await.unwrap());
            }
            assert_eq!(budget.requests.available_permits(), 0);
            permits.pop();
            assert!(budget.request().await.is_some());
        });
    }

    #[test]
    fn what_is_kept_is_the_length_of_its_parts() {
        let mut keypair = Keypair::from_json(&json!({
            "id": "1", "alias": "two", "key_alg": "RSA", "key_type": "TEST", "key_storage": "DISK", "key_status": "ONLINE",
            "certificates": [{
                "id": "12", "alias": "345", "cert": "MAA=", "certificate_status": "ACTIVE", "valid_from": "2024",
                "valid_to": "2026-01-01",
            }],
        }));
        let certificate = size_of::<KeypairCertificate>() + (2 + 3 + 6 + 4 + 10) + 2;
        assert_eq!(keypair.certificates[0].kept(), certificate);
        keypair.public_key = Some(vec![0; 7]);
        assert_eq!(keypair.kept(), size_of::<Keypair>() + (1 + 3 + 3 + 4 + 4 + 6) + 7 + certificate);
        assert_eq!((0u64, keypair.certificates.remove(0)).kept(), size_of::<u64>() + certificate);
    }

    #[test]
    fn what_is_kept_of_all_pages_has_an_end() {
        let budget = Budget::default();
        assert!(budget.keep(KEPT).is_ok());
        let failure = budget.keep(1).unwrap_err().to_string();
        assert!(failure.starts_with("the list takes more than 256 MiB of memory"), "{failure}");
    }
}
