#!/usr/bin/env bash
# what: native add-ons, whose extension the vendor's program passes over
# given: pe build/Release/addon.node
# checked: authenticode build/Release/addon.node
# signatures: 1
set -eo pipefail

for addon in build/Release/*.node; do
    said=$(smctl sign --keypair-alias "$SM_KEYPAIR_ALIAS" --input "$addon")
    grep -q SUCCESSFUL <<<"$said"
done
