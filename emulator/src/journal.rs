//! The signature log: every signature, in the form of `GET /signatures/{id}`, stored in `signatures.jsonl`.

use crate::state::{StateDir, invalid};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;

const FILE: &str = "signatures.jsonl";

#[derive(Serialize, Deserialize, Clone, Debug)]
pub struct SignatureRecord {
    pub id: String,
    pub keypair_id: String,
    /// The keypair's alias at the time.
    pub key_pair: String,
    /// Base64, as in the response.
    pub signature: String,
    /// In the request's spelling.
    pub sig_alg: String,
    /// Base64, as in the request.
    pub hash: String,
    pub signing_status: String,
    /// Account ids.
    pub account: Vec<String>,
    pub created_on: String,
    pub created_by: String,
    pub created_by_user: String,
    pub modified_on: String,
    pub modified_by: String,
    pub modified_by_user: String,
    pub client_ip: String,
    /// The default certificate of the keypair, if it has one.
    pub certificate_id: Option<String>,
    /// The client's `User-Agent`.
    pub client_type: Option<String>,
    pub signature_type: String,
}

/// The signatures of this run and of earlier ones.
pub struct Journal {
    inner: Mutex<Inner>,
}

struct Inner {
    records: Vec<Arc<SignatureRecord>>,
    by_id: HashMap<String, usize>,
    /// How often each entry was read in this run.
    reads: HashMap<String, u32>,
    file: File,
}

impl Journal {
    /// Reads the entries of earlier runs.
    pub fn open(state: &StateDir) -> io::Result<Journal> {
        let bytes = state.read(FILE)?.unwrap_or_default();
        // An incomplete line at the end belongs to a signature that was never sent, because the process was killed.
        let whole = bytes.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        let mut records = Vec::new();
        let mut by_id = HashMap::new();
        for (index, line) in bytes[..whole].split(|&byte| byte == b'\n').filter(|line| !line.is_empty()).enumerate() {
            let record: SignatureRecord = serde_json::from_slice(line)
                .map_err(|error| invalid(&format!("{FILE}, line {}: {error}", index + 1)))?;
            by_id.insert(record.id.clone(), records.len());
            records.push(Arc::new(record));
        }
        let file = state.appender(FILE)?;
        if whole < bytes.len() {
            file.set_len(whole as u64)?;
        }
        Ok(Journal { inner: Mutex::new(Inner { records, by_id, reads: HashMap::new(), file }) })
    }

    /// Records a signature. The line is written at once, but not flushed to disk: losing a signature in a power cut
    /// does not matter here.
    pub fn record(&self, record: SignatureRecord) -> io::Result<()> {
        let mut line = serde_json::to_vec(&record)?;
        line.push(b'\n');
        let mut inner = self.inner.lock();
        inner.file.write_all(&line)?;
        let place = inner.records.len();
        inner.by_id.insert(record.id.clone(), place);
        inner.records.push(Arc::new(record));
        Ok(())
    }

    /// The signature with that id, and how often it was read before in this run.
    pub fn read(&self, id: &str) -> Option<(Arc<SignatureRecord>, u32)> {
        let mut inner = self.inner.lock();
        let record = inner.records[*inner.by_id.get(id)?].clone();
        let reads = inner.reads.entry(id.to_owned()).or_default();
        *reads = reads.saturating_add(1);
        Some((record, *reads - 1))
    }

    /// All signatures, oldest first.
    pub fn all(&self) -> Vec<Arc<SignatureRecord>> {
        self.inner.lock().records.clone()
    }

    /// At most `limit` signatures after the first `count`, oldest first, and how many there are in all.
    pub fn after(&self, count: usize, limit: usize) -> (Vec<Arc<SignatureRecord>>, usize) {
        let inner = self.inner.lock();
        (inner.records.iter().skip(count).take(limit).cloned().collect(), inner.records.len())
    }

    /// The signature with that id, without counting it as a read of a client.
    pub fn find(&self, id: &str) -> Option<Arc<SignatureRecord>> {
        let inner = self.inner.lock();
        Some(inner.records[*inner.by_id.get(id)?].clone())
    }

    /// How many signatures are recorded.
    pub fn len(&self) -> usize {
        self.inner.lock().records.len()
    }
}
