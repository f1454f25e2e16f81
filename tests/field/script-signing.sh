#!/usr/bin/env bash
# what: a PowerShell script of a release
# given: ps1 install.ps1
# checked: authenticode install.ps1
# signatures: 1
set -eo pipefail

smctl sign --keypair-alias="$SM_KEYPAIR_ALIAS" --digalg sha256 --input=./install.ps1
