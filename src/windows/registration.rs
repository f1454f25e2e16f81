//! The key storage provider's registration with Windows: by an administrator, once a machine. Windows loads a provider by a bare
//! file name, so the library has to lie in its System32 folder.

use windows_sys::Win32::Security::Cryptography::*;

/// `NCRYPT_KEY_STORAGE_ALGORITHM`: the one function of the interface.
const FUNCTION: &str = "KEY_STORAGE";

/// What Windows answered: an `NTSTATUS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused(pub i32);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0.cast_unsigned() {
            0xc000_0022 => write!(f, "access denied"),
            0xc000_0225 => write!(f, "not found"),
            status => write!(f, "status {status:#010x}"),
        }
    }
}

/// UTF-16 with a zero at the end.
pub(super) fn wide(text: &str) -> Vec<u16> {
    text.encode_utf16().chain([0]).collect()
}

fn done(status: i32) -> Result<(), Refused> {
    if status >= 0 { Ok(()) } else { Err(Refused(status)) }
}

/// Makes Windows know the provider by a name; `image` is the library's bare file name. A provider that is there is replaced.
pub fn register(name: &str, image: &str) -> Result<(), Refused> {
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
    let provider = CRYPT_PROVIDER_REG {
        cAliases: 0,
        rgpszAliases: std::ptr::null_mut(),
        pUM: &raw mut user_mode,
        pKM: std::ptr::null_mut(),
    };
    let (name, function) = (name.as_ptr(), functions[0].cast_const());
    let null = std::ptr::null();
    // SAFETY: all texts end with a zero and all structures live until the calls are over.
    unsafe {
        done(BCryptRegisterProvider(name, CRYPT_OVERWRITE, &provider))?;
        done(BCryptAddContextFunction(
            CRYPT_LOCAL,
            null,
            NCRYPT_KEY_STORAGE_INTERFACE,
            function,
            CRYPT_PRIORITY_BOTTOM,
        ))?;
        let interface = NCRYPT_KEY_STORAGE_INTERFACE;
        done(BCryptAddContextFunctionProvider(CRYPT_LOCAL, null, interface, function, name, CRYPT_PRIORITY_BOTTOM))
    }
}

/// Makes Windows forget the provider of this name.
pub fn unregister(name: &str) -> Result<(), Refused> {
    let (name, function) = (wide(name), wide(FUNCTION));
    let null = std::ptr::null();
    // SAFETY: texts that end with a zero.
    unsafe {
        let interface = NCRYPT_KEY_STORAGE_INTERFACE;
        // It may not be in the list, and be registered all the same.
        BCryptRemoveContextFunctionProvider(CRYPT_LOCAL, null, interface, function.as_ptr(), name.as_ptr());
        done(BCryptUnregisterProvider(name.as_ptr()))
    }
}

/// The file name of the library that is registered under a name.
pub fn image(name: &str) -> Result<String, Refused> {
    let name = wide(name);
    let (mut length, mut found) = (0, std::ptr::null_mut::<CRYPT_PROVIDER_REG>());
    // SAFETY: Windows allocates the answer, which is read while it is there and freed once.
    unsafe {
        let interface = NCRYPT_KEY_STORAGE_INTERFACE;
        done(BCryptQueryProviderRegistration(name.as_ptr(), CRYPT_UM, interface, &mut length, &mut found))?;
        let image = found.as_ref().and_then(|provider| provider.pUM.as_ref()).map(|image| image.pszImage.cast_const());
        let text = image.map_or(Ok(String::new()), |image| super::door::text(image)).unwrap_or_default();
        BCryptFreeBuffer(found.cast());
        Ok(text)
    }
}
