#!/usr/bin/env bash
# what: container image signing: the public key out of a description, and a signature over the image's payload
# given: text payload.json
# checked: raw sha256 payload.json payload.sig
# checked: public-key image.pub
# signatures: 1
set -eo pipefail

id=$(smctl kp ls -f "alias=$SM_KEYPAIR_ALIAS" | awk 'NR == 2 { print $1 }')
{
    echo '-----BEGIN PUBLIC KEY-----'
    smctl kp describe "$id" | awk '/^Public key:/ { on = 1; next } /^[^ \t]/ { on = 0 } on { gsub(/[ \t]/, ""); print }' | fold -w 64
    echo '-----END PUBLIC KEY-----'
} >image.pub
openssl pkey -pubin -in image.pub -noout
smctl sign sign-hash --file payload.json --signature-file payload.b64 "$id"
base64 -d payload.b64 >payload.sig
