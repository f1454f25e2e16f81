#!/usr/bin/env bash
# what: apksigner signs Android packages, schemes v1 to v4
# clients: apksigner=apksigner
# signs: Android packages, v1 to v4
# needs: apksigner apksigner
# needs: jar default-jdk-headless
# needs: openssl openssl
# needs: curl curl
# needs: jq jq
source "$(dirname "$0")/../lib/client.sh"

start_service
cfg=$(configuration sunpkcs11.cfg)
text classes.dex 2000
text AndroidManifest.xml 20
jar --create --no-manifest --file app.apk AndroidManifest.xml classes.dex
# Since Java 9 a class of another module must be let in by name.
sign=(apksigner -J-add-exports=jdk.crypto.cryptoki/sun.security.pkcs11=ALL-UNNAMED sign
    --provider-class sun.security.pkcs11.SunPKCS11 --provider-arg "$cfg" --ks NONE --ks-type PKCS11
    --min-sdk-version 21)

for alias in demo-rsa-3072 demo-ec-p256; do
    certificates_of "$alias"
    digest=$(openssl x509 -in "$alias.pem" -outform DER | sha256sum | cut -d' ' -f1)
    # Three schemes are three signatures; that is apksigner's price, not ours.
    signs 3 5 1 "a package is signed with $alias, v1, v2 and v3" "${sign[@]}" --v4-signing-enabled false \
        --ks-pass pass:any --ks-key-alias "$alias" --in app.apk --out "$alias.apk"
    verify=(apksigner verify --min-sdk-version 21 --verbose --print-certs)
    says "  and verifies with the certificate of $alias" "SHA-256 digest: $digest" "${verify[@]}" "$alias.apk"
    for scheme in 'v1 scheme' 'v2 scheme' 'v3 scheme'; do
        says "  $scheme" "Verified using $scheme .*: true" "${verify[@]}" "$alias.apk"
    done
    changed "$alias.apk" changed.apk 60
    refuses "  and a changed package is refused" "${verify[@]}" changed.apk
    signs_once "one scheme is one signature with $alias" "${sign[@]}" --v1-signing-enabled false --v2-signing-enabled true \
        --v3-signing-enabled false --v4-signing-enabled false --ks-pass pass:any --ks-key-alias "$alias" --in app.apk --out v2.apk
    check "  and verifies for the Android versions that know it" apksigner verify --min-sdk-version 24 v2.apk
    # apksigner takes one certificate for v4, and no chain.
    signs 3 5 1 "v2, v3 and v4 are three signatures with $alias" env STM_PKCS11_CHAIN=off "${sign[@]}" --v1-signing-enabled false \
        --v4-signing-enabled true --ks-pass pass:any --ks-key-alias "$alias" --in app.apk --out v4.apk
    verify=(apksigner verify --min-sdk-version 24 --verbose --v4-signature-file)
    says "  and v4 verifies" 'Verified using v4 scheme .*: true' "${verify[@]}" v4.apk.idsig v4.apk
    changed v4.apk.idsig changed.idsig
    # The package is good all the same, by its other signatures.
    says "  and a changed signature of v4 does not" 'Verified using v4 scheme .*: false' "${verify[@]}" changed.idsig v4.apk
done

keeps_secrets
