//! Sequences of C calls with arbitrary arguments, like those of a broken or hostile host. All memory is valid, because
//! no module can survive invalid pointers.

use super::memory::Memory;
use super::reader::Reader;
use super::shapes::CALLS;
use super::workplace::{LIST, configuration, keypairs, offline};
use cryptoki_sys::*;
use std::ffi::CString;
use std::ptr::null_mut;
use std::sync::Once;
use stm_pkcs11::abi::{C_Finalize, C_Initialize};
use stm_pkcs11::service::fuzzing;

/// An application.
#[derive(Default)]
pub struct Caller {
    /// What the arguments of the call under way point to.
    pub memory: Memory,
    /// Where the call under way may put a session's handle.
    pub opened: *mut CK_SESSION_HANDLE,
    /// Where it may put handles of objects, and how many.
    pub made: Vec<(*mut CK_OBJECT_HANDLE, CK_ULONG)>,
    sessions: Vec<CK_SESSION_HANDLE>,
    objects: Vec<CK_OBJECT_HANDLE>,
}

/// The largest number of calls in one run.
const MOST: usize = 200;

/// Each call is a byte that names it, followed by the bytes of its arguments.
pub fn run(data: &[u8]) {
    static STORED: Once = Once::new();
    let settings = offline("calls");
    STORED.call_once(|| fuzzing::store(&configuration(&settings).tokens[0], &keypairs(LIST.as_bytes())));
    let mut reader = Reader(data);
    let way = reader.byte();
    initialize(&format!("{settings};STM_PKCS11_LOGIN={}", ["none", "password", "api-key"][usize::from(way) % 3]));
    let mut caller = Caller::default();
    for _ in 0..MOST {
        if reader.is_empty() {
            break;
        }
        let (name, call) = CALLS[usize::from(reader.byte()) % CALLS.len()];
        let rv = call(&mut caller, &mut reader);
        assert_ne!(rv, CKR_GENERAL_ERROR, "{name} met a defect");
        caller.settle();
    }
    // SAFETY: null is the only valid argument.
    assert_eq!(unsafe { C_Finalize(null_mut()) }, CKR_OK);
}

/// `C_Initialize` with settings text.
pub fn initialize(settings: &str) {
    let text = CString::new(settings).expect("no zero in it");
    let mut arguments = CK_C_INITIALIZE_ARGS {
        CreateMutex: None,
        DestroyMutex: None,
        LockMutex: None,
        UnlockMutex: None,
        flags: CKF_OS_LOCKING_OK,
        pReserved: text.as_ptr().cast_mut().cast(),
    };
    // SAFETY: the arguments are valid, and the text has its terminator.
    assert_eq!(unsafe { C_Initialize((&raw mut arguments).cast()) }, CKR_OK);
}

impl Caller {
    /// A session that was opened, or any number.
    pub fn session(&mut self, reader: &mut Reader<'_>) -> CK_SESSION_HANDLE {
        known_or_not(&self.sessions, reader)
    }

    /// An object that was found or made, or any number.
    pub fn object(&mut self, reader: &mut Reader<'_>) -> CK_OBJECT_HANDLE {
        known_or_not(&self.objects, reader)
    }

    /// After a call: keeps the handles that it answered, and frees its arguments.
    fn settle(&mut self) {
        if !self.opened.is_null() {
            // SAFETY: the place is in `memory`, and has the size of a handle.
            self.sessions.push(unsafe { self.opened.read_unaligned() });
        }
        for (list, room) in std::mem::take(&mut self.made).into_iter().filter(|(list, _)| !list.is_null()) {
            // SAFETY: as above, for as many as there is room.
            let handles = (0..room as usize).map(|place| unsafe { list.add(place).read_unaligned() });
            self.objects.extend(handles.filter(|handle| *handle != 0));
        }
        self.opened = null_mut();
        self.memory = Memory::default();
    }
}

fn known_or_not(known: &[CK_ULONG], reader: &mut Reader<'_>) -> CK_ULONG {
    match reader.byte() {
        0xff => reader.long() as CK_ULONG,
        byte if known.is_empty() => CK_ULONG::from(byte),
        byte => known[usize::from(byte) % known.len()],
    }
}
