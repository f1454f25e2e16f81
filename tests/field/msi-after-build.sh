#!/usr/bin/env bash
# what: an installer that is signed after its build, and verified by the vendor's own command
# given: msi bin/app.msi
# checked: authenticode bin/app.msi
# signatures: 1
set -eo pipefail

smctl sign --keypair-alias "$SM_KEYPAIR_ALIAS" --input bin/app.msi -v
said=$(smctl sign verify --input bin/app.msi)
[[ $said != *'No signature found'* && $said != *FAILED* ]]
