#!/usr/bin/env bash
# what: Botan's PKCS#11 tests, out of the crate that carries Botan's own source (Debian's copy is without the PKCS#11 part)
# slow: a part of Botan is built first
# needs: cc build-essential
# needs: c++ build-essential
# needs: make build-essential
# needs: xz xz-utils
# needs: python3 python3
# needs: jq jq
# needs: curl curl
# needs: softhsm2-util softhsm2
# needs: pkcs11-tool opensc
source "$(dirname "$0")/../lib/client.sh"
source "$ROOT/tests/suites/lib.sh"

CRATE=0.31300.1
folder=$SUITES/botan-$CRATE
program=$folder/build/botan-test
if [[ ! -e $folder/complete ]]; then
    rm -rf "$folder" && mkdir -p "$folder/crate/src" "$folder/source"
    # A package of its own, though it lies within this one, that is there only to bring the crate.
    printf '[package]\nname = "botan-source"\nversion = "0.0.0"\nedition = "2021"\n[dependencies]\nbotan-src = "=%s"\n[workspace]\n' \
        "$CRATE" >"$folder/crate/Cargo.toml"
    touch "$folder/crate/src/lib.rs"
    crate=$(cd "$folder/crate" && HOME=$USER_HOME cargo metadata --format-version 1 |
        jq -r '.packages[] | select(.name == "botan-src") | .manifest_path')
    tar -xf "$(dirname "$crate")"/vendor/Botan-*.tar.xz -C "$folder/source" --strip-components 1
    touch "$folder/complete"
fi
version=$(sed -n 's/^release_[mp][a-z]* = \([0-9]*\)$/\1/p' "$folder/source/src/build-data/version.txt" | paste -sd .)
if [[ ! -e $program ]]; then
    (
        cd "$folder/source"
        # A build that was broken off goes on.
        if [[ ! -e $folder/build/Makefile ]]; then
            # The tests of other parts would be compiled, too, and have nothing to try.
            find src/tests -maxdepth 1 -name '*.cpp' ! -name 'tests.cpp' ! -name 'main.cpp' ! -name 'test_pkcs11*' -delete
            python3 configure.py --quiet --minimized-build --no-optimizations --disable-shared-library --without-documentation \
                --build-targets=static,tests --with-build-dir="$folder/build" \
                --enable-modules=pkcs11,rsa,ecdsa,ecdh,x509,system_rng,auto_rng,hmac_drbg,sha1,sha2_32,sha2_64,entropy,hex,kdf2 \
                --enable-modules=emsa_pkcs1,emsa_pssr,emsa_raw,eme_pkcs1,eme_oaep,pcurves_secp256r1,pcurves_generic
        fi
        make --quiet -j "$(nproc)" -f "$folder/build/Makefile" tests
    )
fi

# run LIBRARY FILE: the program says "TEST ran N tests all ok", or "... M FAILED"; a test that throws has its function's name.
run() {
    timeout 600 "$program" --test-threads=1 --data-dir="$folder/source/src/tests/data" --pkcs11-lib="$1" pkcs11 >"$2.out" 2>&1 || true
    sed -nE 's/^(.+) ran [0-9]+ tests?( in [0-9.]+ m?sec)? all ok$/pass \1/p; s/^(.+) ran [0-9]+ tests?( in [0-9.]+ m?sec)? [0-9]+ FAILED$/fail \1/p' "$2.out" |
        sed -E 's#[^A-Za-z0-9]+#_#2g' >"$2"
}

shim=$(provisioned)
start_service
export STM_PKCS11_KEYPAIRS='demo-rsa-*, demo-ec-*'
SUITE_MODULE=$(realpath "$MODULE") run "$shim" results
# Its PIN of the user is not this script's.
softhsm 123456
run "$SOFTHSM" results.softhsm
judge botan "$version" results results.softhsm
keeps_secrets
