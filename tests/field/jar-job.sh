#!/usr/bin/env bash
# what: a CI job that signs Java archives with the configuration that a set-up step wrote
# given: jar build/libs/app.jar
# given: jar build/libs/plugin.jar
# checked: jar build/libs/app.jar
# checked: jar build/libs/plugin.jar
# signatures: 2
set -eo pipefail

for jar in build/libs/*.jar; do
    smctl sign --keypair-alias "$SM_KEYPAIR_ALIAS" --config-file "$PKCS11_CONFIG" --tool jarsigner --input "$jar" \
        --exit-non-zero-on-fail --failfast
done
