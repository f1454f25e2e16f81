#!/usr/bin/env bash
# what: the tests of graphene, the object layer of pkcs11js, out of the last npm package that ships them
# needs: cc build-essential
# needs: node nodejs
# needs: npm npm
# needs: jq jq
# needs: curl curl
# needs: softhsm2-util softhsm2
# needs: pkcs11-tool opensc
source "$(dirname "$0")/../lib/client.sh"
source "$ROOT/tests/suites/lib.sh"

VERSION=2.3.6 TESTS=2.0.34
packages=$TARGET/test-node
(
    flock 9
    [[ -d $packages/node_modules/graphene-pk11 && -d $packages/node_modules/mocha ]] ||
        HOME=$USER_HOME npm install --silent --no-fund --no-audit --prefix "$packages" pkcs11js@2 "graphene-pk11@$VERSION" mocha@10 9>&-
) 9>"$TARGET/test-node.lock"
export NODE_PATH=$packages/node_modules
source=$SUITES/graphene-$TESTS
if [[ ! -e $source/complete ]]; then
    rm -rf "$source" && mkdir -p "$source"
    (cd "$source" && HOME=$USER_HOME npm pack --silent "graphene-pk11@$TESTS" >/dev/null && tar -xzf ./*.tgz --strip-components 1)
    # Its tests, with the library of today.
    echo 'module.exports = require("graphene-pk11");' >"$source/build/graphene.js"
    touch "$source/complete"
fi

# run LIBRARY FILE: the tests of each file in a process of their own, with the values of this library that its config.json wants.
run() {
    local file
    SUITE_LIBRARY=$1 node "$ROOT/tests/suites/graphene-config.js" >"$source/test/config.json"
    for file in "$source"/test/*.js; do
        (cd "$source" && timeout 300 node --no-deprecation "$ROOT/tests/suites/graphene.js" test "$(basename "$file")") 2>>"$2.err" || true
    done >"$2"
}

start_service
# The suite takes it for granted that a wrong PIN is refused: here, the PIN is the client certificate's password.
export STM_PKCS11_LOGIN=password SUITE_PIN=$SM_CLIENT_CERT_PASSWORD
export SM_LOG_LEVEL=INFO
SUITE_RSA=demo-rsa-2048 SUITE_EC=demo-ec-p256 run "$(realpath "$MODULE")" results
SUITE_PIN=1234
softhsm
run "$SOFTHSM" results.softhsm
judge graphene "$VERSION, tests of $TESTS" results results.softhsm
keeps_secrets
