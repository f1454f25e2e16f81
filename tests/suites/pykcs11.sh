#!/usr/bin/env bash
# what: PyKCS11's own tests, out of its source distribution
# needs: cc build-essential
# needs: swig swig
# needs: python3 python3-venv
# needs: file:/usr/include/python3.11/Python.h python3-dev
# needs: softhsm2-util softhsm2
# needs: pkcs11-tool opensc
source "$(dirname "$0")/../lib/client.sh"
source "$ROOT/tests/lib/python.sh"
source "$ROOT/tests/suites/lib.sh"

VERSION=1.5.20
python_with "pykcs11==$VERSION" asn1crypto wheel setuptools
source=$SUITES/pykcs11
if [[ ! -e $source/complete ]]; then
    rm -rf "$source" && mkdir -p "$source"
    HOME=$USER_HOME "$PYTHON" -m pip --quiet --disable-pip-version-check download --no-deps --no-build-isolation --no-binary :all: --dest "$source" "pykcs11==$VERSION"
    tar -xf "$source"/*.tar.gz -C "$source" --strip-components 1
    touch "$source/complete"
fi

# run LIBRARY FILE: its tests one by one.
run() {
    (cd "$source/test" && PYKCS11LIB=$1 "$PYTHON" "$ROOT/tests/suites/unittest_each.py") >"$2" 2>"$2.err"
}

start_service
run "$MODULE" results
softhsm
run "$SOFTHSM" results.softhsm
judge pykcs11 "$VERSION" results results.softhsm
keeps_secrets
