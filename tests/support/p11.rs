//! A PKCS#11 client: the library loaded as any application loads it, driven through the 3.2 function list.

use super::template::Attributes;
use cryptoki_sys::*;
use libloading::{Library, Symbol};
use std::ffi::c_void;
use std::ptr::null_mut;

/// The loaded library. It stays loaded to the end of the process.
pub struct P11 {
    pub library: &'static Library,
    pub list: &'static CK_FUNCTION_LIST_3_2,
}

/// Calls a function of the list.
#[macro_export]
macro_rules! ck {
    ($p11:expr, $function:ident($($argument:expr),* $(,)?)) => {
        unsafe { ($p11.list.$function.expect("every pointer is real"))($($argument),*) }
    };
}

/// A mechanism with a parameter that it owns.
pub struct Mechanism {
    number: CK_MECHANISM_TYPE,
    parameter: Vec<u8>,
    /// What pointers in the parameter point to.
    pub keep: Vec<u8>,
}

impl Mechanism {
    pub fn new(number: CK_MECHANISM_TYPE) -> Self {
        Self { number, parameter: Vec::new(), keep: Vec::new() }
    }

    pub fn with<T: Copy>(number: CK_MECHANISM_TYPE, parameter: T) -> Self {
        let bytes = unsafe { std::slice::from_raw_parts((&raw const parameter).cast::<u8>(), size_of::<T>()) };
        Self { number, parameter: bytes.to_vec(), keep: Vec::new() }
    }

    pub fn pss(number: CK_MECHANISM_TYPE, hash: CK_MECHANISM_TYPE, mgf: CK_RSA_PKCS_MGF_TYPE, salt: usize) -> Self {
        Self::with(number, CK_RSA_PKCS_PSS_PARAMS { hashAlg: hash, mgf, sLen: salt as CK_ULONG })
    }

    pub fn raw(&mut self) -> CK_MECHANISM {
        let none = self.parameter.is_empty();
        CK_MECHANISM {
            mechanism: self.number,
            pParameter: if none { null_mut() } else { self.parameter.as_mut_ptr().cast() },
            ulParameterLen: self.parameter.len() as CK_ULONG,
        }
    }
}

impl From<CK_MECHANISM_TYPE> for Mechanism {
    fn from(number: CK_MECHANISM_TYPE) -> Self {
        Self::new(number)
    }
}

pub type Rv<T> = Result<T, CK_RV>;

pub fn ok(rv: CK_RV) -> Rv<()> {
    if rv == CKR_OK { Ok(()) } else { Err(rv) }
}

impl P11 {
    /// Loads the library and takes its 3.2 interface; does not initialise it.
    pub fn load() -> Self {
        Self::load_from(&super::module_path())
    }

    /// The same from another place.
    pub fn load_from(path: &std::path::Path) -> Self {
        let library = unsafe { Library::new(path) }.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let library: &'static Library = Box::leak(Box::new(library));
        let get: Symbol<unsafe extern "C" fn(*const u8, *const CK_VERSION, *mut *mut CK_INTERFACE, CK_FLAGS) -> CK_RV> =
            unsafe { library.get(b"C_GetInterface\0") }.expect("C_GetInterface");
        let mut interface = null_mut();
        let version = CK_VERSION { major: 3, minor: 2 };
        assert_eq!(unsafe { get(c"PKCS 11".as_ptr().cast(), &version, &mut interface, 0) }, CKR_OK);
        let list = unsafe { &*(*interface).pFunctionList.cast::<CK_FUNCTION_LIST_3_2>() };
        Self { library, list }
    }

    /// Loads and initialises.
    pub fn start() -> Self {
        let p11 = Self::load();
        assert_eq!(ck!(p11, C_Initialize(null_mut())), CKR_OK);
        p11
    }

    /// Initialises with settings in the initialise arguments: `NAME=value`, separated by semicolons.
    pub fn begin(&self, settings: &str) {
        let text = std::ffi::CString::new(settings).expect("no NUL");
        let mut args =
            CK_C_INITIALIZE_ARGS { pReserved: text.as_ptr().cast_mut().cast(), ..CK_C_INITIALIZE_ARGS::default() };
        assert_eq!(ck!(self, C_Initialize((&raw mut args).cast())), CKR_OK);
    }

    pub fn finish(&self) {
        assert_eq!(ck!(self, C_Finalize(null_mut())), CKR_OK);
    }

    pub fn slots(&self) -> Vec<CK_SLOT_ID> {
        let mut count = 0;
        assert_eq!(ck!(self, C_GetSlotList(CK_TRUE, null_mut(), &mut count)), CKR_OK);
        let mut slots = vec![0; count as usize];
        assert_eq!(ck!(self, C_GetSlotList(CK_TRUE, slots.as_mut_ptr(), &mut count)), CKR_OK);
        slots
    }

    pub fn mechanisms(&self, slot: CK_SLOT_ID) -> Vec<CK_MECHANISM_TYPE> {
        let mut count = 0;
        assert_eq!(ck!(self, C_GetMechanismList(slot, null_mut(), &mut count)), CKR_OK);
        let mut list = vec![0; count as usize];
        assert_eq!(ck!(self, C_GetMechanismList(slot, list.as_mut_ptr(), &mut count)), CKR_OK);
        list
    }

    pub fn open(&self, slot: CK_SLOT_ID) -> CK_SESSION_HANDLE {
        self.open_with(slot, CKF_SERIAL_SESSION).expect("a session")
    }

    pub fn open_rw(&self, slot: CK_SLOT_ID) -> CK_SESSION_HANDLE {
        self.open_with(slot, CKF_SERIAL_SESSION | CKF_RW_SESSION).expect("a session")
    }

    pub fn open_with(&self, slot: CK_SLOT_ID, flags: CK_FLAGS) -> Rv<CK_SESSION_HANDLE> {
        let mut session = 0;
        ok(ck!(self, C_OpenSession(slot, flags, null_mut(), None, &mut session))).map(|()| session)
    }

    pub fn try_find(&self, session: CK_SESSION_HANDLE, attributes: &Attributes) -> Rv<Vec<CK_OBJECT_HANDLE>> {
        let mut attributes = attributes.clone();
        let mut raw = attributes.raw();
        ok(ck!(self, C_FindObjectsInit(session, raw.as_mut_ptr(), raw.len() as CK_ULONG)))?;
        let mut found = Vec::new();
        let mut part = [0; 64];
        loop {
            let mut count = 0;
            ok(ck!(self, C_FindObjects(session, part.as_mut_ptr(), part.len() as CK_ULONG, &mut count)))?;
            if count == 0 {
                break;
            }
            found.extend_from_slice(&part[..count as usize]);
        }
        ok(ck!(self, C_FindObjectsFinal(session)))?;
        Ok(found)
    }

    pub fn find(&self, session: CK_SESSION_HANDLE, attributes: &Attributes) -> Vec<CK_OBJECT_HANDLE> {
        self.try_find(session, attributes).expect("a search")
    }

    /// The one object of this class with this label.
    pub fn object(&self, session: CK_SESSION_HANDLE, class: CK_OBJECT_CLASS, label: &str) -> CK_OBJECT_HANDLE {
        let found = self.find(session, &Attributes::new().class(class).label(label));
        assert_eq!(found.len(), 1, "{label}: {found:?}");
        found[0]
    }

    pub fn private_key(&self, session: CK_SESSION_HANDLE, label: &str) -> CK_OBJECT_HANDLE {
        self.object(session, CKO_PRIVATE_KEY, label)
    }

    pub fn public_key(&self, session: CK_SESSION_HANDLE, label: &str) -> CK_OBJECT_HANDLE {
        self.object(session, CKO_PUBLIC_KEY, label)
    }

    pub fn attribute(
        &self,
        session: CK_SESSION_HANDLE,
        object: CK_OBJECT_HANDLE,
        attribute: CK_ATTRIBUTE_TYPE,
    ) -> Rv<Vec<u8>> {
        let mut query = CK_ATTRIBUTE { type_: attribute, pValue: null_mut(), ulValueLen: 0 };
        ok(ck!(self, C_GetAttributeValue(session, object, &mut query, 1)))?;
        let mut value = vec![0u8; query.ulValueLen as usize];
        query.pValue = value.as_mut_ptr().cast();
        ok(ck!(self, C_GetAttributeValue(session, object, &mut query, 1)))?;
        value.truncate(query.ulValueLen as usize);
        Ok(value)
    }

    pub fn number(
        &self,
        session: CK_SESSION_HANDLE,
        object: CK_OBJECT_HANDLE,
        attribute: CK_ATTRIBUTE_TYPE,
    ) -> CK_ULONG {
        let value = self.attribute(session, object, attribute).expect("the attribute");
        CK_ULONG::from_ne_bytes(value.try_into().expect("a CK_ULONG"))
    }

    /// Length query, then one call: what most clients do.
    pub fn sign(
        &self,
        session: CK_SESSION_HANDLE,
        mechanism: impl Into<Mechanism>,
        key: CK_OBJECT_HANDLE,
        data: &[u8],
    ) -> Rv<Vec<u8>> {
        let mut mechanism = mechanism.into();
        ok(ck!(self, C_SignInit(session, &mut mechanism.raw(), key)))?;
        let mut len = 0;
        ok(ck!(self, C_Sign(session, data.as_ptr().cast_mut(), data.len() as CK_ULONG, null_mut(), &mut len)))?;
        let mut signature = vec![0u8; len as usize];
        let to = signature.as_mut_ptr();
        ok(ck!(self, C_Sign(session, data.as_ptr().cast_mut(), data.len() as CK_ULONG, to, &mut len)))?;
        signature.truncate(len as usize);
        Ok(signature)
    }

    /// In parts of `step` bytes.
    pub fn sign_parts(
        &self,
        session: CK_SESSION_HANDLE,
        mechanism: impl Into<Mechanism>,
        key: CK_OBJECT_HANDLE,
        data: &[u8],
        step: usize,
    ) -> Rv<Vec<u8>> {
        let mut mechanism = mechanism.into();
        ok(ck!(self, C_SignInit(session, &mut mechanism.raw(), key)))?;
        for part in data.chunks(step) {
            ok(ck!(self, C_SignUpdate(session, part.as_ptr().cast_mut(), part.len() as CK_ULONG)))?;
        }
        let mut len = 0;
        ok(ck!(self, C_SignFinal(session, null_mut(), &mut len)))?;
        let mut signature = vec![0u8; len as usize];
        ok(ck!(self, C_SignFinal(session, signature.as_mut_ptr(), &mut len)))?;
        signature.truncate(len as usize);
        Ok(signature)
    }

    pub fn verify(
        &self,
        session: CK_SESSION_HANDLE,
        mechanism: impl Into<Mechanism>,
        key: CK_OBJECT_HANDLE,
        data: &[u8],
        signature: &[u8],
    ) -> Rv<()> {
        let mut mechanism = mechanism.into();
        ok(ck!(self, C_VerifyInit(session, &mut mechanism.raw(), key)))?;
        ok(ck!(
            self,
            C_Verify(
                session,
                data.as_ptr().cast_mut(),
                data.len() as CK_ULONG,
                signature.as_ptr().cast_mut(),
                signature.len() as CK_ULONG,
            )
        ))
    }

    pub fn digest(&self, session: CK_SESSION_HANDLE, mechanism: CK_MECHANISM_TYPE, data: &[u8]) -> Rv<Vec<u8>> {
        let mut mechanism = Mechanism::new(mechanism);
        ok(ck!(self, C_DigestInit(session, &mut mechanism.raw())))?;
        let mut digest = vec![0u8; 64];
        let mut len = 64;
        let to = digest.as_mut_ptr();
        ok(ck!(self, C_Digest(session, data.as_ptr().cast_mut(), data.len() as CK_ULONG, to, &mut len)))?;
        digest.truncate(len as usize);
        Ok(digest)
    }

    /// The address of an exported symbol, if it is exported.
    pub fn exports(&self, name: &str) -> bool {
        unsafe { self.library.get::<*const c_void>(name.as_bytes()) }.is_ok_and(|symbol| !symbol.is_null())
    }

    /// Generates with `mechanism`, which has no parameter; handles of public and private key.
    pub fn generate(
        &self,
        session: CK_SESSION_HANDLE,
        mechanism: CK_MECHANISM_TYPE,
        mut public: Attributes,
        mut private: Attributes,
    ) -> Result<(CK_OBJECT_HANDLE, CK_OBJECT_HANDLE), CK_RV> {
        let (mut public, mut private) = (public.raw(), private.raw());
        let mut mechanism = Mechanism::new(mechanism);
        let (mut public_key, mut private_key) = (0, 0);
        let rv = ck!(
            self,
            C_GenerateKeyPair(
                session,
                &mut mechanism.raw(),
                public.as_mut_ptr(),
                public.len() as CK_ULONG,
                private.as_mut_ptr(),
                private.len() as CK_ULONG,
                &mut public_key,
                &mut private_key,
            )
        );
        if rv == CKR_OK { Ok((public_key, private_key)) } else { Err(rv) }
    }
}
