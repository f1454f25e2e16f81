#!/usr/bin/env bash
# what: lists whose readers close early, under pipefail, twenty times
# given: pe app.exe
# checked: authenticode app.exe
# signatures: 1
set -eo pipefail

for _ in {1..20}; do
    smctl keypair ls | head -1 >/dev/null
    smctl kp list | grep -q "$SM_KEYPAIR_ALIAS"
    smctl cert ls | grep -q ACTIVE
done
smctl sign -k "$SM_KEYPAIR_ALIAS" -i app.exe
