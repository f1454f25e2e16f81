#!/usr/bin/env bash
# what: a preflight that looks for two lines of the health check, then signs
# given: pe release/tool.exe
# checked: authenticode release/tool.exe
# signatures: 1
set -eo pipefail

health=$(smctl healthcheck --user 2>&1)
grep -Eiq '^[[:space:]]*Status[[:space:]]*:[[:space:]]*Connected' <<<"$health"
grep -Eq '^[[:space:]]*Can sign[[:space:]]*:[[:space:]]*Yes' <<<"$health"
if grep -Eiq 'error|fail' <<<"$health"; then
    echo 'the health check complains' >&2
    exit 1
fi
smctl sign --keypair-alias "$SM_KEYPAIR_ALIAS" --input release/tool.exe
