#!/usr/bin/env bash
# what: a release script that asks whether the program is there, for at most ten seconds, then signs for at most sixty
# given: pe app.exe
# checked: authenticode app.exe
# signatures: 1
set -eo pipefail

command -v smctl >/dev/null
version=$(timeout 10 smctl --version)
[[ $(wc -l <<<"$version") -eq 1 ]]
timeout 60 smctl sign --keypair-alias "$SM_KEYPAIR_ALIAS" --input app.exe
