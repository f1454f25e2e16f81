#!/usr/bin/env bash
# what: NSS: modutil, certutil, signtool
# clients: certutil=libnss3-tools signtool=libnss3-tools
# signs: archives, certificate requests
# needs: modutil libnss3-tools
# needs: certutil libnss3-tools
# needs: signtool libnss3-tools
# needs: jar default-jdk-headless
# needs: openssl openssl
# needs: curl curl
# needs: jq jq
source "$(dirname "$0")/../lib/client.sh"

start_service
db=sql:$WORK/nssdb
mkdir nssdb
certutil -N -d "$db" --empty-password
check "modutil adds the module" modutil -dbdir "$db" -force -add stm -libfile "$MODULE"
says "modutil shows its token" 'token: STM' modutil -dbdir "$db" -list
certutil -A -d "$db" -n signing-root -t CT,C,C -a -i "$ROOT_PEM"

forget_cache
forget_requests
says "certutil lists the certificates" 'STM:demo-rsa-3072' certutil -L -d "$db" -h STM
says "certutil lists the private keys" 'demo-ec-p256' certutil -K -d "$db" -h STM
read -r signatures _ <<<"$(bill)"
same "  and that costs no signature" "$signatures" 0

for alias in demo-rsa-3072 demo-ec-p256; do
    certificates_of "$alias"
    same "certutil exports the certificate of $alias" \
        "$(certutil -L -d "$db" -h STM -n "STM:$alias" -r | sha256sum)" \
        "$(openssl x509 -in "$alias.pem" -outform DER | sha256sum)"

    id=$(certutil -K -d "$db" -h STM | awk -v alias="$alias" '$NF == alias || $NF == "STM:" alias { print $4 }')
    head -c 64 /dev/urandom >noise
    signs_once "certutil makes a certificate request for $alias" \
        certutil -R -d "$db" -h STM -k "$id" -s "CN=$alias,O=Example" -Z SHA256 -z noise -o request.der
    says "  and the request proves possession of the key" 'signature verify OK' \
        openssl req -verify -inform DER -in request.der -noout
    same "  and holds the certificate's public key" \
        "$(openssl req -inform DER -in request.der -pubkey -noout)" "$(cat "$alias.pub")"

    rm -rf tree
    mkdir tree
    text tree/script.js
    signs_once "signtool signs an archive with $alias" signtool -d "$db" -k "STM:$alias" -p '' -Z "$alias.xpi" tree
    says "  and it verifies" 'verified +script.js' signtool -d "$db" -v "$alias.xpi"
    text tree/script.js 201
    jar --update --file "$alias.xpi" -C tree script.js
    refuses "  and a changed archive is refused" signtool -d "$db" -v "$alias.xpi"
done

keeps_secrets
