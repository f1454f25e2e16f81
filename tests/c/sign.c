/* A client in C, for systems where no other client can be had: loads a module, finds a private key by its label, signs a file.
 *
 *   sign MODULE LABEL FILE SIGNATURE
 *
 * CKM_SHA256_RSA_PKCS or CKM_ECDSA_SHA256, as the key is. Compiled for Linux with glibc and musl, and for Windows. */
#include <p11-kit/pkcs11.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef _WIN32
#include <windows.h>
#define load(name) ((void *)LoadLibraryA(name))
#define symbol(library, name) ((void *)GetProcAddress((HMODULE)(library), name))
#define unload(library) FreeLibrary((HMODULE)(library))
#else
#include <dlfcn.h>
#define load(name) dlopen(name, RTLD_NOW | RTLD_LOCAL)
#define symbol(library, name) dlsym(library, name)
#define unload(library) dlclose(library)
#endif

static void must(CK_RV rv, const char *what) {
    if (rv != CKR_OK) {
        fprintf(stderr, "%s: 0x%lx\n", what, (unsigned long)rv);
        exit(1);
    }
}

static unsigned char *content(const char *name, CK_ULONG *length) {
    FILE *file = fopen(name, "rb");
    unsigned char *bytes = malloc(1 << 20);
    if (!file || !bytes) {
        fprintf(stderr, "%s cannot be read\n", name);
        exit(1);
    }
    *length = (CK_ULONG)fread(bytes, 1, 1 << 20, file);
    fclose(file);
    return bytes;
}

int main(int count, char **words) {
    if (count != 5) {
        fprintf(stderr, "sign MODULE LABEL FILE SIGNATURE\n");
        return 2;
    }
    void *library = load(words[1]);
    if (!library) {
        fprintf(stderr, "%s cannot be loaded\n", words[1]);
        return 1;
    }
    CK_C_GetFunctionList get = (CK_C_GetFunctionList)symbol(library, "C_GetFunctionList");
    CK_FUNCTION_LIST *p11 = NULL;
    if (!get || get(&p11) != CKR_OK) {
        fprintf(stderr, "there is no C_GetFunctionList\n");
        return 1;
    }
    must(p11->C_Initialize(NULL), "C_Initialize");
    CK_SLOT_ID slots[64];
    CK_ULONG room = 64;
    must(p11->C_GetSlotList(CK_TRUE, slots, &room), "C_GetSlotList");
    CK_SESSION_HANDLE session;
    must(p11->C_OpenSession(slots[0], CKF_SERIAL_SESSION, NULL, NULL, &session), "C_OpenSession");

    CK_OBJECT_CLASS class = CKO_PRIVATE_KEY;
    CK_ATTRIBUTE wanted[] = {{CKA_CLASS, &class, sizeof class}, {CKA_LABEL, words[2], (CK_ULONG)strlen(words[2])}};
    CK_OBJECT_HANDLE key;
    CK_ULONG found = 0;
    must(p11->C_FindObjectsInit(session, wanted, 2), "C_FindObjectsInit");
    must(p11->C_FindObjects(session, &key, 1, &found), "C_FindObjects");
    must(p11->C_FindObjectsFinal(session), "C_FindObjectsFinal");
    if (found != 1) {
        fprintf(stderr, "there is no key %s\n", words[2]);
        return 1;
    }
    CK_KEY_TYPE type = 0;
    CK_ATTRIBUTE asked = {CKA_KEY_TYPE, &type, sizeof type};
    must(p11->C_GetAttributeValue(session, key, &asked, 1), "C_GetAttributeValue");
    CK_MECHANISM mechanism = {type == CKK_RSA ? CKM_SHA256_RSA_PKCS : CKM_ECDSA_SHA256, NULL, 0};
    CK_ULONG length = 0, signature_length = 0;
    unsigned char *data = content(words[3], &length);
    must(p11->C_SignInit(session, &mechanism, key), "C_SignInit");
    must(p11->C_Sign(session, data, length, NULL, &signature_length), "C_Sign for the length");
    unsigned char *signature = malloc(signature_length);
    must(p11->C_Sign(session, data, length, signature, &signature_length), "C_Sign");
    FILE *out = fopen(words[4], "wb");
    if (!out || fwrite(signature, 1, signature_length, out) != signature_length || fclose(out) != 0) {
        fprintf(stderr, "%s cannot be written\n", words[4]);
        return 1;
    }
    must(p11->C_Finalize(NULL), "C_Finalize");
    free(signature);
    free(data);
    unload(library);
    return 0;
}
