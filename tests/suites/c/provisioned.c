/* A module in front of another one, for suites whose set-up provisions the token first.
 *
 * C_InitToken, C_InitPIN and the security officer's C_Login and C_Logout do nothing, and answer CKR_OK if slot or session are there: accounts and PINs are the service's,
 * and the token is as such a set-up would leave it. Every other call goes to the
 * module that SUITE_MODULE names. Only the list of PKCS#11 2.40 is there. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef unsigned long ulong_t;
typedef void *function_t;

/* Places in CK_FUNCTION_LIST after its version, in the standard's order. */
enum { INITIALIZE = 0, SLOT_INFO = 5, INIT_TOKEN = 9, INIT_PIN = 10, SESSION_INFO = 15, LOGIN = 18, LOGOUT = 19, FUNCTIONS = 68 };

struct list {
    unsigned char version[2];
    function_t functions[FUNCTIONS];
};

static struct list own;
static const struct list *behind;
/* Whether the security officer is logged in, as the application has it. */
static int officer;

/* What the module says of a slot or a session: 0, or the code for one that is not there, or of a run that has not begun. */
static ulong_t ask(int function, ulong_t subject) {
    char info[1024];
    return ((ulong_t(*)(ulong_t, void *))behind->functions[function])(subject, info);
}

static ulong_t init_token(ulong_t slot, void *pin, ulong_t length, void *label) {
    (void)pin, (void)length, (void)label;
    return ask(SLOT_INFO, slot);
}

static ulong_t init_pin(ulong_t session, void *pin, ulong_t length) {
    (void)pin, (void)length;
    return ask(SESSION_INFO, session);
}

static ulong_t login(ulong_t session, ulong_t user, void *pin, ulong_t length) {
    if (user == 0) {
        ulong_t code = ask(SESSION_INFO, session);
        officer = code == 0;
        return code;
    }
    officer = 0;
    return ((ulong_t(*)(ulong_t, ulong_t, void *, ulong_t))behind->functions[LOGIN])(session, user, pin, length);
}

static ulong_t logout(ulong_t session) {
    if (officer) {
        ulong_t code = ask(SESSION_INFO, session);
        officer = code != 0;
        return code;
    }
    return ((ulong_t(*)(ulong_t))behind->functions[LOGOUT])(session);
}

static ulong_t initialize(void *arguments) {
    officer = 0;
    return ((ulong_t(*)(void *))behind->functions[INITIALIZE])(arguments);
}

ulong_t C_GetFunctionList(const struct list **list) {
    if (!behind) {
        const char *path = getenv("SUITE_MODULE");
        void *library = path ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;
        ulong_t (*get)(const struct list **) = library ? (ulong_t(*)(const struct list **))dlsym(library, "C_GetFunctionList") : NULL;
        if (!get || get(&behind)) {
            fprintf(stderr, "SUITE_MODULE: %s\n", path ? dlerror() : "is not set");
            return 6;
        }
        own = *behind;
        own.functions[INITIALIZE] = initialize;
        own.functions[INIT_TOKEN] = init_token;
        own.functions[INIT_PIN] = init_pin;
        own.functions[LOGIN] = login;
        own.functions[LOGOUT] = logout;
    }
    *list = &own;
    return 0;
}
