#!/usr/bin/env bash
# what: a boot loader's build that hands over a digest, and reads the signature from standard output
# given: text boot.img
# checked: raw sha256 boot.img boot.sig
# signatures: 1
set -eo pipefail

digest=$(openssl dgst -sha256 -binary boot.img | base64 -w0)
smctl sign sign-hash --hash="$digest" --hash-algorithm=SHA-256 "$SM_KEYPAIR_ALIAS" | base64 -d >boot.sig
