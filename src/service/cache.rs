//! What the service said, on disk, so that the next process signs with one request.
//!
//! Public data only: keypairs, public keys, certificates. One folder an identity (host, API key, client certificate): the
//! list in one file, and each keypair that was looked up alone in two small ones, by alias and by id, since reading a list
//! of thousands costs more than a request. Files are written beside their place and renamed, so a hundred processes can
//! read and write at once; what is damaged, of another version or of someone else is not there. Nothing here ever fails: no
//! home, a full disk or a read-only one only mean that there is no cache.

use super::Wanted;
use super::model::{Keypair, KeypairCertificate};
use crate::config::{CacheMode, ClientCert, Secret, TokenSettings};
use crate::mechanism::sha256;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// First line of every file. Other versions do not match.
const HEAD: &str = "stm-pkcs11 cache 1";
/// A list longer than this is not read for the sake of one keypair.
const QUICK: u64 = 4 << 20;
/// No file of ours is longer.
const LONGEST: u64 = 1 << 30;

/// The cache of one identity.
pub struct Cache {
    place: Option<Place>,
    lifetime: Duration,
}

struct Place {
    list: PathBuf,
    folder: PathBuf,
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl Cache {
    /// Works out where the files are. Reads nothing but the client certificate file's size and time.
    pub fn new(settings: &TokenSettings) -> Self {
        let lifetime = match settings.cache {
            CacheMode::Off => return Self { place: None, lifetime: Duration::ZERO },
            CacheMode::For(lifetime) => lifetime,
            CacheMode::Offline => Duration::MAX,
        };
        let place = match (&settings.cache_file, &settings.cache_dir) {
            (Some(file), _) => {
                let mut folder = file.clone().into_os_string();
                folder.push(".d");
                Some(Place { list: file.clone(), folder: folder.into() })
            }
            (None, Some(dir)) => {
                let folder = dir.join("stm-pkcs11").join(identity(settings));
                Some(Place { list: folder.join("list"), folder })
            }
            (None, None) => None,
        };
        Self { place, lifetime }
    }

    /// What is known and fresh; `None` where the service has to be asked.
    pub fn find(&self, wanted: Wanted<'_>) -> Option<Vec<Arc<Keypair>>> {
        let place = self.place.as_ref()?;
        match wanted {
            Wanted::All => {
                self.read(&place.list, LONGEST).filter(|stored| stored.complete).map(|stored| stored.keypairs)
            }
            Wanted::Alias(name) | Wanted::Id(name) => {
                let own = self.read(&place.single(wanted)?, QUICK).map(|stored| stored.keypairs);
                let found = own.or_else(|| {
                    let stored = self.read(&place.list, QUICK)?;
                    let fits = |keypair: &Arc<Keypair>| match wanted {
                        Wanted::Alias(_) => keypair.alias == name,
                        _ => keypair.id == name,
                    };
                    Some(stored.keypairs.into_iter().filter(fits).collect())
                });
                // A name that is not here may be new: it is asked for at once.
                found.filter(|found| !found.is_empty())
            }
        }
    }

    /// Keeps what the service answered.
    pub fn store(&self, wanted: Wanted<'_>, found: &[Arc<Keypair>]) {
        let Some(place) = &self.place else { return };
        let lasting: Vec<Arc<Keypair>> = found.iter().filter(|keypair| !keypair.dynamic).cloned().collect();
        let complete = lasting.len() == found.len();
        match wanted {
            Wanted::All => write(&place.list, &encode(&lasting, complete)),
            _ if complete => lasting.iter().for_each(|keypair| self.store_one(keypair, &lasting)),
            _ => {}
        }
    }

    fn store_one(&self, keypair: &Keypair, same_name: &[Arc<Keypair>]) {
        let Some(place) = &self.place else { return };
        let alone: Vec<_> = same_name.iter().filter(|other| other.id == keypair.id).cloned().collect();
        for (wanted, keypairs) in [(Wanted::Alias(&keypair.alias), same_name), (Wanted::Id(&keypair.id), &alone)] {
            if let Some(path) = place.single(wanted) {
                write(&path, &encode(keypairs, true));
            }
        }
    }

    /// A keypair was made: the list is no longer all.
    pub fn outdate_list(&self) {
        if let Some(place) = &self.place {
            let _ = fs::remove_file(&place.list);
        }
    }

    /// Drops what is known of a keypair; whether anything was.
    pub fn forget(&self, alias: &str, id: &str) -> bool {
        let Some(place) = &self.place else { return false };
        let singles = [place.single(Wanted::Alias(alias)), place.single(Wanted::Id(id))];
        let mut known = false;
        for path in singles.into_iter().flatten().chain([place.list.clone()]) {
            known |= fs::remove_file(path).is_ok();
        }
        known
    }

    fn read(&self, path: &Path, longest: u64) -> Option<Stored> {
        match self.try_read(path, longest) {
            Ok(stored) => Some(stored),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                log::debug!("the cache {} is not used: {error}", path.display());
                None
            }
        }
    }

    fn try_read(&self, path: &Path, longest: u64) -> io::Result<Stored> {
        panic_point!("cache");
        let meta = fs::metadata(path)?;
        let refuse = |why: &str| Err(io::Error::other(why.to_owned()));
        if !meta.is_file() || meta.len() > longest {
            return refuse("it is too long to be read for this");
        }
        if !ours(&meta) {
            return refuse("others can write to it");
        }
        let age = meta.modified()?.elapsed();
        // A time in the future is not trusted further than the lifetime either.
        if age.unwrap_or_else(|ahead| ahead.duration()) > self.lifetime {
            return Err(io::ErrorKind::NotFound.into());
        }
        let text = fs::read_to_string(path)?;
        let damaged = || io::Error::other("it is damaged or of another version");
        let body = text.strip_prefix(HEAD).and_then(|rest| rest.strip_prefix('\n')).ok_or_else(damaged)?;
        let (checksum, body) = body.split_once('\n').ok_or_else(damaged)?;
        if checksum != hex(&sha256(body.as_bytes())) {
            return Err(damaged());
        }
        serde_json::from_str(body).ok().and_then(|body: Value| decode(&body)).ok_or_else(damaged)
    }
}

impl Place {
    fn single(&self, wanted: Wanted<'_>) -> Option<PathBuf> {
        let (kind, name) = match wanted {
            Wanted::All => return None,
            Wanted::Alias(alias) => ("alias", alias),
            Wanted::Id(id) => ("id", id),
        };
        Some(self.folder.join(format!("{kind}-{}", hex(&sha256(name.as_bytes())[..16]))))
    }
}

/// A name for the host and the credentials: other credentials see other keypairs.
fn identity(settings: &TokenSettings) -> String {
    let mut all = vec![settings.host.clone().unwrap_or_default()];
    all.push(settings.api_key.as_ref().map(Secret::reveal).unwrap_or_default().to_owned());
    all.push(match &settings.client_cert {
        None => String::new(),
        Some(ClientCert::Inline(text)) => text.reveal().to_owned(),
        Some(ClientCert::File(path)) => {
            let meta = fs::metadata(path).ok();
            let time = meta
                .as_ref()
                .and_then(|meta| meta.modified().ok())
                .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            format!("{} {:?} {time:?}", path.display(), meta.map(|meta| meta.len()))
        }
    });
    all.push(settings.keypairs.join(","));
    let all = zeroize::Zeroizing::new(all.join("\0"));
    hex(&sha256(all.as_bytes())[..16])
}

/// Whether only this user can have written it.
fn ours(meta: &fs::Metadata) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let user = fs::metadata("/proc/self").map(|own| own.uid());
        meta.mode() & 0o022 == 0 && user.is_ok_and(|user| user == meta.uid())
    }
    #[cfg(not(unix))]
    {
        let _ = meta;
        true
    }
}

/// Writes a file as a whole or not at all.
fn write(path: &Path, body: &Value) {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let body = body.to_string();
    let text = format!("{HEAD}\n{}\n{body}", hex(&sha256(body.as_bytes())));
    let mut beside = path.to_owned().into_os_string();
    beside.push(format!(".{}.{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed)));
    let beside = PathBuf::from(beside);
    let written = path.parent().map_or(Ok(()), crate::log::make_folder).and_then(|()| {
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        io::Write::write_all(&mut options.open(&beside)?, text.as_bytes())?;
        fs::rename(&beside, path)
    });
    if let Err(error) = written {
        log::debug!("the cache {} cannot be written: {error}", path.display());
        let _ = fs::remove_file(&beside);
    }
}

struct Stored {
    keypairs: Vec<Arc<Keypair>>,
    complete: bool,
}

/// Chain certificates stand once, and keypairs name them by number.
fn encode(keypairs: &[Arc<Keypair>], complete: bool) -> Value {
    let mut numbers: HashMap<&[u8], usize> = HashMap::new();
    let mut chains: Vec<String> = Vec::new();
    let mut number = |der: &'_ [u8], own: Option<usize>| {
        own.unwrap_or_else(|| {
            chains.push(STANDARD.encode(der));
            chains.len() - 1
        })
    };
    let mut list = Vec::with_capacity(keypairs.len());
    for keypair in keypairs {
        let mut certificates = Vec::new();
        for certificate in &keypair.certificates {
            let mut chain = Vec::new();
            for der in certificate.chain.iter() {
                let place = number(der, numbers.get(&**der).copied());
                numbers.insert(der, place);
                chain.push(place);
            }
            certificates.push(json!({
                "id": certificate.id, "alias": certificate.alias, "status": certificate.status,
                "default": certificate.default, "from": certificate.valid_from, "to": certificate.valid_to,
                "der": STANDARD.encode(&certificate.der), "chain": chain,
            }));
        }
        list.push(json!({
            "id": keypair.id, "alias": keypair.alias, "alg": keypair.key_alg, "type": keypair.key_type,
            "storage": keypair.key_storage, "status": keypair.key_status, "signable": keypair.signable,
            "key": keypair.public_key.as_ref().map(|key| STANDARD.encode(key)), "certificates": certificates,
        }));
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    json!({"complete": complete, "written": now, "chains": chains, "keypairs": list})
}

fn decode(body: &Value) -> Option<Stored> {
    let bytes = |value: &Value| STANDARD.decode(value.as_str()?).ok();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let chains: Option<Vec<Arc<[u8]>>> =
        body["chains"].as_array()?.iter().map(|der| bytes(der).map(Arc::from)).collect();
    let chains = chains?;
    let certificate = |value: &Value| {
        let chain = value["chain"].as_array()?.iter();
        Some(KeypairCertificate {
            id: text(&value["id"]),
            alias: text(&value["alias"]),
            status: text(&value["status"]),
            default: value["default"].as_bool()?,
            valid_from: text(&value["from"]),
            valid_to: text(&value["to"]),
            der: bytes(&value["der"])?,
            chain: chain.map(|place| chains.get(place.as_u64()? as usize).cloned()).collect::<Option<_>>()?,
        })
    };
    let keypair = |value: &Value| {
        Some(Arc::new(Keypair {
            id: text(&value["id"]),
            alias: text(&value["alias"]),
            key_alg: text(&value["alg"]),
            key_type: text(&value["type"]),
            key_storage: text(&value["storage"]),
            key_status: text(&value["status"]),
            dynamic: false,
            signable: value["signable"].as_bool(),
            public_key: bytes(&value["key"]),
            certificates: value["certificates"].as_array()?.iter().map(certificate).collect::<Option<_>>()?,
            certificates_given: true,
        }))
    };
    let keypairs = body["keypairs"].as_array()?.iter().map(keypair).collect::<Option<_>>()?;
    Some(Stored { keypairs, complete: body["complete"].as_bool()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keypair(id: &str, alias: &str, dynamic: bool) -> Arc<Keypair> {
        let chain: Arc<[Arc<[u8]>]> = [Arc::from(&b"one"[..]), Arc::from(&b"two"[..])].into();
        let certificate = KeypairCertificate {
            id: "c".into(),
            alias: "c".into(),
            status: "ACTIVE".into(),
            default: true,
            valid_from: String::new(),
            valid_to: String::new(),
            der: vec![1, 2],
            chain,
        };
        Arc::new(Keypair {
            id: id.into(),
            alias: alias.into(),
            key_alg: "RSA".into(),
            key_type: "TEST".into(),
            key_storage: "HSM".into(),
            key_status: "ONLINE".into(),
            dynamic,
            signable: Some(true),
            public_key: Some(vec![3]),
            certificates: vec![certificate],
            certificates_given: true,
        })
    }

    fn cache(folder: &Path, lifetime: Duration) -> Cache {
        Cache { place: Some(Place { list: folder.join("list"), folder: folder.to_owned() }), lifetime }
    }

    const LONG: Duration = Duration::from_secs(600);

    #[test]
    fn what_was_stored_is_found_again_by_list_alias_and_id() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(folder.path(), LONG);
        let pair = [keypair("1", "a", false), keypair("2", "b", false)];
        cache.store(Wanted::All, &pair);
        assert_eq!(cache.find(Wanted::All).unwrap(), pair);
        assert_eq!(cache.find(Wanted::Alias("b")).unwrap(), pair[1..]);
        assert_eq!(cache.find(Wanted::Alias("c")), None);
        let third = [keypair("3", "c", false)];
        cache.store(Wanted::Alias("c"), &third);
        assert_eq!(cache.find(Wanted::Id("3")).unwrap(), third);
    }

    #[test]
    fn dynamic_keypairs_are_never_kept() {
        let folder = tempfile::tempdir().unwrap();
        let cache = cache(folder.path(), LONG);
        cache.store(Wanted::All, &[keypair("1", "a", false), keypair("2", "b", true)]);
        assert_eq!(cache.find(Wanted::All), None);
        assert!(cache.find(Wanted::Alias("a")).is_some());
        cache.store(Wanted::Alias("b"), &[keypair("2", "b", true)]);
        assert_eq!(cache.find(Wanted::Alias("b")), None);
    }

    #[test]
    fn damaged_old_foreign_and_forgotten_files_are_not_there() {
        let folder = tempfile::tempdir().unwrap();
        let list = folder.path().join("list");
        let keep = |lifetime| {
            let cache = cache(folder.path(), lifetime);
            cache.store(Wanted::All, &[keypair("1", "a", false)]);
            cache
        };
        assert_eq!(keep(Duration::ZERO).find(Wanted::All), None);
        let cache = keep(LONG);
        let good = fs::read_to_string(&list).unwrap();
        for bad in [&good[..good.len() - 1], "", "stm-pkcs11 cache 2\n", &good.replace("RSA", "EC"), "\u{0}"] {
            fs::write(&list, bad).unwrap();
            assert_eq!(cache.find(Wanted::All), None);
        }
        let cache = keep(LONG);
        assert!(cache.forget("a", "1"));
        assert_eq!(cache.find(Wanted::Alias("a")), None);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let cache = keep(LONG);
            assert_eq!(fs::metadata(&list).unwrap().permissions().mode() & 0o777, 0o600);
            fs::set_permissions(&list, fs::Permissions::from_mode(0o666)).unwrap();
            assert_eq!(cache.find(Wanted::All), None);
        }
    }

    #[test]
    fn a_place_that_cannot_be_written_is_no_error() {
        let cache = cache(Path::new("/proc/no/such/place"), LONG);
        cache.store(Wanted::All, &[keypair("1", "a", false)]);
        assert_eq!(cache.find(Wanted::All), None);
        assert!(!cache.forget("a", "1"));
    }
}
