//! Memory of this process, on Windows.

/// Memory of this process, copied by the system.
pub struct Memory;

impl Memory {
    pub fn open() -> std::io::Result<Self> {
        Ok(Self)
    }

    /// Fills `piece` with the bytes at `address`, or fails.
    pub fn copy(&mut self, address: usize, piece: &mut [u8]) -> std::io::Result<()> {
        use windows_sys::Win32::System::Diagnostics::Debug::ReadProcessMemory;
        use windows_sys::Win32::System::Threading::GetCurrentProcess;
        let source = std::ptr::with_exposed_provenance(address);
        // SAFETY: the system checks the source; `piece` is ours and has the stated length.
        let done = unsafe {
            ReadProcessMemory(GetCurrentProcess(), source, piece.as_mut_ptr().cast(), piece.len(), std::ptr::null_mut())
        };
        if done != 0 { Ok(()) } else { Err(std::io::Error::last_os_error()) }
    }
}
