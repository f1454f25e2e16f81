#!/usr/bin/env bash
# what: doctor --shape: what the service's answers are made of, and nothing of what they say
# not in a root: the companion alone runs here, and does the same everywhere
# needs: curl curl
# needs: jq jq
source "$(dirname "$0")/../lib/client.sh"

start_service
text file
"$COMPANION" sign demo-ec-p256 file --out file.sig 2>/dev/null
id=$(curl -sSf "$ADMIN/signatures" | jq -r '.[0].id')
numbers() { sed -E 's/[0-9]+/N/g' "$@"; }
forget_requests
"$COMPANION" doctor --shape --signature "$id" >shape
check "the shape of every answer is that of the file, whatever the numbers" diff <(numbers "$ROOT/tests/clients/shape.txt") <(numbers shape)
same "  found out by reads alone" "$(requests | jq -r '[.[].method] | unique | join(" ")')" GET
jq -r '.. | strings' <(service_get 'keypairs?limit=100') <(service_get "signatures/$id") <(service_get 'certificates?limit=100') |
    grep -vxE '[A-Z_]{3,12}|EdDSA|P-[0-9]+|Ed25519|root|intermediate' | grep -v '^stm-pkcs11/' | awk 'length > 5' | sort -u >values
check "  from answers with many values" test "$(wc -l <values)" -gt 50
refuses "  none of which is shown" grep -Ff values shape
curl -sSf -X PUT "$ADMIN/faults" -d '[{"path": "/signingmanager/api/v1/keypairs", "status": 200, "headers": {"content-type": "text/html"},
    "body": "<!doctype html><title>CANARY</title>"}]' >/dev/null
says "a web page in the place of an answer is told as one" 'body: not JSON, [0-9]+ bytes, a web page' \
    bash -c "! '$COMPANION' doctor --shape 2>/dev/null"

keeps_secrets
