//! The one global: which run of the library is going on, and in which process.
//!
//! After `fork` the child has a copy of the parent's memory, in which any lock may be held by a thread that does not
//! exist there. So the root is a pointer to a cell that knows its process: in another process it counts as absent,
//! and `C_Initialize` puts a new one in its place. The old cell is left as it is, never dropped: its sockets are the
//! parent's.
//!
//! Some servers initialise, look their key up, fork, and use the key in the child without another word, which the standard
//! forbids (5.4). For them `STM_PKCS11_FORK=lenient` lets a child go on with what it has a copy of, over connections of
//! its own. But only if no thread of the parent was inside the library when it forked: what such a thread held, it holds in
//! the child for ever. The cell counts the callers that are inside. One that enters is counted before it touches anything
//! else of the cell, and one that leaves is counted out when it holds nothing any more; the memory that a child gets shows
//! these writes in their order. So where the child reads 0, every lock that it has a copy of is free.

use crate::error::{Audience, Error, Result};
use crate::lock::RwLock;
use crate::token::Module;
use cryptoki_sys::*;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering, fence};

struct Cell {
    process: u32,
    /// Whether a forked child may go on with this run.
    lenient: AtomicBool,
    /// How many calls are inside.
    inside: AtomicUsize,
    /// The forked child that has looked at this run, and what came of it: an [`Outcome`] and above it the child's id. Each
    /// child writes in its own copy, which its children inherit.
    heir: AtomicU64,
    module: RwLock<Option<Arc<Module>>>,
}

static ROOT: AtomicPtr<Cell> = AtomicPtr::new(std::ptr::null_mut());

impl Cell {
    fn new(lenient: bool, module: Option<Arc<Module>>) -> Self {
        Self {
            process: std::process::id(),
            lenient: AtomicBool::new(lenient),
            inside: AtomicUsize::new(0),
            heir: AtomicU64::new(0),
            module: RwLock::new(module),
        }
    }

    fn enter(&'static self) -> Caller {
        self.inside.fetch_add(1, Ordering::SeqCst);
        // No lock is taken before the count can be seen.
        fence(Ordering::SeqCst);
        Caller(self)
    }
}

/// What a forked child has found out about its parent's run.
#[derive(Clone, Copy)]
enum Outcome {
    /// A thread of the child takes it over.
    UnderWay = 1,
    /// Somebody was inside.
    CaughtInside,
    /// It had ended.
    Ended,
}

impl Outcome {
    fn of(self, child: u32) -> u64 {
        u64::from(child) << 2 | self as u64
    }
}

/// A call that is inside.
struct Caller(&'static Cell);

impl Drop for Caller {
    fn drop(&mut self) {
        self.0.inside.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The run that is going on, for one call.
pub struct Running {
    // Dropped in this order: who leaves may be the last who holds the module, and ends its connections then.
    module: Arc<Module>,
    _caller: Caller,
}

impl Deref for Running {
    type Target = Module;

    fn deref(&self) -> &Module {
        &self.module
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

/// In a forked child: makes the parent's run this process's own, or waits for the thread that does.
fn adopt(pointer: *mut Cell, parents: &'static Cell) -> Result<()> {
    let child = std::process::id();
    let known = parents.heir.load(Ordering::Acquire);
    if known == Outcome::UnderWay.of(child) {
        // It takes no longer than to store a pointer.
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
    // A child of this child that is forked just now finds a caller inside.
    let _caller = parents.enter();
    let Some(module) = parents.module.read().clone() else {
        parents.heir.store(Outcome::Ended.of(child), Ordering::Release);
        return Err(not_initialized());
    };
    module.adopt();
    let new = Box::into_raw(Box::new(Cell::new(true, Some(module))));
    if ROOT.compare_exchange(pointer, new, Ordering::AcqRel, Ordering::Acquire).is_err() {
        // Another thread has initialised meanwhile. SAFETY: `new` was never shared.
        drop(unsafe { Box::from_raw(new) });
    }
    Ok(())
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

fn caught_inside(audience: Audience) -> Error {
    let cause = "STM_PKCS11_FORK=lenient has no effect in this process: another thread of its parent was using the module \
                 during the fork; call C_Initialize in the child, or fork before other threads use the module";
    Error { audience, ..Error::new(CKR_CRYPTOKI_NOT_INITIALIZED, cause) }
}

/// The run that is going on, or `CKR_CRYPTOKI_NOT_INITIALIZED`. It lasts as long as the caller holds it, even if
/// another thread calls `C_Finalize` meanwhile.
pub fn module() -> Result<Running> {
    let cell = cell()?;
    let caller = cell.enter();
    let module = cell.module.read().clone().ok_or_else(not_initialized)?;
    Ok(Running { module, _caller: caller })
}

/// Begins a run; `CKR_CRYPTOKI_ALREADY_INITIALIZED` if one is going on. `make` says, too, whether forked children may go on
/// with it.
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

/// Ends the run. Calls that are under way finish with what they hold.
pub fn end() -> Result<()> {
    let cell = cell()?;
    let _caller = cell.enter();
    let module = cell.module.write().take().ok_or_else(not_initialized)?;
    module.finish();
    Ok(())
}
