//! An application's memory, of exactly the stated size, so that a sanitizer detects an access to the next byte.

use super::reader::Reader;
use super::workplace::pantry;
use cryptoki_sys::*;
use std::ffi::c_void;
use std::ptr::null_mut;
use stm_pkcs11::mechanism::{MECHANISMS, Mechanism, ParameterShape, by_type};

/// What the arguments of one call point to.
#[derive(Default)]
pub struct Memory(Vec<Box<[u8]>>);

const WORD: usize = size_of::<CK_ULONG>();

/// Impossible lengths, which the module must detect.
const IMPOSSIBLE: [CK_ULONG; 3] = [CK_ULONG::MAX, CK_ULONG::MAX / 2 + 1, CK_ULONG::MAX - 7];

/// Attributes that templates are about.
const ATTRIBUTES: &[CK_ATTRIBUTE_TYPE] = &[
    CKA_CLASS,
    CKA_TOKEN,
    CKA_PRIVATE,
    CKA_LABEL,
    CKA_ID,
    CKA_KEY_TYPE,
    CKA_VALUE,
    CKA_CERTIFICATE_TYPE,
    CKA_ISSUER,
    CKA_SERIAL_NUMBER,
    CKA_SUBJECT,
    CKA_MODULUS,
    CKA_MODULUS_BITS,
    CKA_PUBLIC_EXPONENT,
    CKA_EC_PARAMS,
    CKA_EC_POINT,
    CKA_PARAMETER_SET,
    CKA_SIGN,
    CKA_VERIFY,
    CKA_SENSITIVE,
    CKA_EXTRACTABLE,
    CKA_MODIFIABLE,
    CKA_COPYABLE,
    CKA_DESTROYABLE,
    CKA_TRUSTED,
    CKA_CERTIFICATE_CATEGORY,
    CKA_CHECK_VALUE,
    CKA_START_DATE,
    CKA_END_DATE,
    CKA_PUBLIC_KEY_INFO,
    CKA_URL,
    CKA_ALLOWED_MECHANISMS,
    CKA_UNIQUE_ID,
    CKA_PROFILE_ID,
    CKA_ALWAYS_AUTHENTICATE,
    CKA_PRIVATE_EXPONENT,
    CKA_DERIVE,
    CKA_WRAP_TEMPLATE,
    CKA_KEY_GEN_MECHANISM,
    CKA_NAME_HASH_ALGORITHM,
    CKA_HASH_OF_SUBJECT_PUBLIC_KEY,
];

impl Memory {
    /// A copy of bytes, at an odd address if so wanted.
    fn place(&mut self, content: &[u8], odd: bool) -> *mut u8 {
        let shift = usize::from(odd);
        let mut block = vec![0; content.len() + shift];
        block[shift..].copy_from_slice(content);
        self.0.push(block.into_boxed_slice());
        self.0.last_mut().map_or(null_mut(), |block| block[shift..].as_mut_ptr())
    }

    /// A structure, at an odd address if so wanted.
    fn put<T: Copy>(&mut self, value: T, odd: bool) -> *mut T {
        let place = self.place(&vec![0; size_of::<T>()], odd).cast::<T>();
        // SAFETY: the place has the size of a T.
        unsafe { place.write_unaligned(value) };
        place
    }

    /// Data that goes in: pointer and length.
    pub fn input(&mut self, reader: &mut Reader<'_>) -> (*mut u8, CK_ULONG) {
        match reader.byte() % 8 {
            0 => (null_mut(), 0),
            1 => (null_mut(), CK_ULONG::from(reader.byte())),
            2 => (self.place(b"a", false), reader.one_of(&IMPOSSIBLE)),
            3 => self.sized(reader.long_bytes(), true),
            4 => self.sized(&vec![reader.byte(); usize::from(reader.short())], false),
            5 => {
                let values = pantry().values();
                self.sized(values[usize::from(reader.byte()) % values.len()], false)
            }
            _ => self.sized(reader.bytes(), false),
        }
    }

    fn sized(&mut self, content: &[u8], odd: bool) -> (*mut u8, CK_ULONG) {
        (self.place(content, odd), content.len() as CK_ULONG)
    }

    /// Room for an answer: pointer and pointer to its length.
    pub fn output(&mut self, reader: &mut Reader<'_>) -> (*mut u8, *mut CK_ULONG) {
        let kind = reader.byte();
        let odd = kind & 0x80 != 0;
        match kind % 8 {
            0 => (null_mut(), null_mut()),
            1 => (self.place(&[0; 64], false), null_mut()),
            2 => (null_mut(), self.put(CK_ULONG::from(reader.byte()), odd)),
            3 => {
                let room = usize::from(reader.byte());
                (self.place(&vec![0; room], odd), self.put(room as CK_ULONG, odd))
            }
            _ => {
                let room = usize::from(reader.short() % 16_384);
                (self.place(&vec![0; room], odd), self.put(room as CK_ULONG, false))
            }
        }
    }

    /// A label of 32 bytes, or null.
    pub fn text(&mut self, reader: &mut Reader<'_>) -> *mut u8 {
        let mut label = [b' '; 32];
        let given = reader.bytes();
        given.iter().zip(&mut label).for_each(|(from, to)| *to = *from);
        if given.is_empty() { null_mut() } else { self.place(&label, false) }
    }

    /// One place for an answer of a known type, or null.
    pub fn answer<T: Copy>(&mut self, reader: &mut Reader<'_>) -> *mut T {
        let kind = reader.byte();
        if kind == 0 {
            return null_mut();
        }
        self.place(&vec![0; size_of::<T>()], kind == 1).cast()
    }

    /// A list for answers of a known type: pointer, its count, and a pointer to the count.
    pub fn list<T: Copy>(&mut self, reader: &mut Reader<'_>) -> (*mut T, CK_ULONG, *mut CK_ULONG) {
        let kind = reader.byte();
        let room = kind >> 2;
        let list =
            if kind & 1 == 0 { self.place(&vec![0; usize::from(room) * size_of::<T>()], false) } else { null_mut() };
        let count = if kind & 2 == 0 { self.put(CK_ULONG::from(room), false) } else { null_mut() };
        (list.cast(), CK_ULONG::from(room), count)
    }

    /// A template and its count.
    pub fn template(&mut self, reader: &mut Reader<'_>) -> (*mut CK_ATTRIBUTE, CK_ULONG) {
        let count = reader.byte();
        match count {
            0xff => return (null_mut(), 1),
            0xfe => return (self.place(&[0; size_of::<CK_ATTRIBUTE>()], false).cast(), reader.one_of(&IMPOSSIBLE)),
            _ => {}
        }
        let mut rows: Vec<u8> = Vec::new();
        for _ in 0..count % 32 {
            let kind = reader.byte();
            let type_ = if kind & 0x80 == 0 { reader.one_of(ATTRIBUTES) } else { reader.long() as CK_ATTRIBUTE_TYPE };
            let (value, len) = self.value(kind & 0x7f, reader);
            let row = CK_ATTRIBUTE { type_, pValue: value.cast(), ulValueLen: len };
            for word in [row.type_, row.pValue as usize as CK_ULONG, row.ulValueLen] {
                rows.extend(word.to_ne_bytes());
            }
        }
        const { assert!(size_of::<CK_ATTRIBUTE>() == 3 * WORD, "three words in a row") };
        (self.place(&rows, count & 0x80 != 0).cast(), CK_ULONG::from(count % 32))
    }

    fn value(&mut self, kind: u8, reader: &mut Reader<'_>) -> (*mut u8, CK_ULONG) {
        match kind % 4 {
            0 => self.sized(&[reader.byte()], false),
            1 => self.sized(&CK_ULONG::from(reader.short()).to_ne_bytes(), true),
            _ => self.input(reader),
        }
    }

    /// A mechanism with the parameter that it wants, or another.
    pub fn mechanism(&mut self, reader: &mut Reader<'_>) -> *mut CK_MECHANISM {
        let kind = reader.byte();
        let number = match kind >> 4 {
            0 => return null_mut(),
            1 => reader.long() as CK_MECHANISM_TYPE,
            _ => MECHANISMS[usize::from(reader.byte()) % MECHANISMS.len()].mechanism_type,
        };
        // A structure without pointers where one with pointers is wanted, and as long, is a lie about memory.
        let shape = by_type(number).map(Mechanism::parameter_shape);
        let wanted = match (kind % 8, shape) {
            (1..=4, Some(ParameterShape::Eddsa)) => 2,
            (1..=4, Some(ParameterShape::SignContext)) => 3,
            (1..=4, Some(ParameterShape::HashSignContext)) => 4,
            (any, _) => any,
        };
        let (pointer, len) = self.parameter(wanted, reader);
        self.put(CK_MECHANISM { mechanism: number, pParameter: pointer, ulParameterLen: len }, kind & 8 != 0)
    }

    fn parameter(&mut self, kind: u8, reader: &mut Reader<'_>) -> (*mut c_void, CK_ULONG) {
        let hash = |reader: &mut Reader<'_>| MECHANISMS[usize::from(reader.byte()) % MECHANISMS.len()].mechanism_type;
        match kind % 8 {
            0 => (null_mut(), 0),
            1 => {
                let (hash_alg, mgf) = (hash(reader), CK_ULONG::from(reader.byte()));
                let salt =
                    if reader.byte() & 1 == 0 { CK_ULONG::from(reader.byte()) } else { reader.long() as CK_ULONG };
                self.whole(CK_RSA_PKCS_PSS_PARAMS { hashAlg: hash_alg, mgf, sLen: salt })
            }
            2 => {
                let (context, len) = self.input(reader);
                self.whole(CK_EDDSA_PARAMS { phFlag: reader.byte(), ulContextDataLen: len, pContextData: context })
            }
            3 => {
                let (context, len) = self.input(reader);
                let hedge = CK_ULONG::from(reader.byte());
                self.whole(CK_SIGN_ADDITIONAL_CONTEXT { hedgeVariant: hedge, pContext: context, ulContextLen: len })
            }
            4 => {
                let (context, len) = self.input(reader);
                let (hedge, hash) = (CK_ULONG::from(reader.byte()), hash(reader));
                self.whole(CK_HASH_SIGN_ADDITIONAL_CONTEXT {
                    hedgeVariant: hedge,
                    pContext: context,
                    ulContextLen: len,
                    hash,
                })
            }
            // Bytes that are no structure with pointers, whatever length they have: never the length of one that has.
            5 => {
                let bytes = reader.bytes();
                let bytes = &bytes[..bytes.len().min(3 * WORD - 1)];
                let (pointer, len) = self.sized(bytes, false);
                (pointer.cast(), len)
            }
            6 => (null_mut(), CK_ULONG::from(reader.byte())),
            _ => (self.place(b"a", false).cast(), reader.one_of(&IMPOSSIBLE)),
        }
    }

    fn whole<T: Copy>(&mut self, value: T) -> (*mut c_void, CK_ULONG) {
        (self.put(value, false).cast(), size_of::<T>() as CK_ULONG)
    }
}
