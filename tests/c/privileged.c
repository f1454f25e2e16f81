/* A program that is copied and made set-uid or set-gid: initialises a module and searches for keys, as a login program would.
 *
 *   privileged MODULE
 *
 * Prints the code of each call. With DROP in front of MODULE it gives its rights back first. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long ulong_t;

int main(int count, char **words) {
    if (count == 3 && strcmp(words[1], "DROP") == 0) {
        if (setresgid(getgid(), getgid(), getgid()) || setresuid(getuid(), getuid(), getuid())) {
            fprintf(stderr, "the rights cannot be given back\n");
            return 2;
        }
        words++;
        count--;
    }
    void *library = count == 2 ? dlopen(words[1], RTLD_NOW | RTLD_LOCAL) : NULL;
    if (!library) {
        fprintf(stderr, "%s\n", count == 2 ? dlerror() : "privileged [DROP] MODULE");
        return 2;
    }
    ulong_t (*initialize)(void *) = (ulong_t(*)(void *))dlsym(library, "C_Initialize");
    ulong_t (*finalize)(void *) = (ulong_t(*)(void *))dlsym(library, "C_Finalize");
    ulong_t (*open)(ulong_t, ulong_t, void *, void *, ulong_t *) =
        (ulong_t(*)(ulong_t, ulong_t, void *, void *, ulong_t *))dlsym(library, "C_OpenSession");
    ulong_t (*search)(ulong_t, void *, ulong_t) = (ulong_t(*)(ulong_t, void *, ulong_t))dlsym(library, "C_FindObjectsInit");
    if (!initialize || !finalize || !open || !search) {
        fprintf(stderr, "a function is missing\n");
        return 2;
    }
    for (int round = 0; round < 2; round++) {
        ulong_t session = 0;
        printf("initialize %lx\n", initialize(NULL));
        printf("open %lx\n", open(0, 4, NULL, NULL, &session));
        printf("search %lx\n", search(session, NULL, 0));
        printf("finalize %lx\n", finalize(NULL));
    }
    return 0;
}
