/* CryptMsg... for what wine 8 refuses: a signed message whose signature comes from outside (CMSG_SIGNED_DATA_NO_SIGN_FLAG), which is
   then opened again, asked for the hash of its attributes and given the signature; and a signed message with a CNG key. There is
   one at a time. */
#include "der.h"
#include "parts.h"
#include <ncrypt.h>
#include <stdlib.h>
#include <string.h>

#define NO_SIGN_FLAG 0x80

static struct message {
    BOOL used;          /* this process makes such a message */
    HCRYPTPROV key;     /* the CNG key that signs, or 0 */
    char type[64];      /* of the content */
    char hash[64];      /* OID of the digest algorithm */
    char signature_algorithm[64];
    BOOL is_ec;
    struct der signer;  /* issuerAndSerialNumber */
    struct der certificates;
    struct der given;   /* the attributes that came with the signer, each with its length before it */
    struct der content;
    struct der attributes; /* all of them, sorted */
    struct der signature;
} it;

/* The handle that stands for the message while it is made. */
#define HANDLE_OF_IT ((HCRYPTMSG)&it)

static void signed_by(const CERT_INFO *certificate) {
    struct der both = {0};
    const CRYPT_INTEGER_BLOB *serial = &certificate->SerialNumber;
    BYTE *reversed = malloc(serial->cbData);
    for (DWORD i = 0; i < serial->cbData; i++)
        reversed[i] = serial->pbData[serial->cbData - 1 - i];
    der_bytes(&both, certificate->Issuer.pbData, certificate->Issuer.cbData);
    der_value(&both, 2, reversed, serial->cbData);
    free(reversed);
    der_free(&it.signer);
    der_around(&it.signer, 0x30, &both);
    it.is_ec = !strcmp(certificate->SubjectPublicKeyInfo.Algorithm.pszObjId, OID_EC_KEY);
    strcpy(it.signature_algorithm, certificate->SubjectPublicKeyInfo.Algorithm.pszObjId);
    if (it.is_ec) /* ecdsa-with-SHA256, 384, 512: the last arc is that of the digest algorithm, and one more */
        wsprintfA(it.signature_algorithm, OID_ECDSA "%d", it.hash[strlen(it.hash) - 1] - '0' + 1);
}

void message_signer(PCCERT_CONTEXT certificate, HCERTSTORE issuers) {
    signed_by(certificate->pCertInfo);
    der_free(&it.certificates);
    for (PCCERT_CONTEXT next = NULL; (next = CertEnumCertificatesInStore(issuers, next));)
        der_bytes(&it.certificates, next->pbCertEncoded, next->cbCertEncoded);
}

static void attribute(struct der *list, const char *oid, const BYTE *value, DWORD size) {
    struct der pair = {0}, whole = {0};
    der_oid(&pair, oid);
    der_value(&pair, 0x31, value, size);
    der_around(&whole, 0x30, &pair);
    der_bytes(list, &whole.size, sizeof whole.size);
    der_bytes(list, whole.bytes, whole.size);
    der_free(&whole);
}

static HCRYPTMSG(WINAPI *their_open)(DWORD, DWORD, DWORD, const void *, LPSTR, CMSG_STREAM_INFO *);
static HCRYPTMSG WINAPI open(DWORD encoding, DWORD flags, DWORD type, const void *info, LPSTR content, CMSG_STREAM_INFO *stream) {
    const CMSG_SIGNED_ENCODE_INFO *with = info;
    const CMSG_SIGNER_ENCODE_INFO *signer = type == CMSG_SIGNED ? with->rgSigners : NULL;
    BOOL by_cng = signer && signer->dwKeySpec == CERT_NCRYPT_KEY_SPEC;
    if (!by_cng && !(signer && flags & NO_SIGN_FLAG))
        return their_open(encoding, flags, type, info, content, stream);
    memset(&it, 0, sizeof it);
    it.used = TRUE;
    it.key = flags & NO_SIGN_FLAG ? 0 : signer->hCryptProv;
    lstrcpynA(it.type, content, sizeof it.type);
    lstrcpynA(it.hash, signer->HashAlgorithm.pszObjId, sizeof it.hash);
    signed_by(signer->pCertInfo);
    for (DWORD i = 0; i < with->cCertEncoded; i++)
        der_bytes(&it.certificates, with->rgCertEncoded[i].pbData, with->rgCertEncoded[i].cbData);
    for (DWORD i = 0; i < signer->cAuthAttr; i++) {
        struct der values = {0};
        for (DWORD j = 0; j < signer->rgAuthAttr[i].cValue; j++)
            der_bytes(&values, signer->rgAuthAttr[i].rgValue[j].pbData, signer->rgAuthAttr[i].rgValue[j].cbData);
        attribute(&it.given, signer->rgAuthAttr[i].pszObjId, values.bytes, values.size);
        der_free(&values);
    }
    return HANDLE_OF_IT;
}

static int in_order(const void *left, const void *right) {
    const BYTE *a = *(const BYTE *const *)left, *b = *(const BYTE *const *)right;
    DWORD size_a = *(const DWORD *)a, size_b = *(const DWORD *)b;
    int order = memcmp(a + 4, b + 4, min(size_a, size_b));
    return order ? order : (int)size_a - (int)size_b;
}

/* All attributes as DER's SET OF wants them: content type and message digest, and those that came. */
static void attributes(void) {
    struct der all = {0}, type = {0}, octets = {0};
    BYTE digest[64];
    const BYTE *entries[32];
    DWORD count = 0;
    /* The digest is of the content without its tag and length. */
    DWORD head = it.content.bytes[1] < 0x80 ? 2 : 2 + (it.content.bytes[1] & 0x7f);
    const BYTE *inside = it.content.bytes + head;
    DWORD size = it.content.size - head;
    size = hash_of(it.hash, &inside, &size, 1, digest);
    der_oid(&type, it.type);
    der_value(&octets, 4, digest, size);
    attribute(&all, szOID_RSA_contentType, type.bytes, type.size);
    attribute(&all, szOID_RSA_messageDigest, octets.bytes, octets.size);
    der_bytes(&all, it.given.bytes, it.given.size);
    for (DWORD at = 0; at < all.size && count < 32; at += 4 + *(DWORD *)(all.bytes + at))
        entries[count++] = all.bytes + at;
    qsort(entries, count, sizeof *entries, in_order);
    for (DWORD i = 0; i < count; i++)
        der_bytes(&it.attributes, entries[i] + 4, *(const DWORD *)entries[i]);
    der_free(&type);
    der_free(&octets);
    der_free(&all);
}

static BOOL(WINAPI *their_update)(HCRYPTMSG, const BYTE *, DWORD, BOOL);
static BOOL WINAPI update(HCRYPTMSG message, const BYTE *bytes, DWORD size, BOOL final) {
    if (message != HANDLE_OF_IT)
        return their_update(message, bytes, size, final);
    der_bytes(&it.content, bytes, size);
    if (final)
        attributes();
    return TRUE;
}

/* The digest that is signed: that of the attributes as a SET. */
static DWORD to_be_signed(BYTE *digest) {
    struct der set = {0};
    der_value(&set, 0x31, it.attributes.bytes, it.attributes.size);
    const BYTE *bytes = set.bytes;
    DWORD size = hash_of(it.hash, &bytes, &set.size, 1, digest);
    der_free(&set);
    return size;
}

/* As crypt32 does: the length first, then the signature; an ECDSA signature becomes DER. */
static BOOL sign(void) {
    BYTE digest[64], signature[1024];
    DWORD size = to_be_signed(digest), length = 0;
    BCRYPT_PKCS1_PADDING_INFO padding = {size == 32 ? L"SHA256" : size == 48 ? L"SHA384" : size == 64 ? L"SHA512" : L"SHA1"};
    void *how = it.is_ec ? NULL : &padding;
    DWORD flags = it.is_ec ? 0 : BCRYPT_PAD_PKCS1;
    SECURITY_STATUS status = NCryptSignHash(it.key, how, digest, size, NULL, 0, &length, flags);
    if (!status)
        status = NCryptSignHash(it.key, how, digest, size, signature, sizeof signature, &length, flags);
    if (status) {
        SetLastError(status);
        return FALSE;
    }
    if (it.is_ec)
        der_ecdsa(&it.signature, signature, length);
    else
        der_bytes(&it.signature, signature, length);
    return TRUE;
}

/* ContentInfo of SignedData, RFC 2315, with one signer. */
static struct der encoded(void) {
    static const BYTE one = 1;
    struct der signer = {0}, body = {0}, part = {0}, inner = {0}, whole = {0};
    der_value(&signer, 2, &one, 1);
    der_bytes(&signer, it.signer.bytes, it.signer.size);
    der_algorithm(&signer, it.hash);
    der_value(&signer, 0xa0, it.attributes.bytes, it.attributes.size);
    der_algorithm(&signer, it.signature_algorithm);
    der_value(&signer, 4, it.signature.bytes, it.signature.size);

    der_value(&body, 2, &one, 1);
    der_algorithm(&part, it.hash);
    der_around(&body, 0x31, &part);
    der_oid(&part, it.type);
    der_value(&part, 0xa0, it.content.bytes, it.content.size);
    der_around(&body, 0x30, &part);
    if (it.certificates.size)
        der_value(&body, 0xa0, it.certificates.bytes, it.certificates.size);
    der_around(&part, 0x30, &signer);
    der_around(&body, 0x31, &part);

    der_around(&inner, 0x30, &body);
    der_oid(&part, szOID_RSA_signedData);
    der_around(&part, 0xa0, &inner);
    der_around(&whole, 0x30, &part);
    return whole;
}

static BOOL give_message(void *out, DWORD *size) {
    struct der whole = encoded();
    BOOL given = der_give(&whole, out, size);
    der_free(&whole);
    return given;
}

static BOOL give_digest(void *out, DWORD *size) {
    BYTE digest[64];
    struct der der = {digest, to_be_signed(digest)};
    return der_give(&der, out, size);
}

static BOOL(WINAPI *their_param)(HCRYPTMSG, DWORD, DWORD, void *, DWORD *);
static BOOL WINAPI param(HCRYPTMSG message, DWORD what, DWORD index, void *out, DWORD *size) {
    if (message == HANDLE_OF_IT) {
        if (what != CMSG_CONTENT_PARAM) {
            SetLastError(CRYPT_E_INVALID_MSG_TYPE);
            return FALSE;
        }
        return (!it.key || it.signature.size || sign()) && give_message(out, size);
    }
    /* The same message, opened by wine to be signed from outside. */
    if (it.used && what == CMSG_COMPUTED_HASH_PARAM)
        return give_digest(out, size);
    if (it.used && what == CMSG_ENCRYPTED_DIGEST)
        return it.signature.size ? der_give(&it.signature, out, size) : give_digest(out, size);
    if (it.used && what == CMSG_ENCODED_MESSAGE && it.signature.size)
        return give_message(out, size);
    return their_param(message, what, index, out, size);
}

static BOOL(WINAPI *their_control)(HCRYPTMSG, DWORD, DWORD, const void *);
static BOOL WINAPI control(HCRYPTMSG message, DWORD flags, DWORD what, const void *with) {
    if (it.used && what == CMSG_CTRL_DEL_SIGNER)
        return TRUE;
    if (it.used && what == CMSG_CTRL_ADD_CMS_SIGNER_INFO) {
        const CMSG_CMS_SIGNER_INFO *signer = with;
        der_free(&it.signature);
        der_bytes(&it.signature, signer->EncryptedHash.pbData, signer->EncryptedHash.cbData);
        return TRUE;
    }
    return their_control(message, flags, what, with);
}

static BOOL(WINAPI *their_close)(HCRYPTMSG);
static BOOL WINAPI close(HCRYPTMSG message) { return message == HANDLE_OF_IT || their_close(message); }

const struct hook message_hooks[] = {
    {"CryptMsgOpenToEncode", open, (void **)&their_open},
    {"CryptMsgUpdate", update, (void **)&their_update},
    {"CryptMsgGetParam", param, (void **)&their_param},
    {"CryptMsgControl", control, (void **)&their_control},
    {"CryptMsgClose", close, (void **)&their_close},
    {0},
};
