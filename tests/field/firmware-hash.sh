#!/usr/bin/env bash
# what: firmware signed by its hash: the keypair's id by pattern, the signature in base64, verified by the vendor's command and by openssl
# given: text firmware.bin
# checked: raw sha384 firmware.bin firmware.sig
# signatures: 1
set -euo pipefail

uuid='[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}'
id=$(smctl keypair ls --filter alias="$SM_KEYPAIR_ALIAS" | grep -Eo "$uuid" | head -n 1)
smctl sign sign-hash "$id" --file firmware.bin --hash-algorithm SHA-384 --signature-algorithm "SHA384with$KEY_KIND" --signature-file firmware.b64
[[ -s firmware.b64 ]]
base64 -d firmware.b64 >firmware.sig
smctl sign verify-hash --file firmware.bin --hash-algorithm SHA-384 --signature-algorithm "SHA384With$KEY_KIND" --signature-file firmware.sig "$id"
