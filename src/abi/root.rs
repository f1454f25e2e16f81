//! The one global: the active run of the library (`C_Initialize` to `C_Finalize`), and the process that it belongs to.
//!
//! After `fork`, the child has a copy of the parent's memory. Any lock in it may be held by a thread that does not
//! exist in the child. So the root is a pointer to a cell with the id of its process. In another process the cell
//! counts as absent, and `C_Initialize` stores a new one. The old cell is never dropped, because its sockets belong to
//! the parent.
//!
//! Some servers initialise, find their key, fork, and use the key in the child without a second `C_Initialize`, which
//! the standard forbids (5.4). For them, `STM_PKCS11_FORK=lenient` lets a child continue with its copy, over
//! connections of its own. This is safe only if no thread of the parent was inside the library during the fork, because
//! the child could never release that thread's locks.
//!
//! The cell counts the callers inside. A caller is counted before it touches anything else of the cell, and leaves the
//! count after it has released everything. The child's copy of the memory shows these writes in order. So if the child
//! reads 0, every lock in its copy is free.

use crate::boundary::process;
use crate::error::{Audience, Error, Result};
use crate::lock::RwLock;
use crate::token::Module;
use cryptoki_sys::*;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering, fence};

struct Cell {
    process: u32,
    /// Whether a forked child may continue this run.
    lenient: AtomicBool,
    /// The number of calls inside.
    inside: AtomicUsize,
    /// The forked child that examined this run, and the outcome: an [`Outcome`] in the low bits, and the child's id
    /// above it. Each child writes to its own copy, which its own children inherit.
    heir: AtomicU64,
    module: RwLock<Option<Arc<Module>>>,
}

static ROOT: AtomicPtr<Cell> = AtomicPtr::new(std::ptr::null_mut());

impl Cell {
    fn new(lenient: bool, module: Option<Arc<Module>>) -> Self {
        Self {
            process: process::id(),
            lenient: AtomicBool::new(lenient),
            inside: AtomicUsize::new(0),
            heir: AtomicU64::new(0),
            module: RwLock::new(module),
        }
    }

    fn enter(&'static self) -> Caller {
        self.inside.fetch_add(1, Ordering::SeqCst);
        // The count must be visible before any lock is acquired.
        fence(Ordering::SeqCst);
        Caller(self)
    }
}

/// What a forked child found out about its parent's run.
#[derive(Clone, Copy)]
enum Outcome {
    /// A thread of the child is adopting it.
    UnderWay = 1,
    /// A thread of the parent was inside.
    CaughtInside,
    /// The parent had ended the run.
    Ended,
}

impl Outcome {
    fn of(self, child: u32) -> u64 {
        u64::from(child) << 2 | self as u64
    }
}

/// One call that is inside; dropping it reduces the count.
struct Caller(&'static Cell);

impl Drop for Caller {
    fn drop(&mut self) {
        self.0.inside.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The active run, for one call.
pub struct Running {
    // Dropped in this order: the last caller to leave drops the module, which closes its connections while the caller
    // still counts.
    module: Arc<Module>,
    _caller: Caller,
}

impl Deref for Running {
    type Target = Module;

    fn deref(&self) -> &Module {
        &self.module
    }
}

/// The cell that was stored last, and whether it belongs to this process.
fn stored() -> (*mut Cell, Option<&'static Cell>, bool) {
    let pointer = ROOT.load(Ordering::Acquire);
    // SAFETY: cells are leaked, so every pointer that was ever stored stays valid.
    let cell = unsafe { pointer.as_ref() };
    (pointer, cell, cell.is_some_and(|cell| cell.process == process::id()))
}

/// The cell of this process; in a forked child that may continue, the parent's run is adopted first.
fn cell() -> Result<&'static Cell> {
    loop {
        let (pointer, cell, own) = stored();
        match cell {
            Some(cell) if own => return Ok(cell),
            Some(parents) if parents.lenient.load(Ordering::Relaxed) => adopt(pointer, parents)?,
            _ => return Err(not_initialized()),
        }
    }
}

/// In a forked child: adopts the parent's run, or waits for the thread that is adopting it.
fn adopt(pointer: *mut Cell, parents: &'static Cell) -> Result<()> {
    let child = process::id();
    let known = parents.heir.load(Ordering::Acquire);
    if known == Outcome::UnderWay.of(child) {
        // Adopting takes no longer than storing a pointer.
        std::thread::yield_now();
        return Ok(());
    } else if known == Outcome::CaughtInside.of(child) {
        return Err(caught_inside(Audience::Author));
    } else if known == Outcome::Ended.of(child) {
        return Err(not_initialized());
    }
    let under_way = Outcome::UnderWay.of(child);
    if parents.heir.compare_exchange(known, under_way, Ordering::AcqRel, Ordering::Acquire).is_err() {
        return Ok(());
    }
    if parents.inside.load(Ordering::Acquire) > 0 {
        parents.heir.store(Outcome::CaughtInside.of(child), Ordering::Release);
        return Err(caught_inside(Audience::User));
    }
    // If this child forks now, its own child sees that a caller is inside.
    let _caller = parents.enter();
    let Some(module) = parents.module.read().clone() else {
        parents.heir.store(Outcome::Ended.of(child), Ordering::Release);
        return Err(not_initialized());
    };
    module.adopt();
    let new = Box::into_raw(Box::new(Cell::new(true, Some(module))));
    if ROOT.compare_exchange(pointer, new, Ordering::AcqRel, Ordering::Acquire).is_err() {
        // Another thread has initialised in the meantime. SAFETY: `new` was never shared.
        drop(unsafe { Box::from_raw(new) });
    }
    Ok(())
}

/// The cell of this process, created if there is none. A child that initialises gets a run of its own, even if it could
/// have continued its parent's.
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

fn caught_inside(audience: Audience) -> Error {
    let cause = "STM_PKCS11_FORK=lenient has no effect in this process: another thread of its parent was using the module \
                 during the fork; call C_Initialize in the child, or fork before other threads use the module";
    Error { audience, ..Error::new(CKR_CRYPTOKI_NOT_INITIALIZED, cause) }
}

/// The active run, or `CKR_CRYPTOKI_NOT_INITIALIZED`. It stays valid while the caller holds it, even if another thread
/// calls `C_Finalize`.
pub fn module() -> Result<Running> {
    let cell = cell()?;
    let caller = cell.enter();
    let module = cell.module.read().clone().ok_or_else(not_initialized)?;
    Ok(Running { module, _caller: caller })
}

/// Begins a run; `CKR_CRYPTOKI_ALREADY_INITIALIZED` if one is active. `make` also returns whether forked children may
/// continue the run.
pub fn begin(make: impl FnOnce() -> (Module, bool)) -> Result<()> {
    let cell = own_cell();
    let _caller = cell.enter();
    let mut place = cell.module.write();
    if place.is_some() {
        return Err(CKR_CRYPTOKI_ALREADY_INITIALIZED.into());
    }
    let (module, lenient) = make();
    *place = Some(Arc::new(module));
    cell.lenient.store(lenient, Ordering::Relaxed);
    Ok(())
}

/// Ends the run. Calls inside finish with the references that they hold.
pub fn end() -> Result<()> {
    let cell = cell()?;
    let _caller = cell.enter();
    let module = cell.module.write().take().ok_or_else(not_initialized)?;
    module.finish();
    Ok(())
}
