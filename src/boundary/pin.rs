//! Keeping the library in memory, on Windows.

/// Keeps the library in memory until the process ends: signtool frees it after every file, and what was learned for one file
/// is worth keeping for the next. A thread of ours may be inside, too.
pub fn pin() {
    use windows_sys::Win32::System::LibraryLoader::{
        GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GET_MODULE_HANDLE_EX_FLAG_PIN, GetModuleHandleExW,
    };
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let flags = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN;
        let mut module = std::ptr::null_mut();
        let address: fn() = pin;
        // SAFETY: the address is of this library; `module` is written to. If it fails the host must not free us, as before.
        unsafe { GetModuleHandleExW(flags, address as *const u16, &mut module) };
    });
}
