//! Calls with valid arguments, one of which a row of a table replaces by an invalid one.

use super::support::P11;
use cryptoki_sys::*;
use std::ptr::null_mut;

/// A function's name, and a call of it.
pub type Row<'a> = (&'static str, Box<dyn Fn(&P11, CK_SESSION_HANDLE) -> CK_RV + 'a>);

macro_rules! rows {
    ($memory:ident; $($name:ident($($argument:expr),*);)*) => {
        vec![$((
            stringify!($name),
            Box::new(move |p11: &P11, session: CK_SESSION_HANDLE| {
                let _ = session;
                let $memory = &Memory::leaked();
                let _ = $memory;
                call!(p11, session, $name($($argument),*))
            }) as Box<dyn Fn(&P11, CK_SESSION_HANDLE) -> CK_RV>,
        )),*]
    };
}

/// Calls whose first argument is the session.
macro_rules! call {
    ($p11:expr, $session:expr, $name:ident($($argument:expr),*)) => {
        unsafe { ($p11.list.$name.expect("every pointer is real"))($session $(, $argument)*) }
    };
}

/// Valid memory for every pointer argument.
pub struct Memory {
    pub bytes: *mut u8,
    pub len: *mut CK_ULONG,
    pub handle: *mut CK_ULONG,
    pub mechanism: *mut CK_MECHANISM,
    pub attributes: *mut CK_ATTRIBUTE,
    pub info: *mut CK_SESSION_INFO,
}

impl Memory {
    pub fn leaked() -> Self {
        let bytes = Box::leak(vec![0u8; 8192].into_boxed_slice()).as_mut_ptr();
        let mechanism = CK_MECHANISM { mechanism: CKM_SHA256_RSA_PKCS, pParameter: null_mut(), ulParameterLen: 0 };
        let attribute = CK_ATTRIBUTE { type_: CKA_LABEL, pValue: bytes.cast(), ulValueLen: 4 };
        Self {
            bytes,
            len: Box::leak(Box::new(8192)),
            handle: Box::leak(Box::new(0)),
            mechanism: Box::leak(Box::new(mechanism)),
            attributes: Box::leak(Box::new(attribute)),
            info: Box::leak(Box::default()),
        }
    }
}
