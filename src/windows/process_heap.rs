//! Memory that Windows frees: it is of the process's heap.

use crate::error::Result;
use cryptoki_sys::CKR_HOST_MEMORY;
use windows_sys::Win32::System::Memory::{GetProcessHeap, HeapAlloc, HeapFree};

/// A copy of these bytes, aligned for everything.
pub fn copy(bytes: &[u8]) -> Result<*mut u8> {
    // SAFETY: the heap is there as long as the process; the new block has room for the bytes.
    unsafe {
        let block = HeapAlloc(GetProcessHeap(), 0, bytes.len().max(1)).cast::<u8>();
        if block.is_null() {
            return Err(CKR_HOST_MEMORY.into());
        }
        block.copy_from_nonoverlapping(bytes.as_ptr(), bytes.len());
        Ok(block)
    }
}

/// Gives a block back.
///
/// # Safety
/// It is of [`copy`], and nobody uses it any more.
pub unsafe fn free(block: *mut u8) {
    // SAFETY: the block is of this heap, and nobody uses it any more, by the contract above.
    unsafe { HeapFree(GetProcessHeap(), 0, block.cast()) };
}
