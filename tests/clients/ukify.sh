#!/usr/bin/env bash
# what: ukify: unified kernel images signed by sbsign with the engine, and by systemd-measure with the engine and with the provider
# clients: ukify=systemd-ukify systemd-measure=systemd sbsign=sbsigntool
# signs: unified kernel images, PCR policies
# not on bookworm: Debian 12 has no ukify
# needs: ukify systemd-ukify
# needs: file:/usr/lib/systemd/boot/efi/linuxx64.efi.stub systemd-boot-efi
# needs: file:/usr/lib/systemd/systemd-measure systemd
# needs: file:/usr/lib/*-linux-gnu/libtss2-esys.so.0 libtss2-esys-3.0.2-0t64
# needs: file:/usr/lib/*-linux-gnu/libtss2-rc.so.0 libtss2-rc0t64
# needs: sbsign sbsigntool
# needs: objcopy binutils
# needs: engine:pkcs11 libengine-pkcs11-openssl
# needs: provider:pkcs11 pkcs11-provider
# needs: openssl openssl
# needs: curl curl
# needs: jq jq
source "$(dirname "$0")/../lib/client.sh"

start_service
export PKCS11_MODULE_PATH=$MODULE
provider=$(configuration openssl-provider.cnf)
"$COMPANION" sample pe kernel.efi

# build ALIAS OPTION...: image.efi, with PCR signatures by ALIAS.
build() {
    rm -f image.efi
    ukify build --linux kernel.efi --uname 6.12 --cmdline quiet --os-release 'ID=test' --no-sign-kernel --output image.efi --pcr-banks sha256 \
        --pcr-private-key "pkcs11:object=$1;type=private" --pcr-public-key "$1.pem" --pcrpkey "$1.pub" "${@:2}"
}
with_provider() {
    OPENSSL_CONF=$provider build "$@" --signing-provider pkcs11 --signtool systemd-sbsign
}
with_engine() {
    build "$@" --signing-engine pkcs11
}
secure_boot() {
    with_engine "$1" --signtool sbsign --secureboot-private-key "pkcs11:object=$1;type=private" --secureboot-certificate "$1.pem" "${@:2}"
}

# policies ALIAS COUNT: the image has so many PCR signatures, and openssl verifies each of them.
policies() {
    local alias=$1 number
    objcopy -O binary --only-section=.pcrsig image.efi pcrsig.json
    same "  with $2 of them in the image" "$(jq '.sha256 | length' pcrsig.json)" "$2"
    for number in $(seq 0 $(($2 - 1))); do
        jq -r ".sha256[$number].pol" pcrsig.json | tr a-f A-F | basenc --base16 -d >policy
        jq -r ".sha256[$number].sig" pcrsig.json | base64 -d >policy.sig
        check "  and openssl verifies it" openssl dgst -sha256 -verify "$alias.pub" -signature policy.sig policy
    done
    changed policy changed-policy
    refuses "  and refuses another policy" openssl dgst -sha256 -verify "$alias.pub" -signature policy.sig changed-policy
}

for alias in demo-rsa-2048 demo-ec-p256; do
    certificates_of "$alias"
    for how in provider engine; do
        signs_once "ukify signs the policy of a boot phase with $alias, with the $how" "with_$how" "$alias" --phases enter-initrd
        policies "$alias" 1
    done
done
alias=demo-rsa-2048
signs 4 6 4 "ukify signs the policies of its four boot phases with $alias" with_provider $alias
policies $alias 4

signs 2 4 2 "ukify signs an image for Secure Boot, and a policy, with $alias" secure_boot $alias --phases enter-initrd
check "  and sbverify accepts it" sbverify --cert $alias.pem image.efi
changed image.efi changed.efi 1024
refuses "  and refuses a changed image" sbverify --cert $alias.pem changed.efi
policies $alias 1

# told PROMISE REGEX COMMAND...: it fails, spends no signature, and says why.
told() {
    local promise=$1 words=$2
    shift 2
    forget_requests
    refuses "$promise" "$@"
    cp "$SAID" told
    says "  and says why" "$words" cat told
    same "  for no signature" "$(requests | jq '[.[] | select(.method == "POST" and .status < 300)] | length')" 0
}
certificates_of demo-offline
export SM_LOG_OUTPUT=stderr SM_LOG_LEVEL=ERROR
for how in provider engine; do
    told "an OFFLINE keypair is refused with the $how" 'keypair demo-offline: HTTP 403: .*OFFLINE' "with_$how" demo-offline --phases enter-initrd
done
told "ukify accepts a provider only with systemd-sbsign" 'can only be used with.*--signtool=systemd-sbsign' build $alias --signing-provider pkcs11

keeps_secrets
