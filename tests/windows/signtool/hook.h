/* Replaces what a loaded module imports. */
#pragma once
#include <windows.h>

struct hook {
    const char *name;
    void *mine;
    void **theirs; /* where the replaced function is kept, or NULL */
};

/* Replaces, in the import table of `module`, each function that `hooks` names (a NULL name ends the list). */
void hook_imports(HMODULE module, const struct hook *hooks);
