//! The module as a client sees it: loaded by path, called through its function list.

use cryptoki_sys::*;
use libloading::{Library, Symbol};
use std::ffi::CString;
use std::path::PathBuf;
use std::ptr::null_mut;

/// The loaded library. It stays loaded to the end of the process.
pub struct Module {
    list: &'static CK_FUNCTION_LIST,
}

/// Calls a function of the list; panics unless it answers `CKR_OK`.
macro_rules! call {
    ($module:expr, $function:ident($($argument:expr),* $(,)?)) => {{
        // SAFETY: arguments are as PKCS#11 has them, and every pointer is to memory that lives beyond the call.
        let rv = unsafe { ($module.list.$function.expect("every pointer is real"))($($argument),*) };
        assert_eq!(rv, CKR_OK, concat!(stringify!($function), " answered {:#x}"), rv);
    }};
}

/// How a keypair of the service signs.
#[derive(Clone, Copy)]
pub struct Kind {
    /// A keypair of the service.
    pub alias: &'static str,
    /// The mechanism that hashes and signs.
    pub mechanism: CK_MECHANISM_TYPE,
    /// The same as the service calls it.
    pub sig_alg: &'static str,
}

/// The two that nearly every signature is.
pub const KINDS: [Kind; 2] = [
    Kind { alias: "demo-rsa-2048", mechanism: CKM_SHA256_RSA_PKCS, sig_alg: "SHA256WithRSA" },
    Kind { alias: "demo-ec-p256", mechanism: CKM_ECDSA_SHA256, sig_alg: "SHA256WithECDSA" },
];

impl Module {
    /// `dlopen` and `C_GetFunctionList`.
    pub fn load() -> Self {
        let path = PathBuf::from(std::env::var_os("STM_PKCS11_MODULE").expect("STM_PKCS11_MODULE"));
        // SAFETY: loading runs the library's initialisers, which is what every application does.
        let library = unsafe { Library::new(&path) }.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let library: &'static Library = Box::leak(Box::new(library));
        type GetFunctionList = unsafe extern "C" fn(*mut *mut CK_FUNCTION_LIST) -> CK_RV;
        // SAFETY: PKCS#11 gives this symbol this type.
        let get: Symbol<'_, GetFunctionList> = unsafe { library.get(b"C_GetFunctionList\0") }.expect("the entry point");
        let mut list = null_mut();
        // SAFETY: the pointer is to a pointer of our own.
        assert_eq!(unsafe { get(&mut list) }, CKR_OK);
        // SAFETY: the list lives as long as the library, which is never unloaded.
        Self { list: unsafe { &*list } }
    }

    /// `C_Initialize`, without locking functions but for several threads.
    pub fn initialize(&self) {
        self.initialize_with("");
    }

    /// `C_Initialize` with settings, which take precedence over the environment.
    pub fn initialize_with(&self, settings: &str) {
        let text = CString::new(settings).expect("no NUL");
        let reserved = if settings.is_empty() { null_mut() } else { text.as_ptr().cast_mut().cast() };
        let mut arguments = CK_C_INITIALIZE_ARGS {
            CreateMutex: None,
            DestroyMutex: None,
            LockMutex: None,
            UnlockMutex: None,
            flags: CKF_OS_LOCKING_OK,
            pReserved: reserved,
        };
        call!(self, C_Initialize((&raw mut arguments).cast()));
    }

    /// Loads and initialises.
    pub fn start() -> Self {
        let module = Self::load();
        module.initialize();
        module
    }

    /// `C_Finalize`
    pub fn finalize(&self) {
        call!(self, C_Finalize(null_mut()));
    }

    /// A session with the first slot.
    pub fn open(&self) -> CK_SESSION_HANDLE {
        let mut slots = [0; 16];
        let mut count = slots.len() as CK_ULONG;
        call!(self, C_GetSlotList(CK_TRUE, slots.as_mut_ptr(), &mut count));
        let mut session = 0;
        call!(self, C_OpenSession(slots[0], CKF_SERIAL_SESSION, null_mut(), None, &mut session));
        session
    }

    /// Ends a session and what it was doing.
    pub fn close(&self, session: CK_SESSION_HANDLE) {
        call!(self, C_CloseSession(session));
    }

    /// The objects of a class, all or those with a label.
    pub fn find(
        &self,
        session: CK_SESSION_HANDLE,
        class: CK_OBJECT_CLASS,
        label: Option<&str>,
    ) -> Vec<CK_OBJECT_HANDLE> {
        let attribute = |type_, value: *const u8, len: usize| CK_ATTRIBUTE {
            type_,
            pValue: value.cast_mut().cast(),
            ulValueLen: len as CK_ULONG,
        };
        let label = label.unwrap_or_default();
        let mut template = [
            attribute(CKA_CLASS, (&raw const class).cast(), size_of::<CK_OBJECT_CLASS>()),
            attribute(CKA_LABEL, label.as_ptr(), label.len()),
        ];
        let used = if label.is_empty() { 1 } else { 2 };
        call!(self, C_FindObjectsInit(session, template.as_mut_ptr(), used));
        let mut found = Vec::new();
        let mut part = [0; 64];
        loop {
            let mut count = 0;
            call!(self, C_FindObjects(session, part.as_mut_ptr(), part.len() as CK_ULONG, &mut count));
            found.extend_from_slice(&part[..count as usize]);
            if (count as usize) < part.len() {
                break;
            }
        }
        call!(self, C_FindObjectsFinal(session));
        found
    }

    /// The private key with this label.
    pub fn private_key(&self, session: CK_SESSION_HANDLE, label: &str) -> CK_OBJECT_HANDLE {
        let found = self.find(session, CKO_PRIVATE_KEY, Some(label));
        assert_eq!(found.len(), 1, "private keys with the label {label}");
        found[0]
    }

    /// Reads one attribute into `room`; answers its length.
    pub fn attribute(
        &self,
        session: CK_SESSION_HANDLE,
        object: CK_OBJECT_HANDLE,
        attribute: CK_ATTRIBUTE_TYPE,
        room: &mut [u8],
    ) -> usize {
        let mut query =
            CK_ATTRIBUTE { type_: attribute, pValue: room.as_mut_ptr().cast(), ulValueLen: room.len() as CK_ULONG };
        call!(self, C_GetAttributeValue(session, object, &mut query, 1));
        query.ulValueLen as usize
    }

    /// `C_SignInit`
    pub fn sign_init(&self, session: CK_SESSION_HANDLE, mechanism: CK_MECHANISM_TYPE, key: CK_OBJECT_HANDLE) {
        call!(self, C_SignInit(session, &mut plain(mechanism), key));
    }

    /// `C_SignUpdate`
    pub fn sign_update(&self, session: CK_SESSION_HANDLE, part: &[u8]) {
        call!(self, C_SignUpdate(session, part.as_ptr().cast_mut(), part.len() as CK_ULONG));
    }

    /// `C_SignInit` and `C_Sign`.
    pub fn sign(&self, session: CK_SESSION_HANDLE, kind: Kind, key: CK_OBJECT_HANDLE, data: &[u8]) -> Vec<u8> {
        self.sign_init(session, kind.mechanism, key);
        let mut signature = vec![0; 1024];
        let mut len = signature.len() as CK_ULONG;
        let (data, count) = (data.as_ptr().cast_mut(), data.len() as CK_ULONG);
        call!(self, C_Sign(session, data, count, signature.as_mut_ptr(), &mut len));
        signature.truncate(len as usize);
        signature
    }

    /// `C_SignFinal`
    pub fn sign_final(&self, session: CK_SESSION_HANDLE) {
        let mut signature = [0; 1024];
        let mut len = signature.len() as CK_ULONG;
        call!(self, C_SignFinal(session, signature.as_mut_ptr(), &mut len));
    }

    /// `C_VerifyInit` and `C_Verify`.
    pub fn verify(&self, session: CK_SESSION_HANDLE, kind: Kind, key: CK_OBJECT_HANDLE, data: &[u8], signature: &[u8]) {
        call!(self, C_VerifyInit(session, &mut plain(kind.mechanism), key));
        let (data, count) = (data.as_ptr().cast_mut(), data.len() as CK_ULONG);
        call!(self, C_Verify(session, data, count, signature.as_ptr().cast_mut(), signature.len() as CK_ULONG));
    }
}

fn plain(mechanism: CK_MECHANISM_TYPE) -> CK_MECHANISM {
    CK_MECHANISM { mechanism, pParameter: null_mut(), ulParameterLen: 0 }
}
