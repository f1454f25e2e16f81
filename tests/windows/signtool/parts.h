/* The parts of mssign32.dll's stand-in. */
#pragma once
#include "hook.h"
#include <wincrypt.h>

/* What each part replaces, in signtool.exe and in Microsoft's mssign32.dll. */
extern const struct hook subject_hooks[], message_hooks[], keylink_hooks[];

/* hash.c: the digest that an algorithm's OID names, of 20 to 64 bytes; its size, or 0 for an OID that is not known. */
DWORD hash_of(const char *oid, const BYTE *const *pieces, const DWORD *sizes, DWORD count, BYTE *out);

/* message.c: another signer's certificate, and the certificates of a store, go into the message that is being signed. */
void message_signer(PCCERT_CONTEXT certificate, HCERTSTORE issuers);
