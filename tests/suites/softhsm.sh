#!/usr/bin/env bash
# what: SoftHSM's p11test, by the switch that it has for other libraries
# needs: c++ build-essential
# needs: file:/usr/include/cppunit/TestCase.h libcppunit-dev
# needs: softhsm2-util softhsm2
# needs: pkcs11-tool opensc
source "$(dirname "$0")/../lib/client.sh"
source "$ROOT/tests/suites/lib.sh"

source=$(debian_source softhsm2)
program=$SUITES/softhsm-p11test
if [[ ! -e $program ]]; then
    library=$source/src/lib
    build=$SUITES/softhsm-objects
    rm -rf "$build" && mkdir -p "$build"
    # What its configure finds on every Linux, and what it was told of algorithms.
    printf '#define %s 1\n' HAVE_PTHREAD_H HAVE_DLFCN_H HAVE_UNISTD_H WITH_ECC WITH_EDDSA HAVE_AES_KEY_WRAP >"$build/config.h"
    printf '#define %s\n' 'DEFAULT_LOG_LEVEL 4' >>"$build/config.h"
    for file in "$library"/test/*.cpp "$library/common/log.cpp" "$library/common/osmutex.cpp"; do
        # SUITE_LIBRARY is asked at run time, since one program is to try two libraries.
        c++ -w -O0 -DHAVE_CONFIG_H '-DP11M=getenv("SUITE_LIBRARY")' -include cstdlib -I"$build" -I"$library" -I"$library/common" -I"$library/test" \
            -I"$library/pkcs11" -c "$file" -o "$build/$(basename "$file" .cpp).o"
    done
    c++ "$build"/*.o -lcppunit -ldl -lpthread -o "$program"
fi
shim=$(provisioned)
mapfile -t tests < <(sed -nE 's/^\tCPPUNIT_TEST\(([A-Za-z0-9_]+)\);.*/\1/p; s/.*class ([A-Za-z]+) : public.*/class \1/p' "$source"/src/lib/test/*Tests.h |
    awk '$1 == "class" { class = $2; next } { print class "::" $1 }')

# run LIBRARY FILE: each test in a process of its own: one that fails leaves nothing to the next.
run() {
    local test code
    for test in "${tests[@]}"; do
        code=0
        SUITE_LIBRARY=$1 timeout 60 "$program" "$test" >>"$2.out" 2>&1 || code=$?
        [[ $code -eq 0 ]] && echo "pass ${test/::/.}" || echo "fail ${test/::/.}"
    done >"$2"
}

start_service
export STM_PKCS11_KEYPAIRS='demo-rsa-*, demo-ec-*'
SUITE_MODULE=$(realpath "$MODULE") run "$shim" results
unset STM_PKCS11_KEYPAIRS
# Its own library, with the files that its tests name.
cd "$SUITES/softhsm-objects"
rm -rf tokens && mkdir tokens
for name in softhsm2 softhsm2-alt softhsm2-mech softhsm2-reset-on-fork; do
    sed "s#@builddir@#$PWD#" "$source/src/lib/test/$name.conf.in" >"$name.conf"
done
SOFTHSM2_CONF=$PWD/softhsm2.conf softhsm2-util --init-token --free --label token1 --pin 1234 --so-pin 12345678 >/dev/null
run /usr/lib/softhsm/libsofthsm2.so "$WORK/results.softhsm"
cd "$WORK"
judge softhsm "$(version_of softhsm2)" results results.softhsm
keeps_secrets
