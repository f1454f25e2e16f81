#!/usr/bin/env bash
# what: a folder at once, as the vendor's current action does it
# given: pe dist/one.exe
# given: pe dist/two.dll
# given: text dist/README
# checked: authenticode dist/one.exe
# checked: authenticode dist/two.dll
# signatures: 2
set -eo pipefail

smctl sign --simple --input dist --keypair-alias "$SM_KEYPAIR_ALIAS" --digalg SHA256 --timestamp=true --unsigned --failfast \
    --exit-non-zero-on-fail
