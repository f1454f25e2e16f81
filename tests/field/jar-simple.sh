#!/usr/bin/env bash
# what: a build that signs its archives without naming a tool, and without a time stamp
# given: jar build/app.jar
# checked: jar build/app.jar
# signatures: 1
set -eo pipefail

said=$(smctl sign --simple --keypair-alias="$SM_KEYPAIR_ALIAS" --timestamp=false --digalg SHA-256 --input build/app.jar)
echo "$said"
[[ $said != *FAILED* ]]
