#!/usr/bin/env bash
# what: credentials that are saved by one step, used by the next without variables, and deleted by the last
# given: pe app.exe
# checked: authenticode app.exe
# signatures: 1
set -eo pipefail

smctl credentials save "$SM_API_KEY" "$SM_CLIENT_CERT_PASSWORD" >/dev/null
trap 'smctl credentials delete >/dev/null' EXIT
unset SM_API_KEY SM_CLIENT_CERT_PASSWORD
smctl keypair ls >/dev/null
smctl sign --keypair-alias "$SM_KEYPAIR_ALIAS" --input app.exe
