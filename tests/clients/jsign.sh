#!/usr/bin/env bash
# what: jsign signs programs, installers, scripts and packages, through the module and through the service's API
# clients: jsign=STM_TEST_JSIGN
# signs: programs, MSI, CAB, PowerShell, NuGet, APPX
# needs with STM_TEST_JSIGN: java default-jdk-headless
# needs with STM_TEST_JSIGN: keytool default-jdk-headless
# needs with STM_TEST_JSIGN: osslsigncode osslsigncode
# needs with STM_TEST_JSIGN: openssl openssl
# needs with STM_TEST_JSIGN: python3 python3
# needs with STM_TEST_JSIGN: gcab gcab
# needs with STM_TEST_JSIGN: msibuild msitools
# needs with STM_TEST_JSIGN: zip zip
# needs with STM_TEST_JSIGN: unzip unzip
# needs with STM_TEST_JSIGN: file:/usr/share/java/bcpkix.jar libbcpkix-java
# needs with STM_TEST_JSIGN: file:/usr/share/java/bcprov.jar libbcprov-java
# needs with STM_TEST_JSIGN: file:/usr/share/java/bcpg.jar libbcpg-java
# needs with STM_TEST_JSIGN: file:/usr/share/java/bcutil.jar libbcutil-java
# needs with STM_TEST_JSIGN: file:/usr/share/java/commons-io.jar libcommons-io-java
# needs with STM_TEST_JSIGN: file:/usr/share/java/commons-lang3.jar libcommons-lang3-java
# needs with STM_TEST_JSIGN: file:/usr/share/java/commons-cli.jar libcommons-cli-java
# needs with STM_TEST_JSIGN: file:/usr/share/java/commons-text.jar libcommons-text-java
# needs with STM_TEST_JSIGN: file:/usr/share/java/commons-compress.jar libcommons-compress-java
# needs with STM_TEST_JSIGN: file:/usr/share/java/commons-collections4.jar libcommons-collections4-java
# needs with STM_TEST_JSIGN: file:/usr/share/java/poi.jar libapache-poi-java
# needs with STM_TEST_JSIGN: file:/usr/share/java/jna-platform.jar libjna-platform-java
# needs with STM_TEST_JSIGN: curl curl
# needs with STM_TEST_JSIGN: jq jq
if [[ -z ${STM_TEST_JSIGN:-} ]]; then
    echo 'SKIPPED: no package registry has jsign: set STM_TEST_JSIGN to a folder with a program jsign, version 7.5 or later'
    exit 0
fi
source "$(dirname "$0")/../lib/client.sh"
source "$ROOT/tests/lib/signable.sh"

jsign=$STM_TEST_JSIGN/jsign
[[ -x $jsign ]] || { echo "FAIL STM_TEST_JSIGN=$STM_TEST_JSIGN has no program jsign" >&2; exit 1; }
start_service
cp "$(configuration sunpkcs11.cfg)" sunpkcs11.cfg

signable all
mkdir unsigned
mv all/program.exe all/release.cab all/release.ps1 all/release.msi all/demo.nupkg unsigned
# package_for ALIAS: the package names the subject of the certificate that it will be signed with.
package_for() { appx_for "$1" unsigned/demo.appx; }

# valid FILE: whether its signature verifies up to the root, by a program that knows nothing of the module.
valid() {
    case $1 in
        *.nupkg)
            # A NuGet signature is a CMS message about the digest of the package without it.
            unzip -p "$1" .signature.p7s >signature.p7s &&
                openssl cms -verify -inform DER -in signature.p7s -purpose any -CAfile "$ROOT_PEM" -out properties &&
                grep -qF "$(openssl dgst -sha256 -binary "unsigned/$(basename "$1")" | openssl base64)" properties
            ;;
        *)
            if osslsigncode_reads "$1"; then
                osslsigncode verify -CAfile "$ROOT_PEM" -in "$1" | grep '^Signature verification: ok'
            else
                message_verifies "$1"
            fi
            ;;
    esac
}

# Through the module.
by_module() { # ALIAS FILE...
    local alias=$1
    shift
    "$jsign" --storetype PKCS11 --keystore sunpkcs11.cfg --storepass none --alias "$alias" "$@"
}
for alias in demo-rsa-3072 demo-ec-p256; do
    package_for "$alias"
    for file in unsigned/*; do
        name=$(basename "$file")
        mkdir -p "$alias"
        cp "$file" "$alias/$name"
        signs_once "$name is signed with $alias" by_module "$alias" "$alias/$name"
        check "  and verifies up to the root" valid "$alias/$name"
    done
    changed "$alias/program.exe" changed.exe 512
    refuses "a changed program is refused" valid changed.exe
done
cp unsigned/program.exe unsigned/release.msi unsigned/release.cab .
signs 3 4 1 "three files in one process are signed on one connection" by_module demo-rsa-3072 program.exe release.msi release.cab
for file in program.exe release.msi release.cab; do check "  $file verifies" valid "$file"; done
cp unsigned/program.exe stamped.exe
signs_once "a program is signed and stamped" by_module demo-rsa-3072 --tsaurl "$STM_EMULATOR_TSA" --tsmode RFC3161 stamped.exe
says "  and both verify" 'Timestamp [Ss]erver Signature verification: ok|Timestamp verified using|^The signature is timestamped' \
    osslsigncode verify -CAfile "$ROOT_PEM" -TSA-CAfile "$ROOT_PEM" -in stamped.exe
for digest in SHA-384 SHA-512; do
    cp unsigned/program.exe "$digest.exe"
    signs_once "a program is signed with $digest" by_module demo-rsa-4096 --alg "$digest" "$digest.exe"
    check "  and verifies" valid "$digest.exe"
done
cp unsigned/program.exe nobody.exe
refuses "an alias that is not there is refused" by_module nobody nobody.exe
cp "$SAID" refused
says "  by its name" nobody cat refused
check "  and the program is as it was" cmp nobody.exe unsigned/program.exe

# Through the service's API: the one open client that is known to work with the real service must work here.
keytool -importcert -noprompt -file "$SM_CA_FILE" -storetype PKCS12 -keystore trust.p12 -storepass changeit >/dev/null 2>&1
export JAVA_OPTS="-Djavax.net.ssl.trustStore=$WORK/trust.p12 -Djavax.net.ssl.trustStorePassword=changeit"
by_api() { # CERTIFICATE OPTION... FILE
    local certificate=$1
    shift
    "$jsign" --storetype DIGICERTONE --keystore "$SM_HOST" --storepass "$SM_API_KEY|$SM_CLIENT_CERT_FILE|$SM_CLIENT_CERT_PASSWORD" \
        --alias "$certificate" "$@"
}
for alias in demo-rsa-2048 demo-rsa-3072 demo-rsa-4096 demo-ec-p256 demo-ec-p384 demo-ec-p521; do
    certificate=$(service_get "certificates?alias=$alias-cert" | jq -r '.items[0].id')
    cp unsigned/program.exe "$alias.exe"
    signs 1 3 3 "jsign's own store signs with $alias by the certificate's alias" by_api "$alias-cert" --alg SHA-256 "$alias.exe"
    check "  and it verifies" valid "$alias.exe"
    cp unsigned/program.exe "$alias.exe"
    signs 1 4 4 "jsign's own store signs with $alias by the certificate's id" by_api "$certificate" --alg SHA-384 "$alias.exe"
    check "  and it verifies" valid "$alias.exe"
done
package_for demo-rsa-3072
certificates_of demo-rsa-3072
cp demo-rsa-3072.pub api.pub
cp demo-rsa-3072.pem api.pem
for name in release.msi release.cab release.ps1 demo.nupkg demo.appx; do
    mkdir -p api
    cp "unsigned/$name" "api/$name"
    signs 1 3 3 "jsign's own store signs $name" by_api demo-rsa-3072-cert "api/$name"
    check "  and it verifies" valid "api/$name"
done

keeps_secrets
