#!/usr/bin/env bash
# what: jarsigner signs Java archives; keytool lists; the chain is complete
# clients: jarsigner=java
# signs: Java archives, RSASSA-PSS too
# needs: jarsigner default-jdk-headless
# needs: keytool default-jdk-headless
# needs: openssl openssl
# needs: curl curl
# needs: jq jq
source "$(dirname "$0")/../lib/client.sh"

start_service
cfg=$(configuration sunpkcs11.cfg)
store=(-keystore NONE -storetype PKCS11 -providerClass sun.security.pkcs11.SunPKCS11 -providerArg "$cfg")
trust=(-keystore trust.p12 -storetype PKCS12 -storepass changeit)
keytool -importcert -noprompt -alias root -file "$ROOT_PEM" "${trust[@]}" >/dev/null 2>&1
text file
jar --create --file hello.jar file

says "keytool lists demo-rsa-3072 with its private key" '^demo-rsa-3072, PrivateKeyEntry' \
    keytool -list "${store[@]}" -storepass none
says "  and demo-ec-p256" '^demo-ec-p256, PrivateKeyEntry' keytool -list "${store[@]}" -storepass none
says "  and its chain has three certificates" 'chain length: 3' \
    keytool -list -v -alias demo-rsa-3072 "${store[@]}" -storepass none

# common_name FILE: of the first certificate
common_name() {
    openssl x509 -in "$1" -noout -subject -nameopt multiline | sed -n 's/^ *commonName *= //p'
}

for alias in demo-rsa-3072 demo-rsa-2048 demo-rsa-4096 demo-ec-p256 demo-ec-p384 demo-ec-p521; do
    certificates_of "$alias"
    signs_once "a jar is signed with $alias" \
        jarsigner "${store[@]}" -storepass none -signedjar "$alias.jar" hello.jar "$alias"
    says "  and verifies strictly" 'jar verified' jarsigner -verify -strict -verbose -certs "${trust[@]}" "$alias.jar"
    for file in "$alias.pem" "$alias-chain.pem" "$ROOT_PEM"; do
        name=$(common_name "$file")
        says "  and shows $name" "X.509, .*CN=\"?$name" \
            jarsigner -verify -strict -verbose -certs "${trust[@]}" "$alias.jar"
    done
done

for alias in demo-rsa-3072 demo-ec-p256; do
    signs_once "a jar is signed with $alias and a PIN" \
        jarsigner "${store[@]}" -storepass 1234 -signedjar pin.jar hello.jar "$alias"
    says "  and verifies strictly" 'jar verified' jarsigner -verify -strict "${trust[@]}" pin.jar
    signs_once "a jar is signed with $alias without a word about a PIN (-protected)" \
        jarsigner "${store[@]}" -protected -signedjar protected.jar hello.jar "$alias"
    says "  and verifies strictly" 'jar verified' jarsigner -verify -strict "${trust[@]}" protected.jar

    mkdir -p other
    echo 'not what was signed' >other/file
    cp "$alias.jar" changed.jar
    jar --update --file changed.jar -C other file
    refuses "a jar signed with $alias is refused when a file in it was changed" \
        jarsigner -verify -strict "${trust[@]}" changed.jar
done

signs_once "RSASSA-PSS signs with demo-rsa-3072" \
    jarsigner "${store[@]}" -storepass none -sigalg RSASSA-PSS -signedjar pss.jar hello.jar demo-rsa-3072
says "  and verifies strictly" 'jar verified' jarsigner -verify -strict "${trust[@]}" pss.jar

refuses "an alias that does not exist is refused" \
    jarsigner "${store[@]}" -storepass none -signedjar no.jar hello.jar no-such-keypair

keeps_secrets
