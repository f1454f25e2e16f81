#!/usr/bin/env bash
# what: the tests of ThalesIgnite/crypto11, Go's crypto.Signer on PKCS#11, out of Debian's package of it
# slow: one test signs 8,192 times
# needs: cc build-essential
# needs: go golang-go
# needs: file:/usr/share/gocode/src/github.com/ThalesIgnite/crypto11/crypto11_test.go golang-github-thalesignite-crypto11-dev
# needs: file:/usr/share/gocode/src/github.com/stretchr/testify/assert/assertions.go golang-github-stretchr-testify-dev
# needs: softhsm2-util softhsm2
# needs: pkcs11-tool opensc
source "$(dirname "$0")/../lib/client.sh"
source "$ROOT/tests/suites/lib.sh"

program=$SUITES/crypto11.test
if [[ ! -e $program ]]; then
    GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE=$SUITES/go-cache HOME=$USER_HOME go test -c -o "$program" github.com/ThalesIgnite/crypto11
fi
"$program" -test.list "^Test" >tests

# run LIBRARY LABEL FILE: each test in a process of its own, since one that fails may end them all.
run() {
    printf '{"Path": "%s", "TokenLabel": "%s", "Pin": "1234"}\n' "$1" "$2" >config
    local test result
    while read -r test; do
        timeout 300 "$program" -test.v -test.run "^$test\$" >said 2>&1 || true
        result=$(sed -nE "s/^--- (PASS|FAIL|SKIP): $test .*/\1/p" said | head -n 1)
        cat said >>"$3.out"
        case $result in
            PASS) echo "pass $test" ;;
            SKIP) echo "skip $test" ;;
            *) echo "fail $test" ;;
        esac
    done <tests >"$3"
}

start_service
export SM_LOG_LEVEL=INFO # 8,192 signatures with every call would be a long log
run "$(realpath "$MODULE")" STM results
softhsm
run "$SOFTHSM" suite results.softhsm
# shellcheck disable=SC2016 # dpkg-query's own variable
judge crypto11 "$(dpkg-query -W -f '${Version}' golang-github-thalesignite-crypto11-dev)" results results.softhsm
keeps_secrets
