#!/usr/bin/env bash
# what: the certificate's SHA-1 out of a secret, as signtool has it
# given: pe setup.exe
# checked: authenticode setup.exe
# signatures: 1
set -eo pipefail

smctl sign --fingerprint "$SM_CODE_SIGNING_CERT_SHA1_HASH" --input setup.exe --exit-non-zero-on-fail
