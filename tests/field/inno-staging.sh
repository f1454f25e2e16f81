#!/usr/bin/env bash
# what: an installer compiler's hook, whose file has an extension that says nothing
# given: pe Output/setup.e32.tmp
# checked: authenticode Output/setup.e32.tmp
# signatures: 1
set -eo pipefail

# shellcheck disable=SC2016 # the hook has the file in it when it is run
hook='smctl sign --keypair-alias=@ALIAS@ --tool signtool --input "$f"'
f=Output/setup.e32.tmp
eval "${hook//@ALIAS@/$SM_KEYPAIR_ALIAS}"
