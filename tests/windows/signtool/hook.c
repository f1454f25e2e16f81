#include "hook.h"

static void replace(IMAGE_THUNK_DATA *slot, const struct hook *hook) {
    void *old = (void *)slot->u1.Function;
    if (old == hook->mine)
        return;
    if (hook->theirs)
        *hook->theirs = old;
    DWORD protection;
    VirtualProtect(slot, sizeof *slot, PAGE_READWRITE, &protection);
    slot->u1.Function = (ULONG_PTR)hook->mine;
    VirtualProtect(slot, sizeof *slot, protection, &protection);
}

void hook_imports(HMODULE module, const struct hook *hooks) {
    BYTE *base = (BYTE *)module;
    IMAGE_NT_HEADERS *headers = (IMAGE_NT_HEADERS *)(base + ((IMAGE_DOS_HEADER *)base)->e_lfanew);
    DWORD at = headers->OptionalHeader.DataDirectory[IMAGE_DIRECTORY_ENTRY_IMPORT].VirtualAddress;
    if (!at)
        return;
    for (IMAGE_IMPORT_DESCRIPTOR *from = (void *)(base + at); from->Name; from++) {
        IMAGE_THUNK_DATA *name = (void *)(base + from->OriginalFirstThunk);
        IMAGE_THUNK_DATA *slot = (void *)(base + from->FirstThunk);
        for (; name->u1.AddressOfData; name++, slot++) {
            if (name->u1.Ordinal & IMAGE_ORDINAL_FLAG)
                continue;
            IMAGE_IMPORT_BY_NAME *import = (void *)(base + name->u1.AddressOfData);
            for (const struct hook *hook = hooks; hook->name; hook++)
                if (!lstrcmpA((char *)import->Name, hook->name))
                    replace(slot, hook);
        }
    }
}
