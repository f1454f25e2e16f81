//! Windows' certificate store: a keypair's certificate with a link to its key, for programs that sign with certificates
//! from the store (`signtool /sha1`, `Set-AuthenticodeSignature`, mage, NuGet). The link is the provider's name and the
//! alias.

use std::io;
use windows_sys::Win32::Security::Cryptography::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The user who runs this program.
    User,
    /// The machine, for services: requires an administrator.
    Machine,
}

/// A certificate, and the location of its key.
pub struct Entry<'a> {
    /// DER.
    pub certificate: &'a [u8],
    /// DER of its issuers, the nearest first, without self-signed ones.
    pub issuers: &'a [&'a [u8]],
    /// The keypair's alias: the name of the key container.
    pub alias: &'a str,
    /// Name of the key storage provider.
    pub provider: &'a str,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Linked {
    /// SHA-1 of the certificate, by which Windows' programs find it: 40 hexadecimal digits.
    pub thumbprint: String,
    /// Whether the certificate is new in the store.
    pub new: bool,
}

/// Whether programs find the provider under this name.
pub fn provider_opens(name: &str) -> bool {
    let name = super::registration::wide(name);
    let mut provider = 0;
    // SAFETY: the name has a terminator; every opened handle is closed.
    unsafe {
        let opened = NCryptOpenStorageProvider(&mut provider, name.as_ptr(), 0) == 0;
        if opened {
            NCryptFreeObject(provider);
        }
        opened
    }
}

/// Adds a certificate to `Personal`, with its link and a friendly name, and its issuers to `Intermediate Certification
/// Authorities`. Updates existing ones.
pub fn link(entry: &Entry<'_>, owner: Owner) -> io::Result<Linked> {
    let issuers = Store::open("CA", owner)?;
    for issuer in entry.issuers {
        issuers.put(issuer)?;
    }
    let (context, new) = Store::open("MY", owner)?.put(entry.certificate)?;
    let mut container = super::registration::wide(entry.alias);
    let mut provider = super::registration::wide(entry.provider);
    let name = CRYPT_INTEGER_BLOB { cbData: (container.len() * 2) as u32, pbData: container.as_mut_ptr().cast() };
    let machine = if owner == Owner::Machine { CRYPT_MACHINE_KEYSET } else { 0 };
    let key = CRYPT_KEY_PROV_INFO {
        pwszContainerName: container.as_mut_ptr(),
        pwszProvName: provider.as_mut_ptr(),
        // A CNG key, without a CryptoAPI key specification.
        dwProvType: 0,
        dwFlags: machine,
        cProvParam: 0,
        rgProvParam: std::ptr::null_mut(),
        dwKeySpec: 0,
    };
    context.set(CERT_FRIENDLY_NAME_PROP_ID, &name)?;
    context.set(CERT_KEY_PROV_INFO_PROP_ID, &key)?;
    Ok(Linked { thumbprint: context.thumbprint()?, new })
}

/// A certificate in `Personal` that is linked to a CNG key.
pub struct Link {
    /// DER.
    pub certificate: Vec<u8>,
    /// Name of the key container.
    pub alias: String,
    /// Name of the key storage provider.
    pub provider: String,
}

/// Removes the certificates in `Personal` for which `chosen` is true; returns their aliases.
pub fn unlink(owner: Owner, chosen: impl Fn(&Link) -> bool) -> io::Result<Vec<String>> {
    let store = Store::open("MY", owner)?;
    let mut removed = Vec::new();
    let mut found: Vec<(Context, String)> = Vec::new();
    let mut last = std::ptr::null();
    loop {
        // SAFETY: the store is open; the last context is freed by the call.
        let next = unsafe { CertEnumCertificatesInStore(store.0, last) };
        if next.is_null() {
            break;
        }
        last = next;
        // SAFETY: a separate, counted context.
        let context = Context(unsafe { CertDuplicateCertificateContext(next) });
        if let Some(link) = context.link()
            && chosen(&link)
        {
            found.push((context, link.alias));
        }
    }
    for (context, alias) in found {
        // SAFETY: the call frees the context, which is passed on.
        done(unsafe { CertDeleteCertificateFromStore(context.give()) })?;
        removed.push(alias);
    }
    Ok(removed)
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
struct Store(HCERTSTORE);

impl Store {
    fn open(name: &str, owner: Owner) -> io::Result<Self> {
        let name = super::registration::wide(name);
        let place = match owner {
            Owner::User => CERT_SYSTEM_STORE_CURRENT_USER_ID,
            Owner::Machine => CERT_SYSTEM_STORE_LOCAL_MACHINE_ID,
        };
        let flags = place << CERT_SYSTEM_STORE_LOCATION_SHIFT;
        // SAFETY: the name has a terminator.
        let store = unsafe { CertOpenStore(CERT_STORE_PROV_SYSTEM_W, 0, 0, flags, name.as_ptr().cast()) };
        if store.is_null() { Err(io::Error::last_os_error()) } else { Ok(Self(store)) }
    }

    /// Adds a certificate; returns whether it is new.
    fn put(&self, der: &[u8]) -> io::Result<(Context, bool)> {
        // SAFETY: the store is open.
        let add = |how| unsafe { add(self.0, der, how) };
        match add(CERT_STORE_ADD_NEW) {
            Ok(context) => Ok((context, true)),
            Err(_) => add(CERT_STORE_ADD_USE_EXISTING).map(|context| (context, false)),
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        // SAFETY: it is open, and closed once; contexts outlive their store.
        unsafe { CertCloseStore(self.0, 0) };
    }
}

/// A certificate in a store.
pub(super) struct Context(*mut CERT_CONTEXT);

impl Context {
    /// Passes the context on to a function that frees it.
    pub(super) fn give(self) -> *mut CERT_CONTEXT {
        std::mem::ManuallyDrop::new(self).0
    }

    fn set<T>(&self, property: u32, value: &T) -> io::Result<()> {
        // SAFETY: the context is valid, and the value has the property's type; Windows copies it.
        done(unsafe { CertSetCertificateContextProperty(self.0, property, 0, std::ptr::from_ref(value).cast()) })
    }

    /// Its link to a key; `None` if it has none, and for CryptoAPI keys.
    fn link(&self) -> Option<Link> {
        let mut bytes = 0;
        // SAFETY: the context is valid; without a buffer the call only returns the length.
        let sized = unsafe {
            CertGetCertificateContextProperty(self.0, CERT_KEY_PROV_INFO_PROP_ID, std::ptr::null_mut(), &mut bytes)
        };
        if sized == 0 {
            return None;
        }
        // Words, so that the structure at the beginning is aligned.
        let mut room = vec![0_u64; (bytes as usize).div_ceil(8)];
        let out = room.as_mut_ptr();
        // SAFETY: the call writes at most as many bytes as there is room; the structure and its texts are inside the
        // buffer.
        unsafe {
            done(CertGetCertificateContextProperty(self.0, CERT_KEY_PROV_INFO_PROP_ID, out.cast(), &mut bytes)).ok()?;
            let info = &*out.cast::<CRYPT_KEY_PROV_INFO>();
            let context = &*self.0;
            let certificate =
                std::slice::from_raw_parts(context.pbCertEncoded, context.cbCertEncoded as usize).to_vec();
            let cng = info.dwProvType == 0;
            cng.then(|| Link { certificate, alias: text(info.pwszContainerName), provider: text(info.pwszProvName) })
        }
    }

    fn thumbprint(&self) -> io::Result<String> {
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
