//! The token objects of one slot, created and indexed class by class when a search first needs the class. A program
//! that signs with one of ten thousand keypairs does not wait for ten thousand certificates to be parsed.

use super::layout::Layout;
use crate::mechanism;
use crate::token::object::{CLASSES, ChainCertificate, Class, Entry, Object, ObjectKey, Source, Template, profiles};
use crate::x509::Certificate;
use cryptoki_sys::*;
use once_cell::sync::OnceCell;
use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

/// The objects of one slot.
pub struct ObjectIndex {
    slot: CK_SLOT_ID,
    layout: Layout,
    entries: Vec<Arc<Entry>>,
    groups: [OnceCell<Group>; CLASSES.len()],
}

/// The objects of one class, in the service's order.
struct Group {
    objects: Vec<Arc<Object>>,
    indexes: [OnceCell<ValueIndex>; INDEXED.len()],
}

/// The attributes that clients search by, the most selective first.
const INDEXED: [CK_ATTRIBUTE_TYPE; 3] = [CKA_ID, CKA_LABEL, CKA_SUBJECT];

/// Indexes of objects by the hash of an attribute's value, sorted by hash.
struct ValueIndex {
    hasher: RandomState,
    places: Vec<(u64, u32)>,
}

impl ObjectIndex {
    /// The objects of a slot. Classes that were used `before` are created at once, so that the application's handles
    /// refer to current objects.
    pub fn new(slot: CK_SLOT_ID, entries: Vec<Arc<Entry>>, layout: &Layout, before: Option<&Self>) -> Self {
        let index = Self { slot, layout: layout.clone(), entries, groups: Default::default() };
        for (class, _) in CLASSES {
            if let Some(group) = before.and_then(|before| before.groups[class as usize].get()) {
                let _ = index.groups[class as usize].set(Group::new(index.make(class, &group.objects)));
            }
        }
        index
    }

    /// The slot that it is of.
    pub fn slot(&self) -> CK_SLOT_ID {
        self.slot
    }

    /// The objects that match every attribute of a template.
    pub fn find(&self, template: &Template<'_>) -> Vec<Arc<Object>> {
        let wanted = match template.number(CKA_CLASS) {
            Ok(Some(number)) => Class::from_number(number).map_or(0..0, |class| class as usize..class as usize + 1),
            Ok(None) => 0..CLASSES.len(),
            Err(_) => 0..0,
        };
        CLASSES[wanted].iter().flat_map(|(class, _)| self.group(*class).find(template)).collect()
    }

    fn group(&self, class: Class) -> &Group {
        self.groups[class as usize].get_or_init(|| Group::new(self.make(class, &[])))
    }

    fn make(&self, class: Class, before: &[Arc<Object>]) -> Vec<Arc<Object>> {
        match class {
            Class::PrivateKey => self.keys(class, self.layout.private, before, ObjectKey::PrivateKey),
            Class::PublicKey => self.keys(class, false, before, ObjectKey::PublicKey),
            Class::Certificate => self.certificates(),
            Class::Profile => profiles(self.layout.private).into_iter().map(|id| self.profile(id)).collect(),
        }
    }

    fn profile(&self, id: CK_PROFILE_ID) -> Arc<Object> {
        let make = |handle| Object::new(handle, self.slot, Class::Profile, false, Source::Profile(id));
        self.layout.handles.settle(ObjectKey::Profile(self.slot, id), make)
    }

    /// One object for each entry; those of unchanged entries exist already.
    fn keys(
        &self,
        class: Class,
        private: bool,
        before: &[Arc<Object>],
        key: fn(CK_SLOT_ID, String) -> ObjectKey,
    ) -> Vec<Arc<Object>> {
        let object = |(place, entry): (usize, &Arc<Entry>)| {
            let known = before.get(place).filter(|object| object.entry().is_some_and(|old| Arc::ptr_eq(old, entry)));
            known.cloned().unwrap_or_else(|| {
                let source = Source::Keypair(Arc::clone(entry));
                let make = |handle| Object::new(handle, self.slot, class, private, source);
                self.layout.handles.settle(key(self.slot, entry.keypair.id.clone()), make)
            })
        };
        self.entries.iter().enumerate().map(object).collect()
    }

    /// The certificates of keypairs, and then each chain certificate once. A certificate that a keypair of this slot
    /// shows as its own is not repeated.
    fn certificates(&self) -> Vec<Arc<Object>> {
        let mut objects = Vec::new();
        let mut seen: HashSet<&[u8]> = HashSet::new();
        for entry in &self.entries {
            let Some(certificate) = entry.certificate() else { continue };
            seen.insert(certificate.der());
            let key = ObjectKey::Certificate(self.slot, entry.keypair.id.clone(), mechanism::sha256(certificate.der()));
            let source = Source::Keypair(Arc::clone(entry));
            let make = |handle| Object::new(handle, self.slot, Class::Certificate, false, source);
            objects.push(self.layout.handles.settle(key, make));
        }
        if self.layout.chain {
            let shown = self.entries.iter().filter(|entry| entry.certificate().is_some());
            let mut last: Option<&Arc<[Arc<[u8]>]>> = None;
            for chain in shown.filter_map(|entry| entry.certificate_record()).map(|record| &record.chain) {
                if !last.is_some_and(|last| Arc::ptr_eq(last, chain)) {
                    let new = chain.iter().filter(|der| seen.insert(der));
                    objects.extend(new.filter_map(|der| self.chain_certificate(der)));
                }
                last = Some(chain);
            }
        }
        objects
    }

    fn chain_certificate(&self, der: &[u8]) -> Option<Arc<Object>> {
        let key = ObjectKey::Chain(self.slot, mechanism::sha256(der));
        if let Some(object) = self.layout.handles.settled(&key) {
            return Some(object);
        }
        let certificate = Certificate::parse(der.to_vec());
        let certificate =
            certificate.inspect_err(|error| log::warn!("a chain certificate is not shown: {}", error.cause)).ok()?;
        let label = certificate.common_name().unwrap_or_else(|| certificate.subject_display());
        let id = certificate.subject_public_key_sha1();
        let source = Source::Chain(Box::new(ChainCertificate { certificate, label, id }));
        let make = |handle| Object::new(handle, self.slot, Class::Certificate, false, source);
        Some(self.layout.handles.settle(key, make))
    }
}

impl Group {
    fn new(objects: Vec<Arc<Object>>) -> Self {
        Self { objects, indexes: Default::default() }
    }

    /// Uses the most selective index that the template allows, and then compares every attribute.
    fn find(&self, template: &Template<'_>) -> Vec<Arc<Object>> {
        let indexed = INDEXED.iter().zip(&self.indexes);
        let indexed =
            indexed.filter_map(|(attribute, index)| Some((*attribute, index, template.get(*attribute)?))).next();
        let fits = |object: &&Arc<Object>| matches(object, template);
        let Some((attribute, index, value)) = indexed else {
            return self.objects.iter().filter(fits).cloned().collect();
        };
        let index = index.get_or_init(|| ValueIndex::new(&self.objects, attribute));
        index.places(value).map(|place| &self.objects[place]).filter(fits).cloned().collect()
    }
}

impl ValueIndex {
    fn new(objects: &[Arc<Object>], attribute: CK_ATTRIBUTE_TYPE) -> Self {
        let hasher = RandomState::new();
        let hash =
            |(object, place): (&Arc<Object>, u32)| Some((hasher.hash_one(object.attribute(attribute).shown()?), place));
        let mut places: Vec<(u64, u32)> = objects.iter().zip(0..).filter_map(hash).collect();
        places.sort_unstable();
        Self { hasher, places }
    }

    /// Where objects with this value may be.
    fn places(&self, value: &[u8]) -> impl Iterator<Item = usize> {
        let hash = self.hasher.hash_one(value);
        let first = self.places.partition_point(|(other, _)| *other < hash);
        self.places[first..].iter().take_while(move |(other, _)| *other == hash).map(|(_, place)| *place as usize)
    }
}

/// Whether an object has every attribute of a template with exactly these bytes (5.7, `C_FindObjectsInit`).
pub fn matches(object: &Object, template: &Template<'_>) -> bool {
    template.0.iter().all(|(attribute, value)| object.attribute(*attribute).shown() == Some(value))
}
