#!/usr/bin/env bash
# what: the tests of miekg/pkcs11, Go's binding, out of Debian's package of it
# needs: cc build-essential
# needs: go golang-go
# needs: file:/usr/share/gocode/src/github.com/miekg/pkcs11/pkcs11_test.go golang-github-miekg-pkcs11-dev
source "$(dirname "$0")/../lib/client.sh"
source "$ROOT/tests/suites/lib.sh"

# run LIBRARY FILE: its results.
run() {
    SOFTHSM_LIB=$1 timeout 300 "$SUITES/miekg.test" -test.v >"$2.out" 2>&1 || true
    sed -nE 's/^--- (PASS|FAIL|SKIP): ([A-Za-z0-9_]+) .*/\1 \2/p' "$2.out" | sed 's/^PASS/pass/; s/^FAIL/fail/; s/^SKIP/skip/' >"$2"
}

if [[ ! -e $SUITES/miekg.test ]]; then
    GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE=$SUITES/go-cache HOME=$USER_HOME go test -c -o "$SUITES/miekg.test" github.com/miekg/pkcs11
fi
start_service
run "$MODULE" results
# shellcheck disable=SC2016 # dpkg-query's own variable
judge miekg "$(dpkg-query -W -f '${Version}' golang-github-miekg-pkcs11-dev)" results
keeps_secrets
