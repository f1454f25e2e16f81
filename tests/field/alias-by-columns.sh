#!/usr/bin/env bash
# what: the alias by way of the first active certificate: cells counted by white space
# given: pe app.exe
# checked: authenticode app.exe by-any
# signatures: 1
# wrong: keypairs
set -eo pipefail

certificate=$(smctl cert ls | grep -w ACTIVE | awk '{ print $1 }' | sed -n 1p)
[[ $certificate =~ ^[0-9a-f-]{36}$ ]]
alias=$(smctl keypair ls | awk -v id="$certificate" '$NF == id { print $3 }')
[[ $alias ]]
smctl sign --keypair-alias "$alias" --input app.exe --verbose
