//! Windows' certificate stores, and the properties of the certificates in them.

use super::registration::wide;
use std::io;
use std::ptr::{from_ref, null, null_mut};
use windows_sys::Win32::Security::Cryptography::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The user who runs this program.
    User,
    /// The machine, for services: requires an administrator.
    Machine,
}

fn done(result: i32) -> io::Result<()> {
    if result == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Adds a certificate to a store.
///
/// # Safety
/// `store` is open.
pub(super) unsafe fn add(store: HCERTSTORE, der: &[u8], how: u32) -> io::Result<Context> {
    let mut context = std::ptr::null_mut();
    let (encoding, len) = (X509_ASN_ENCODING | PKCS_7_ASN_ENCODING, der.len() as u32);
    // SAFETY: `store` is open, by the contract above; the DER is ours, and the context is written to.
    let added = unsafe { CertAddEncodedCertificateToStore(store, encoding, der.as_ptr(), len, how, &mut context) };
    done(added).map(|()| Context(context))
}

/// UTF-16 up to its terminator; empty for null.
///
/// # Safety
/// `start` is null or points to text with a terminator.
unsafe fn text(start: *const u16) -> String {
    if start.is_null() {
        return String::new();
    }
    // SAFETY: by the contract above.
    let units = unsafe {
        let length = (0..).find(|place| *start.add(*place) == 0).unwrap_or_default();
        std::slice::from_raw_parts(start, length)
    };
    String::from_utf16_lossy(units)
}

/// A store that is closed when it is no longer needed.
pub(super) struct Store(HCERTSTORE);

impl Store {
    pub(super) fn open(name: &str, owner: Owner) -> io::Result<Self> {
        let name = wide(name);
        let place = match owner {
            Owner::User => CERT_SYSTEM_STORE_CURRENT_USER_ID,
            Owner::Machine => CERT_SYSTEM_STORE_LOCAL_MACHINE_ID,
        };
        let flags = place << CERT_SYSTEM_STORE_LOCATION_SHIFT;
        // SAFETY: the name has a terminator.
        let store = unsafe { CertOpenStore(CERT_STORE_PROV_SYSTEM_W, 0, 0, flags, name.as_ptr().cast()) };
        if store.is_null() { Err(io::Error::last_os_error()) } else { Ok(Self(store)) }
    }

    /// A copy of the certificate in this store, with all its properties, or else of the certificate by itself; and whether
    /// the store does not have it yet. What is set on a copy counts once it is [saved](Store::save).
    pub(super) fn copy(&self, der: &[u8]) -> io::Result<(Copy, bool)> {
        let memory = Self::in_memory()?;
        let found = self.contexts().into_iter().find(|context| context.der() == der);
        let new = found.is_none();
        let context = match found {
            Some(context) => memory.add(&context, CERT_STORE_ADD_ALWAYS)?,
            // SAFETY: the store is open.
            None => unsafe { add(memory.0, der, CERT_STORE_ADD_ALWAYS) }?,
        };
        Ok((Copy { context, _memory: memory }, new))
    }

    /// Puts a copy into the store, in place of the same certificate, with its properties: in one step, so that programs find
    /// it at any time.
    pub(super) fn save(&self, copy: &Copy) -> io::Result<()> {
        self.add(&copy.context, CERT_STORE_ADD_REPLACE_EXISTING).map(drop)
    }

    fn in_memory() -> io::Result<Self> {
        // SAFETY: a store in memory has no further parameter.
        let store = unsafe { CertOpenStore(CERT_STORE_PROV_MEMORY, 0, 0, CERT_STORE_CREATE_NEW_FLAG, null()) };
        if store.is_null() { Err(io::Error::last_os_error()) } else { Ok(Self(store)) }
    }

    fn add(&self, context: &Context, how: u32) -> io::Result<Context> {
        let mut added = null_mut();
        // SAFETY: the store is open and the context is valid; the new context is written to.
        done(unsafe { CertAddCertificateContextToStore(self.0, context.0, how, &mut added) }).map(|()| Context(added))
    }

    /// Its certificates, each with a context of its own.
    pub(super) fn contexts(&self) -> Vec<Context> {
        let mut contexts = Vec::new();
        let mut last = null();
        loop {
            // SAFETY: the store is open; the call frees the last context.
            let next = unsafe { CertEnumCertificatesInStore(self.0, last) };
            if next.is_null() {
                return contexts;
            }
            last = next;
            // SAFETY: the context is valid; the duplicate is counted separately.
            contexts.push(Context(unsafe { CertDuplicateCertificateContext(next) }));
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // SAFETY: it is open, and closed once; contexts outlive their store. What was changed is written before: a store that
        // has nothing to write refuses, which does not matter.
        unsafe {
            CertControlStore(self.0, 0, CERT_STORE_CTRL_COMMIT, null());
            CertCloseStore(self.0, 0);
        }
    }
}

/// A certificate with its properties, outside of the store that it is saved in.
pub(super) struct Copy {
    // Dropped before its store.
    context: Context,
    _memory: Store,
}

impl std::ops::Deref for Copy {
    type Target = Context;

    fn deref(&self) -> &Context {
        &self.context
    }
}

/// A certificate in a store.
pub(super) struct Context(*mut CERT_CONTEXT);

impl Context {
    /// Passes the context on to a function that frees it.
    pub(super) fn give(self) -> *mut CERT_CONTEXT {
        std::mem::ManuallyDrop::new(self).0
    }

    pub(super) fn der(&self) -> &[u8] {
        // SAFETY: the context is valid, and has its DER for as long as it lives.
        unsafe { std::slice::from_raw_parts((*self.0).pbCertEncoded, (*self.0).cbCertEncoded as usize) }
    }

    /// Removes it from its store.
    pub(super) fn remove(self) -> io::Result<()> {
        // SAFETY: the call frees the context, which is passed on.
        done(unsafe { CertDeleteCertificateFromStore(self.give()) })
    }

    /// Links it to a CNG key.
    pub(super) fn set_link(&self, alias: &str, provider: &str, machine: bool) -> io::Result<()> {
        let (mut container, mut provider) = (wide(alias), wide(provider));
        let key = CRYPT_KEY_PROV_INFO {
            pwszContainerName: container.as_mut_ptr(),
            pwszProvName: provider.as_mut_ptr(),
            // A CNG key, without a CryptoAPI key specification.
            dwProvType: 0,
            dwFlags: if machine { CRYPT_MACHINE_KEYSET } else { 0 },
            cProvParam: 0,
            rgProvParam: null_mut(),
            dwKeySpec: 0,
        };
        self.set(CERT_KEY_PROV_INFO_PROP_ID, &key)
    }

    /// Sets the friendly name.
    pub(super) fn set_name(&self, name: &str) -> io::Result<()> {
        self.set_text(CERT_FRIENDLY_NAME_PROP_ID, name)
    }

    /// Sets the description.
    pub(super) fn describe(&self, text: &str) -> io::Result<()> {
        self.set_text(CERT_DESCRIPTION_PROP_ID, text)
    }

    /// Its description; `None` if it has none.
    pub(super) fn description(&self) -> Option<String> {
        let (room, bytes) = self.get(CERT_DESCRIPTION_PROP_ID)?;
        // SAFETY: the buffer has room for as many units.
        let units = unsafe { std::slice::from_raw_parts(room.as_ptr().cast::<u16>(), bytes / 2) };
        let end = units.iter().position(|unit| *unit == 0).unwrap_or(units.len());
        Some(String::from_utf16_lossy(&units[..end])).filter(|text| !text.is_empty())
    }

    /// Takes link, friendly name and description away.
    pub(super) fn clear(&self) -> io::Result<()> {
        [CERT_KEY_PROV_INFO_PROP_ID, CERT_FRIENDLY_NAME_PROP_ID, CERT_DESCRIPTION_PROP_ID].iter().try_for_each(
            |property| {
                // SAFETY: the context is valid; without a value the property is removed.
                done(unsafe { CertSetCertificateContextProperty(self.0, *property, 0, null()) })
            },
        )
    }

    fn set_text(&self, property: u32, text: &str) -> io::Result<()> {
        let mut text = wide(text);
        let blob = CRYPT_INTEGER_BLOB { cbData: (text.len() * 2) as u32, pbData: text.as_mut_ptr().cast() };
        self.set(property, &blob)
    }

    fn set<T>(&self, property: u32, value: &T) -> io::Result<()> {
        // SAFETY: the context is valid, and the value has the property's type; Windows copies it.
        done(unsafe { CertSetCertificateContextProperty(self.0, property, 0, from_ref(value).cast()) })
    }

    /// A property, aligned for any structure, and its length in bytes; `None` if the certificate does not have it.
    fn get(&self, property: u32) -> Option<(Vec<u64>, usize)> {
        let mut bytes = 0;
        // SAFETY: the context is valid; without a buffer the call only returns the length.
        done(unsafe { CertGetCertificateContextProperty(self.0, property, null_mut(), &mut bytes) }).ok()?;
        let mut room = vec![0_u64; (bytes as usize).div_ceil(8)];
        // SAFETY: the call writes at most as many bytes as there is room.
        let read = unsafe { CertGetCertificateContextProperty(self.0, property, room.as_mut_ptr().cast(), &mut bytes) };
        done(read).ok().map(|()| (room, bytes as usize))
    }

    /// Alias and provider of its link to a key; `None` if it has none, and for CryptoAPI keys.
    pub(super) fn link(&self) -> Option<(String, String)> {
        let (room, bytes) = self.get(CERT_KEY_PROV_INFO_PROP_ID)?;
        if bytes < size_of::<CRYPT_KEY_PROV_INFO>() {
            return None;
        }
        // SAFETY: the structure is at the beginning, and its texts are inside the buffer.
        unsafe {
            let info = &*room.as_ptr().cast::<CRYPT_KEY_PROV_INFO>();
            (info.dwProvType == 0).then(|| (text(info.pwszContainerName), text(info.pwszProvName)))
        }
    }

    pub(super) fn thumbprint(&self) -> io::Result<String> {
        let mut hash = [0_u8; 20];
        let mut len = hash.len() as u32;
        // SAFETY: the context is valid; the call writes at most as many bytes as there is room.
        done(unsafe {
            CertGetCertificateContextProperty(self.0, CERT_SHA1_HASH_PROP_ID, hash.as_mut_ptr().cast(), &mut len)
        })?;
        Ok(hash.iter().map(|byte| format!("{byte:02X}")).collect())
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: the context is ours, and is freed once.
        unsafe { CertFreeCertificateContext(self.0) };
    }
}
