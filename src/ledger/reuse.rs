//! Stored signatures that can be returned again: only of deterministic algorithms, and only for the time that the user
//! set.
//!
//! There is one file for each signature, in a directory for each identity, so other credentials find nothing. A file
//! contains the signed data, the state of the keypair at that time, and the signature; its name is a hash of the data.
//! It is used only if it belongs to the user, matches the request exactly, and is recent enough. The caller verifies
//! the signature again. Nothing here fails: a file that cannot be read or written counts as missing.

use super::draft::Subject;
use crate::log::make_folder;
use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The longest accepted file, in bytes: the longest signature has 50 kB.
const LONGEST: u64 = 256 << 10;
/// The largest number of files that one clean-up looks at.
const SWEPT: usize = 10_000;

/// The stored signatures of one identity.
pub struct Reuse {
    folder: PathBuf,
    lifetime: Duration,
    swept: AtomicBool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The time of the signature, in seconds since 1970.
    made: u64,
    keypair_id: String,
    /// The service's name of the algorithm.
    sig_alg: String,
    /// The signed digest or data, in hexadecimal.
    hash: String,
    /// The state of the keypair ([`state`]).
    state: String,
    /// The signature in the service's encoding.
    #[serde(with = "bytes")]
    pub signature: Vec<u8>,
    /// The id in the service's signature log.
    pub signature_id: Option<String>,
}

mod bytes {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        STANDARD.decode(text).map_err(de::Error::custom)
    }
}

/// The state that must not have changed since the signature was made: public key and certificate of the keypair, in
/// DER.
pub fn state(public_key: &[u8], certificate: Option<&[u8]>) -> String {
    let mut hash = Sha256::new();
    hash.update((public_key.len() as u64).to_be_bytes());
    hash.update(public_key);
    hash.update(certificate.unwrap_or_default());
    HEXLOWER.encode(&hash.finalize())
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs())
}

impl Reuse {
    /// Opens nothing. `folder` is the identity's own directory.
    pub fn new(folder: PathBuf, lifetime: Duration) -> Self {
        Self { folder, lifetime, swept: AtomicBool::new(false) }
    }

    fn place(&self, subject: &Subject<'_>) -> PathBuf {
        let mut hash = Sha256::new();
        for part in [subject.keypair_id.as_bytes(), subject.sig_alg.as_bytes(), subject.hash] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        self.folder.join(HEXLOWER.encode(&hash.finalize()))
    }

    /// A stored signature of this data by a keypair in this state; `None` if none is recent enough.
    pub fn find(&self, subject: &Subject<'_>, state: &str) -> Option<Kept> {
        let path = self.place(subject);
        match read(&path) {
            Ok(kept) => kept.filter(|kept| self.is_recent(kept) && kept.is_of(subject) && kept.state == state),
            Err(error) => {
                log::debug!("the kept signature {} is not used: {error}", path.display());
                None
            }
        }
    }

    /// A time in the future is not accepted.
    fn is_recent(&self, kept: &Kept) -> bool {
        now().checked_sub(kept.made).is_some_and(|age| self.is_young(Duration::from_secs(age)))
    }

    fn is_young(&self, age: Duration) -> bool {
        age < self.lifetime
    }

    /// Stores a verified signature.
    pub fn keep(&self, subject: &Subject<'_>, state: &str, signature: &[u8], signature_id: Option<&str>) {
        let kept = Kept {
            made: now(),
            keypair_id: subject.keypair_id.into(),
            sig_alg: subject.sig_alg.into(),
            hash: HEXLOWER.encode(subject.hash),
            state: state.into(),
            signature: signature.into(),
            signature_id: signature_id.map(Into::into),
        };
        let path = self.place(subject);
        if let Err(error) = self.write(&path, &kept) {
            log::debug!("the signature {} cannot be kept: {error}", path.display());
        }
        if !self.swept.swap(true, Ordering::Relaxed) {
            self.sweep();
        }
    }

    fn write(&self, path: &Path, kept: &Kept) -> io::Result<()> {
        make_folder(&self.folder)?;
        let mut new = tempfile::Builder::new().prefix(".new").tempfile_in(&self.folder)?;
        new.write_all(&serde_json::to_vec(kept)?)?;
        new.persist(path).map(drop).map_err(|error| error.error)
    }

    /// Deletes the stored signature of this data, because it does not verify.
    pub fn forget(&self, subject: &Subject<'_>) {
        let _ = fs::remove_file(self.place(subject));
    }

    /// Removes old files. It touches only names of our form.
    fn sweep(&self) {
        for entry in fs::read_dir(&self.folder).into_iter().flatten().flatten().take(SWEPT) {
            let name = entry.file_name();
            let ours =
                name.len() == 64 && name.to_str().is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_hexdigit()));
            let age = entry.metadata().and_then(|meta| meta.modified()).ok().and_then(|time| time.elapsed().ok());
            if ours && age.is_some_and(|age| !self.is_young(age)) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

impl Kept {
    fn is_of(&self, subject: &Subject<'_>) -> bool {
        self.keypair_id == subject.keypair_id
            && self.sig_alg == subject.sig_alg
            && self.hash == HEXLOWER.encode(subject.hash)
    }
}

/// `None` if there is no such file.
fn read(path: &Path) -> io::Result<Option<Kept>> {
    let opened = super::open::read(path).map_err(|refusal| io::Error::other(refusal.cause().to_owned()));
    let Some(file) = opened? else { return Ok(None) };
    let meta = file.metadata()?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        if meta.mode() & 0o022 != 0 || meta.uid() != crate::host::user() {
            return Err(io::Error::other("others can write to it"));
        }
    }
    if meta.len() > LONGEST {
        return Err(io::Error::other("it is too long"));
    }
    let mut bytes = Vec::new();
    file.take(LONGEST).read_to_end(&mut bytes)?;
    Ok(Some(serde_json::from_slice(&bytes)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUBJECT: Subject<'_> = Subject { keypair: "k", keypair_id: "1", sig_alg: "SHA256WithRSA", hash: &[7; 32] };

    fn reuse() -> (tempfile::TempDir, Reuse) {
        let folder = tempfile::tempdir().unwrap();
        let reuse = Reuse::new(folder.path().join("new").join("identity"), Duration::from_secs(60));
        (folder, reuse)
    }

    #[test]
    fn exactly_what_was_signed_is_found_again() {
        let (_folder, reuse) = reuse();
        let state = state(b"key", Some(b"certificate"));
        assert_eq!(reuse.find(&SUBJECT, &state), None);
        reuse.keep(&SUBJECT, &state, b"signature", Some("id"));
        let found = reuse.find(&SUBJECT, &state).unwrap();
        assert_eq!((&*found.signature, found.signature_id.as_deref()), (&b"signature"[..], Some("id")));
        for other in [
            Subject { keypair_id: "2", ..SUBJECT },
            Subject { sig_alg: "SHA384WithRSA", ..SUBJECT },
            Subject { hash: &[8; 32], ..SUBJECT },
        ] {
            assert_eq!(reuse.find(&other, &state), None, "{other:?}");
        }
        for changed in [
            super::state(b"other", Some(b"certificate")),
            super::state(b"key", None),
            super::state(b"keycert", Some(b"ificate")),
        ] {
            assert_eq!(reuse.find(&SUBJECT, &changed), None);
        }
        reuse.forget(&SUBJECT);
        assert_eq!(reuse.find(&SUBJECT, &state), None);
    }

    #[test]
    fn what_is_old_of_the_future_or_damaged_is_not_there() {
        let (_folder, reuse) = reuse();
        reuse.keep(&SUBJECT, "s", b"signature", None);
        let path = reuse.place(&SUBJECT);
        let good: Kept = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        for made in [now() - 60, now() + 10] {
            fs::write(&path, serde_json::to_vec(&Kept { made, ..good.clone() }).unwrap()).unwrap();
            assert_eq!(reuse.find(&SUBJECT, "s"), None, "{made}");
        }
        let moved = Kept { keypair_id: "2".into(), ..good.clone() };
        let text = serde_json::to_vec(&good).unwrap();
        let padded = |length: u64| [&*text, &vec![b' '; length as usize - text.len()]].concat();
        for content in [serde_json::to_vec(&moved).unwrap(), b"{".to_vec(), Vec::new(), padded(LONGEST + 1)] {
            fs::write(&path, content).unwrap();
            assert_eq!(reuse.find(&SUBJECT, "s"), None);
        }
        for content in [&text, &padded(LONGEST)] {
            fs::write(&path, content).unwrap();
            assert_eq!(reuse.find(&SUBJECT, "s").as_ref(), Some(&good));
        }
    }

    #[cfg(unix)]
    #[test]
    fn what_others_can_read_write_or_put_there_is_not_used() {
        use std::os::unix::fs::PermissionsExt;
        let (folder, reuse) = reuse();
        reuse.keep(&SUBJECT, "s", b"signature", None);
        let path = reuse.place(&SUBJECT);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0);
        assert_eq!(fs::metadata(path.parent().unwrap()).unwrap().permissions().mode() & 0o077, 0);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o622)).unwrap();
        assert_eq!(reuse.find(&SUBJECT, "s"), None);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        let elsewhere = folder.path().join("elsewhere");
        fs::rename(&path, &elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, &path).unwrap();
        assert_eq!(reuse.find(&SUBJECT, "s"), None);
    }

    #[test]
    fn old_files_are_removed_and_those_of_others_are_not() {
        let (_folder, reuse) = reuse();
        make_folder(&reuse.folder).unwrap();
        let old = reuse.folder.join("ab".repeat(32));
        let foreign = ["notes", "abcd", &"n".repeat(64)].map(|name| reuse.folder.join(name));
        let past = SystemTime::now() - Duration::from_secs(120);
        for path in foreign.iter().chain([&old]) {
            fs::File::create(path).unwrap().set_modified(past).unwrap();
        }
        reuse.keep(&SUBJECT, "s", b"signature", None);
        assert!(!old.exists() && reuse.find(&SUBJECT, "s").is_some());
        assert!(foreign.iter().all(|path| path.exists()));
    }
}
