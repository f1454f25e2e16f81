/* Writes DER. */
#pragma once
#include <windows.h>

struct der {
    BYTE *bytes;
    DWORD size;
};

/* All of them append to `to`. */
void der_bytes(struct der *to, const void *bytes, DWORD size);
void der_value(struct der *to, BYTE tag, const void *bytes, DWORD size);
/* The contents are taken over and freed. */
void der_around(struct der *to, BYTE tag, struct der *contents);
void der_oid(struct der *to, const char *dotted);
/* A positive INTEGER of big-endian bytes. */
void der_integer(struct der *to, const BYTE *bytes, DWORD size);
/* An AlgorithmIdentifier: without parameters for ECDSA, with NULL otherwise. */
void der_algorithm(struct der *to, const char *dotted);
/* SEQUENCE { r, s } of r||s. */
void der_ecdsa(struct der *to, const BYTE *both, DWORD size);
void der_free(struct der *der);

/* The answer in the manner of crypt32: the size without a buffer, ERROR_MORE_DATA for a short one. */
BOOL der_give(const struct der *der, void *out, DWORD *size);

#define OID_ECDSA "1.2.840.10045.4.3."
#define OID_EC_KEY "1.2.840.10045.2.1"
