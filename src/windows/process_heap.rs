//! Memory on the process's heap, which Windows frees.

use crate::error::Result;
use cryptoki_sys::CKR_HOST_MEMORY;
use windows_sys::Win32::System::Memory::{GetProcessHeap, HeapAlloc, HeapFree};

/// A copy of these bytes, aligned for any type.
pub fn copy(bytes: &[u8]) -> Result<*mut u8> {
    // SAFETY: the heap exists as long as the process; the new block has room for the bytes.
    unsafe {
        let block = HeapAlloc(GetProcessHeap(), 0, bytes.len().max(1)).cast::<u8>();
        if block.is_null() {
            return Err(CKR_HOST_MEMORY.into());
        }
        block.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        Ok(block)
    }
}

/// Frees a block.
///
/// # Safety
/// [`copy`] allocated it, and nobody uses it any more.
pub unsafe fn free(block: *mut u8) {
    // SAFETY: the block is of this heap, and nobody uses it any more, by the contract above.
    unsafe { HeapFree(GetProcessHeap(), 0, block.cast()) };
}
