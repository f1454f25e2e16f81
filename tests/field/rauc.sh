#!/usr/bin/env bash
# what: an update bundle: the certificate by the vendor's command, the signature by rauc with the module
# given: rauc content
# checked: rauc update.raucb
# signatures: 1
set -eo pipefail

smctl healthcheck >/dev/null
smctl certificate download --keypair-alias "$SM_KEYPAIR_ALIAS" --format pem --name signer.pem
smctl certificate download --keypair-alias "$SM_KEYPAIR_ALIAS" --chain --name chain.pem
sed '1,/END CERTIFICATE/d' chain.pem >issuers.pem
rauc bundle --cert signer.pem --intermediate issuers.pem --key "pkcs11:object=$SM_KEYPAIR_ALIAS;type=private" content update.raucb
