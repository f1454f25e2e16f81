#!/usr/bin/env bash
# what: OpenSC's p11test: every key signs with every mechanism, OpenSSL and C_Verify judge
# needs: cc build-essential
# needs: file:/usr/include/cmocka.h libcmocka-dev
# needs: file:/usr/include/openssl/evp.h libssl-dev
# needs: softhsm2-util softhsm2
# needs: pkcs11-tool opensc
source "$(dirname "$0")/../lib/client.sh"
source "$ROOT/tests/suites/lib.sh"

source=$(debian_source opensc)
program=$SUITES/p11test
if [[ ! -e $program ]]; then
    mkdir -p "$SUITES/p11test-config"
    # What its configure finds on every Linux.
    printf '#define %s 1\n' HAVE_STDINT_H HAVE_INTTYPES_H HAVE_STRING_H HAVE_UNISTD_H HAVE_DLFCN_H ENABLE_OPENSSL >"$SUITES/p11test-config/config.h"
    (cd "$source/src/tests/p11test" &&
        cc -w -DHAVE_CONFIG_H -I"$SUITES/p11test-config" -I"$source/src" -I. ./*.c -lcmocka -lcrypto -ldl -o "$program")
fi

start_service
# Without the OFFLINE keypair and the one without a certificate: the suite takes every key for one that signs.
export STM_PKCS11_KEYPAIRS='demo-rsa-*, demo-ec-*'
"$program" -m "$MODULE" -s 0 -p 1234 >out 2>&1 || true
cmocka out >results
softhsm
slot=$(pkcs11-tool --module "$SOFTHSM" --list-token-slots | sed -nE 's/.*\((0x[0-9a-f]+)\).*/\1/p' | head -n 1)
"$program" -m "$SOFTHSM" -s $((slot)) -p 1234 >out.softhsm 2>&1 || true
cmocka out.softhsm >results.softhsm
judge opensc "$(version_of opensc)" results results.softhsm
keeps_secrets
