#!/usr/bin/env bash
# what: an Android package, by the tool that is named for it
# given: apk app.apk
# checked: apk app.apk
# signatures: any
set -eo pipefail

smctl sign --tool apksigner --config-file="$PKCS11_CONFIG" --keypair-alias="$SM_KEYPAIR_ALIAS" --input=app.apk
