//! The C functions, each with the kinds of its arguments.

use super::calls::Caller;
use super::reader::Reader;
use cryptoki_sys::*;
use std::ptr::null_mut;
use stm_pkcs11::abi::*;

/// Makes one call with arguments out of the bytes.
pub type Call = fn(&mut Caller, &mut Reader<'_>) -> CK_RV;

/// Reads the arguments one kind at a time; some kinds are two C arguments.
macro_rules! call {
    (@ $c:ident $r:ident $f:ident [$($done:expr,)*]) => {
        // SAFETY: every pointer is null or leads to memory of the caller's, as long as it is said to be.
        #[allow(unused_unsafe, reason = "some of the functions take no pointers")]
        unsafe { $f($($done),*) }
    };
    (@ $c:ident $r:ident $f:ident [$($done:expr,)*] session $($rest:ident)*) => {{
        let session = $c.session($r);
        call!(@ $c $r $f [$($done,)* session,] $($rest)*)
    }};
    (@ $c:ident $r:ident $f:ident [$($done:expr,)*] object $($rest:ident)*) => {{
        let object = $c.object($r);
        call!(@ $c $r $f [$($done,)* object,] $($rest)*)
    }};
    (@ $c:ident $r:ident $f:ident [$($done:expr,)*] number $($rest:ident)*) => {{
        let number = CK_ULONG::from($r.byte());
        call!(@ $c $r $f [$($done,)* number,] $($rest)*)
    }};
    (@ $c:ident $r:ident $f:ident [$($done:expr,)*] flags $($rest:ident)*) => {{
        let flags = CK_ULONG::from($r.short());
        call!(@ $c $r $f [$($done,)* flags,] $($rest)*)
    }};
    (@ $c:ident $r:ident $f:ident [$($done:expr,)*] flag $($rest:ident)*) => {{
        let flag = $r.byte();
        call!(@ $c $r $f [$($done,)* flag,] $($rest)*)
    }};
    (@ $c:ident $r:ident $f:ident [$($done:expr,)*] none $($rest:ident)*) => {
        call!(@ $c $r $f [$($done,)* Default::default(),] $($rest)*)
    };
    (@ $c:ident $r:ident $f:ident [$($done:expr,)*] null $($rest:ident)*) => {
        call!(@ $c $r $f [$($done,)* null_mut(),] $($rest)*)
    };
    (@ $c:ident $r:ident $f:ident [$($done:expr,)*] mechanism $($rest:ident)*) => {{
        let mechanism = $c.memory.mechanism($r);
        call!(@ $c $r $f [$($done,)* mechanism,] $($rest)*)
    }};
    (@ $c:ident $r:ident $f:ident [$($done:expr,)*] template $($rest:ident)*) => {{
        let (template, count) = $c.memory.template($r);
        call!(@ $c $r $f [$($done,)* template, count,] $($rest)*)
    }};
    (@ $c:ident $r:ident $f:ident [$($done:expr,)*] input $($rest:ident)*) => {{
        let (data, len) = $c.memory.input($r);
        call!(@ $c $r $f [$($done,)* data.cast(), len,] $($rest)*)
    }};
    (@ $c:ident $r:ident $f:ident [$($done:expr,)*] output $($rest:ident)*) => {{
        let (room, len) = $c.memory.output($r);
        call!(@ $c $r $f [$($done,)* room, len,] $($rest)*)
    }};
    (@ $c:ident $r:ident $f:ident [$($done:expr,)*] text $($rest:ident)*) => {{
        let text = $c.memory.text($r);
        call!(@ $c $r $f [$($done,)* text,] $($rest)*)
    }};
    (@ $c:ident $r:ident $f:ident [$($done:expr,)*] answer $($rest:ident)*) => {{
        let place = $c.memory.answer($r);
        call!(@ $c $r $f [$($done,)* place,] $($rest)*)
    }};
    (@ $c:ident $r:ident $f:ident [$($done:expr,)*] list $($rest:ident)*) => {{
        let (list, _, count) = $c.memory.list($r);
        call!(@ $c $r $f [$($done,)* list, count,] $($rest)*)
    }};
    (@ $c:ident $r:ident $f:ident [$($done:expr,)*] opened $($rest:ident)*) => {{
        let place = $c.memory.answer($r);
        $c.opened = place;
        call!(@ $c $r $f [$($done,)* place,] $($rest)*)
    }};
    (@ $c:ident $r:ident $f:ident [$($done:expr,)*] made $($rest:ident)*) => {{
        let place = $c.memory.answer($r);
        $c.made.push((place, 1));
        call!(@ $c $r $f [$($done,)* place,] $($rest)*)
    }};
    (@ $c:ident $r:ident $f:ident [$($done:expr,)*] found $($rest:ident)*) => {{
        let (list, room, count) = $c.memory.list($r);
        $c.made.push((list, room));
        call!(@ $c $r $f [$($done,)* list, room, count,] $($rest)*)
    }};
    ($($f:ident($($kind:ident),*);)*) => {
        /// Every function but `C_Initialize` and `C_Finalize`, which begin and end each run. The order is part of the
        /// corpus's format: new ones come last.
        pub const CALLS: &[(&str, Call)] = &[$((stringify!($f), |_c, r| call!(@ _c r $f [] $($kind)*))),*];
    };
}

call! {
    C_OpenSession(number, flags, null, none, opened);
    C_FindObjectsInit(session, template);
    C_FindObjects(session, found);
    C_FindObjectsFinal(session);
    C_GetAttributeValue(session, object, template);
    C_CreateObject(session, template, made);
    C_CopyObject(session, object, template, made);
    C_SetAttributeValue(session, object, template);
    C_DestroyObject(session, object);
    C_GetObjectSize(session, object, answer);
    C_SignInit(session, mechanism, object);
    C_Sign(session, input, output);
    C_SignUpdate(session, input);
    C_SignFinal(session, output);
    C_VerifyInit(session, mechanism, object);
    C_Verify(session, input, input);
    C_VerifyUpdate(session, input);
    C_VerifyFinal(session, input);
    C_DigestInit(session, mechanism);
    C_Digest(session, input, output);
    C_DigestUpdate(session, input);
    C_DigestKey(session, object);
    C_DigestFinal(session, output);
    C_VerifySignatureInit(session, mechanism, object, input);
    C_VerifySignature(session, input);
    C_VerifySignatureUpdate(session, input);
    C_VerifySignatureFinal(session);
    C_MessageSignInit(session, mechanism, object);
    C_SignMessage(session, input, input, output);
    C_SignMessageBegin(session, input);
    C_SignMessageNext(session, input, input, output);
    C_MessageSignFinal(session);
    C_MessageVerifyInit(session, mechanism, object);
    C_VerifyMessage(session, input, input, input);
    C_VerifyMessageBegin(session, input);
    C_VerifyMessageNext(session, input, input, input);
    C_MessageVerifyFinal(session);
    C_GenerateKeyPair(session, mechanism, template, template, made, made);
    C_GenerateKey(session, mechanism, template, made);
    C_GenerateRandom(session, input);
    C_SeedRandom(session, input);
    C_Login(session, number, input);
    C_LoginUser(session, number, input, input);
    C_Logout(session);
    C_SessionCancel(session, flags);
    C_GetSessionInfo(session, answer);
    C_GetOperationState(session, output);
    C_SetOperationState(session, input, object, object);
    C_GetSessionValidationFlags(session, number, answer);
    C_CloseSession(session);
    C_CloseAllSessions(number);
    C_InitPIN(session, input);
    C_SetPIN(session, input, input);
    C_InitToken(number, input, text);
    C_GetInfo(answer);
    C_GetSlotList(flag, list);
    C_GetSlotInfo(number, answer);
    C_GetTokenInfo(number, answer);
    C_GetMechanismList(number, list);
    C_GetMechanismInfo(number, number, answer);
    C_WaitForSlotEvent(flags, answer, null);
    C_GetFunctionList(answer);
    C_GetInterfaceList(list);
    C_GetFunctionStatus(session);
    C_CancelFunction(session);
    C_EncryptInit(session, mechanism, object);
    C_Encrypt(session, input, output);
    C_Decrypt(session, input, output);
    C_UnwrapKey(session, mechanism, object, input, template, made);
    C_EncapsulateKey(session, mechanism, object, template, output, made);
}
