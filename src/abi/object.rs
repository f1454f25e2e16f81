//! Object management functions (PKCS#11 3.2, 5.7).

use super::body::with_session;
use super::pointer::{length, put, put_attributes, template, wanted};
use crate::token::attribute_name;
use cryptoki_sys::*;

/// `C_CreateObject`
///
/// # Safety
/// `attributes` is null or points to `count` attributes whose values are readable; `object` is null or writable.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_CreateObject(
    session: CK_SESSION_HANDLE,
    attributes: *mut CK_ATTRIBUTE,
    count: CK_ULONG,
    object: *mut CK_OBJECT_HANDLE,
) -> CK_RV {
    with_session("C_CreateObject", session, |session| {
        wanted(attributes)?;
        wanted(object)?;
        // SAFETY: by the contract above, `attributes` is null or points to `count` attributes with readable values and
        // `object` is null or writable.
        unsafe { put(object, session.create_object(&template(attributes, count)?)?) }
    })
}

/// `C_CopyObject`
///
/// # Safety
/// As for [`C_CreateObject`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_CopyObject(
    session: CK_SESSION_HANDLE,
    original: CK_OBJECT_HANDLE,
    attributes: *mut CK_ATTRIBUTE,
    count: CK_ULONG,
    object: *mut CK_OBJECT_HANDLE,
) -> CK_RV {
    with_session("C_CopyObject", session, |session| {
        wanted(object)?;
        // SAFETY: by the contract above, `attributes` is null or points to `count` attributes with readable values and
        // `object` is null or writable.
        unsafe { put(object, session.copy_object(original, &template(attributes, count)?)?) }
    })
}

/// Destroys session objects only; for a token object the result is `CKR_ACTION_PROHIBITED` (5.7).
#[unsafe(no_mangle)]
pub extern "C" fn C_DestroyObject(session: CK_SESSION_HANDLE, object: CK_OBJECT_HANDLE) -> CK_RV {
    with_session("C_DestroyObject", session, |session| session.destroy_object(object))
}

/// `C_GetObjectSize`
///
/// # Safety
/// `size` is null or points to a `CK_ULONG`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetObjectSize(
    session: CK_SESSION_HANDLE,
    object: CK_OBJECT_HANDLE,
    size: *mut CK_ULONG,
) -> CK_RV {
    with_session("C_GetObjectSize", session, |session| {
        wanted(size)?;
        // SAFETY: by the contract above, `size` is null or writable.
        unsafe { put(size, session.object_size(object)? as CK_ULONG) }
    })
}

/// `C_GetAttributeValue`
///
/// # Safety
/// `attributes` is null or points to `count` writable attributes; each `pValue` is null or has room for `ulValueLen` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_GetAttributeValue(
    session: CK_SESSION_HANDLE,
    object: CK_OBJECT_HANDLE,
    attributes: *mut CK_ATTRIBUTE,
    count: CK_ULONG,
) -> CK_RV {
    with_session("C_GetAttributeValue", session, |session| {
        let object = session.readable(object)?;
        wanted(attributes)?;
        let mut names = Vec::new();
        let traced = log::log_enabled!(log::Level::Trace);
        let value = |wanted| {
            if traced {
                names.push(attribute_name(wanted));
            }
            session.attribute(&object, wanted)
        };
        // SAFETY: by the contract above, `attributes` is null or points to `count` attributes with room for their
        // values.
        let result = unsafe { put_attributes(attributes, count, value) };
        log::trace!("C_GetAttributeValue({})", names.join(", "));
        result
    })
}

/// `C_SetAttributeValue`
///
/// # Safety
/// As for [`C_CreateObject`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_SetAttributeValue(
    session: CK_SESSION_HANDLE,
    object: CK_OBJECT_HANDLE,
    attributes: *mut CK_ATTRIBUTE,
    count: CK_ULONG,
) -> CK_RV {
    with_session("C_SetAttributeValue", session, |session| {
        wanted(attributes)?;
        // SAFETY: by the contract above, `attributes` is null or points to `count` attributes with readable values.
        let template = unsafe { template(attributes, count) }?;
        session.set_attributes(object, &template)
    })
}

/// `C_FindObjectsInit`: a null template with count zero matches every object.
///
/// # Safety
/// As for [`C_CreateObject`].
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_FindObjectsInit(
    session: CK_SESSION_HANDLE,
    attributes: *mut CK_ATTRIBUTE,
    count: CK_ULONG,
) -> CK_RV {
    with_session("C_FindObjectsInit", session, |session| {
        // SAFETY: by the contract above, `attributes` is null or points to `count` attributes with readable values.
        let template = unsafe { template(attributes, count) }?;
        session.find_init(&template)
    })
}

/// `C_FindObjects`: writes the count even if the call fails.
///
/// # Safety
/// `found` is null or points to a `CK_ULONG`; `objects` is null or has room for `max` handles.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn C_FindObjects(
    session: CK_SESSION_HANDLE,
    objects: *mut CK_OBJECT_HANDLE,
    max: CK_ULONG,
    found: *mut CK_ULONG,
) -> CK_RV {
    if !found.is_null() {
        // SAFETY: by the contract above, `found` is null or writable.
        let _ = unsafe { put(found, 0) };
    }
    with_session("C_FindObjects", session, |session| {
        wanted(found)?;
        let room = length(max)?;
        if room > 0 {
            wanted(objects)?;
        }
        let handles = session.find(room)?;
        for (place, handle) in handles.iter().enumerate() {
            // SAFETY: there are at most `max` handles, and `objects` has room for that many.
            unsafe { put(objects.add(place), *handle) }?;
        }
        // SAFETY: by the contract above, `found` is null or writable.
        unsafe { put(found, handles.len() as CK_ULONG) }
    })
}

/// Ends a search, even if some of its results were not fetched (5.7).
#[unsafe(no_mangle)]
pub extern "C" fn C_FindObjectsFinal(session: CK_SESSION_HANDLE) -> CK_RV {
    with_session("C_FindObjectsFinal", session, |session| session.find_final())
}
