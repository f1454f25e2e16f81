#!/usr/bin/env bash
# what: a driver's cabinet, tried three times
# given: cab driver.cab
# checked: authenticode driver.cab
# signatures: 1
set -o pipefail

for try in 1 2 3; do
    if smctl sign --keypair-alias "$SM_KEYPAIR_ALIAS" --tool osslsigncode --input driver.cab; then
        exit 0
    fi
    echo "try $try" >&2
done
exit 1
