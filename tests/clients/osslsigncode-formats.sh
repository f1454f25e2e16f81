#!/usr/bin/env bash
# what: osslsigncode signs installers, cabinets, catalogues and scripts
# clients: osslsigncode=osslsigncode
# signs: MSI, CAB, CAT, PowerShell
# needs: osslsigncode osslsigncode
# needs: openssl openssl
# needs: engine:pkcs11 libengine-pkcs11-openssl
# needs: gcab gcab
# needs: msibuild msitools
# needs: jar default-jdk-headless
# needs: zip zip
# needs: unzip unzip
# needs: curl curl
# needs: jq jq
source "$(dirname "$0")/../lib/client.sh"
source "$ROOT/tests/lib/signable.sh"

start_service
engine=$(openssl version -e | cut -d'"' -f2)/pkcs11.so

signable .

for alias in demo-rsa-3072 demo-ec-p256; do
    certificates_of "$alias"
    for format in cab msi ps1 cat; do
        signs_once "a .$format file is signed with $alias" osslsigncode sign -pkcs11engine "$engine" -pkcs11module "$MODULE" \
            -h sha256 -certs "$alias.pem" -ac "$alias-chain.pem" -key "pkcs11:object=$alias;type=private" \
            -in "release.$format" -out "$alias.$format"
        verify=(osslsigncode verify -CAfile "$ROOT_PEM" -in)
        check "  and verifies up to the root" "${verify[@]}" "$alias.$format"
        altered "$alias.$format" changed
        refuses "  and a changed file is refused" "${verify[@]}" "changed/$alias.$format"
    done
done

keeps_secrets
