//! The keypairs of the service: found by id, alias or certificate, listed in pages, stored in `keypairs.jsonl`.

use crate::behaviour::{AliasMatch, Behaviour};
use crate::records::{Certificate, Keypair, KeypairRecord};
use crate::state::{StateDir, invalid};
use parking_lot::{Mutex, RwLock};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;

const FILE: &str = "keypairs.jsonl";

/// One line of `keypairs.jsonl`. The file is a history: replaying it yields the existing keypairs.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Line {
    Add(KeypairRecord),
    /// Replaces the record with the same id, in its place.
    Change(KeypairRecord),
    Remove(String),
}

/// The condition of a list; an absent member accepts everything.
#[derive(Default, Debug)]
pub struct Filter {
    /// By alias, as [`AliasMatch`] says.
    pub alias: Option<String>,
    pub id: Option<String>,
    /// Certificates only: by `certificate_status`.
    pub status: Option<String>,
    /// Certificates only: by the id of their keypair.
    pub keypair_id: Option<String>,
}

/// One page of a list.
pub struct Page {
    /// The number of matching items on all pages.
    pub total: usize,
    /// How many of them are on this page.
    pub count: usize,
    /// The page's items as the content of a JSON array.
    pub items: Vec<u8>,
}

#[derive(Debug)]
pub enum AddError {
    /// Nothing was added: the alias is in use.
    Duplicate(String),
    /// The state directory cannot be written.
    Io(io::Error),
}

pub struct Store {
    inner: RwLock<Inner>,
    file: Mutex<File>,
    alias_match: AliasMatch,
}

#[derive(Default)]
struct Inner {
    /// In order of creation, which is the order of lists.
    keypairs: BTreeMap<u64, Arc<Keypair>>,
    by_id: HashMap<String, u64>,
    by_alias: HashMap<String, u64>,
    /// For each certificate id, its keypair and its index there.
    certificates: HashMap<String, (u64, usize)>,
    next: u64,
}

impl Inner {
    fn insert(&mut self, keypair: Arc<Keypair>) {
        let place = self.next;
        self.next += 1;
        self.by_id.insert(keypair.record.id.clone(), place);
        self.by_alias.insert(keypair.record.alias.clone(), place);
        for (index, certificate) in keypair.certificates.iter().enumerate() {
            self.certificates.insert(certificate.record.id.clone(), (place, index));
        }
        self.keypairs.insert(place, keypair);
    }

    /// Replaces the keypair with the same id and alias, in its place.
    fn change(&mut self, keypair: Arc<Keypair>) {
        let Some(&place) = self.by_id.get(&keypair.record.id) else { return };
        if let Some(old) = self.keypairs.get(&place) {
            for certificate in &old.certificates {
                self.certificates.remove(&certificate.record.id);
            }
        }
        for (index, certificate) in keypair.certificates.iter().enumerate() {
            self.certificates.insert(certificate.record.id.clone(), (place, index));
        }
        self.keypairs.insert(place, keypair);
    }

    fn remove(&mut self, id: &str) -> Option<Arc<Keypair>> {
        let place = self.by_id.remove(id)?;
        let keypair = self.keypairs.remove(&place)?;
        self.by_alias.remove(&keypair.record.alias);
        for certificate in &keypair.certificates {
            self.certificates.remove(&certificate.record.id);
        }
        Some(keypair)
    }

    fn at(&self, place: Option<&u64>) -> Option<&Arc<Keypair>> {
        self.keypairs.get(place?)
    }
}

impl Store {
    /// The records of an earlier run, in order of creation; the caller converts them to keypairs for [`Store::open`].
    pub fn kept(state: &StateDir) -> io::Result<Vec<KeypairRecord>> {
        let Some(bytes) = state.read(FILE)? else { return Ok(Vec::new()) };
        let mut records: BTreeMap<usize, KeypairRecord> = BTreeMap::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        let ends_whole = bytes.ends_with(b"\n");
        let lines: Vec<&[u8]> = bytes.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).collect();
        for (index, line) in lines.iter().enumerate() {
            match serde_json::from_slice(line) {
                Ok(Line::Add(record)) => {
                    places.insert(record.id.clone(), index);
                    records.insert(index, record);
                }
                Ok(Line::Change(record)) => {
                    if let Some(place) = places.get(&record.id) {
                        records.insert(*place, record);
                    }
                }
                Ok(Line::Remove(id)) => {
                    places.remove(&id).map(|place| records.remove(&place));
                }
                // Killed in the middle of a line: no client was told about that keypair, so it does not exist.
                Err(_) if index + 1 == lines.len() && !ends_whole => {}
                Err(error) => return Err(invalid(&format!("{FILE}, line {}: {error}", index + 1))),
            }
        }
        Ok(records.into_values().collect())
    }

    /// A store with `keypairs`, which appends changes to the state directory.
    pub fn open(state: &StateDir, alias_match: AliasMatch, keypairs: Vec<Keypair>) -> io::Result<Store> {
        let mut inner = Inner::default();
        let mut lines = Vec::new();
        for keypair in keypairs {
            write_line(&mut lines, &Line::Add(keypair.full_record()))?;
            inner.insert(Arc::new(keypair));
        }
        // Rewritten at every start, without removed keypairs and an incomplete last line.
        state.write_secret(FILE, &lines)?;
        Ok(Store { inner: RwLock::new(inner), file: Mutex::new(state.appender(FILE)?), alias_match })
    }

    /// Adds all of them or none.
    pub fn add(&self, keypairs: Vec<Keypair>) -> Result<Vec<Arc<Keypair>>, AddError> {
        let mut lines = Vec::new();
        for keypair in &keypairs {
            write_line(&mut lines, &Line::Add(keypair.full_record())).map_err(AddError::Io)?;
        }
        let mut inner = self.inner.write();
        if let Some(taken) = keypairs.iter().find(|keypair| inner.by_alias.contains_key(&keypair.record.alias)) {
            return Err(AddError::Duplicate(taken.record.alias.clone()));
        }
        self.file.lock().write_all(&lines).map_err(AddError::Io)?;
        let added: Vec<Arc<Keypair>> = keypairs.into_iter().map(Arc::new).collect();
        for keypair in &added {
            inner.insert(keypair.clone());
        }
        Ok(added)
    }

    /// Replaces the keypair with that id by `new`, a keypair with an id of its own; `None` if it no longer exists.
    pub fn replace(&self, id: &str, new: Keypair) -> io::Result<Option<Arc<Keypair>>> {
        let mut lines = Vec::new();
        write_line(&mut lines, &Line::Remove(id.to_owned()))?;
        write_line(&mut lines, &Line::Add(new.full_record()))?;
        let mut inner = self.inner.write();
        if !inner.by_id.contains_key(id) {
            return Ok(None);
        }
        self.file.lock().write_all(&lines)?;
        inner.remove(id);
        let new = Arc::new(new);
        inner.insert(new.clone());
        Ok(Some(new))
    }

    /// Changes the keypair with that id in its place; `None` if it does not exist. Neither id nor alias may change.
    ///
    /// # Errors
    /// Those of `change`, or the state directory cannot be written; then the keypair is unchanged.
    pub fn change<E: From<io::Error>>(
        &self,
        id: &str,
        change: impl FnOnce(&Keypair) -> Result<Keypair, E>,
    ) -> Result<Option<Arc<Keypair>>, E> {
        let mut inner = self.inner.write();
        let Some(old) = inner.at(inner.by_id.get(id)) else { return Ok(None) };
        let new = Arc::new(change(old)?);
        let mut line = Vec::new();
        write_line(&mut line, &Line::Change(new.full_record()))?;
        self.file.lock().write_all(&line)?;
        inner.change(new.clone());
        Ok(Some(new))
    }

    /// Removes the keypair with that id, and returns it with whether another keypair has the same key; `None` if it does
    /// not exist.
    pub fn remove(&self, id: &str) -> io::Result<Option<(Arc<Keypair>, bool)>> {
        let mut line = Vec::new();
        write_line(&mut line, &Line::Remove(id.to_owned()))?;
        let mut inner = self.inner.write();
        if !inner.by_id.contains_key(id) {
            return Ok(None);
        }
        self.file.lock().write_all(&line)?;
        let Some(removed) = inner.remove(id) else { return Ok(None) };
        let shared = inner.keypairs.values().any(|other| other.record.key == removed.record.key);
        Ok(Some((removed, shared)))
    }

    /// The keypair that has the certificate with that id, and the certificate's index there.
    pub fn by_certificate(&self, id: &str) -> Option<(Arc<Keypair>, usize)> {
        let inner = self.inner.read();
        let (place, index) = inner.certificates.get(id)?;
        Some((inner.keypairs.get(place)?.clone(), *index))
    }

    /// The keypairs whose alias or id contains `text` in any case, newest first: how many there are, and one page of them.
    pub fn search(&self, text: &str, offset: usize, limit: usize) -> (usize, Vec<Arc<Keypair>>) {
        let inner = self.inner.read();
        if text.is_empty() {
            return (inner.keypairs.len(), inner.keypairs.values().rev().skip(offset).take(limit).cloned().collect());
        }
        let text = text.to_lowercase();
        let found = |keypair: &&Arc<Keypair>| {
            keypair.record.alias.to_lowercase().contains(&text) || keypair.record.id.contains(&text)
        };
        let all: Vec<&Arc<Keypair>> = inner.keypairs.values().rev().filter(found).collect();
        (all.len(), all.into_iter().skip(offset).take(limit).cloned().collect())
    }

    /// How many keypairs there are.
    pub fn len(&self) -> usize {
        self.inner.read().keypairs.len()
    }

    /// Whether the alias is in use.
    pub fn has_alias(&self, alias: &str) -> bool {
        self.inner.read().by_alias.contains_key(alias)
    }

    /// The keypair with that id.
    pub fn by_id(&self, id: &str) -> Option<Arc<Keypair>> {
        let inner = self.inner.read();
        inner.at(inner.by_id.get(id)).cloned()
    }

    /// The keypair with that id, or else with exactly that alias.
    pub fn by_id_or_alias(&self, name: &str) -> Option<Arc<Keypair>> {
        let inner = self.inner.read();
        inner.at(inner.by_id.get(name).or_else(|| inner.by_alias.get(name))).cloned()
    }

    /// The JSON of the certificate with that id.
    pub fn certificate(&self, id: &str) -> Option<Vec<u8>> {
        let inner = self.inner.read();
        let (place, index) = inner.certificates.get(id)?;
        Some(inner.keypairs.get(place)?.certificates[*index].json.as_bytes().to_vec())
    }

    /// A page of keypairs, in the form for lists that `behaviour` sets.
    pub fn keypairs(&self, filter: &Filter, offset: usize, limit: usize, behaviour: &Behaviour) -> Page {
        let inner = self.inner.read();
        let write = |keypair: &Arc<Keypair>, out: &mut Vec<u8>| keypair.write_listed(behaviour, out);
        // Without a filter, or with an indexed one, only the items of the page are visited.
        let selected: Vec<&Arc<Keypair>> = match (&filter.id, &filter.alias) {
            (None, None) => {
                let page = inner.keypairs.values().skip(offset).take(limit);
                return Page::of(inner.keypairs.len(), page, write);
            }
            (Some(id), _) => inner.at(inner.by_id.get(id)).into_iter().collect(),
            (None, Some(alias)) if self.alias_match == AliasMatch::Exact => {
                inner.at(inner.by_alias.get(alias)).into_iter().collect()
            }
            (None, Some(_)) => inner.keypairs.values().collect(),
        };
        let selected: Vec<_> =
            selected.into_iter().filter(|keypair| self.alias_selects(filter, &keypair.record.alias)).collect();
        let page = selected.iter().skip(offset).take(limit);
        Page::of(selected.len(), page, |keypair, out| write(keypair, out))
    }

    pub fn certificates(&self, filter: &Filter, offset: usize, limit: usize) -> Page {
        let inner = self.inner.read();
        let all = inner.keypairs.values().flat_map(|keypair| keypair.certificates.iter().map(move |c| (keypair, c)));
        let selected: Vec<&Certificate> = all
            .filter(|(keypair, certificate)| {
                let is = |wanted: &Option<String>, value: &str| wanted.as_deref().is_none_or(|wanted| wanted == value);
                let record = &certificate.record;
                is(&filter.id, &record.id)
                    && is(&filter.keypair_id, &keypair.record.id)
                    && filter.status.as_deref().is_none_or(|status| status.eq_ignore_ascii_case(&record.status))
                    && self.alias_selects(filter, &record.alias)
            })
            .map(|(_, certificate)| certificate)
            .collect();
        let page = selected.iter().skip(offset).take(limit);
        Page::of(selected.len(), page, |certificate: &&Certificate, out| {
            out.extend_from_slice(certificate.json.as_bytes())
        })
    }

    fn alias_selects(&self, filter: &Filter, alias: &str) -> bool {
        match (&filter.alias, self.alias_match) {
            (None, _) | (_, AliasMatch::Ignore | AliasMatch::Refuse) => true,
            (Some(wanted), AliasMatch::Exact) => wanted == alias,
            (Some(wanted), AliasMatch::Contains) => alias.to_lowercase().contains(&wanted.to_lowercase()),
        }
    }
}

impl Page {
    fn of<T>(total: usize, items: impl Iterator<Item = T>, write: impl Fn(T, &mut Vec<u8>)) -> Page {
        let (mut out, mut count) = (Vec::new(), 0);
        for item in items {
            if count > 0 {
                out.push(b',');
            }
            write(item, &mut out);
            count += 1;
        }
        Page { total, count, items: out }
    }
}

fn write_line(out: &mut Vec<u8>, line: &Line) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.push(b'\n');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::tests::record;

    /// What a file with these lines leaves, as `alias online`.
    fn replayed(name: &str, lines: &[Line]) -> Vec<String> {
        let folder = std::env::temp_dir().join(format!("stm-emulator-store-{}-{name}", std::process::id()));
        let state = StateDir::open(&folder).unwrap();
        let mut bytes = Vec::new();
        lines.iter().for_each(|line| write_line(&mut bytes, line).unwrap());
        state.write_secret(FILE, &bytes).unwrap();
        let kept = Store::kept(&state).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        kept.iter().map(|record| format!("{} {}", record.alias, record.online)).collect()
    }

    #[test]
    fn a_change_keeps_the_place_in_the_list_and_a_removed_keypair_stays_removed() {
        let offline = |alias: &str| KeypairRecord { online: false, ..record(alias) };
        let (a, b) = (record("a"), record("b"));
        let lines = [Line::Add(a.clone()), Line::Add(b.clone()), Line::Change(offline("a"))];
        assert_eq!(replayed("change", &lines), ["a false", "b true"]);
        let lines = [Line::Add(a), Line::Add(b), Line::Remove("id-a".to_owned()), Line::Change(offline("a"))];
        assert_eq!(replayed("removed", &lines), ["b true"]);
    }
}
