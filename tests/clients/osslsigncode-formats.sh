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

signable .

# Version 2.5, that of Debian 12, signs neither scripts nor catalogues.
formats=(cab msi)
if [[ $(osslsigncode --version | sed -n 's/^osslsigncode 2\.\([0-9]*\).*/\1/p') -ge 6 ]]; then
    formats+=(ps1 cat)
else
    certificates_of demo-rsa-3072
    for format in ps1 cat; do
        refuses "this version refuses a .$format file" osslsigncode sign -pkcs11module "$MODULE" -certs demo-rsa-3072.pem \
            -key 'pkcs11:object=demo-rsa-3072;type=private' -in "release.$format" -out refused
        cp "$SAID" told
        says "  and says why" 'Unrecognized file type' cat told
    done
fi

for alias in demo-rsa-3072 demo-ec-p256; do
    certificates_of "$alias"
    for format in "${formats[@]}"; do
        signs_once "a .$format file is signed with $alias" osslsigncode sign -pkcs11module "$MODULE" \
            -h sha256 -certs "$alias.pem" -ac "$alias-chain.pem" -key "pkcs11:object=$alias;type=private" \
            -in "release.$format" -out "$alias.$format"
        verify=(osslsigncode verify -CAfile "$ROOT_PEM" -in)
        check "  and verifies up to the root" "${verify[@]}" "$alias.$format"
        altered "$alias.$format" changed
        refuses "  and a changed file is refused" "${verify[@]}" "changed/$alias.$format"
    done
done

keeps_secrets
