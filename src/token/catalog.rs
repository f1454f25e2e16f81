//! What the service said exists, as objects: an immutable snapshot, indexed, replaced whole.

use super::attribute::Template;
use super::object::{CLASSES, ChainCertificate, Class, Entry, Object, Source, object_id};
use super::profile::profiles;
use super::registry::{ObjectKey, Registry};
use super::slot::SlotKind;
use crate::mechanism::{self, PublicKey};
use crate::service::Keypair;
use crate::x509::Certificate;
use cryptoki_sys::*;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Instant;

/// Where a catalog's objects live and what they look like.
#[derive(Clone)]
pub struct Layout {
    /// The account's slots.
    pub slots: Vec<(SlotKind, CK_SLOT_ID)>,
    /// Whether chain certificates are shown.
    pub chain: bool,
    /// Whether private keys are hidden until login.
    pub private: bool,
    /// Where handles come from.
    pub registry: Arc<Registry>,
}

/// The snapshot.
#[derive(Default)]
pub struct Catalog {
    known: Vec<Known>,
    by_id: HashMap<String, usize>,
    by_alias: HashMap<String, Vec<usize>>,
    shelves: Vec<(CK_SLOT_ID, Shelf)>,
    complete: Option<Instant>,
}

#[derive(Clone)]
struct Known {
    entry: Arc<Entry>,
    objects: Vec<Arc<Object>>,
    since: Instant,
}

/// The objects of one slot, with indexes for what clients search by.
#[derive(Default)]
struct Shelf {
    objects: Vec<Arc<Object>>,
    by_class: [Vec<u32>; CLASSES.len()],
    by_label: HashMap<Vec<u8>, Vec<u32>>,
    by_id: HashMap<Vec<u8>, Vec<u32>>,
    by_subject: HashMap<Vec<u8>, Vec<u32>>,
}

impl Catalog {
    /// A catalog of profile objects only: what is known before the service was asked.
    pub fn empty(layout: &Layout) -> Self {
        Self::assemble(Vec::new(), None, layout)
    }

    /// When the whole list was fetched, if it was.
    pub fn complete_since(&self) -> Option<Instant> {
        self.complete
    }

    /// When the keypairs with this alias were fetched; `None` if there are none.
    pub fn alias_since(&self, alias: &str) -> Option<Instant> {
        self.by_alias.get(alias)?.iter().map(|place| self.known[*place].since).min()
    }

    /// When the keypair with this id was fetched; `None` if it is not there.
    pub fn id_since(&self, id: &str) -> Option<Instant> {
        self.by_id.get(id).map(|place| self.known[*place].since)
    }

    /// The whole list as the service gave it now. Keypairs that did not change keep their objects.
    pub fn replaced(&self, keypairs: &[Arc<Keypair>], now: Instant, layout: &Layout) -> Self {
        let known = keypairs.iter().filter_map(|keypair| self.learn(keypair, now, layout)).collect();
        Self::assemble(known, Some(now), layout)
    }

    /// This catalog with some keypairs added or renewed.
    pub fn with(&self, keypairs: &[Arc<Keypair>], now: Instant, layout: &Layout) -> Self {
        let mut known = self.known.clone();
        for keypair in keypairs {
            let Some(new) = self.learn(keypair, now, layout) else { continue };
            match self.by_id.get(&keypair.id) {
                Some(place) => known[*place] = new,
                None => known.push(new),
            }
        }
        Self::assemble(known, self.complete, layout)
    }

    /// This catalog without the keypairs that `gone` names.
    pub fn without(&self, gone: impl Fn(&Keypair) -> bool, layout: &Layout) -> Self {
        let known = self.known.iter().filter(|known| !gone(&known.entry.keypair)).cloned().collect();
        Self::assemble(known, None, layout)
    }

    /// A keypair's entry and objects; those that are already there if it is the same as before.
    fn learn(&self, keypair: &Arc<Keypair>, now: Instant, layout: &Layout) -> Option<Known> {
        if let Some(known) = self.by_id.get(&keypair.id).map(|place| &self.known[*place])
            && known.entry.keypair == *keypair
        {
            return Some(Known { since: now, ..known.clone() });
        }
        let entry = Arc::new(entry(keypair)?);
        let objects = keypair_objects(&entry, layout);
        Some(Known { entry, objects, since: now })
    }

    fn assemble(known: Vec<Known>, complete: Option<Instant>, layout: &Layout) -> Self {
        let mut catalog = Self { complete, ..Self::default() };
        for (kind, slot) in &layout.slots {
            let mut shelf = Shelf::default();
            for id in profiles(layout.private) {
                let key = ObjectKey::Profile(*slot, id);
                shelf.put(
                    layout
                        .registry
                        .settle(key, |handle| Object::new(handle, *slot, Class::Profile, false, Source::Profile(id))),
                );
            }
            let own = || known.iter().filter(|known| SlotKind::of(known.entry.key.family()) == *kind);
            own().flat_map(|known| &known.objects).for_each(|object| shelf.put(Arc::clone(object)));
            if layout.chain {
                put_chains(&mut shelf, own().map(|known| &*known.entry), *slot, layout);
            }
            catalog.shelves.push((*slot, shelf));
        }
        for (place, Known { entry, .. }) in known.iter().enumerate() {
            catalog.by_id.insert(entry.keypair.id.clone(), place);
            catalog.by_alias.entry(entry.keypair.alias.clone()).or_default().push(place);
        }
        catalog.known = known;
        catalog
    }

    /// The token objects of a slot that match every attribute of a template, in the service's order.
    pub fn find(&self, slot: CK_SLOT_ID, template: &Template<'_>) -> Vec<Arc<Object>> {
        let shelf = self.shelves.iter().find(|(id, _)| *id == slot).map(|(_, shelf)| shelf);
        shelf.map(|shelf| shelf.find(template)).unwrap_or_default()
    }
}

impl Shelf {
    fn put(&mut self, object: Arc<Object>) {
        let place = self.objects.len() as u32;
        self.by_class[object.class() as usize].push(place);
        for (attribute, index) in
            [(CKA_LABEL, &mut self.by_label), (CKA_ID, &mut self.by_id), (CKA_SUBJECT, &mut self.by_subject)]
        {
            if let Some(value) = object.attribute(attribute).shown() {
                index.entry(value.to_vec()).or_default().push(place);
            }
        }
        self.objects.push(object);
    }

    /// The narrowest index that the template names; then every attribute is compared.
    fn find(&self, template: &Template<'_>) -> Vec<Arc<Object>> {
        let all: Vec<u32>;
        let indexed = [(CKA_ID, &self.by_id), (CKA_LABEL, &self.by_label), (CKA_SUBJECT, &self.by_subject)]
            .into_iter()
            .find_map(|(attribute, index)| template.get(attribute).map(|value| index.get(value)));
        let candidates: &[u32] = match (indexed, template.number(CKA_CLASS)) {
            (Some(places), _) => places.map_or(&[], Vec::as_slice),
            (None, Ok(Some(class))) => Class::from_number(class).map_or(&[], |class| &self.by_class[class as usize]),
            (None, _) => {
                all = (0..self.objects.len() as u32).collect();
                &all
            }
        };
        let objects = candidates.iter().map(|place| &self.objects[*place as usize]);
        objects.filter(|object| matches(object, template)).cloned().collect()
    }
}

/// Whether an object has every attribute of a template with exactly these bytes (5.7, `C_FindObjectsInit`).
pub fn matches(object: &Object, template: &Template<'_>) -> bool {
    template.0.iter().all(|(attribute, value)| object.attribute(*attribute).shown() == Some(value))
}

/// Reads a keypair's key and certificate. `None`, and a warning, if its key cannot be shown.
fn entry(keypair: &Arc<Keypair>) -> Option<Entry> {
    let name = &keypair.alias;
    let Some(spki) = keypair.public_key.as_deref() else {
        log::warn!("keypair {name} is not shown: the service gives neither its public key nor a certificate");
        return None;
    };
    let key = match PublicKey::from_spki(spki) {
        Ok(key) => key,
        Err(error) => {
            log::warn!("keypair {name} ({}) is not shown: {}", keypair.key_alg, error.cause);
            return None;
        }
    };
    let certificate = keypair.default_certificate().and_then(|record| match Certificate::parse(record.der.clone()) {
        Ok(certificate) if certificate.spki() == key.spki() => Some(certificate),
        Ok(_) => {
            log::warn!("the certificate {} of keypair {name} is not shown: it is of another key", record.alias);
            None
        }
        Err(error) => {
            log::warn!("the certificate {} of keypair {name} is not shown: {}", record.alias, error.cause);
            None
        }
    });
    Some(Entry { id: object_id(&keypair.id), keypair: Arc::clone(keypair), key, certificate })
}

fn keypair_objects(entry: &Arc<Entry>, layout: &Layout) -> Vec<Arc<Object>> {
    let kind = SlotKind::of(entry.key.family());
    let Some((_, slot)) = layout.slots.iter().find(|(slot_kind, _)| *slot_kind == kind) else { return Vec::new() };
    let id = || entry.keypair.id.clone();
    let mut keys = vec![
        (ObjectKey::PrivateKey(*slot, id()), Class::PrivateKey, layout.private),
        (ObjectKey::PublicKey(*slot, id()), Class::PublicKey, false),
    ];
    if let Some(certificate) = &entry.certificate {
        let digest = mechanism::sha256(certificate.der());
        keys.push((ObjectKey::Certificate(*slot, id(), digest), Class::Certificate, false));
    }
    let make = |(key, class, private)| {
        let source = Source::Keypair(Arc::clone(entry));
        layout.registry.settle(key, |handle| Object::new(handle, *slot, class, private, source))
    };
    keys.into_iter().map(make).collect()
}

/// Every distinct chain certificate once. A certificate that a keypair of this shelf shows as its own is not repeated.
fn put_chains<'a>(
    shelf: &mut Shelf,
    entries: impl Iterator<Item = &'a Entry> + Clone,
    slot: CK_SLOT_ID,
    layout: &Layout,
) {
    let mut seen: HashSet<&[u8]> =
        entries.clone().filter_map(|entry| entry.certificate.as_ref().map(Certificate::der)).collect();
    let chains = entries.filter(|entry| entry.certificate.is_some()).filter_map(Entry::certificate_record);
    for der in chains.flat_map(|record| record.chain.iter().map(|der| &**der)) {
        if !seen.insert(der) {
            continue;
        }
        let key = ObjectKey::Chain(slot, mechanism::sha256(der));
        if let Some(object) = layout.registry.settled(&key) {
            shelf.put(object);
            continue;
        }
        let certificate = match Certificate::parse(der.to_vec()) {
            Ok(certificate) => certificate,
            Err(error) => {
                log::warn!("a chain certificate is not shown: {}", error.cause);
                continue;
            }
        };
        let label = certificate.common_name().unwrap_or_else(|| certificate.subject_display());
        let id = certificate.subject_public_key_sha1();
        let source = Source::Chain(Box::new(ChainCertificate { certificate, label, id }));
        shelf.put(layout.registry.settle(key, |handle| Object::new(handle, slot, Class::Certificate, false, source)));
    }
}
