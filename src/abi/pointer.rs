//! Turns pointers into slices, and writes results to memory: all the unsafe code that the C functions need.
//!
//! The application is responsible for valid pointers. This file checks what it can, which is null pointers and
//! impossible lengths, and assumes no alignment.

use crate::error::{Error, Result};
use crate::mechanism::{self, Parameter, ParameterShape};
use crate::token::{Produced, Room, Template, Value};
use cryptoki_sys::*;
use std::ffi::c_void;

/// More attributes than any real template has. A larger count is an invalid argument, and must not cause a loop of
/// hours.
const MAX_ATTRIBUTES: usize = 1 << 16;

fn bad(what: &'static str) -> Error {
    Error::new(CKR_ARGUMENTS_BAD, what)
}

/// Converts a length; `CKR_ARGUMENTS_BAD` if no object in memory can be that long.
pub fn length(len: CK_ULONG) -> Result<usize> {
    usize::try_from(len).ok().filter(|len| isize::try_from(*len).is_ok()).ok_or_else(|| bad("a length is impossible"))
}

/// `len` bytes at `data`. A null pointer is valid only with length zero.
///
/// # Safety
/// `data` is null, or points to `len` readable bytes that do not change during `'a`.
pub unsafe fn bytes<'a>(data: *const CK_BYTE, len: CK_ULONG) -> Result<&'a [u8]> {
    match (data.is_null(), length(len)?) {
        (_, 0) => Ok(&[]),
        (true, _) => Err(bad("a null pointer with a length")),
        // SAFETY: not null, the caller vouches for `len` bytes, and `len` fits an isize.
        (false, len) => Ok(unsafe { std::slice::from_raw_parts(data, len) }),
    }
}

/// The same, but a null pointer without a length is `None` (a PIN that is not given).
///
/// # Safety
/// As for `bytes`.
pub unsafe fn optional_bytes<'a>(data: *const CK_BYTE, len: CK_ULONG) -> Result<Option<&'a [u8]>> {
    if data.is_null() && len == 0 {
        return Ok(None);
    }
    // SAFETY: by the contract above, `data` is null or points to `len` bytes.
    unsafe { bytes(data, len) }.map(Some)
}

/// Writes one value to the application's memory.
///
/// # Safety
/// `place` is null or points to writable memory of a `T`, with any alignment.
pub unsafe fn put<T>(place: *mut T, value: T) -> Result<()> {
    if place.is_null() {
        return Err(bad("a null pointer for an answer"));
    }
    // SAFETY: not null, and the caller vouches for room for a T; the write needs no alignment.
    unsafe { place.write_unaligned(value) };
    Ok(())
}

/// `CKR_ARGUMENTS_BAD` for a null pointer. Called before any work whose result could not be returned.
pub fn wanted<T>(place: *const T) -> Result<()> {
    if place.is_null() { Err(bad("a null pointer for an answer")) } else { Ok(()) }
}

/// Reads one value.
///
/// # Safety
/// `place` is null or points to a readable `T`, with any alignment.
pub unsafe fn get<T: Copy>(place: *const T) -> Result<T> {
    if place.is_null() {
        return Err(bad("a null pointer for an argument"));
    }
    // SAFETY: not null, and the caller vouches for a T.
    Ok(unsafe { place.read_unaligned() })
}

/// Writes a list of values, or only their count if `list` is null (5.2): used by the slot, mechanism and interface
/// lists.
///
/// # Safety
/// `count` is null or points to a `CK_ULONG`; `list` is null or has room for as many `T` as `count` says.
pub unsafe fn put_list<T: Copy>(list: *mut T, count: *mut CK_ULONG, values: &[T]) -> Result<()> {
    // SAFETY: by the contract above, `count` is null or readable.
    let room = unsafe { get(count) }?;
    // SAFETY: `count` was just read through.
    unsafe { put(count, values.len() as CK_ULONG) }?;
    if list.is_null() {
        return Ok(());
    }
    if (room as usize) < values.len() {
        return Err(CKR_BUFFER_TOO_SMALL.into());
    }
    for (place, value) in values.iter().enumerate() {
        // SAFETY: `place` is below the room that the caller vouches for; `list` is not null.
        unsafe { list.add(place).write_unaligned(*value) };
    }
    Ok(())
}

/// The room that the application provides for a result.
///
/// # Safety
/// `len` is null or points to a `CK_ULONG`.
pub unsafe fn room(buffer: *const CK_BYTE, len: *const CK_ULONG) -> Result<Room> {
    // SAFETY: by the contract above, `len` is null or readable.
    let room = unsafe { get(len) }?;
    if buffer.is_null() {
        return Ok(Room::Query);
    }
    // Some callers pass "unlimited"; the result's own length bounds the write.
    Ok(Room::Bytes(usize::try_from(room).unwrap_or(usize::MAX)))
}

/// Writes a result to the application's memory.
///
/// # Safety
/// As for [`room`], which was called with the same arguments before `produced` was made; `buffer` has that much room.
pub unsafe fn deliver(buffer: *mut CK_BYTE, len: *mut CK_ULONG, produced: Produced) -> Result<()> {
    match produced {
        // SAFETY: `len` was read through by `room`.
        Produced::Length(needed) => unsafe { put(len, needed as CK_ULONG) },
        Produced::TooSmall(needed) => {
            // SAFETY: by the contract above, `len` is null or writable.
            unsafe { put(len, needed as CK_ULONG) }?;
            Err(CKR_BUFFER_TOO_SMALL.into())
        }
        Produced::Bytes(answer) => {
            // SAFETY: by the contract above, `len` is null or readable.
            let room = unsafe { get(len) }?;
            if buffer.is_null() || (room as usize) < answer.len() {
                return Err(CKR_BUFFER_TOO_SMALL.into());
            }
            // SAFETY: the result fits into the room that the caller vouches for, and is in our memory, so they do not
            // overlap.
            unsafe { std::ptr::copy_nonoverlapping(answer.as_ptr(), buffer, answer.len()) };
            // SAFETY: by the contract above, `len` is null or writable.
            unsafe { put(len, answer.len() as CK_ULONG) }
        }
    }
}

/// The template of a search or of a new object, with references to its values.
///
/// # Safety
/// `template` is null or points to `count` attributes; each `pValue` is null or points to `ulValueLen` bytes.
pub unsafe fn template<'a>(template: *const CK_ATTRIBUTE, count: CK_ULONG) -> Result<Template<'a>> {
    let count = attribute_count(template, count)?;
    let mut lifted = Vec::with_capacity(count);
    for place in 0..count {
        // SAFETY: `place` is below the count that the caller vouches for.
        let attribute = unsafe { template.add(place).read_unaligned() };
        // SAFETY: the caller vouches for pValue and ulValueLen.
        let value = unsafe { bytes(attribute.pValue.cast(), attribute.ulValueLen) }?;
        lifted.push((attribute.type_, value));
    }
    Ok(Template(lifted))
}

fn attribute_count(template: *const CK_ATTRIBUTE, count: CK_ULONG) -> Result<usize> {
    let count = length(count)?;
    if count > MAX_ATTRIBUTES || (template.is_null() && count > 0) {
        return Err(bad("a template without attributes, or with too many"));
    }
    Ok(count)
}

/// `C_GetAttributeValue`: the five cases of 5.7 for each attribute. All are processed, and one error is returned: of
/// several, sensitive comes before invalid, and invalid before too small.
///
/// # Safety
/// `template` is null or points to `count` writable attributes; each `pValue` is null or has room for `ulValueLen`
/// bytes.
pub unsafe fn put_attributes<'v>(
    template: *mut CK_ATTRIBUTE,
    count: CK_ULONG,
    mut value_of: impl FnMut(CK_ATTRIBUTE_TYPE) -> Value<'v>,
) -> Result<()> {
    const ORDER: [CK_RV; 3] = [CKR_ATTRIBUTE_SENSITIVE, CKR_ATTRIBUTE_TYPE_INVALID, CKR_BUFFER_TOO_SMALL];
    let mut met = [false; 3];
    for place in 0..attribute_count(template, count)? {
        // SAFETY: `place` is below the count that the caller vouches for.
        let slot = unsafe { template.add(place) };
        // SAFETY: the caller vouches for an attribute there; the read needs no alignment.
        let mut attribute = unsafe { slot.read_unaligned() };
        attribute.ulValueLen = match value_of(attribute.type_) {
            Value::Sensitive => {
                met[0] = true;
                CK_UNAVAILABLE_INFORMATION
            }
            Value::Absent => {
                met[1] = true;
                CK_UNAVAILABLE_INFORMATION
            }
            Value::Bytes(value) if attribute.pValue.is_null() => value.len() as CK_ULONG,
            // An impossible length is what an earlier call wrote for "not available": there is no room.
            Value::Bytes(value) if length(attribute.ulValueLen).is_ok_and(|room| room >= value.len()) => {
                // SAFETY: pValue is not null and has room for ulValueLen bytes; the value is ours.
                unsafe { std::ptr::copy_nonoverlapping(value.as_ptr(), attribute.pValue.cast(), value.len()) };
                value.len() as CK_ULONG
            }
            Value::Bytes(_) => {
                met[2] = true;
                CK_UNAVAILABLE_INFORMATION
            }
        };
        // SAFETY: the attribute was read from there, and the caller vouches that it is writable.
        unsafe { slot.write_unaligned(attribute) };
    }
    ORDER.iter().zip(met).find(|(_, met)| *met).map_or(Ok(()), |(rv, _)| Err((*rv).into()))
}

/// A mechanism with a copy of its parameter; `None` for a null pointer, which cancels an operation.
///
/// # Safety
/// `mechanism` is null or points to a `CK_MECHANISM` with the parameter that its type requires: null, or
/// `ulParameterLen` bytes, in which every pointer is valid as well.
pub unsafe fn mechanism(mechanism: *const CK_MECHANISM) -> Result<Option<(CK_MECHANISM_TYPE, Parameter)>> {
    if mechanism.is_null() {
        return Ok(None);
    }
    // SAFETY: not null; the caller vouches for it.
    let CK_MECHANISM { mechanism: number, pParameter, ulParameterLen } = unsafe { mechanism.read_unaligned() };
    let shape = mechanism::by_type(number).map_or(ParameterShape::None, mechanism::Mechanism::parameter_shape);
    // SAFETY: the caller vouches for the parameter.
    Ok(Some((number, unsafe { parameter(shape, pParameter, ulParameterLen) })))
}

/// # Safety
/// As for `mechanism`.
unsafe fn parameter(shape: ParameterShape, data: *const c_void, len: CK_ULONG) -> Parameter {
    if data.is_null() {
        return if len == 0 { Parameter::None } else { Parameter::Malformed };
    }
    if len == 0 {
        // A pointer with length zero counts as no parameter.
        return Parameter::None;
    }
    // SAFETY: each arm reads a struct of exactly `len` bytes, which the caller vouches for.
    unsafe {
        match shape {
            ParameterShape::None => Parameter::Malformed,
            ParameterShape::Pss => read_exact::<CK_RSA_PKCS_PSS_PARAMS>(data, len).map_or(Parameter::Malformed, |p| {
                Parameter::Pss { hash: p.hashAlg, mgf: p.mgf, salt_len: p.sLen as u64 }
            }),
            ParameterShape::Eddsa => read_exact::<CK_EDDSA_PARAMS>(data, len).map_or(Parameter::Malformed, |p| {
                context(p.pContextData, p.ulContextDataLen)
                    .map_or(Parameter::Malformed, |context| Parameter::Eddsa { prehash: p.phFlag != CK_FALSE, context })
            }),
            ParameterShape::SignContext => {
                read_exact::<CK_SIGN_ADDITIONAL_CONTEXT>(data, len).map_or(Parameter::Malformed, |p| {
                    context(p.pContext, p.ulContextLen).map_or(Parameter::Malformed, |context| Parameter::SignContext {
                        hedge: p.hedgeVariant as u64,
                        context,
                        hash: None,
                    })
                })
            }
            ParameterShape::HashSignContext => {
                read_exact::<CK_HASH_SIGN_ADDITIONAL_CONTEXT>(data, len).map_or(Parameter::Malformed, |p| {
                    context(p.pContext, p.ulContextLen).map_or(Parameter::Malformed, |context| Parameter::SignContext {
                        hedge: p.hedgeVariant as u64,
                        context,
                        hash: Some(p.hash),
                    })
                })
            }
        }
    }
}

/// # Safety
/// `data` points to `len` readable bytes.
unsafe fn read_exact<T: Copy>(data: *const c_void, len: CK_ULONG) -> Option<T> {
    // SAFETY: the length is that of a T, and the caller vouches for that many bytes.
    (len as usize == size_of::<T>()).then(|| unsafe { data.cast::<T>().read_unaligned() })
}

/// A context string: at most 255 bytes in every scheme that has one (RFC 8032, FIPS 204, FIPS 205).
///
/// # Safety
/// As for `bytes`.
unsafe fn context(data: *const CK_BYTE, len: CK_ULONG) -> Option<Vec<u8>> {
    // SAFETY: by the contract above, `data` is null or points to `len` bytes; nothing longer than 255 bytes is read.
    (len <= 255).then(|| unsafe { bytes(data, len) }.ok().map(<[u8]>::to_vec)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_has_at_most_so_many_attributes() {
        let rows = CK_ATTRIBUTE { type_: CKA_LABEL, pValue: std::ptr::null_mut(), ulValueLen: 0 };
        assert_eq!(attribute_count(&rows, MAX_ATTRIBUTES as CK_ULONG), Ok(MAX_ATTRIBUTES));
        assert_eq!(attribute_count(std::ptr::null(), 0), Ok(0));
        let refused = attribute_count(&rows, MAX_ATTRIBUTES as CK_ULONG + 1).unwrap_err();
        assert!(refused.to_string().contains("a template without attributes, or with too many"), "{refused}");
    }

    #[test]
    fn the_length_that_says_not_available_is_no_room() {
        let mut byte = 0u8;
        let mut row =
            CK_ATTRIBUTE { type_: CKA_LABEL, pValue: (&raw mut byte).cast(), ulValueLen: CK_UNAVAILABLE_INFORMATION };
        // SAFETY: the row is a valid attribute. The test is that nothing is written.
        let result = unsafe { put_attributes(&mut row, 1, |_| Value::text("longer")) };
        assert_eq!(result.unwrap_err().rv, CKR_BUFFER_TOO_SMALL);
        assert_eq!((row.ulValueLen, byte), (CK_UNAVAILABLE_INFORMATION, 0));
    }

    #[test]
    fn null_with_a_length_is_refused_and_without_one_is_empty() {
        // SAFETY: null pointers are within the contract.
        unsafe {
            assert_eq!(bytes(std::ptr::null(), 0), Ok(&[][..]));
            assert_eq!(bytes(std::ptr::null(), 1).unwrap_err().rv, CKR_ARGUMENTS_BAD);
            assert_eq!(bytes(std::ptr::dangling(), CK_ULONG::MAX).unwrap_err().rv, CKR_ARGUMENTS_BAD);
            assert_eq!(optional_bytes(std::ptr::null(), 0), Ok(None));
            assert_eq!(optional_bytes(std::ptr::null(), 4).unwrap_err().rv, CKR_ARGUMENTS_BAD);
            assert_eq!(put::<u8>(std::ptr::null_mut(), 1).unwrap_err().rv, CKR_ARGUMENTS_BAD);
            assert_eq!(template(std::ptr::null(), 1).unwrap_err().rv, CKR_ARGUMENTS_BAD);
        }
    }

    #[test]
    fn a_misaligned_template_is_read_and_written() {
        let mut memory = [0u8; 1 + 2 * size_of::<CK_ATTRIBUTE>()];
        let place = memory[1..].as_mut_ptr().cast::<CK_ATTRIBUTE>();
        let mut value = [0u8; 4];
        let attribute = CK_ATTRIBUTE { type_: CKA_LABEL, pValue: value.as_mut_ptr().cast(), ulValueLen: 4 };
        // SAFETY: `place` has room for one attribute, unaligned.
        unsafe {
            place.write_unaligned(attribute);
            assert_eq!(template(place, 1).unwrap().0, vec![(CKA_LABEL, &[0u8; 4][..])]);
            put_attributes(place, 1, |_| Value::bytes(b"abc")).unwrap();
            assert_eq!(place.read_unaligned().ulValueLen, 3);
        }
        assert_eq!(&value, b"abc\0");
    }

    #[test]
    fn each_attribute_is_processed_whatever_happens_to_the_others() {
        let mut room = [0u8; 2];
        let attribute = |type_, value: *mut c_void, len| CK_ATTRIBUTE { type_, pValue: value, ulValueLen: len };
        let mut template = [
            attribute(1, std::ptr::null_mut(), 0),
            attribute(2, std::ptr::null_mut(), 0),
            attribute(3, room.as_mut_ptr().cast(), 1),
            attribute(4, room.as_mut_ptr().cast(), 2),
        ];
        let value_of = |number| match number {
            1 => Value::Sensitive,
            2 => Value::Absent,
            _ => Value::bytes(b"xy"),
        };
        // SAFETY: the template is valid.
        let result = unsafe { put_attributes(template.as_mut_ptr(), 4, value_of) };
        assert_eq!(result.unwrap_err().rv, CKR_ATTRIBUTE_SENSITIVE);
        let lengths: Vec<_> = template.iter().map(|attribute| attribute.ulValueLen).collect();
        let unavailable = CK_UNAVAILABLE_INFORMATION;
        assert_eq!(lengths, [unavailable, unavailable, unavailable, 2]);
        assert_eq!(&room, b"xy");
    }

    #[test]
    fn a_list_says_its_count_even_when_it_does_not_fit() {
        let mut count: CK_ULONG = 1;
        let mut list = [0u8; 1];
        // SAFETY: the pointers are valid.
        unsafe {
            assert_eq!(put_list(list.as_mut_ptr(), &mut count, &[7, 8]).unwrap_err().rv, CKR_BUFFER_TOO_SMALL);
            assert_eq!((count, list), (2, [0]));
            assert!(put_list(std::ptr::null_mut(), &mut count, &[7u8]).is_ok());
            assert_eq!(count, 1);
            assert!(put_list(list.as_mut_ptr(), &mut count, &[7]).is_ok());
            assert_eq!(list, [7]);
        }
    }
}
