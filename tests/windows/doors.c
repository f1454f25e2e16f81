/* The doors of Windows, through the exported functions themselves, as CNG and signtool call them.
 *
 *   doors ksp DLL ALIAS DIGEST SIGNATURE [pss|pkcs1|ecdsa]     opens, describes, exports and signs; writes ALIAS.blob, too
 *   doors misses DLL ALIAS                                     looks an alias up that is not there, in the four ways of signtool
 *   doors dlib DLL METADATA DIGEST SIGNATURE [CERTIFICATE]     with a certificate the plain callback, else the one that brings it
 *   doors rounds DLL ALIAS DIGEST                              loads, signs and frees twenty times
 *   doors link CERTIFICATE ALIAS PROVIDER                      puts it into the user's store with a link, as another program does
 *
 * A line "ok WHAT" or "FAIL WHAT" for each promise; status 1 if one failed. */
#include <windows.h>
#include <bcrypt.h>
#include <ncrypt.h>
#include <wincrypt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
    struct { USHORT major, minor; } version;
    SECURITY_STATUS(WINAPI *OpenProvider)(NCRYPT_PROV_HANDLE *, LPCWSTR, DWORD);
    SECURITY_STATUS(WINAPI *OpenKey)(NCRYPT_PROV_HANDLE, NCRYPT_KEY_HANDLE *, LPCWSTR, DWORD, DWORD);
    SECURITY_STATUS(WINAPI *CreatePersistedKey)(NCRYPT_PROV_HANDLE, NCRYPT_KEY_HANDLE *, LPCWSTR, LPCWSTR, DWORD, DWORD);
    SECURITY_STATUS(WINAPI *GetProviderProperty)(NCRYPT_PROV_HANDLE, LPCWSTR, PBYTE, DWORD, DWORD *, DWORD);
    SECURITY_STATUS(WINAPI *GetKeyProperty)(NCRYPT_PROV_HANDLE, NCRYPT_KEY_HANDLE, LPCWSTR, PBYTE, DWORD, DWORD *, DWORD);
    SECURITY_STATUS(WINAPI *SetProviderProperty)(NCRYPT_PROV_HANDLE, LPCWSTR, PBYTE, DWORD, DWORD);
    SECURITY_STATUS(WINAPI *SetKeyProperty)(NCRYPT_PROV_HANDLE, NCRYPT_KEY_HANDLE, LPCWSTR, PBYTE, DWORD, DWORD);
    SECURITY_STATUS(WINAPI *FinalizeKey)(NCRYPT_PROV_HANDLE, NCRYPT_KEY_HANDLE, DWORD);
    SECURITY_STATUS(WINAPI *DeleteKey)(NCRYPT_PROV_HANDLE, NCRYPT_KEY_HANDLE, DWORD);
    SECURITY_STATUS(WINAPI *FreeProvider)(NCRYPT_PROV_HANDLE);
    SECURITY_STATUS(WINAPI *FreeKey)(NCRYPT_PROV_HANDLE, NCRYPT_KEY_HANDLE);
    SECURITY_STATUS(WINAPI *FreeBuffer)(PVOID);
    PVOID Encrypt, Decrypt;
    SECURITY_STATUS(WINAPI *IsAlgSupported)(NCRYPT_PROV_HANDLE, LPCWSTR, DWORD);
    SECURITY_STATUS(WINAPI *EnumAlgorithms)(NCRYPT_PROV_HANDLE, DWORD, DWORD *, NCryptAlgorithmName **, DWORD);
    SECURITY_STATUS(WINAPI *EnumKeys)(NCRYPT_PROV_HANDLE, LPCWSTR, NCryptKeyName **, PVOID *, DWORD);
    PVOID ImportKey;
    SECURITY_STATUS(WINAPI *ExportKey)(NCRYPT_PROV_HANDLE, NCRYPT_KEY_HANDLE, NCRYPT_KEY_HANDLE, LPCWSTR, PVOID, PBYTE, DWORD, DWORD *, DWORD);
    SECURITY_STATUS(WINAPI *SignHash)(NCRYPT_PROV_HANDLE, NCRYPT_KEY_HANDLE, VOID *, PBYTE, DWORD, PBYTE, DWORD, DWORD *, DWORD);
    SECURITY_STATUS(WINAPI *VerifySignature)(NCRYPT_PROV_HANDLE, NCRYPT_KEY_HANDLE, VOID *, PBYTE, DWORD, PBYTE, DWORD, DWORD);
    PVOID rest[8];
} TABLE;

static int failed;

/* On ARM64 the register x18 belongs to Windows. The libraries of Debian's wine use it as any other, and the DLL would find another number there after a
   call of one of them: main keeps it, and as_windows_has_it() brings it back. */
static void *kept;
static void keep_register(void) {
#ifdef __aarch64__
    __asm__ volatile("mov %0, x18" : "=r"(kept));
#endif
}
static void as_windows_has_it(void) {
#ifdef __aarch64__
    __asm__ volatile("mov x18, %0" : : "r"(kept));
#endif
}

/* Writes a line. Not by printf: the C library of wine for ARM64 expects the list of its arguments in another form than Windows. */
#define say(...) say_all((const char *const[]){__VA_ARGS__, "\n", NULL})
static void say_all(const char *const *words) {
    for (; *words; words++) fputs(*words, stdout);
}

/* A number in hexadecimal; the text is valid until the second call after this. */
static const char *hex(unsigned number) {
    static char texts[2][9];
    static int which;
    char *text = texts[which = !which];
    for (int at = 7; at >= 0; at--, number >>= 4) text[at] = "0123456789abcdef"[number & 15];
    return text;
}

static void promise(const char *what, int kept) {
    say(kept ? "ok " : "FAIL ", what);
    failed |= !kept;
}

static void status(const char *what, SECURITY_STATUS got, unsigned wanted) {
    promise(what, (unsigned)got == wanted);
    if ((unsigned)got != wanted) say("     status ", hex((unsigned)got), ", not ", hex(wanted));
}

static BYTE *content(const char *name, DWORD *length) {
    FILE *file = fopen(name, "rb");
    BYTE *bytes = malloc(1 << 16);
    if (!file) {
        say("FAIL ", name, " cannot be read");
        exit(1);
    }
    *length = (DWORD)fread(bytes, 1, 1 << 16, file);
    fclose(file);
    return bytes;
}

static void keep(const char *name, const BYTE *bytes, DWORD length) {
    FILE *file = fopen(name, "wb");
    promise("a result is written", file && fwrite(bytes, 1, length, file) == length && fclose(file) == 0);
}

static HMODULE library(const char *name) {
    HMODULE module = LoadLibraryA(name);
    if (!module) {
        say("FAIL ", name, " is loaded: error ", hex(GetLastError()));
        exit(1);
    }
    as_windows_has_it();
    return module;
}

static TABLE *table(HMODULE module) {
    NTSTATUS(WINAPI *get)(LPCWSTR, TABLE **, DWORD) = (void *)GetProcAddress(module, "GetKeyStorageInterface");
    TABLE *found = NULL;
    if (!get || get(L"STM", &found, 0) != 0 || !found) {
        say("FAIL GetKeyStorageInterface gives its table");
        exit(1);
    }
    return found;
}

static WCHAR *wide(const char *text) {
    WCHAR *out = calloc(strlen(text) + 1, sizeof *out);
    for (size_t at = 0; text[at]; at++) out[at] = (unsigned char)text[at];
    return out;
}

static void ksp(const char *dll, const char *alias, const char *digest_file, const char *out, const char *padding) {
    TABLE *t = table(library(dll));
    promise("the table has version 1.0 and no gap", t->version.major == 1 && t->version.minor == 0 && t->Encrypt && t->Decrypt &&
            t->ImportKey && t->rest[0] && t->rest[1] && t->rest[2] && t->rest[3] && t->rest[4] && t->rest[5] && t->rest[6] && t->rest[7]);
    NCRYPT_PROV_HANDLE provider = 0, other = 0;
    NCRYPT_KEY_HANDLE key = 0, more = 0;
    DWORD length = 0, number = 0;
    BYTE bytes[4096];
    status("a provider is opened", t->OpenProvider(&provider, L"STM", 0), 0);
    status("a provider without a place for its handle is refused", t->OpenProvider(NULL, L"STM", 0), 0x80090027);
    status("the provider tells its version", t->GetProviderProperty(provider, L"Version", (PBYTE)&number, 4, &length, 0), 0);
    promise("  which is 1.0", number == 0x10000 && length == 4);
    status("a property that it has not is refused", t->GetProviderProperty(provider, L"Colour", bytes, 8, &length, 0), 0x80090029);
    status("RSA is supported", t->IsAlgSupported(provider, L"RSA", 0), 0);
    status("DES is not", t->IsAlgSupported(provider, L"3DES", 0), 0x80090029);
    NCryptAlgorithmName *algorithms = NULL;
    status("algorithms are listed", t->EnumAlgorithms(provider, 0x10, &number, &algorithms, 0), 0);
    promise("  four of them, RSA first", number == 4 && !wcscmp(algorithms[0].pszName, L"RSA") && !wcscmp(algorithms[3].pszName, L"ECDSA_P521"));
    status("  and the list is freed", t->FreeBuffer(algorithms), 0);
    NCryptKeyName *name = NULL;
    PVOID state = NULL;
    SECURITY_STATUS more_items;
    int found = 0, keys = 0;
    while ((more_items = t->EnumKeys(provider, NULL, &name, &state, 0)) == 0) {
        keys++;
        found |= !wcscmp(name->pszName, wide(alias));
        t->FreeBuffer(name);
    }
    status("keys are listed to the end", more_items, 0x8009002a);
    promise("  several, and this one among them", keys > 4 && found);
    status("  and the state is freed", t->FreeBuffer(state), 0);

    for (DWORD spec = 0; spec <= 2; spec++)
        for (DWORD flags = 0; flags <= 0x60; flags += 0x20) {
            status("the key is opened with any key spec, silent or not, of the machine or not", t->OpenKey(provider, &more, wide(alias), spec, flags), 0);
            status("  and freed", t->FreeKey(provider, more), 0);
        }
    status("a freed key is no key", t->FreeKey(provider, more), 0x80090026);
    status("a flag that means something else is refused", t->OpenKey(provider, &key, wide(alias), 2, 0x80), 0x80090027);
    status("a provider that is none is refused", t->OpenKey(4711, &key, wide(alias), 2, 0), 0x80090026);
    status("the key is opened", t->OpenKey(provider, &key, wide(alias), 2, 0), 0);
    status("a second provider is opened", t->OpenProvider(&other, L"STM", 0), 0);
    status("  and freed", t->FreeProvider(other), 0);
    status("the first is freed, while its key is open", t->FreeProvider(provider), 0);
    status("a provider is not freed twice", t->FreeProvider(provider), 0x80090026);
    status("the key tells its group", t->GetKeyProperty(provider, key, L"Algorithm Group", bytes, sizeof bytes, &length, 0), 0);
    int rsa = !wcscmp((WCHAR *)bytes, L"RSA");
    promise("  as its padding wants it", rsa == (strcmp(padding, "ecdsa") != 0));
    status("a length without a buffer is told", t->GetKeyProperty(provider, key, L"Name", NULL, 0, &length, 0), 0);
    promise("  with the zero at the end", length == 2 * (strlen(alias) + 1));
    status("a short buffer is too small", t->GetKeyProperty(provider, key, L"Name", bytes, length - 1, &length, 0), 0x80090028);
    status("the key has a certificate", t->GetKeyProperty(provider, key, L"SmartCardKeyCertificate", bytes, sizeof bytes, &length, 0), 0);
    promise("  in DER", bytes[0] == 0x30);
    status("the private key is not exported", t->ExportKey(provider, key, 0, L"PRIVATEBLOB", NULL, bytes, sizeof bytes, &length, 0), 0x80090029);
    status("the public key is", t->ExportKey(provider, key, 0, L"PUBLICBLOB", NULL, bytes, sizeof bytes, &length, 0), 0);
    char blob[300];
    lstrcpynA(blob, alias, 256);
    lstrcatA(blob, ".blob");
    keep(blob, bytes, length);

    DWORD digest_length = 0, needed = 0;
    BYTE *digest = content(digest_file, &digest_length);
    BCRYPT_PKCS1_PADDING_INFO pkcs1 = {L"SHA256"};
    BCRYPT_PSS_PADDING_INFO pss = {L"SHA256", 32};
    void *info = !strcmp(padding, "pss") ? (void *)&pss : !strcmp(padding, "pkcs1") ? (void *)&pkcs1 : NULL;
    DWORD flags = !strcmp(padding, "pss") ? 8 : !strcmp(padding, "pkcs1") ? 2 : 0;
    status("a wrong padding is refused", t->SignHash(provider, key, NULL, digest, digest_length, NULL, 0, &needed, rsa ? flags ^ 2 : 8), 0x80090027);
    if (!rsa)
        status("RSA's padding, which signtool /ds gives every key, is borne", t->SignHash(provider, key, &pkcs1, digest, digest_length, NULL, 0, &needed, 2), 0);
    if (rsa) {
        BCRYPT_PKCS1_PADDING_INFO unknown = {L"MD2"};
        status("a hash that nobody knows is refused", t->SignHash(provider, key, &unknown, digest, digest_length, bytes, sizeof bytes, &needed, 2), 0x80090029);
        status("a digest of another length is refused", t->SignHash(provider, key, &pkcs1, digest, 20, bytes, sizeof bytes, &needed, 2), 0x80090004);
    }
    status("the length of a signature is told", t->SignHash(provider, key, info, digest, digest_length, NULL, 0, &needed, flags), 0);
    length = needed;
    status("a short buffer is too small for one", t->SignHash(provider, key, info, digest, digest_length, bytes, length - 1, &needed, flags), 0x80090028);
    status("a digest is signed", t->SignHash(provider, key, info, digest, digest_length, bytes, sizeof bytes, &needed, flags | 0x40), 0);
    promise("  with a signature of that length", needed == length);
    keep(out, bytes, needed);
    status("verifying is Windows' business", t->VerifySignature(provider, key, info, digest, digest_length, bytes, needed, flags), 0x80090029);
    status("keypairs are not deleted here", t->DeleteKey(provider, key, 0), 0x80090029);
    status("the key is freed after its provider", t->FreeKey(provider, key), 0);
}

static void misses(const char *dll, const char *alias) {
    TABLE *t = table(library(dll));
    NCRYPT_KEY_HANDLE key = 0;
    DWORD ways[4][2] = {{2, 0}, {1, 0}, {2, 0x20}, {1, 0x20}};
    for (int way = 0; way < 4; way++) {
        NCRYPT_PROV_HANDLE provider = 0;
        status("a provider is opened", t->OpenProvider(&provider, L"STM", 0), 0);
        status("a key that is not there is a keyset that does not exist", t->OpenKey(provider, &key, wide(alias), ways[way][0], ways[way][1]), 0x80090016);
        status("the provider is freed", t->FreeProvider(provider), 0);
    }
}

static void dlib(const char *dll, const char *metadata_file, const char *digest_file, const char *out, const char *certificate_file) {
    HMODULE module = library(dll);
    DWORD length = 0, digest_length = 0;
    CRYPT_DATA_BLOB metadata = {0, NULL}, signature = {0, NULL}, none = {0, NULL};
    metadata.pbData = content(metadata_file, &metadata.cbData);
    BYTE *digest = content(digest_file, &digest_length);
    HRESULT(WINAPI *plain)(PCCERT_CONTEXT, CRYPT_DATA_BLOB *, ALG_ID, PBYTE, DWORD, CRYPT_DATA_BLOB *) = (void *)GetProcAddress(module, "AuthenticodeDigestSign");
    HRESULT(WINAPI *ex)(CRYPT_DATA_BLOB *, ALG_ID, PBYTE, DWORD, CRYPT_DATA_BLOB *, PCCERT_CONTEXT *, HCERTSTORE) = (void *)GetProcAddress(module, "AuthenticodeDigestSignEx");
    promise("both callbacks are exported", plain && ex);
    if (certificate_file) {
        BYTE *der = content(certificate_file, &length);
        PCCERT_CONTEXT certificate = CertCreateCertificateContext(X509_ASN_ENCODING, der, length);
        promise("the certificate is one", certificate != NULL);
        as_windows_has_it();
        status("no metadata is refused", plain(certificate, NULL, 0x800c, digest, digest_length, &none), 0x80090027);
        status("an algorithm that is none is refused", plain(certificate, &metadata, 0x8003, digest, digest_length, &none), 0x80090029);
        promise("  and nothing is given", none.pbData == NULL);
        status("the callback signs", plain(certificate, &metadata, 0x800c, digest, digest_length, &signature), 0);
        CertFreeCertificateContext(certificate);
    } else {
        HCERTSTORE store = CertOpenStore(CERT_STORE_PROV_MEMORY, 0, 0, CERT_STORE_CREATE_NEW_FLAG, NULL);
        PCCERT_CONTEXT signer = NULL, next = NULL;
        as_windows_has_it();
        status("the callback signs and brings its certificate", ex(&metadata, 0x800c, digest, digest_length, &signature, &signer, store), 0);
        promise("  which is in signtool's hands", signer != NULL);
        int count = 0;
        while ((next = CertEnumCertificatesInStore(store, next))) count++;
        promise("  with its issuers in signtool's store", count >= 2);
        if (signer) keep("signer.der", signer->pbCertEncoded, signer->cbCertEncoded);
    }
    keep(out, signature.pbData, signature.cbData);
    promise("signtool frees the signature", HeapFree(GetProcessHeap(), 0, signature.pbData));
}

static void rounds(const char *dll, const char *alias, const char *digest_file) {
    DWORD digest_length = 0, needed = 0;
    BYTE *digest = content(digest_file, &digest_length), bytes[1024];
    BCRYPT_PKCS1_PADDING_INFO pkcs1 = {L"SHA256"};
    int good = 0;
    for (int round = 0; round < 20; round++) {
        HMODULE module = library(dll);
        TABLE *t = table(module);
        NCRYPT_PROV_HANDLE provider = 0;
        NCRYPT_KEY_HANDLE key = 0;
        good += t->OpenProvider(&provider, L"STM", 0) == 0 && t->OpenKey(provider, &key, wide(alias), 2, 0) == 0 &&
                t->SignHash(provider, key, &pkcs1, digest, digest_length, bytes, sizeof bytes, &needed, 2) == 0 &&
                t->FreeProvider(provider) == 0 && t->FreeKey(provider, key) == 0;
        FreeLibrary(module);
        Sleep(20);
        as_windows_has_it();
    }
    promise("twenty times loaded, signed with and freed", good == 20);
}

static void linked(const char *file, const char *alias, const char *provider) {
    static WCHAR container[64], name[64];
    DWORD length = 0;
    BYTE *der = content(file, &length);
    CRYPT_KEY_PROV_INFO link = {lstrcpynW(container, wide(alias), 64), lstrcpynW(name, wide(provider), 64), 0, 0, 0, NULL, 0};
    HCERTSTORE store = CertOpenStore(CERT_STORE_PROV_SYSTEM_W, 0, 0, CERT_SYSTEM_STORE_CURRENT_USER, L"MY");
    PCCERT_CONTEXT certificate = NULL;
    promise("the certificate is in the store", CertAddEncodedCertificateToStore(store, X509_ASN_ENCODING, der, length, CERT_STORE_ADD_ALWAYS, &certificate));
    promise("  with a link", CertSetCertificateContextProperty(certificate, CERT_KEY_PROV_INFO_PROP_ID, 0, &link));
    CertFreeCertificateContext(certificate);
    CertCloseStore(store, 0);
}

int main(int count, char **words) {
    keep_register();
    if (count > 6 && !strcmp(words[1], "ksp")) ksp(words[2], words[3], words[4], words[5], words[6]);
    else if (count > 3 && !strcmp(words[1], "misses")) misses(words[2], words[3]);
    else if (count > 5 && !strcmp(words[1], "dlib")) dlib(words[2], words[3], words[4], words[5], count > 6 ? words[6] : NULL);
    else if (count > 4 && !strcmp(words[1], "rounds")) rounds(words[2], words[3], words[4]);
    else if (count > 4 && !strcmp(words[1], "link")) linked(words[2], words[3], words[4]);
    else return 2;
    fflush(stdout);
    return failed;
}
