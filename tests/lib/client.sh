# shellcheck shell=bash
# Sourced by every script in tests/clients/: a folder to work in, a service to sign with, checks, and a tidy end.
#
# A script may rely on these:
#   ROOT     the repository
#   MODULE   the PKCS#11 module under test
#   LIBRARIES  where Debian installs libraries for this machine
#   WORK     an empty folder, the current one; removed at the end (kept with KEEP_WORK=1)
#   HOME     a folder inside WORK, so that no test reads or writes the settings of the person who runs it

set -euo pipefail
shopt -s inherit_errexit

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
TARGET=${CARGO_TARGET_DIR:-$ROOT/target}
MODULE=${STM_PKCS11_MODULE:-$TARGET/release/libstm_pkcs11.so}
EMULATOR=${STM_EMULATOR:-$TARGET/release/stm-emulator}
COMPANION=${STM_PKCS11_COMPANION:-$TARGET/release/stm-pkcs11}
LIBRARIES=/usr/lib/$(uname -m)-linux-gnu
SEEDS=${STM_TEST_SEEDS:-$TARGET/test-seeds}

WORK=$(mktemp -d "${TMPDIR:-/tmp}/stm-test-XXXXXX")
mkdir -p "$WORK/home" "$WORK/log"
USER_HOME=$HOME # package managers keep their settings and caches there
export HOME=$WORK/home XDG_CACHE_HOME=$WORK/cache XDG_CONFIG_HOME=$WORK/home/.config LC_ALL=C.UTF-8
export PYTHONDONTWRITEBYTECODE=1 # the repository stays as it is

# Nothing of the caller's own account may leak into a test.
for name in $(compgen -e | grep -E '^(SM_|STM_PKCS11_|PKCS11_|OPENSSL_CONF|P11_KIT)' || true); do
    unset "$name"
done

# shellcheck source=tests/lib/check.sh
source "$ROOT/tests/lib/check.sh"
# shellcheck source=tests/lib/service.sh
source "$ROOT/tests/lib/service.sh"
# shellcheck source=tests/lib/files.sh
source "$ROOT/tests/lib/files.sh"

# shellcheck source=tests/lib/java.sh
source "$ROOT/tests/lib/java.sh"
quick_java "$WORK/java-programs"

# Processes that the script started and that must not outlive it: add with `CHILDREN+=($!)`.
CHILDREN=()

end() {
    local status=$?
    trap - EXIT ERR
    local child
    for child in "${CHILDREN[@]}"; do
        kill "$child" 2>/dev/null || true
        wait "$child" 2>/dev/null || true
    done
    if [[ $status -ne 0 ]]; then
        echo "FAIL the script itself stopped with status $status" >&2
        FAILED=$((FAILED + 1))
    fi
    echo "checks: $PASSED passed, $FAILED failed"
    cd / # WORK must not be the current folder of the one who removes it
    if [[ -n ${KEEP_WORK:-} ]]; then
        echo "kept: $WORK"
    else
        rm -rf "$WORK"
    fi
    [[ $FAILED -eq 0 && $PASSED -gt 0 ]]
    exit
}
trap end EXIT
set -o errtrace
trap 'echo "FAIL at line $LINENO of ${BASH_SOURCE[0]##*/}: $BASH_COMMAND" >&2' ERR
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

for file in "$MODULE" "$EMULATOR" "$COMPANION"; do
    [[ -e $file ]] || { echo "FAIL $file is not there: run 'cargo module' and 'cargo build --release --package stm-emulator --package stm-pkcs11-cli' first" >&2; exit 1; }
done
cd "$WORK"
