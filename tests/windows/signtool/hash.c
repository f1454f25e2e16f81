#include "parts.h"
#include <bcrypt.h>
#include <string.h>

static const struct {
    const char *oid;
    LPCWSTR name;
    DWORD size;
} known[] = {
    {szOID_OIWSEC_sha1, BCRYPT_SHA1_ALGORITHM, 20},
    {szOID_NIST_sha256, BCRYPT_SHA256_ALGORITHM, 32},
    {szOID_NIST_sha384, BCRYPT_SHA384_ALGORITHM, 48},
    {szOID_NIST_sha512, BCRYPT_SHA512_ALGORITHM, 64},
};

DWORD hash_of(const char *oid, const BYTE *const *pieces, const DWORD *sizes, DWORD count, BYTE *out) {
    DWORD size = 0;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        BCRYPT_ALG_HANDLE algorithm;
        BCRYPT_HASH_HANDLE hash;
        if (strcmp(known[i].oid, oid) || BCryptOpenAlgorithmProvider(&algorithm, known[i].name, NULL, 0))
            continue;
        if (!BCryptCreateHash(algorithm, &hash, NULL, 0, NULL, 0, 0)) {
            for (DWORD piece = 0; piece < count; piece++)
                BCryptHashData(hash, (BYTE *)pieces[piece], sizes[piece], 0);
            if (!BCryptFinishHash(hash, out, known[i].size, 0))
                size = known[i].size;
            BCryptDestroyHash(hash);
        }
        BCryptCloseAlgorithmProvider(algorithm, 0);
    }
    return size;
}
