#!/usr/bin/env bash
# what: NSS: modutil, certutil, signtool
# clients: certutil=libnss3-tools signtool=libnss3-tools
# signs: archives, certificate requests
# needs: modutil libnss3-tools
# needs: certutil libnss3-tools
# needs: pk12util libnss3-tools
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

# The client certificate by way of NSS, as by Firefox: its files are BER. Today's encryption, and that of older versions.
mkdir client
certutil -N -d sql:client --empty-password
pk12util -i "$SM_CLIENT_CERT_FILE" -d sql:client -W "$SM_CLIENT_CERT_PASSWORD" -K '' >/dev/null
nickname=$(certutil -L -d sql:client | sed -n 's/ *u,u,u *$//p')
umask 077
old=(-c 'PKCS #12 V2 PBE With SHA-1 And 3KEY Triple DES-CBC' -C 'PKCS #12 V2 PBE With SHA-1 And 40 Bit RC2 CBC')
pk12util -o today.p12 -n "$nickname" -d sql:client -W "$SM_CLIENT_CERT_PASSWORD" -K '' >/dev/null
pk12util -o older.p12 -n "$nickname" -d sql:client -W "$SM_CLIENT_CERT_PASSWORD" -K '' "${old[@]}" >/dev/null
for file in today older; do
    same "pk12util writes $file.p12 in BER" "$(head -c 2 "$file.p12" | od -An -tx1)" ' 30 80'
    forget_cache
    says "  and the client certificate in it signs in" '^demo-ec-p256 ' \
        env SM_CLIENT_CERT_FILE="$PWD/$file.p12" "$COMPANION" keypair list
    says "  and a wrong password is told" 'wrong password for SM_CLIENT_CERT_FILE' \
        sh -c "! STM_PKCS11_CACHE=off SM_CLIENT_CERT_PASSWORD=not-the-password SM_CLIENT_CERT_FILE='$PWD/$file.p12' '$COMPANION' keypair list"
done

keeps_secrets
