//! An account of the service: settings, service, and the catalog of everything that it has returned so far.
//!
//! Requests are sent only when needed, and ask for as little as possible ([`super::lookup`]).

use super::catalog::Catalog;
use super::failure;
use super::kind::SlotKind;
use super::layout::Layout;
use super::lookup::{Need, Permitted};
use super::not_found;
use super::signer::Signer;
use crate::config::{Login, TokenSettings};
use crate::error::Result;
use crate::lock::{Mutex, RwLock};
use crate::service::{Deadline, Keypair, NewKeypair, Service, Wanted};
use crate::token::object::vendor::{CKA_STM_ALIAS, CKA_STM_KEYPAIR_ID};
use crate::token::object::{Handles, Object, Template};
use cryptoki_sys::{CK_SLOT_ID, CKA_CLASS, CKA_ID, CKA_LABEL, CKO_PRIVATE_KEY};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a list is valid for a name that it does not contain, so that a keypair created elsewhere is found soon.
const MISS_LIFETIME: Duration = Duration::from_secs(5);

/// One set of credentials for one host.
pub struct Account {
    settings: Arc<TokenSettings>,
    pub(super) service: Service,
    pub(super) signer: Signer,
    layout: Layout,
    catalog: RwLock<Arc<Catalog>>,
    /// The number of logins and logouts. Locked while a new catalog is built, but never during a request.
    renewal: Mutex<u64>,
}

/// Whether a program that searches with this template will probably sign: it looks for a private key by its name. Programs that
/// list keys do not know names.
fn announces_signature(template: &Template<'_>) -> bool {
    let named = [CKA_ID, CKA_LABEL, CKA_STM_ALIAS, CKA_STM_KEYPAIR_ID];
    template.number(CKA_CLASS) == Ok(Some(CKO_PRIVATE_KEY)) && named.iter().any(|name| template.get(*name).is_some())
}

/// Whether something of this age is still valid.
fn is_fresh(age: Duration, lifetime: Duration) -> bool {
    age < lifetime
}

/// Whether another thread has brought what was `asked` for meanwhile.
fn is_brought(since: Option<Instant>, asked: Instant) -> bool {
    since.is_some_and(|since| since >= asked)
}

impl Account {
    /// Sends no request, and reads no file. `slots` are the kinds and ids of its slots.
    pub(in crate::token) fn new(
        settings: Arc<TokenSettings>,
        slots: Vec<(SlotKind, CK_SLOT_ID)>,
        handles: Arc<Handles>,
        signer: Signer,
    ) -> Self {
        let layout = Layout {
            slots,
            chain: settings.chain,
            id_prefix: settings.generate.alias_prefix.as_str().into(),
            private: settings.login != Login::None,
            handles,
        };
        let catalog = RwLock::new(Arc::new(Catalog::empty(&layout)));
        let service = Service::new(Arc::clone(&settings));
        Self { settings, service, signer, layout, catalog, renewal: Mutex::new(0) }
    }

    pub fn settings(&self) -> &TokenSettings {
        &self.settings
    }

    /// The kinds and ids of its slots.
    pub fn slots(&self) -> &[(SlotKind, CK_SLOT_ID)] {
        &self.layout.slots
    }

    fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.catalog.read())
    }

    /// The token objects of a slot that match a template. Requests only what is not known yet; nothing if `ask` is
    /// false (before a required login).
    pub fn find(
        &self,
        slot: CK_SLOT_ID,
        kind: SlotKind,
        template: &Template<'_>,
        ask: bool,
    ) -> Result<Vec<Arc<Object>>> {
        if ask {
            self.fetch(slot, &Need::of(template, kind, &self.layout.id_prefix), template, self.service.deadline())?;
        }
        Ok(self.known(slot, template, ask))
    }

    /// As [`Account::find`], for a caller that fails without the key: if there is none, the list of all keypairs is requested,
    /// so that the message suggests an alias.
    pub fn find_or_suggest(
        &self,
        slot: CK_SLOT_ID,
        kind: SlotKind,
        template: &Template<'_>,
        ask: bool,
    ) -> Result<Vec<Arc<Object>>> {
        if ask {
            let deadline = self.service.deadline();
            self.fetch(slot, &Need::of(template, kind, &self.layout.id_prefix), template, deadline)?;
            // An alias of the account's other slot is known.
            let is_known = not_found::alias(template).is_some_and(|alias| self.catalog().alias_since(alias).is_some());
            if !is_known && self.fetch_all(deadline).is_err() {
                log::debug!("there is no list to suggest an alias from");
            }
        }
        Ok(self.known(slot, template, ask))
    }

    /// What is known by now. If it was asked for, a missing key is logged, and a single private key announces a signature.
    fn known(&self, slot: CK_SLOT_ID, template: &Template<'_>, asked: bool) -> Vec<Arc<Object>> {
        let catalog = self.catalog();
        let found = catalog.find(slot, template);
        if asked && found.is_empty() {
            not_found::tell(template, &catalog, &self.service);
        }
        if asked && found.len() == 1 && announces_signature(template) {
            self.service.expect_signature();
        }
        found
    }

    /// Drives the connection that a search began to open, without waiting.
    pub(in crate::token) fn drive_early(&self) {
        self.service.drive_early();
    }

    fn fetch(&self, slot: CK_SLOT_ID, need: &Need, template: &Template<'_>, deadline: Deadline) -> Result<()> {
        panic_point!("token");
        match need {
            Need::Nothing => Ok(()),
            Need::Everything => self.fetch_all(deadline),
            Need::Alias(alias, permitted) => {
                self.fetch_some(Wanted::Alias(alias), deadline, |catalog| catalog.alias_since(alias))?;
                self.fetch_rest(slot, *permitted, template, deadline)
            }
            Need::Id(id, permitted) => {
                self.fetch_some(Wanted::Id(id), deadline, |catalog| catalog.id_since(id))?;
                self.fetch_rest(slot, *permitted, template, deadline)
            }
            // A search for the key of an issuer's certificate is answered from memory.
            Need::Named(id, _) if self.is_of_issuer(slot, id) => Ok(()),
            Need::Named(_, alias) => {
                self.fetch_some(Wanted::Alias(alias), deadline, |catalog| catalog.alias_since(alias))
            }
            Need::Issuer => self.fetch_rest(slot, Permitted::Listing, template, deadline),
        }
    }

    /// Whether a known issuer's certificate has this `CKA_ID`.
    fn is_of_issuer(&self, slot: CK_SLOT_ID, id: &[u8]) -> bool {
        let found = self.catalog().find(slot, &Template(vec![(CKA_ID, id)]));
        found.iter().any(|object| object.entry().is_none())
    }

    /// One narrow lookup, unless memory has the answer.
    fn fetch_some(
        &self,
        wanted: Wanted<'_>,
        deadline: Deadline,
        since: impl Fn(&Catalog) -> Option<Instant>,
    ) -> Result<()> {
        let catalog = self.catalog();
        let fresh = |since: Instant, lifetime| is_fresh(since.elapsed(), lifetime);
        let listed =
            || !self.service.list_is_short() && catalog.complete_since().is_some_and(|at| fresh(at, MISS_LIFETIME));
        if !catalog.dynamic(wanted)
            && (since(&catalog).is_some_and(|since| fresh(since, self.settings.refresh)) || listed())
        {
            return Ok(());
        }
        let (asked, logins) = (Instant::now(), self.logins());
        match self.service.keypairs(wanted, deadline) {
            Ok(found) => {
                self.renew(logins, |catalog| match is_brought(since(catalog), asked) {
                    true => None,
                    false => catalog.with(&found, asked, &self.layout),
                });
                Ok(())
            }
            Err(failure) if since(&catalog).is_some() => {
                log::warn!("what is known of the keypair is used as it is: {failure}");
                Ok(())
            }
            Err(failure) => Err(failure::search_error(&failure)),
        }
    }

    /// Requests the whole list if the narrow lookup could not answer: objects other than those of keypairs may have the
    /// name.
    fn fetch_rest(
        &self,
        slot: CK_SLOT_ID,
        permitted: Permitted,
        template: &Template<'_>,
        deadline: Deadline,
    ) -> Result<()> {
        if permitted == Permitted::NoListing || !self.catalog().find(slot, template).is_empty() {
            return Ok(());
        }
        self.fetch_all(deadline)
    }

    fn fetch_all(&self, deadline: Deadline) -> Result<()> {
        let since = self.catalog().complete_since();
        if since.is_some_and(|since| is_fresh(since.elapsed(), self.settings.refresh)) {
            return self.fetch_dynamic(deadline);
        }
        let (asked, logins) = (Instant::now(), self.logins());
        match self.service.keypairs(Wanted::All, deadline) {
            Ok(all) => {
                self.renew(logins, |catalog| {
                    let brought = is_brought(catalog.complete_since(), asked);
                    (!brought).then(|| catalog.replaced(&all, asked, &self.layout))
                });
                Ok(())
            }
            Err(failure) if since.is_some() => {
                log::warn!("cannot refresh the list of keypairs, using the cached one: {failure}");
                Ok(())
            }
            Err(failure) => Err(failure::search_error(&failure)),
        }
    }

    /// Requests the dynamic keypairs of a fresh list, whose keys may have changed.
    fn fetch_dynamic(&self, deadline: Deadline) -> Result<()> {
        let aliases = self.catalog().dynamic_aliases();
        for alias in &aliases {
            self.fetch_some(Wanted::Alias(alias), deadline, |catalog| catalog.alias_since(alias))?;
        }
        Ok(())
    }

    fn logins(&self) -> u64 {
        *self.renewal.lock()
    }

    /// Replaces the catalog with the one that `make` builds, if any. Does nothing if a login or logout happened since
    /// the data was requested; `logins` is the count at that time.
    fn renew(&self, logins: u64, make: impl FnOnce(&Catalog) -> Option<Catalog>) {
        let one_at_a_time = self.renewal.lock();
        if *one_at_a_time != logins {
            return;
        }
        let old = self.catalog();
        if let Some(new) = make(&old) {
            *self.catalog.write() = Arc::new(new);
        }
    }

    /// Creates a keypair, and shows it in all sessions at once.
    pub fn create(&self, new: &NewKeypair) -> Result<Arc<Keypair>> {
        let logins = self.logins();
        let keypair = self.service.create_keypair(new).map_err(|failure| failure::generation_error(&failure))?;
        let made = [Arc::clone(&keypair)];
        self.renew(logins, |catalog| catalog.with(&made, Instant::now(), &self.layout));
        Ok(keypair)
    }

    /// Drops a keypair from memory and disk, because the service reported different data.
    pub fn forget(&self, keypair: &Keypair) {
        self.service.forget(keypair);
        self.renew(self.logins(), |catalog| Some(catalog.without(|known| known.id == keypair.id, &self.layout)));
    }

    /// Checks a PIN with one small request, and keeps it for later requests. If it differs from the last PIN, existing
    /// handles belong to another identity, and become invalid.
    pub fn log_in(&self, pin: &[u8]) -> Result<()> {
        let another = self.service.log_in(pin).map_err(|failure| failure::login_error(&failure))?;
        self.forget_all();
        if another {
            self.slots().iter().for_each(|(_, slot)| self.layout.handles.end_of_token(*slot));
        }
        Ok(())
    }

    /// Forgets the PIN and everything found with it, and closes its connections.
    pub fn log_out(&self) {
        self.service.log_out();
        self.forget_all();
    }

    fn forget_all(&self) {
        let mut logins = self.renewal.lock();
        *logins += 1;
        *self.catalog.write() = Arc::new(Catalog::empty(&self.layout));
    }

    /// In a forked child: continues over new connections.
    pub fn adopt(&self) {
        self.service.adopt();
    }

    /// `C_Finalize`: logs the figures of the run, and closes the connections.
    pub fn finish(&self) {
        self.service.finish();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Sources, load_from};
    use cryptoki_sys::*;

    fn account() -> Account {
        let config = load_from(Sources::new(None, Default::default()));
        let ledger = Arc::new(crate::ledger::Ledger::new(&config.ledger));
        let signer = Signer::new(ledger, &config.ledger, &config.tokens[0]);
        Account::new(Arc::clone(&config.tokens[0]), vec![(SlotKind::Classic, 0)], Arc::default(), signer)
    }

    #[test]
    fn a_private_key_that_is_looked_for_by_name_will_probably_sign() {
        let (private, public) = (CKO_PRIVATE_KEY.to_ne_bytes(), CKO_PUBLIC_KEY.to_ne_bytes());
        let name = |attribute| (attribute, &b"x"[..]);
        for (template, announces) in [
            (vec![(CKA_CLASS, &private[..]), name(CKA_LABEL)], true),
            (vec![(CKA_CLASS, &private), name(CKA_ID)], true),
            (vec![(CKA_CLASS, &private), name(CKA_STM_ALIAS)], true),
            (vec![(CKA_CLASS, &private), name(CKA_STM_KEYPAIR_ID)], true),
            (vec![(CKA_CLASS, &private)], false),
            (vec![(CKA_CLASS, &private), name(CKA_SUBJECT)], false),
            (vec![(CKA_CLASS, &public), name(CKA_LABEL)], false),
            (vec![name(CKA_LABEL)], false),
        ] {
            let template = Template(template);
            assert_eq!(announces_signature(&template), announces, "{template}");
        }
    }

    #[test]
    fn what_is_as_old_as_its_lifetime_is_asked_for_again() {
        let second = Duration::from_secs(1);
        assert!(is_fresh(Duration::ZERO, second));
        assert!(!is_fresh(second, second) && !is_fresh(Duration::ZERO, Duration::ZERO));
        let asked = Instant::now();
        assert!(is_brought(Some(asked), asked) && is_brought(Some(asked + second), asked));
        assert!(!is_brought(Some(asked), asked + second) && !is_brought(None, asked));
    }

    #[test]
    fn what_was_asked_for_with_one_pin_is_not_kept_for_the_next() {
        let account = account();
        let complete = |catalog: &Catalog| Some(catalog.replaced(&[], Instant::now(), &account.layout));
        let logins = account.logins();
        account.forget_all();
        account.renew(logins, complete);
        assert!(account.catalog().complete_since().is_none());
        account.renew(account.logins(), complete);
        assert!(account.catalog().complete_since().is_some());
        account.log_out();
        assert!(account.catalog().complete_since().is_none());
    }
}
