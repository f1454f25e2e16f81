//! Keeps the library in memory, on Windows.

/// Keeps the library in memory until the process ends. signtool unloads it after every file, although the next file
/// could use what the module has fetched. One of our threads may also still be running.
pub fn pin() {
    use windows_sys::Win32::System::LibraryLoader::{
        GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GET_MODULE_HANDLE_EX_FLAG_PIN, GetModuleHandleExW,
    };
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let flags = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN;
        let mut module = std::ptr::null_mut();
        let address: fn() = pin;
        // SAFETY: the address is in this library, and `module` is writable. If the call fails, the host must not unload
        // the library, as before.
        unsafe { GetModuleHandleExW(flags, address as *const u16, &mut module) };
    });
}
