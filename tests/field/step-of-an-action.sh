#!/usr/bin/env bash
# what: a step of a composite action: certificate from base64, health check, folder, verification of each file
# given: pe dist/app.exe
# given: ps1 dist/setup.ps1
# checked: authenticode dist/app.exe
# checked: authenticode dist/setup.ps1
# signatures: 2
set -eo pipefail

base64 -w0 "$SM_CLIENT_CERT_FILE" >secret
base64 -d secret >client.p12
export SM_CLIENT_CERT_FILE=$PWD/client.p12
smctl healthcheck --all >health.log
smctl sign --keypair-alias="$SM_KEYPAIR_ALIAS" --input=dist --failfast=true
for file in dist/*; do
    smctl sign verify --input "$file" >/dev/null
done
