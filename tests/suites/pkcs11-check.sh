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

start_service
export SM_LOG_LEVEL=INFO STM_PKCS11_KEYPAIRS='demo-rsa-*, demo-ec-*'
# Without the tests that need vectors, which its own program fetches from a place that is no package registry, and without those
# that it calls slow. Its status tells of the failures, which are judged below. Three at a time, each in a folder of its own.
part() { # NAME FILE...
    local name=$1
    shift
    mkdir -p "$name"
    (cd "$name" && P11TEST_PIN=1234 "$folder/bin/pkcs11-check" test --module "$(realpath "$MODULE")" --slot 0 --isolation file --skip-slow \
        --timeout 60 --output json --output-file reports/results.json "$@" >out 2>&1) || true
}
parts=()
for name in rules a-k l-z; do
    case $name in
        rules) files=("$tests/ckr" "$tests/security") ;;
        a-k) files=("$tests"/test_[a-k]*.py) ;;
        l-z) files=("$tests"/test_[l-z]*.py) ;;
    esac
    part "$name" "${files[@]}" &
    parts+=($!)
    CHILDREN+=($!)
done
wait "${parts[@]}"
"$folder/bin/python" "$ROOT/tests/suites/pkcs11_check_names.py" ./*/reports/report.jsonl >results
judge pkcs11-check "$VERSION" results
keeps_secrets
