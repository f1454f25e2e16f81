#!/usr/bin/env bash
# what: a NuGet package, signed on Linux
# given: nupkg out/demo.nupkg
# checked: nupkg out/demo.nupkg
# signatures: 1
# needs: jsign
set -eo pipefail

smctl sign --keypair-alias "$SM_KEYPAIR_ALIAS" --config-file "$PKCS11_CONFIG" --input out/demo.nupkg
