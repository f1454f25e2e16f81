#include "der.h"
#include <stdlib.h>
#include <string.h>

void der_bytes(struct der *to, const void *bytes, DWORD size) {
    if (!size)
        return;
    to->bytes = realloc(to->bytes, to->size + size);
    memcpy(to->bytes + to->size, bytes, size);
    to->size += size;
}

void der_value(struct der *to, BYTE tag, const void *bytes, DWORD size) {
    BYTE head[4] = {tag};
    DWORD used = 1;
    if (size >= 256) {
        head[used++] = 0x82;
        head[used++] = (BYTE)(size >> 8);
    } else if (size >= 128) {
        head[used++] = 0x81;
    }
    head[used++] = (BYTE)size;
    der_bytes(to, head, used);
    der_bytes(to, bytes, size);
}

void der_around(struct der *to, BYTE tag, struct der *contents) {
    der_value(to, tag, contents->bytes, contents->size);
    der_free(contents);
}

void der_oid(struct der *to, const char *dotted) {
    struct der oid = {0};
    char *rest;
    unsigned long number = strtoul(dotted, &rest, 10) * 40;
    for (BOOL first = TRUE; *rest == '.'; first = FALSE) {
        number = strtoul(rest + 1, &rest, 10) + (first ? number : 0);
        BYTE groups[5];
        int at = sizeof groups - 1;
        groups[at] = number & 0x7f;
        while (number >>= 7)
            groups[--at] = (BYTE)(number | 0x80);
        der_bytes(&oid, groups + at, sizeof groups - at);
    }
    der_around(to, 6, &oid);
}

void der_integer(struct der *to, const BYTE *bytes, DWORD size) {
    struct der integer = {0};
    for (; size > 1 && !*bytes; size--)
        bytes++;
    if (!size || *bytes & 0x80)
        der_bytes(&integer, "", 1);
    der_bytes(&integer, bytes, size);
    der_around(to, 2, &integer);
}

void der_algorithm(struct der *to, const char *dotted) {
    struct der algorithm = {0};
    der_oid(&algorithm, dotted);
    if (strncmp(dotted, OID_ECDSA, strlen(OID_ECDSA)))
        der_value(&algorithm, 5, NULL, 0);
    der_around(to, 0x30, &algorithm);
}

void der_ecdsa(struct der *to, const BYTE *both, DWORD size) {
    struct der pair = {0};
    der_integer(&pair, both, size / 2);
    der_integer(&pair, both + size / 2, size / 2);
    der_around(to, 0x30, &pair);
}

void der_free(struct der *der) {
    free(der->bytes);
    memset(der, 0, sizeof *der);
}

BOOL der_give(const struct der *der, void *out, DWORD *size) {
    DWORD room = *size;
    *size = der->size;
    if (!out)
        return TRUE;
    if (room < der->size) {
        SetLastError(ERROR_MORE_DATA);
        return FALSE;
    }
    memcpy(out, der->bytes, der->size);
    return TRUE;
}
