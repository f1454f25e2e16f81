//! The paths of the cache files of one identity.

use super::cache_file::{self, Found};
use super::wanted::Wanted;
use crate::config::TokenSettings;
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

pub struct Place {
    pub list: PathBuf,
    pub folder: PathBuf,
}

impl Place {
    /// The file that the settings name, unless it belongs to another program; otherwise a directory of this identity in
    /// the user's cache.
    pub fn of(settings: &TokenSettings, identity: &str) -> Option<Self> {
        let own = settings.cache_dir.as_ref().map(|folder| folder.join("stm-pkcs11").join(identity));
        let own = own.map(|folder| Self { list: folder.join("list"), folder });
        let Some(list) = &settings.cache_file else { return own };
        if cache_file::look(list) != Found::Foreign {
            let mut folder = list.clone().into_os_string();
            folder.push(".d");
            return Some(Self { list: list.clone(), folder: Path::new(&folder).join(identity) });
        }
        let instead = match &own {
            Some(own) => format!("the cache is in {}", own.folder.display()),
            None => "nothing is cached".to_owned(),
        };
        log::warn!(
            "SM_PKCS11_DB_DSN: {} is not a cache file of this module (it may be the database of DigiCert's own module); it is \
             left as it is, and {instead}",
            list.display()
        );
        own
    }

    /// The file of a keypair that was looked up alone; `None` for the list.
    pub fn single(&self, wanted: Wanted<'_>) -> Option<PathBuf> {
        match wanted {
            Wanted::All => None,
            Wanted::Alias(alias) => Some(self.folder.join(name("alias", alias))),
            Wanted::Id(id) => Some(self.folder.join(name("id", id))),
        }
    }

    /// The file with what was learned about the service.
    pub fn dialect(&self) -> PathBuf {
        self.folder.join("dialect")
    }

    /// The note that a keypair failed.
    pub fn doubt(&self, id: &str) -> PathBuf {
        self.folder.join(name("doubt", id))
    }

    /// The names of the notes that are there.
    pub fn doubts(&self) -> HashSet<String> {
        let entries = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        entries
            .filter_map(|entry| entry.file_name().into_string().ok().filter(|name| name.starts_with("doubt-")))
            .collect()
    }
}

/// A safe file name for an arbitrary name.
pub fn name(kind: &str, name: &str) -> String {
    format!("{kind}-{}", HEXLOWER.encode(&Sha256::digest(name)[..16]))
}
