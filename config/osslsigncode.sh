#!/bin/sh
# Signs Windows programs, libraries, installers, cabinets, catalogues and scripts in place, for one signature each.
#
#   apt-get install osslsigncode libengine-pkcs11-openssl
#   sh osslsigncode.sh program.exe setup.msi ...
#
# TIMESTAMP= signs without a timestamp. Verify: osslsigncode verify -CAfile ROOT.pem -in program.exe
set -eu
keypair='KEYPAIR'
key='pkcs11:object=KEYPAIR;type=private'
MODULE='/usr/lib/x86_64-linux-gnu/pkcs11/libstm_pkcs11.so'
TIMESTAMP=${TIMESTAMP-http://timestamp.digicert.com}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
stm-pkcs11 keypair certificate --leaf --out "$work/cert.pem" -- "$keypair"
stm-pkcs11 keypair certificate --issuers --out "$work/chain.pem" -- "$keypair"

for file in "$@"; do
    osslsigncode sign -pkcs11module "$MODULE" -key "$key" \
        -certs "$work/cert.pem" -ac "$work/chain.pem" -h sha256 ${TIMESTAMP:+-ts "$TIMESTAMP"} \
        -in "$file" -out "$work/signed"
    # Replaces the file only when it is complete, and keeps its owner and mode.
    cat "$work/signed" >"$file"
    rm "$work/signed"
done
