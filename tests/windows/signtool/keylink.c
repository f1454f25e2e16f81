/* A certificate's link to a CNG key, which wine's crypt32 does not follow: the key is the one that the program put there, or that the
   certificate's property names, and its public half is asked of the provider. And RtlImageNtHeaderEx, which signtool calls and wine's ntdll only names. */
#include "der.h"
#include "parts.h"
#include <ncrypt.h>
#include <stdlib.h>
#include <string.h>

static NCRYPT_KEY_HANDLE key;

static BOOL(WINAPI *their_set)(PCCERT_CONTEXT, DWORD, DWORD, const void *);
static BOOL WINAPI set_property(PCCERT_CONTEXT certificate, DWORD which, DWORD flags, const void *value) {
    if (which != CERT_NCRYPT_KEY_HANDLE_PROP_ID && which != CERT_HCRYPTPROV_OR_NCRYPT_KEY_HANDLE_PROP_ID)
        return their_set(certificate, which, flags, value);
    key = (NCRYPT_KEY_HANDLE)value;
    return TRUE;
}

static BOOL(WINAPI *their_get)(PCCERT_CONTEXT, DWORD, void *, DWORD *);
static BOOL WINAPI get_property(PCCERT_CONTEXT certificate, DWORD which, void *out, DWORD *size) {
    if (!key || (which != CERT_NCRYPT_KEY_HANDLE_PROP_ID && which != CERT_HCRYPTPROV_OR_NCRYPT_KEY_HANDLE_PROP_ID))
        return their_get(certificate, which, out, size);
    struct der handle = {(BYTE *)&key, sizeof key};
    return der_give(&handle, out, size);
}

/* As crypt32 does: a provider of type 0 is a key storage provider. */
static void follow_link(PCCERT_CONTEXT certificate) {
    BYTE property[2048];
    const CRYPT_KEY_PROV_INFO *link = (void *)property;
    DWORD size = sizeof property;
    NCRYPT_PROV_HANDLE provider;
    if (key || !their_get(certificate, CERT_KEY_PROV_INFO_PROP_ID, property, &size) || link->dwProvType)
        return;
    if (!NCryptOpenStorageProvider(&provider, link->pwszProvName, 0)) {
        NCryptOpenKey(provider, &key, link->pwszContainerName, link->dwKeySpec, link->dwFlags);
        NCryptFreeObject(provider);
    }
}

static BOOL(WINAPI *their_acquire)(PCCERT_CONTEXT, DWORD, void *, HCRYPTPROV_OR_NCRYPT_KEY_HANDLE *, DWORD *, BOOL *);
static BOOL WINAPI acquire(PCCERT_CONTEXT certificate, DWORD flags, void *window, HCRYPTPROV_OR_NCRYPT_KEY_HANDLE *out,
                           DWORD *spec, BOOL *free_it) {
    follow_link(certificate);
    if (!key)
        return their_acquire(certificate, flags, window, out, spec, free_it);
    *out = key;
    if (spec)
        *spec = CERT_NCRYPT_KEY_SPEC;
    if (free_it)
        *free_it = FALSE;
    return TRUE;
}

/* SubjectPublicKeyInfo of the key, as its provider exports it. */
static struct der public_key(void) {
    BYTE blob[2048];
    WCHAR group[32] = L"";
    DWORD size = 0;
    struct der algorithm = {0}, bits = {0}, all = {0}, whole = {0};
    NCryptGetProperty(key, NCRYPT_ALGORITHM_GROUP_PROPERTY, (BYTE *)group, sizeof group, &size, 0);
    BOOL is_ec = !lstrcmpW(group, L"ECDSA");
    SECURITY_STATUS status = NCryptExportKey(key, 0, is_ec ? BCRYPT_ECCPUBLIC_BLOB : BCRYPT_RSAPUBLIC_BLOB, NULL, blob, sizeof blob,
                                             &size, 0);
    if (status) {
        SetLastError(status);
        return whole;
    }
    der_bytes(&bits, "", 1); /* no unused bits */
    if (is_ec) {
        const BCRYPT_ECCKEY_BLOB *head = (void *)blob;
        struct der curve = {0};
        der_oid(&curve, OID_EC_KEY);
        der_oid(&curve, head->cbKey == 32 ? "1.2.840.10045.3.1.7" : head->cbKey == 48 ? "1.3.132.0.34" : "1.3.132.0.35");
        der_around(&algorithm, 0x30, &curve);
        der_bytes(&bits, "\x04", 1);
        der_bytes(&bits, head + 1, 2 * head->cbKey);
    } else {
        const BCRYPT_RSAKEY_BLOB *head = (void *)blob;
        const BYTE *exponent = (const BYTE *)(head + 1);
        struct der numbers = {0};
        der_algorithm(&algorithm, szOID_RSA_RSA);
        der_integer(&numbers, exponent + head->cbPublicExp, head->cbModulus);
        der_integer(&numbers, exponent, head->cbPublicExp);
        der_around(&bits, 0x30, &numbers);
    }
    der_bytes(&all, algorithm.bytes, algorithm.size);
    der_around(&all, 3, &bits);
    der_around(&whole, 0x30, &all);
    der_free(&algorithm);
    return whole;
}

static BOOL export(CERT_PUBLIC_KEY_INFO *out, DWORD *size) {
    struct der der = public_key();
    if (!der.size)
        return FALSE;
    BOOL given = CryptDecodeObject(X509_ASN_ENCODING, X509_PUBLIC_KEY_INFO, der.bytes, der.size, 0, out, size);
    der_free(&der);
    return given;
}

static BOOL(WINAPI *their_export)(HCRYPTPROV_OR_NCRYPT_KEY_HANDLE, DWORD, DWORD, CERT_PUBLIC_KEY_INFO *, DWORD *);
static BOOL WINAPI export_info(HCRYPTPROV_OR_NCRYPT_KEY_HANDLE of, DWORD spec, DWORD encoding, CERT_PUBLIC_KEY_INFO *out,
                               DWORD *size) {
    return key && of == key ? export(out, size) : their_export(of, spec, encoding, out, size);
}

static BOOL(WINAPI *their_export_ex)(HCRYPTPROV_OR_NCRYPT_KEY_HANDLE, DWORD, DWORD, LPSTR, DWORD, void *, CERT_PUBLIC_KEY_INFO *,
                                     DWORD *);
static BOOL WINAPI export_info_ex(HCRYPTPROV_OR_NCRYPT_KEY_HANDLE of, DWORD spec, DWORD encoding, LPSTR oid, DWORD flags,
                                  void *more, CERT_PUBLIC_KEY_INFO *out, DWORD *size) {
    return key && of == key ? export(out, size) : their_export_ex(of, spec, encoding, oid, flags, more, out, size);
}

static LONG WINAPI image_header(ULONG flags, void *base, ULONGLONG size, IMAGE_NT_HEADERS **out) {
    const LONG bad_parameter = (LONG)0xc000000d, bad_image = (LONG)0xc000007b;
    const IMAGE_DOS_HEADER *start = base;
    BOOL sized = !(flags & 1); /* RTL_IMAGE_NT_HEADER_EX_FLAG_NO_RANGE_CHECK */
    *out = NULL;
    if (!base || base == INVALID_HANDLE_VALUE)
        return bad_parameter;
    if ((sized && size < sizeof *start) || start->e_magic != IMAGE_DOS_SIGNATURE)
        return bad_image;
    IMAGE_NT_HEADERS *headers = (void *)((BYTE *)base + start->e_lfanew);
    if ((sized && start->e_lfanew + sizeof *headers > size) || headers->Signature != IMAGE_NT_SIGNATURE)
        return bad_image;
    *out = headers;
    return 0;
}

const struct hook keylink_hooks[] = {
    {"CertSetCertificateContextProperty", set_property, (void **)&their_set},
    {"CertGetCertificateContextProperty", get_property, (void **)&their_get},
    {"CryptAcquireCertificatePrivateKey", acquire, (void **)&their_acquire},
    {"CryptExportPublicKeyInfo", export_info, (void **)&their_export},
    {"CryptExportPublicKeyInfoEx", export_info_ex, (void **)&their_export_ex},
    {"RtlImageNtHeaderEx", image_header, NULL},
    {0},
};
