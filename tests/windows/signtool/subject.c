/* The subject interface package of PE files as far as wine lacks it (its digest), and the encoders of SpcIndirectDataContent and
   SpcStatementType. */
#include "der.h"
#include "parts.h"
#include <mssip.h>
#include <stdlib.h>
#include <string.h>

#define SPC_PE_IMAGE_DATA "1.3.6.1.4.1.311.2.1.15"
#define INDIRECT_DATA ((LPCSTR)2003)
#define STATEMENT_TYPE ((LPCSTR)2006)

/* SpcPeImageData with no flags and an empty file name, as every signed program has it. */
static const BYTE image_data[] = {0x30, 9, 3, 1, 0, 0xa0, 4, 0xa2, 2, 0x80, 0};

/* Everything but the checksum, the entry of the certificate table and that table, in whole groups of eight bytes. */
static DWORD digest_of(HANDLE file, const char *oid, BYTE *out) {
    DWORD size = GetFileSize(file, NULL), read = 0, digest = 0;
    BYTE *bytes = calloc(1, size + 8);
    SetFilePointer(file, 0, NULL, FILE_BEGIN);
    if (ReadFile(file, bytes, size, &read, NULL) && read == size && size > sizeof(IMAGE_DOS_HEADER)) {
        IMAGE_NT_HEADERS64 *wide = (void *)(bytes + ((IMAGE_DOS_HEADER *)bytes)->e_lfanew);
        IMAGE_NT_HEADERS32 *narrow = (void *)wide;
        BOOL is_wide = wide->OptionalHeader.Magic == IMAGE_NT_OPTIONAL_HDR64_MAGIC;
        IMAGE_DATA_DIRECTORY *directory = is_wide ? wide->OptionalHeader.DataDirectory : narrow->OptionalHeader.DataDirectory;
        IMAGE_DATA_DIRECTORY *table = directory + IMAGE_DIRECTORY_ENTRY_SECURITY;
        BYTE *end = bytes + (table->VirtualAddress ? table->VirtualAddress : (size + 7) / 8 * 8);
        BYTE *checksum = (BYTE *)&wide->OptionalHeader.CheckSum, *entry = (BYTE *)table;
        const BYTE *pieces[] = {bytes, checksum + 4, entry + sizeof *table};
        const DWORD sizes[] = {checksum - bytes, entry - pieces[1], end - pieces[2]};
        digest = hash_of(oid, pieces, sizes, 3, out);
    }
    free(bytes);
    return digest;
}

static BOOL WINAPI create(SIP_SUBJECTINFO *subject, DWORD *size, SIP_INDIRECT_DATA *data) {
    struct answer {
        SIP_INDIRECT_DATA data;
        BYTE image[sizeof image_data], digest[64];
        char kind[sizeof SPC_PE_IMAGE_DATA], algorithm[64];
    } *answer = (void *)data;
    DWORD room = *size;
    *size = sizeof *answer;
    if (!data)
        return TRUE;
    if (room < sizeof *answer) {
        SetLastError(ERROR_INSUFFICIENT_BUFFER);
        return FALSE;
    }
    BOOL open = subject->hFile && subject->hFile != INVALID_HANDLE_VALUE;
    HANDLE file = open ? subject->hFile
                       : CreateFileW(subject->pwsFileName, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, NULL,
                                     OPEN_EXISTING, 0, NULL);
    memset(answer, 0, sizeof *answer);
    lstrcpynA(answer->algorithm, subject->DigestAlgorithm.pszObjId, sizeof answer->algorithm);
    strcpy(answer->kind, SPC_PE_IMAGE_DATA);
    memcpy(answer->image, image_data, sizeof image_data);
    data->Data.pszObjId = answer->kind;
    data->Data.Value = (CRYPT_OBJID_BLOB){sizeof image_data, answer->image};
    data->DigestAlgorithm.pszObjId = answer->algorithm;
    data->Digest = (CRYPT_HASH_BLOB){digest_of(file, answer->algorithm, answer->digest), answer->digest};
    if (!open)
        CloseHandle(file);
    if (!data->Digest.cbData)
        SetLastError(NTE_BAD_ALGID);
    return data->Digest.cbData != 0;
}

static BOOL(WINAPI *their_load)(const GUID *, DWORD, SIP_DISPATCH_INFO *);
static BOOL WINAPI load(const GUID *kind, DWORD flags, SIP_DISPATCH_INFO *functions) {
    static const GUID pe = {0xc689aab8, 0x8e78, 0x11d0, {0x8c, 0x47, 0, 0xc0, 0x4f, 0xc2, 0x95, 0xee}};
    BOOL loaded = their_load(kind, flags, functions);
    if (loaded && IsEqualGUID(kind, &pe))
        functions->pfCreate = create;
    return loaded;
}

static struct der indirect_data(const SIP_INDIRECT_DATA *data) {
    struct der type = {0}, digest = {0}, all = {0}, whole = {0};
    der_oid(&type, data->Data.pszObjId);
    der_bytes(&type, data->Data.Value.pbData, data->Data.Value.cbData);
    der_algorithm(&digest, data->DigestAlgorithm.pszObjId);
    der_value(&digest, 4, data->Digest.pbData, data->Digest.cbData);
    der_around(&all, 0x30, &type);
    der_around(&all, 0x30, &digest);
    der_around(&whole, 0x30, &all);
    return whole;
}

struct statement {
    DWORD count;
    LPSTR *purposes;
};
static struct der statement_type(const struct statement *statement) {
    struct der all = {0}, whole = {0};
    for (DWORD i = 0; i < statement->count; i++)
        der_oid(&all, statement->purposes[i]);
    der_around(&whole, 0x30, &all);
    return whole;
}

/* Encodes what wine cannot; FALSE for all else. */
static BOOL encoded(LPCSTR type, const void *value, struct der *out) {
    if (type == INDIRECT_DATA)
        *out = indirect_data(value);
    else if (type == STATEMENT_TYPE)
        *out = statement_type(value);
    return type == INDIRECT_DATA || type == STATEMENT_TYPE;
}

static BOOL(WINAPI *their_encode)(DWORD, LPCSTR, const void *, BYTE *, DWORD *);
static BOOL WINAPI encode(DWORD encoding, LPCSTR type, const void *value, BYTE *out, DWORD *size) {
    struct der der = {0};
    if (!encoded(type, value, &der))
        return their_encode(encoding, type, value, out, size);
    BOOL given = der_give(&der, out, size);
    der_free(&der);
    return given;
}

static BOOL(WINAPI *their_encode_ex)(DWORD, LPCSTR, const void *, DWORD, CRYPT_ENCODE_PARA *, void *, DWORD *);
static BOOL WINAPI encode_ex(DWORD encoding, LPCSTR type, const void *value, DWORD flags, CRYPT_ENCODE_PARA *how, void *out,
                             DWORD *size) {
    struct der der = {0};
    if (!encoded(type, value, &der))
        return their_encode_ex(encoding, type, value, flags, how, out, size);
    if (flags & CRYPT_ENCODE_ALLOC_FLAG) {
        *(void **)out = LocalAlloc(LMEM_FIXED, der.size);
        out = *(void **)out;
        *size = der.size;
    }
    BOOL given = der_give(&der, out, size);
    der_free(&der);
    return given;
}

const struct hook subject_hooks[] = {
    {"CryptSIPLoad", load, (void **)&their_load},
    {"CryptEncodeObject", encode, (void **)&their_encode},
    {"CryptEncodeObjectEx", encode_ex, (void **)&their_encode_ex},
    {0},
};
