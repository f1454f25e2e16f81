//! The one global: which run of the library is going on, and in which process.
//!
//! After `fork` the child has a copy of the parent's memory, in which any lock may be held by a thread that does not
//! exist there. So the root is a pointer to a cell that knows its process: in another process it counts as absent,
//! and `C_Initialize` puts a new one in its place. The old cell is left as it is, never dropped: its sockets are the
//! parent's.
//!
//! Some servers initialise, look their key up, fork, and use the key in the child without another word, which the standard
//! forbids (5.4). For them `STM_PKCS11_FORK=lenient` lets a child go on with what it has a copy of, over connections of
//! its own.

use crate::error::{Error, Result};
use crate::token::Module;
use cryptoki_sys::*;
use parking_lot::RwLock;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

struct Cell {
    process: u32,
    /// Whether a forked child may go on with this run.
    lenient: AtomicBool,
    module: RwLock<Option<Arc<Module>>>,
}

static ROOT: AtomicPtr<Cell> = AtomicPtr::new(std::ptr::null_mut());

impl Cell {
    fn new(lenient: bool, module: Option<Arc<Module>>) -> Self {
        Self { process: std::process::id(), lenient: AtomicBool::new(lenient), module: RwLock::new(module) }
    }
}

/// The cell that was stored last, and whether it is this process's.
fn stored() -> (*mut Cell, Option<&'static Cell>, bool) {
    let pointer = ROOT.load(Ordering::Acquire);
    // SAFETY: cells are leaked, so every pointer ever stored stays good.
    let cell = unsafe { pointer.as_ref() };
    (pointer, cell, cell.is_some_and(|cell| cell.process == std::process::id()))
}

/// The cell of this process, if it has one, or may have its parent's.
fn cell() -> Option<&'static Cell> {
    let (pointer, cell, own) = stored();
    let cell = cell?;
    if own {
        return Some(cell);
    }
    if cell.lenient.load(Ordering::Relaxed) { adopt(pointer, cell) } else { None }
}

/// In a forked child: the parent's run as this process's own. Not if another thread of the parent was in the middle of
/// something when it forked: then what it held is held for ever.
fn adopt(pointer: *mut Cell, parents: &Cell) -> Option<&'static Cell> {
    let module = parents.module.try_read()?.clone()?;
    if !module.adopt() {
        return None;
    }
    let new = Box::into_raw(Box::new(Cell::new(true, Some(module))));
    if ROOT.compare_exchange(pointer, new, Ordering::AcqRel, Ordering::Acquire).is_err() {
        // Another thread was faster. SAFETY: `new` was never shared.
        drop(unsafe { Box::from_raw(new) });
        return cell();
    }
    // SAFETY: just made, and leaked.
    unsafe { new.as_ref() }
}

/// The cell of this process, made if need be. A child that initialises has a run of its own, whatever it might have gone
/// on with.
fn own_cell() -> &'static Cell {
    loop {
        let (old, cell, own) = stored();
        if let Some(cell) = cell.filter(|_| own) {
            return cell;
        }
        let new = Box::into_raw(Box::new(Cell::new(false, None)));
        if ROOT.compare_exchange(old, new, Ordering::AcqRel, Ordering::Acquire).is_err() {
            // Another thread was faster. SAFETY: `new` was never shared.
            drop(unsafe { Box::from_raw(new) });
        }
    }
}

fn not_initialized() -> Error {
    Error::new(CKR_CRYPTOKI_NOT_INITIALIZED, "C_Initialize was not called in this process")
}

/// The run that is going on, or `CKR_CRYPTOKI_NOT_INITIALIZED`. It lasts as long as the caller holds it, even if
/// another thread calls `C_Finalize` meanwhile.
pub fn module() -> Result<Arc<Module>> {
    cell().and_then(|cell| cell.module.read().clone()).ok_or_else(not_initialized)
}

/// Begins a run; `CKR_CRYPTOKI_ALREADY_INITIALIZED` if one is going on. `make` says, too, whether forked children may go on
/// with it.
pub fn begin(make: impl FnOnce() -> (Module, bool)) -> Result<()> {
    let cell = own_cell();
    let mut place = cell.module.write();
    if place.is_some() {
        return Err(CKR_CRYPTOKI_ALREADY_INITIALIZED.into());
    }
    let (module, lenient) = make();
    *place = Some(Arc::new(module));
    cell.lenient.store(lenient, Ordering::Relaxed);
    Ok(())
}

/// Ends the run. Calls that are under way finish with what they hold.
pub fn end() -> Result<()> {
    let module = cell().and_then(|cell| cell.module.write().take()).ok_or_else(not_initialized)?;
    module.finish();
    Ok(())
}
