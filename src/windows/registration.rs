//! Registers the key storage provider with Windows: by an administrator, once for each machine. Windows loads a
//! provider by a bare file name, so the library must be in the directory of each kind of program
//! ([`machine`](super::machine), [`image_file`](super::image_file)). Each of these calls may be repeated, also after one
//! that was interrupted.

use super::image_name;
use std::io;
use std::ptr::{null, null_mut};
use windows_sys::Win32::Foundation::{ERROR_NO_MORE_ITEMS, ERROR_SUCCESS};
use windows_sys::Win32::Security::Cryptography::*;
use windows_sys::Win32::System::Registry::*;

/// The vendor's names of its provider, which scripts write behind signtool's `/csp`.
pub const VENDORS: [&str; 2] = ["DigiCert Signing Manager KSP", "DigiCert Software Trust Manager KSP"];

/// `NCRYPT_KEY_STORAGE_ALGORITHM`: the only function of the interface.
const FUNCTION: &str = "KEY_STORAGE";

/// An error of Windows: an `NTSTATUS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused(pub i32);

impl Refused {
    const DENIED: u32 = 0xc000_0022;
    /// What is to be added is there.
    const COLLISION: u32 = 0xc000_0035;
    const NOT_FOUND: u32 = 0xc000_0225;

    /// Whether an administrator could do what this user may not.
    pub fn is_denied(self) -> bool {
        self.0.cast_unsigned() == Self::DENIED
    }
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.cast_unsigned() {
            0xc000_0002 => write!(f, "not implemented"),
            Self::DENIED => write!(f, "access denied"),
            Self::NOT_FOUND => write!(f, "not found"),
            status => write!(f, "status {status:#010x}"),
        }
    }
}

/// UTF-16 with a terminator.
pub(super) fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().chain([0]).collect()
}

fn done(status: i32) -> Result<(), Refused> {
    if status >= 0 { Ok(()) } else { Err(Refused(status)) }
}

/// The same, for a call that adds something, which may be there.
fn added(status: i32) -> Result<(), Refused> {
    done(status).or_else(|why| if why.0.cast_unsigned() == Refused::COLLISION { Ok(()) } else { Err(why) })
}

/// Registers the provider under a name; `image` is the library's bare file name. Replaces an existing provider; one of
/// ours is switched to the image in one step, so that programs find it at any time.
pub fn register(name: &str, image: &str) -> Result<(), Refused> {
    let ours = image_of(name).is_some_and(|registered| image_name::is_ours(&registered));
    if !(ours && switch(name, image).is_ok()) {
        write(name, image)?;
    }
    let (name, function) = (wide(name), wide(FUNCTION));
    let (name, function, null) = (name.as_ptr(), function.as_ptr(), null());
    let interface = NCRYPT_KEY_STORAGE_INTERFACE;
    // SAFETY: all texts have a terminator.
    unsafe {
        added(BCryptAddContextFunction(CRYPT_LOCAL, null, interface, function, CRYPT_PRIORITY_BOTTOM))?;
        added(BCryptAddContextFunctionProvider(CRYPT_LOCAL, null, interface, function, name, CRYPT_PRIORITY_BOTTOM))
    }
}

/// Lets a registered name lead to another image.
pub fn switch(name: &str, image: &str) -> io::Result<()> {
    let (path, value, image) = (wide(&format!(r"{PROVIDERS}\{name}\UM")), wide(IMAGE), wide(image));
    let bytes = size_of_val(&image[..]) as u32;
    // SAFETY: texts with a terminator; the value has as many bytes as are said.
    let set = unsafe {
        RegSetKeyValueW(HKEY_LOCAL_MACHINE, path.as_ptr(), value.as_ptr(), REG_SZ, image.as_ptr().cast(), bytes)
    };
    if set == ERROR_SUCCESS { Ok(()) } else { Err(io::Error::from_raw_os_error(set.cast_signed())) }
}

fn write(name: &str, image: &str) -> Result<(), Refused> {
    let (name, mut image, mut function) = (wide(name), wide(image), wide(FUNCTION));
    let mut functions = [function.as_mut_ptr()];
    let mut interface = CRYPT_INTERFACE_REG {
        dwInterface: NCRYPT_KEY_STORAGE_INTERFACE,
        dwFlags: CRYPT_LOCAL,
        cFunctions: 1,
        rgpszFunctions: functions.as_mut_ptr(),
    };
    let mut interfaces = [&raw mut interface];
    let mut user_mode =
        CRYPT_IMAGE_REG { pszImage: image.as_mut_ptr(), cInterfaces: 1, rgpInterfaces: interfaces.as_mut_ptr() };
    let provider =
        CRYPT_PROVIDER_REG { cAliases: 0, rgpszAliases: null_mut(), pUM: &raw mut user_mode, pKM: null_mut() };
    // SAFETY: all texts have a terminator, and all structures live until the call is over.
    done(unsafe { BCryptRegisterProvider(name.as_ptr(), CRYPT_OVERWRITE, &provider) })
}

/// Unregisters the provider with this name, if it is registered.
pub fn unregister(name: &str) -> Result<(), Refused> {
    let (name, function) = (wide(name), wide(FUNCTION));
    let null = null();
    // SAFETY: texts with a terminator.
    unsafe {
        let interface = NCRYPT_KEY_STORAGE_INTERFACE;
        // It may be registered without being in the list.
        BCryptRemoveContextFunctionProvider(CRYPT_LOCAL, null, interface, function.as_ptr(), name.as_ptr());
        match done(BCryptUnregisterProvider(name.as_ptr())) {
            Err(Refused(status)) if status.cast_unsigned() == Refused::NOT_FOUND => Ok(()),
            other => other,
        }
    }
}

/// Whether programs find a provider under this name.
pub fn opens(name: &str) -> bool {
    let name = wide(name);
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

/// A registered provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// What follows `/csp` on signtool's command line.
    pub name: String,
    /// The library's bare file name.
    pub image: String,
}

/// The registry key of all providers: a key for each, which contains one for the library.
const PROVIDERS: &str = r"SYSTEM\CurrentControlSet\Control\Cryptography\Providers";
/// The value with the library's bare file name.
const IMAGE: &str = "Image";

/// All registered providers; those whose library cannot be read are left out.
pub fn providers() -> io::Result<Vec<Provider>> {
    let key = match Key::open(PROVIDERS) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        key => key?,
    };
    let mut providers = Vec::new();
    for place in 0.. {
        let Some(name) = key.child(place)? else { break };
        let image = image_of(&name);
        providers.extend(image.map(|image| Provider { name, image }));
    }
    Ok(providers)
}

/// The image that a name is registered with.
fn image_of(name: &str) -> Option<String> {
    let (path, value) = (wide(&format!(r"{PROVIDERS}\{name}\UM")), wide(IMAGE));
    let mut text = [0_u16; 260];
    let mut bytes = size_of_val(&text) as u32;
    let out = text.as_mut_ptr().cast();
    // SAFETY: texts with a terminator; the call writes at most as many bytes as there is room.
    let read = unsafe {
        RegGetValueW(HKEY_LOCAL_MACHINE, path.as_ptr(), value.as_ptr(), RRF_RT_REG_SZ, null_mut(), out, &mut bytes)
    };
    (read == ERROR_SUCCESS).then(|| narrow(&text))
}

/// The text up to the first zero.
fn narrow(text: &[u16]) -> String {
    let end = text.iter().position(|unit| *unit == 0).unwrap_or(text.len());
    String::from_utf16_lossy(&text[..end])
}

/// An open key of the machine's registry.
struct Key(HKEY);

impl Key {
    fn open(path: &str) -> io::Result<Self> {
        let path = wide(path);
        let mut key = null_mut();
        // SAFETY: the path has a terminator; the key is writable.
        match unsafe { RegOpenKeyExW(HKEY_LOCAL_MACHINE, path.as_ptr(), 0, KEY_READ, &mut key) } {
            ERROR_SUCCESS => Ok(Self(key)),
            error => Err(io::Error::from_raw_os_error(error.cast_signed())),
        }
    }

    /// The name of a subkey, by its index; `None` after the last.
    fn child(&self, place: u32) -> io::Result<Option<String>> {
        // A key's name has at most 255 characters.
        let mut name = [0_u16; 256];
        let mut length = name.len() as u32;
        let out = name.as_mut_ptr();
        // SAFETY: the key is open; the call writes at most as many characters as there is room.
        let read =
            unsafe { RegEnumKeyExW(self.0, place, out, &mut length, null_mut(), null_mut(), null_mut(), null_mut()) };
        match read {
            ERROR_SUCCESS => Ok(Some(narrow(&name))),
            ERROR_NO_MORE_ITEMS => Ok(None),
            error => Err(io::Error::from_raw_os_error(error.cast_signed())),
        }
    }
}

impl Drop for Key {
    fn drop(&mut self) {
        // SAFETY: it is open, and closed once.
        unsafe { RegCloseKey(self.0) };
    }
}
