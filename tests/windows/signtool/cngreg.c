/* The registration of CNG providers, which wine's bcrypt takes without doing anything: written into the registry as Windows does. A copy of
   the companion whose import of bcrypt.dll is renamed calls this one. */
#include <windows.h>

#define PROVIDERS L"SYSTEM\\CurrentControlSet\\Control\\Cryptography\\Providers\\"
/* The list of the key storage interface's providers, as BCryptResolveProviders reads it. */
#define LIST L"SYSTEM\\CurrentControlSet\\Control\\Cryptography\\Configuration\\Local\\Default\\00010001\\KEY_STORAGE"
#define STATUS_NOT_FOUND ((LONG)0xc0000225)
#define STATUS_COLLISION ((LONG)0xc0000035)

struct image {
    LPWSTR name;
    ULONG kinds;
    void *list;
};
struct provider {
    ULONG aliases;
    void *names;
    struct image *user, *kernel;
};

static LONG status_of(LONG error) {
    return error == ERROR_SUCCESS ? 0 : error == ERROR_FILE_NOT_FOUND ? STATUS_NOT_FOUND : (LONG)0xc0000022;
}

/* Not by swprintf: see doors.c. */
static void path_of(WCHAR path[512], LPCWSTR name) {
    lstrcpyW(path, PROVIDERS);
    lstrcpynW(path + lstrlenW(path), name, 400);
}

LONG WINAPI BCryptRegisterProvider(LPCWSTR name, ULONG flags, struct provider *provider) {
    WCHAR path[512];
    (void)flags;
    path_of(path, name);
    lstrcatW(path, L"\\UM");
    LPCWSTR image = provider->user->name;
    return status_of(RegSetKeyValueW(HKEY_LOCAL_MACHINE, path, L"Image", REG_SZ, image, (lstrlenW(image) + 1) * sizeof *image));
}

LONG WINAPI BCryptUnregisterProvider(LPCWSTR name) {
    WCHAR path[512];
    path_of(path, name);
    return status_of(RegDeleteTreeW(HKEY_LOCAL_MACHINE, path));
}

LONG WINAPI BCryptAddContextFunction(ULONG table, LPCWSTR context, ULONG kind, LPCWSTR function, ULONG place) {
    (void)table, (void)context, (void)kind, (void)function, (void)place;
    return STATUS_COLLISION; /* Windows has KEY_STORAGE from the beginning */
}

LONG WINAPI BCryptAddContextFunctionProvider(ULONG table, LPCWSTR context, ULONG kind, LPCWSTR function, LPCWSTR name,
                                             ULONG place) {
    DWORD there = 1, size = sizeof there;
    (void)table, (void)context, (void)kind, (void)function, (void)place;
    if (!RegGetValueW(HKEY_LOCAL_MACHINE, LIST, name, RRF_RT_REG_DWORD, NULL, &there, &size))
        return STATUS_COLLISION;
    return status_of(RegSetKeyValueW(HKEY_LOCAL_MACHINE, LIST, name, REG_DWORD, &there, sizeof there));
}

LONG WINAPI BCryptRemoveContextFunctionProvider(ULONG table, LPCWSTR context, ULONG kind, LPCWSTR function, LPCWSTR name) {
    (void)table, (void)context, (void)kind, (void)function;
    return status_of(RegDeleteKeyValueW(HKEY_LOCAL_MACHINE, LIST, name));
}
