#!/usr/bin/env bash
# what: python-pkcs11's own tests, out of its source distribution
# needs: cc build-essential
# needs: python3 python3-venv
# needs: openssl openssl
# needs: softhsm2-util softhsm2
# needs: pkcs11-tool opensc
source "$(dirname "$0")/../lib/client.sh"
source "$ROOT/tests/lib/python.sh"
source "$ROOT/tests/suites/lib.sh"

VERSION=0.9.5
# To read the source's version, setuptools as the source requires it.
python_with "python-pkcs11==$VERSION" asn1crypto parameterized oscrypto 'setuptools>=80' setuptools-scm cython wheel cryptography
source=$SUITES/python-pkcs11
if [[ ! -e $source/complete-$VERSION ]]; then
    rm -rf "$source" && mkdir -p "$source"
    HOME=$USER_HOME "$PYTHON" -m pip --quiet --disable-pip-version-check download --no-deps --no-build-isolation --no-binary :all: \
        --dest "$source" "python-pkcs11==$VERSION"
    # Only the tests: the package beside them is not built, and would be found before the one that is installed.
    tar -xf "$source"/*.tar.gz -C "$source" --strip-components 1 --wildcards '*/tests'
    touch "$source/complete-$VERSION"
fi

# run LIBRARY LABEL FILE: its tests one by one.
run() {
    (cd "$source" && PKCS11_MODULE=$1 PKCS11_TOKEN_LABEL=$2 PKCS11_TOKEN_PIN=1234 PKCS11_TOKEN_SO_PIN=12345678 \
        "$PYTHON" "$ROOT/tests/suites/unittest_each.py") >"$3" 2>"$3.err"
}

start_service
run "$(realpath "$MODULE")" STM results
softhsm
run "$SOFTHSM" suite results.softhsm
judge python-pkcs11 "$VERSION" results results.softhsm
keeps_secrets
