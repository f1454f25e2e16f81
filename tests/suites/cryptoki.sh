#!/usr/bin/env bash
# what: the tests of cryptoki, Rust's binding, out of its crate
# slow: it is built first
# needs: cc build-essential
# needs: jq jq
# needs: softhsm2-util softhsm2
# needs: pkcs11-tool opensc
source "$(dirname "$0")/../lib/client.sh"
source "$ROOT/tests/suites/lib.sh"

# The version that this repository is locked to, from cargo's own copy of the crate.
export HOME=$USER_HOME
manifest=$(cd "$ROOT" && cargo metadata --format-version 1 --locked | jq -r '.packages[] | select(.name == "cryptoki") | .manifest_path')
version=$(cd "$ROOT" && cargo metadata --format-version 1 --locked | jq -r '.packages[] | select(.name == "cryptoki") | .version')
source=$SUITES/cryptoki-$version
if [[ ! -e $source/complete ]]; then
    rm -rf "$source" && cp -r "$(dirname "$manifest")" "$source"
    # A workspace of its own, though it lies within this one.
    printf '\n[workspace]\n' >>"$source/Cargo.toml"
    touch "$source/complete"
fi
programs=$(cd "$source" && CARGO_TARGET_DIR=$SUITES/cryptoki-target cargo test --quiet --no-run --tests --message-format json |
    jq -r 'select(.executable != null and (.target.kind | index("test"))) | "\(.target.name) \(.executable)"')
export HOME=$WORK/home

# run LIBRARY FILE: each test in a process of its own: one that fails leaves nothing to the next.
run() {
    local name program test code
    while read -r name program; do
        while read -r test; do
            code=0
            TEST_PKCS11_MODULE=$1 timeout 120 "$program" --exact "$test" >said 2>&1 || code=$?
            cat said >>"$2.out"
            [[ $code -eq 0 ]] && echo "pass $name.${test//::/.}" || echo "fail $name.${test//::/.}"
        done < <("$program" --list --format terse | sed -n 's/: test$//p')
    done <<<"$programs" >"$2"
}

shim=$(provisioned)
start_service
SUITE_MODULE=$(realpath "$MODULE") run "$shim" results
# Each test sets its token up anew, with these PINs.
softhsm fedcba123456 abcdef654321
run "$SOFTHSM" results.softhsm
judge cryptoki "$version" results results.softhsm
keeps_secrets
