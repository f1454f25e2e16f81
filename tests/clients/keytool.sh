#!/usr/bin/env bash
# what: keytool: lists, exports, makes certificate requests
# clients: keytool=jdks
# signs: certificate requests; lists and exports
# needs: keytool default-jdk-headless
# needs except on bookworm: file:/usr/lib/jvm/java-25-openjdk-*/bin/jarsigner openjdk-25-jdk-headless
# needs: openssl openssl
# needs: curl curl
# needs: jq jq
source "$(dirname "$0")/../lib/client.sh"

start_service
cfg=$(configuration sunpkcs11.cfg)
store=(-keystore NONE -storetype PKCS11 -storepass none -providerClass sun.security.pkcs11.SunPKCS11 -providerArg "$cfg")

makes_requests() {
    forget_cache
    forget_requests
    check "keytool lists the key store" keytool -list "${store[@]}"
    same "  each RSA and ECDSA keypair that has a certificate is an entry" \
        "$(grep -Ec '^demo-(rsa-2048|rsa-3072|rsa-4096|ec-p256|ec-p384|ec-p521), PrivateKeyEntry' "$SAID")" 6
    same "  for one request and no signature" "$(bill)" "0 1 1 "

    for alias in demo-rsa-3072 demo-ec-p256; do
        certificates_of "$alias"
        says "the chain of $alias is complete" 'chain length: 3' keytool -list -v -alias "$alias" "${store[@]}"
        check "keytool exports the certificate of $alias" keytool -exportcert -alias "$alias" -file exported.der "${store[@]}"
        same "  and it is the service's default certificate" \
            "$(sha256sum <exported.der)" "$(openssl x509 -in "$alias.pem" -outform DER | sha256sum)"
        signs_once "keytool makes a certificate request for $alias" \
            keytool -certreq -alias "$alias" -dname "CN=$alias, O=Example" -file request.pem "${store[@]}"
        says "  and the request proves possession of the key" 'signature verify OK' openssl req -verify -in request.pem -noout
        same "  and holds the certificate's public key" "$(openssl req -in request.pem -pubkey -noout)" "$(cat "$alias.pub")"
        openssl req -in request.pem -outform DER -out request.der
        changed request.der changed.der -1
        says "  and a changed request is refused" 'signature verify failure' failing openssl req -verify -inform DER -in changed.der -noout
    done
}
each_jdk makes_requests

keeps_secrets
