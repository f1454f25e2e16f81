//! Memory in musl programs. That C library hands out a block again only long after it was freed, so what was in it, a
//! secret in a buffer of the HTTP library among it, would stay in memory. There, each block is overwritten when it is
//! freed.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;

/// Blocks of this size in bytes are mapped alone, and unmapped when they are freed.
const MAPPED: usize = 128 << 10;

struct Wiped;

#[global_allocator]
static ALLOCATOR: Wiped = Wiped;

// SAFETY: every block is the system's, with the layout that was asked for.
unsafe impl GlobalAlloc for Wiped {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as promised by the caller.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as promised by the caller.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if layout.size() < MAPPED {
            // SAFETY: the block has this size, and nobody uses it any more.
            unsafe { block.write_bytes(0, layout.size()) };
        }
        // SAFETY: as promised by the caller. The optimiser must not know that the block is freed: it would leave the zeros out.
        unsafe { System.dealloc(black_box(block), layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        if layout.size() >= MAPPED {
            // SAFETY: as promised by the caller.
            return unsafe { System.realloc(block, layout, size) };
        }
        // SAFETY: the caller promises that the size is not zero and does not overflow with this alignment.
        let new = unsafe { self.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
        if !new.is_null() {
            // SAFETY: both blocks are at least so long and do not overlap, and the old one is not used any more.
            unsafe {
                new.copy_from_nonoverlapping(block, layout.size().min(size));
                self.dealloc(block, layout);
            }
        }
        new
    }
}
