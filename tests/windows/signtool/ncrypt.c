/* ncrypt.dll: finds a key storage provider where Windows keeps its registration, loads it, and passes calls on to the functions
   of its table. A handle of ours holds a handle of the provider's, as on Windows. */
#include <windows.h>
#include <bcrypt.h>
#include <ncrypt.h>
#include <stdlib.h>

/* The first functions of NCRYPT_KEY_STORAGE_FUNCTION_TABLE, in its order; what this file does not call has no type. */
struct table {
    USHORT major, minor;
    SECURITY_STATUS(WINAPI *open_provider)(ULONG_PTR *, LPCWSTR, DWORD);
    SECURITY_STATUS(WINAPI *open_key)(ULONG_PTR, ULONG_PTR *, LPCWSTR, DWORD, DWORD);
    void *create_key;
    SECURITY_STATUS(WINAPI *provider_property)(ULONG_PTR, LPCWSTR, BYTE *, DWORD, DWORD *, DWORD);
    SECURITY_STATUS(WINAPI *key_property)(ULONG_PTR, ULONG_PTR, LPCWSTR, BYTE *, DWORD, DWORD *, DWORD);
    void *set_provider_property, *set_key_property, *finalize_key, *delete_key;
    SECURITY_STATUS(WINAPI *free_provider)(ULONG_PTR);
    SECURITY_STATUS(WINAPI *free_key)(ULONG_PTR, ULONG_PTR);
    void *free_buffer, *encrypt, *decrypt, *is_supported, *enum_algorithms, *enum_keys, *import_key;
    SECURITY_STATUS(WINAPI *export_key)
    (ULONG_PTR, ULONG_PTR, ULONG_PTR, LPCWSTR, NCryptBufferDesc *, BYTE *, DWORD, DWORD *, DWORD);
    SECURITY_STATUS(WINAPI *sign_hash)
    (ULONG_PTR, ULONG_PTR, void *, BYTE *, DWORD, BYTE *, DWORD, DWORD *, DWORD);
};
typedef NTSTATUS(WINAPI *get_interface)(LPCWSTR, struct table **, DWORD);

#define PROVIDER 0x564f5250
#define KEY 0x5f59454b
struct object {
    DWORD kind;
    struct table *table;
    ULONG_PTR provider, key;
};

static struct object *object(ULONG_PTR handle, DWORD kind) {
    struct object *object = (struct object *)handle;
    return object && !IsBadReadPtr(object, sizeof *object) && object->kind == kind ? object : NULL;
}

static ULONG_PTR made(DWORD kind, struct table *table, ULONG_PTR provider, ULONG_PTR key) {
    struct object *object = malloc(sizeof *object);
    *object = (struct object){kind, table, provider, key};
    return (ULONG_PTR)object;
}

SECURITY_STATUS WINAPI NCryptOpenStorageProvider(NCRYPT_PROV_HANDLE *out, LPCWSTR name, DWORD flags) {
    static const WCHAR place[] = L"SYSTEM\\CurrentControlSet\\Control\\Cryptography\\Providers\\";
    static const WCHAR list[] =
        L"SYSTEM\\CurrentControlSet\\Control\\Cryptography\\Configuration\\Local\\Default\\00010001\\KEY_STORAGE";
    WCHAR path[512], image[MAX_PATH];
    DWORD size = sizeof image;
    if (lstrlenW(name) > 256)
        return NTE_INVALID_PARAMETER;
    lstrcpyW(path, place);
    lstrcatW(path, name);
    lstrcatW(path, L"\\UM");
    if (RegGetValueW(HKEY_LOCAL_MACHINE, path, L"Image", RRF_RT_REG_SZ, NULL, image, &size))
        return NTE_NOT_FOUND;
    /* As BCryptResolveProviders: a provider that is not in the list of the interface is not found. */
    if (RegGetValueW(HKEY_LOCAL_MACHINE, list, name, RRF_RT_REG_DWORD, NULL, NULL, NULL))
        return NTE_NOT_FOUND;
    HMODULE library = LoadLibraryW(image);
    get_interface get = library ? (get_interface)(void *)GetProcAddress(library, "GetKeyStorageInterface") : NULL;
    struct table *table;
    if (!get || get(name, &table, 0))
        return NTE_PROVIDER_DLL_FAIL;
    ULONG_PTR provider;
    SECURITY_STATUS status = table->open_provider(&provider, name, flags);
    if (!status)
        *out = made(PROVIDER, table, provider, 0);
    return status;
}

SECURITY_STATUS WINAPI NCryptOpenKey(NCRYPT_PROV_HANDLE from, NCRYPT_KEY_HANDLE *out, LPCWSTR name, DWORD spec, DWORD flags) {
    struct object *provider = object(from, PROVIDER);
    ULONG_PTR key;
    if (!provider)
        return NTE_INVALID_HANDLE;
    SECURITY_STATUS status = provider->table->open_key(provider->provider, &key, name, spec, flags);
    if (!status)
        *out = made(KEY, provider->table, provider->provider, key);
    return status;
}

SECURITY_STATUS WINAPI NCryptFreeObject(NCRYPT_HANDLE handle) {
    struct object *it = object(handle, KEY);
    SECURITY_STATUS status = NTE_INVALID_HANDLE;
    if (it)
        status = it->table->free_key(it->provider, it->key);
    else if ((it = object(handle, PROVIDER)))
        status = it->table->free_provider(it->provider);
    if (it)
        it->kind = 0;
    return status;
}

SECURITY_STATUS WINAPI NCryptGetProperty(NCRYPT_HANDLE handle, LPCWSTR name, BYTE *out, DWORD room, DWORD *size, DWORD flags) {
    struct object *it = object(handle, KEY);
    if (it)
        return it->table->key_property(it->provider, it->key, name, out, room, size, flags);
    it = object(handle, PROVIDER);
    return it ? it->table->provider_property(it->provider, name, out, room, size, flags) : NTE_INVALID_HANDLE;
}

SECURITY_STATUS WINAPI NCryptExportKey(NCRYPT_KEY_HANDLE handle, NCRYPT_KEY_HANDLE with, LPCWSTR kind, NCryptBufferDesc *list,
                                       BYTE *out, DWORD room, DWORD *size, DWORD flags) {
    struct object *it = object(handle, KEY);
    return it ? it->table->export_key(it->provider, it->key, with, kind, list, out, room, size, flags) : NTE_INVALID_HANDLE;
}

SECURITY_STATUS WINAPI NCryptSignHash(NCRYPT_KEY_HANDLE handle, void *padding, BYTE *hash, DWORD length, BYTE *out, DWORD room,
                                      DWORD *size, DWORD flags) {
    struct object *it = object(handle, KEY);
    return it ? it->table->sign_hash(it->provider, it->key, padding, hash, length, out, room, size, flags)
              : NTE_INVALID_HANDLE;
}

BOOL WINAPI NCryptIsKeyHandle(NCRYPT_KEY_HANDLE handle) { return object(handle, KEY) != NULL; }
