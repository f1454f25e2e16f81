/* mssign32.dll in front of Microsoft's of 2017, which lies beside it as mssign32_2017.dll. That does the work; but the ...Ex callback
   is newer, so the plain one of ours calls it. The certificate that has to be there before is any: signtool's is the one that
   the callback brings. STANDIN_CERTIFICATE names the file. */
#include "parts.h"
#include <stddef.h>
#include <stdio.h>

struct file_info {
    DWORD size;
    LPCWSTR name;
    HANDLE handle;
};
struct store_info {
    DWORD size;
    PCCERT_CONTEXT certificate;
    DWORD policy;
    HCERTSTORE store;
};
struct signer {
    DWORD size, choice;
    struct store_info *store;
    HWND window;
};
enum { IN_A_STORE = 2, CERTIFICATES_OF_THE_CHAIN = 2 };
struct digest_sign {
    DWORD size, choice;
    void *callback;
    CRYPT_DATA_BLOB *metadata;
    DWORD reserved[3];
};
enum { PLAIN = 1, WITH_FILE = 2, EX = 3, EX_WITH_FILE = 4 };
enum { DIGEST_SIGN_FLAG = 0x400, DIGEST_SIGN_EX_FLAG = 0x4000 };

typedef HRESULT(WINAPI *callback_ex)(CRYPT_DATA_BLOB *, ALG_ID, BYTE *, DWORD, CRYPT_DATA_BLOB *, PCCERT_CONTEXT *, HCERTSTORE);
typedef HRESULT(WINAPI *sign_ex3)(DWORD, void *, struct signer *, void *, void *, DWORD, LPCSTR, LPCWSTR, void *, void *, void **,
                                  void *, struct digest_sign *, void *);

static callback_ex asked;
static HCERTSTORE issuers;

static HRESULT WINAPI plain(PCCERT_CONTEXT any, CRYPT_DATA_BLOB *metadata, ALG_ID algorithm, BYTE *digest, DWORD size,
                            CRYPT_DATA_BLOB *signature) {
    PCCERT_CONTEXT certificate = NULL;
    (void)any;
    HRESULT result = asked(metadata, algorithm, digest, size, signature, &certificate, issuers);
    if (SUCCEEDED(result) && !certificate)
        result = CRYPT_E_NO_SIGNER;
    if (SUCCEEDED(result))
        message_signer(certificate, issuers);
    if (certificate)
        CertFreeCertificateContext(certificate);
    return result;
}

static PCCERT_CONTEXT any_certificate(void) {
    char name[MAX_PATH];
    BYTE bytes[8192];
    FILE *file = GetEnvironmentVariableA("STANDIN_CERTIFICATE", name, sizeof name) ? fopen(name, "rb") : NULL;
    DWORD size = file ? (DWORD)fread(bytes, 1, sizeof bytes, file) : 0;
    if (file)
        fclose(file);
    return CertCreateCertificateContext(X509_ASN_ENCODING, bytes, size);
}

HRESULT WINAPI SignerSignEx3(DWORD flags, void *subject, struct signer *signer, void *signature, void *provider,
                                                   DWORD stamp, LPCSTR stamp_oid, LPCWSTR stamp_url, void *request, void *sip,
                                                   void **context, void *policy, struct digest_sign *how, void *reserved) {
    HMODULE theirs = GetModuleHandleA("mssign32_2017.dll");
    sign_ex3 sign = (sign_ex3)(void *)GetProcAddress(theirs, "SignerSignEx3");
    /* The structure of 2017, which older signtools pass, has no choice. */
    if (!how || how->size < sizeof *how || how->choice == PLAIN)
        return sign(flags, subject, signer, signature, provider, stamp, stamp_oid, stamp_url, request, sip, context, policy, how,
                    reserved);
    if (how->choice != EX || flags != DIGEST_SIGN_EX_FLAG || signer)
        return E_NOTIMPL;
    asked = (callback_ex)how->callback;
    issuers = CertOpenStore(CERT_STORE_PROV_MEMORY, 0, 0, CERT_STORE_CREATE_NEW_FLAG, NULL);
    struct store_info store = {sizeof store, any_certificate(), CERTIFICATES_OF_THE_CHAIN, NULL};
    struct signer first = {sizeof first, IN_A_STORE, &store, NULL};
    /* The structure of 2017 ends with the metadata. */
    struct digest_sign old = {offsetof(struct digest_sign, reserved), 0, (void *)plain, how->metadata, {0}};
    HRESULT result = E_INVALIDARG;
    if (store.certificate)
        result = sign(DIGEST_SIGN_FLAG, subject, &first, signature, NULL, stamp, stamp_oid, stamp_url, request, sip, context, policy,
                      &old, reserved);
    CertFreeCertificateContext(store.certificate);
    CertCloseStore(issuers, 0);
    return result;
}

BOOL WINAPI DllMain(HINSTANCE self, DWORD reason, void *reserved) {
    (void)self, (void)reserved;
    if (reason == DLL_PROCESS_ATTACH) {
        HMODULE modules[] = {GetModuleHandleA(NULL), LoadLibraryA("mssign32_2017.dll")};
        if (!modules[1])
            return FALSE;
        hook_imports(modules[0], keylink_hooks);
        hook_imports(modules[1], keylink_hooks);
        hook_imports(modules[1], subject_hooks);
        hook_imports(modules[1], message_hooks);
    }
    return TRUE;
}
