#!/usr/bin/env bash
# what: osslsigncode signs Windows programs; RSA and EC, one after the other and many at once
# clients: osslsigncode=osslsigncode
# signs: Windows programs, twenty at a time
# needs: osslsigncode osslsigncode
# needs: openssl openssl
# needs: engine:pkcs11 libengine-pkcs11-openssl
# needs: curl curl
# needs: jq jq
source "$(dirname "$0")/../lib/client.sh"

start_service
"$COMPANION" sample pe hello.exe

# sign ALIAS OUT [OPTION...]
sign() {
    local alias=$1 out=$2
    shift 2
    osslsigncode sign -pkcs11module "$MODULE" -h sha256 "$@" \
        -certs "$alias.pem" -ac "$alias-chain.pem" -key "pkcs11:object=$alias;type=private" -in hello.exe -out "$out"
}

for alias in demo-rsa-3072 demo-rsa-4096 demo-ec-p256 demo-ec-p384; do
    certificates_of "$alias"
    verify=(osslsigncode verify -CAfile "$ROOT_PEM")
    signs_once "a program is signed with $alias" sign "$alias" "$alias.exe"
    says "  and verifies up to the root" '^Signature verification: ok' "${verify[@]}" -in "$alias.exe"
    changed "$alias.exe" changed.exe 512
    refuses "  and a changed program is refused" "${verify[@]}" -in changed.exe
    signs_once "a program is signed with $alias and a PIN" sign "$alias" "$alias-pin.exe" -pass 1234
    says "  and verifies up to the root" '^Signature verification: ok' "${verify[@]}" -in "$alias-pin.exe"
done

many() {
    local number children=()
    for number in $(seq 20); do
        sign demo-rsa-3072 "many-$number.exe" >"many-$number.out" 2>&1 &
        children+=($!)
    done
    local child status=0
    for child in "${children[@]}"; do
        wait "$child" || status=1
    done
    [[ $status -eq 0 ]] || cat many-*.out
    return $status
}
signs 20 60 20 "twenty programs are signed at the same time" many
for number in $(seq 20); do
    osslsigncode verify -CAfile "$ROOT_PEM" -in "many-$number.exe" >/dev/null 2>&1 || echo "$number"
done >unverified
same "  and all of them verify" "$(cat unverified)" ''

keeps_secrets
