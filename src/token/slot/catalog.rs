//! The objects of the service: an immutable snapshot, replaced as a whole.
//!
//! **The snapshot.** A [`Catalog`] never changes. A search clones an `Arc` of it, and then needs no lock, however long
//! it takes and whatever others fetch meanwhile. A fetch builds a new catalog from the old one (`with`, `without`,
//! `replaced`) and replaces it (`Account::renew`, one at a time, without a request inside). A reader sees a whole
//! response or none of it. The old and the new catalog share their entries, so adding one keypair to ten thousand
//! copies ten thousand pointers. Objects keep their handles across refreshes, because the handle registry identifies
//! them by content, not by catalog. Everything that can be computed later is: the first search that needs them creates
//! the maps by id and alias, and the objects and indexes of each class ([`ObjectIndex`]). A process that signs with one
//! key by its label parses one certificate, whatever the account contains.

use super::kind::SlotKind;
use super::layout::Layout;
use super::object_index::ObjectIndex;
use crate::service::{Keypair, Wanted};
use crate::token::object::{Entry, Object, Template};
use cryptoki_sys::CK_SLOT_ID;
use once_cell::sync::OnceCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

/// The snapshot. Its indexes are created on first use.
pub struct Catalog {
    known: Vec<Known>,
    /// Indexes of keypairs that are replaced after each signature.
    dynamic: Vec<usize>,
    /// Keypairs that exist but cannot be shown: alias and reason.
    unreadable: Vec<(String, String)>,
    by_id: OnceCell<HashMap<String, usize>>,
    by_alias: OnceCell<HashMap<String, Vec<usize>>>,
    indexes: Vec<ObjectIndex>,
    complete: Option<Instant>,
}

#[derive(Clone)]
struct Known {
    entry: Arc<Entry>,
    since: Instant,
}

impl Catalog {
    /// A catalog of profile objects only: known before any request.
    pub fn empty(layout: &Layout) -> Self {
        Self::assemble(Vec::new(), Vec::new(), None, layout, None)
    }

    /// When the whole list was fetched; `None` if it was not.
    pub fn complete_since(&self) -> Option<Instant> {
        self.complete
    }

    /// When the keypairs with this alias were fetched; `None` if there are none.
    pub fn alias_since(&self, alias: &str) -> Option<Instant> {
        let by_alias = self.by_alias.get_or_init(|| {
            let mut by_alias: HashMap<String, Vec<usize>> = HashMap::with_capacity(self.known.len());
            for (place, Known { entry, .. }) in self.known.iter().enumerate() {
                by_alias.entry(entry.keypair.alias.clone()).or_default().push(place);
            }
            by_alias
        });
        by_alias.get(alias)?.iter().map(|place| self.known[*place].since).min()
    }

    /// The known aliases.
    pub fn aliases(&self) -> impl Iterator<Item = &str> {
        self.known.iter().map(|known| known.entry.keypair.alias.as_str())
    }

    /// When the keypair with this id was fetched; `None` if it is not there.
    pub fn id_since(&self, id: &str) -> Option<Instant> {
        self.place(id).map(|place| self.known[place].since)
    }

    fn place(&self, id: &str) -> Option<usize> {
        if self.known.is_empty() {
            return None;
        }
        let ids = || self.known.iter().map(|known| known.entry.keypair.id.clone());
        self.by_id.get_or_init(|| ids().zip(0..).collect()).get(id).copied()
    }

    /// Whether a keypair is dynamic: it is replaced after each signature, so every lookup may return another key.
    pub fn dynamic(&self, wanted: Wanted<'_>) -> bool {
        self.dynamic_keypairs().any(|keypair| match wanted {
            Wanted::All => true,
            Wanted::Alias(alias) => keypair.alias == alias,
            Wanted::Id(id) => keypair.id == id,
        })
    }

    /// The aliases of all dynamic keypairs.
    pub fn dynamic_aliases(&self) -> Vec<String> {
        self.dynamic_keypairs().map(|keypair| keypair.alias.clone()).collect()
    }

    fn dynamic_keypairs(&self) -> impl Iterator<Item = &Keypair> {
        self.dynamic.iter().map(|place| &*self.known[*place].entry.keypair)
    }

    /// Why an existing keypair with this alias cannot be shown.
    pub fn unreadable(&self, alias: &str) -> Option<&str> {
        self.unreadable.iter().find(|(other, _)| other == alias).map(|(_, why)| why.as_str())
    }

    /// A catalog of the whole list that the service has just returned. Unchanged keypairs keep their entries.
    pub fn replaced(&self, keypairs: &[Arc<Keypair>], now: Instant, layout: &Layout) -> Self {
        let (mut known, mut unreadable) = (Vec::with_capacity(keypairs.len()), Vec::new());
        for keypair in keypairs {
            match self.learn(keypair, now, layout) {
                Ok(new) => known.push(new),
                Err(why) => unreadable.push((keypair.alias.clone(), why)),
            }
        }
        Self::assemble(known, unreadable, Some(now), layout, Some(self))
    }

    /// This catalog with some keypairs added or updated. A dynamic keypair that was replaced keeps its alias, and has
    /// another id. `None` if there is nothing to add.
    pub fn with(&self, keypairs: &[Arc<Keypair>], now: Instant, layout: &Layout) -> Option<Self> {
        if keypairs.is_empty() {
            return None;
        }
        let named = |alias: &str| keypairs.iter().any(|keypair| keypair.alias == alias);
        let mut unreadable = self.unreadable.clone();
        unreadable.retain(|(alias, _)| !named(alias));
        let mut known = self.known.clone();
        for keypair in keypairs {
            match (self.learn(keypair, now, layout), self.place(&keypair.id)) {
                (Ok(new), Some(place)) => known[place] = new,
                (Ok(new), None) => known.push(new),
                (Err(why), _) => unreadable.push((keypair.alias.clone(), why)),
            }
        }
        known.retain(|old| {
            let old = &old.entry.keypair;
            !old.dynamic || !named(&old.alias) || keypairs.iter().any(|keypair| keypair.id == old.id)
        });
        Some(Self::assemble(known, unreadable, self.complete, layout, Some(self)))
    }

    /// This catalog without the keypairs for which `gone` is true.
    pub fn without(&self, gone: impl Fn(&Keypair) -> bool, layout: &Layout) -> Self {
        let known = self.known.iter().filter(|known| !gone(&known.entry.keypair)).cloned().collect();
        Self::assemble(known, self.unreadable.clone(), None, layout, Some(self))
    }

    /// A keypair's entry: the existing one if nothing changed. The error says why it has none.
    fn learn(&self, keypair: &Arc<Keypair>, now: Instant, layout: &Layout) -> Result<Known, String> {
        if let Some(known) = self.place(&keypair.id).map(|place| &self.known[place])
            && known.entry.keypair == *keypair
        {
            return Ok(Known { since: now, ..known.clone() });
        }
        Ok(Known { entry: Arc::new(Entry::new(keypair, &layout.id_prefix)?), since: now })
    }

    fn assemble(
        known: Vec<Known>,
        unreadable: Vec<(String, String)>,
        complete: Option<Instant>,
        layout: &Layout,
        before: Option<&Self>,
    ) -> Self {
        let index = |&(kind, slot): &(SlotKind, CK_SLOT_ID)| {
            let own = known.iter().map(|known| &known.entry);
            let own = own.filter(|entry| SlotKind::of(entry.key.family()) == kind).cloned().collect();
            ObjectIndex::new(slot, own, layout, before.and_then(|before| before.index(slot)))
        };
        let indexes = layout.slots.iter().map(index).collect();
        let dynamic = (0..known.len()).filter(|place| known[*place].entry.keypair.dynamic).collect();
        Self { known, dynamic, unreadable, by_id: OnceCell::new(), by_alias: OnceCell::new(), indexes, complete }
    }

    fn index(&self, slot: CK_SLOT_ID) -> Option<&ObjectIndex> {
        self.indexes.iter().find(|index| index.slot() == slot)
    }

    /// The token objects of a slot that match every attribute of a template.
    pub fn find(&self, slot: CK_SLOT_ID, template: &Template<'_>) -> Vec<Arc<Object>> {
        self.index(slot).map(|index| index.find(template)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::object::samples;
    use std::time::Duration;

    fn layout() -> Layout {
        let slots = vec![(SlotKind::Classic, 0)];
        Layout { slots, chain: true, id_prefix: "key-".into(), private: false, handles: Arc::default() }
    }

    fn made(id: &str, alias: &str) -> Keypair {
        Keypair::sample(id, alias, &samples::key())
    }

    fn with(catalog: &Catalog, keypair: &Keypair, now: Instant) -> Catalog {
        catalog.with(&[Arc::new(keypair.clone())], now, &layout()).expect("a new one")
    }

    #[test]
    fn each_keypair_is_as_old_as_the_last_answer_that_had_it() {
        let (first, later) = (Instant::now(), Instant::now() + Duration::from_secs(9));
        let [one, two] = [made("1", "one"), made("2", "two")];
        let catalog = with(&with(&Catalog::empty(&layout()), &one, first), &two, first);
        assert_eq!((catalog.id_since("1"), catalog.alias_since("two")), (Some(first), Some(first)));
        assert_eq!((catalog.id_since("3"), catalog.alias_since("three")), (None, None));
        // Unchanged: the same entry, fetched again; changed: another one.
        let again = with(&catalog, &one, later);
        assert!(Arc::ptr_eq(&catalog.known[0].entry, &again.known[0].entry));
        assert_eq!((again.id_since("1"), again.id_since("2")), (Some(later), Some(first)));
        let changed = with(&catalog, &samples::changed(&one, |keypair| keypair.key_status = "OFFLINE".into()), later);
        assert_eq!(changed.known[0].entry.keypair.key_status, "OFFLINE");
        assert_eq!(changed.known.len(), 2);
        let gone = changed.without(|keypair| keypair.id == "1", &layout());
        assert_eq!(gone.aliases().collect::<Vec<_>>(), ["two"]);
        assert!(catalog.with(&[], later, &layout()).is_none());
    }

    #[test]
    fn a_dynamic_keypair_that_was_replaced_leaves_and_all_others_stay() {
        let dynamic = |id: &str, alias: &str| samples::changed(&made(id, alias), |keypair| keypair.dynamic = true);
        let all = [made("1", "plain"), dynamic("2", "changing"), dynamic("3", "other"), made("4", "changing")];
        let empty = Catalog::empty(&layout());
        let catalog = empty.with(&all.map(Arc::new), Instant::now(), &layout()).expect("a new one");
        assert!(catalog.dynamic(Wanted::All) && catalog.dynamic(Wanted::Alias("changing")));
        assert!(
            catalog.dynamic(Wanted::Id("2")) && !catalog.dynamic(Wanted::Id("1")) && !catalog.dynamic(Wanted::Id("9"))
        );
        assert!(!catalog.dynamic(Wanted::Alias("plain")));
        let ids =
            |catalog: &Catalog| catalog.known.iter().map(|known| known.entry.keypair.id.clone()).collect::<Vec<_>>();
        assert_eq!(ids(&with(&catalog, &dynamic("5", "changing"), Instant::now())), ["1", "3", "4", "5"]);
        assert_eq!(ids(&with(&catalog, &dynamic("2", "changing"), Instant::now())), ["1", "2", "3", "4"]);
        assert!(!with(&empty, &made("1", "plain"), Instant::now()).dynamic(Wanted::All));
    }

    #[test]
    fn a_keypair_that_cannot_be_shown_says_why_until_it_can() {
        let odd = |id: &str, alias: &str| samples::changed(&made(id, alias), |keypair| keypair.public_key = None);
        let now = Instant::now();
        let catalog = with(&with(&Catalog::empty(&layout()), &odd("1", "odd"), now), &odd("2", "strange"), now);
        let why = "the service gives no public_key, and it has no certificate whose key could be used";
        assert_eq!((catalog.unreadable("odd"), catalog.unreadable("strange")), (Some(why), Some(why)));
        let catalog = with(&catalog, &made("1", "odd"), now);
        assert_eq!((catalog.unreadable("odd"), catalog.unreadable("strange")), (None, Some(why)));
    }
}
