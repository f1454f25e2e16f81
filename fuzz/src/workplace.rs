//! A folder for one process's files, and settings that lead nowhere else.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use stm_pkcs11::config::{Config, Sources, load_from};
use stm_pkcs11::mechanism::PublicKey;
use stm_pkcs11::service::{Keypair, fuzzing};

/// A target's cache file in this process. In memory where the system has a file system there.
pub fn cache_file(target: &str) -> PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let memory = PathBuf::from("/dev/shm");
        let root = if memory.is_dir() { memory } else { std::env::temp_dir() };
        let folder = root.join(format!("stm-pkcs11-fuzz-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder for the cache");
        folder
    });
    folder.join(target)
}

/// Settings text that shows what the cache file has, and that no request can follow from: the host is none.
pub fn offline(target: &str) -> String {
    format!(
        "SM_HOST=http://nowhere;SM_API_KEY=key;SM_LOG_OUTPUT=discard;STM_PKCS11_CACHE=offline;SM_PKCS11_DB_DSN={}",
        cache_file(target).display()
    )
}

/// The configuration that settings text makes, with nothing of this machine's.
pub fn configuration(settings: &str) -> Config {
    load_from(Sources::new(Some(settings), Default::default()))
}

/// A list of keypairs of each family, as the service answers it.
pub const LIST: &str = include_str!("../keys/list.json");

/// The keypairs in an answer.
pub fn keypairs(list: &[u8]) -> Vec<Arc<Keypair>> {
    fuzzing::keypairs(list).unwrap_or_default().into_iter().map(Arc::new).collect()
}

/// The DER of every public key and certificate of [`LIST`].
pub fn pantry() -> &'static Pantry {
    static PANTRY: OnceLock<Pantry> = OnceLock::new();
    PANTRY.get_or_init(|| {
        let list = keypairs(LIST.as_bytes());
        let keys = list.iter().filter_map(|keypair| PublicKey::from_spki(keypair.public_key.as_ref()?).ok()).collect();
        let certificates = list.iter().flat_map(|keypair| &keypair.certificates).map(|c| c.der.clone()).collect();
        Pantry { keys, certificates }
    })
}

/// Good ingredients.
pub struct Pantry {
    /// One or two of each family.
    pub keys: Vec<PublicKey>,
    /// DER.
    pub certificates: Vec<Vec<u8>>,
}

impl Pantry {
    /// Values that applications put into templates.
    pub fn values(&self) -> Vec<&[u8]> {
        let parts = |key| {
            let key: &PublicKey = key;
            [Some(key.spki()), key.modulus(), key.exponent(), key.ec_params(), key.ec_point(), key.value()]
        };
        self.keys.iter().flat_map(parts).flatten().chain(self.certificates.iter().map(Vec::as_slice)).collect()
    }
}
