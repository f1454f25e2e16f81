#!/bin/sh
# Signs Java archives in place, for one signature each.
#
#   apt-get install default-jdk-headless
#   sh jarsigner.sh program.jar library.jar ...
#
# TIMESTAMP= signs without a timestamp. Verify: jarsigner -verify -strict -certs program.jar
set -eu
keypair='KEYPAIR'
library='"/usr/lib/x86_64-linux-gnu/pkcs11/libstm_pkcs11.so"'
TIMESTAMP=${TIMESTAMP-http://timestamp.digicert.com}

settings=$(mktemp)
trap 'rm -f "$settings"' EXIT
printf 'name = STM\nlibrary = %s\nslotListIndex = 0\n' "$library" >"$settings"

for file in "$@"; do
    # The token needs no PIN; any word prevents jarsigner from asking. In other locales Java corrupts letters of its arguments.
    LC_ALL=C.UTF-8 jarsigner -keystore NONE -storetype PKCS11 -storepass none \
        -providerClass sun.security.pkcs11.SunPKCS11 -providerArg "$settings" \
        ${TIMESTAMP:+-tsa "$TIMESTAMP"} "$file" "$keypair"
done
