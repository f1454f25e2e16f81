#!/usr/bin/env bash
# what: pkcs11-check, a suite of several thousand tests in Python, from PyPI
# slow: its tests take several minutes, and a machine whose Python is older than 3.12 builds a newer one first
# needs: cc build-essential
# needs: make build-essential
# needs: xz xz-utils
# needs: python3 python3
# needs: file:/usr/include/zlib.h zlib1g-dev
# needs: file:/usr/include/openssl/evp.h libssl-dev
# needs: file:/usr/include/x86_64-linux-gnu/ffi.h libffi-dev
# needs: curl curl
# needs: jq jq
# needs: softhsm2-util softhsm2
# needs: pkcs11-tool opensc
source "$(dirname "$0")/../lib/client.sh"
source "$ROOT/tests/suites/lib.sh"

VERSION=0.2.3
folder=$SUITES/pkcs11-check-$VERSION
if [[ ! -e $folder/complete ]]; then
    rm -rf "$folder"
    "$(new_python)" -m venv "$folder"
    HOME=$USER_HOME "$folder/bin/python" -m pip --quiet --disable-pip-version-check install "pkcs11-check==$VERSION"
    touch "$folder/complete"
fi
tests=$("$folder/bin/python" -c 'import os, pkcs11_check; print(os.path.dirname(pkcs11_check.__file__))')/testcases

# run LIBRARY PIN FILE: the tests that need no vectors, which their own program fetches from a place that is no package registry.
run() {
    local library=$1 pin=$2 results=$3
    (
        cd "$WORK"
        P11TEST_PIN=$pin timeout 1500 "$folder/bin/pkcs11-check" --log-level err test --module "$library" --slot 0 --isolation file \
            --skip-slow --timeout 60 --output json --output-file "$results.reports/results.json" "$tests/ckr" "$tests/security" "$tests"/test_*.py
    ) >"$results.out" 2>&1 || true
    "$folder/bin/python" "$ROOT/tests/suites/pkcs11_check_names.py" "$results.reports/report.jsonl" >"$results"
}

start_service
export SM_LOG_LEVEL=INFO STM_PKCS11_KEYPAIRS='demo-rsa-*, demo-ec-*'
run "$(realpath "$MODULE")" 1234 "$WORK/results"
softhsm
run "$SOFTHSM" 1234 "$WORK/results.softhsm"
judge pkcs11-check "$VERSION" results results.softhsm
keeps_secrets
