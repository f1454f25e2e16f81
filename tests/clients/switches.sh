#!/usr/bin/env bash
# what: clients sign whatever the service does where its documentation is silent: each of the emulator's switches, requests counted
# needs: openssl openssl
# needs: osslsigncode osslsigncode
# needs: pkcs11-tool opensc
# needs: engine:pkcs11 libengine-pkcs11-openssl
# needs: curl curl
# needs: jq jq
source "$(dirname "$0")/../lib/client.sh"

start_service
export PKCS11_MODULE_PATH=$MODULE
"$COMPANION" sample pe hello.exe
text file
certificates_of demo-rsa-2048
certificates_of demo-rsa-3072
certificates_of demo-ec-p256
id=$("$COMPANION" keypair show demo-ec-p256 --only cka-id)

# Each with a keypair of its own; what it signed is verified without the module.
by_openssl() {
    rm -f rsa.sig
    openssl dgst -sha256 -engine pkcs11 -keyform engine -sign 'pkcs11:object=demo-rsa-2048;type=private' -out rsa.sig file &&
        openssl dgst -sha256 -verify demo-rsa-2048.pub -signature rsa.sig file
}
by_osslsigncode() {
    rm -f signed.exe
    osslsigncode sign -pkcs11module "$MODULE" -h sha256 -certs demo-rsa-3072.pem \
        -ac demo-rsa-3072-chain.pem -key 'pkcs11:object=demo-rsa-3072;type=private' -in hello.exe -out signed.exe &&
        osslsigncode verify -CAfile "$ROOT_PEM" -in signed.exe
}
by_pkcs11-tool() { # finds the certificate by its label, and the key by its id
    rm -f ec.sig ec.der
    pkcs11-tool --module "$MODULE" --read-object --type cert --label demo-ec-p256 --output-file ec.der &&
        openssl x509 -inform DER -in ec.der -pubkey -noout | cmp - demo-ec-p256.pub &&
        pkcs11-tool --module "$MODULE" --sign --id "$id" --mechanism ECDSA-SHA256 --signature-format openssl \
            --input-file file --output-file ec.sig &&
        openssl dgst -sha256 -verify demo-ec-p256.pub -signature ec.sig file
}

# One line for each switch and value: the most requests of openssl, osslsigncode and pkcs11-tool, then the options. The first two list
# all keypairs, with libp11 before 0.4.13; that finds the keypair by its label.
while read -r most_openssl most_osslsigncode most_tool options; do
    stop_service
    # shellcheck disable=SC2086 # options are words
    start_service $options
    for client in "openssl $most_openssl" "osslsigncode $most_osslsigncode" "pkcs11-tool $most_tool"; do
        read -r client most <<<"$client"
        forget_cache
        forget_requests
        check "$client signs: ${options:-the strict default}" "by_$client"
        read -r signatures requests _ <<<"$(bill)"
        if [[ $signatures -eq 1 && $requests -le $most ]]; then
            ok "  with 1 signature and $requests requests"
        else
            not_ok "  with 1 signature and at most $most requests" "$signatures signatures, $requests requests"
        fi
    done
done <<'SWITCHES'
2 2 2
2 2 2 --require-api-key
5 5 2 --page-limit 5
3 3 2 --over-limit clamp --page-limit 5
3 3 2 --over-limit ignore --page-limit 5
5 5 2 --over-limit fail --page-limit 5
2 2 2 --unknown-parameter ignore
2 2 2 --alias-match contains
2 2 2 --alias-match ignore
3 3 3 --alias-match refuse
2 2 2 --total page
2 2 2 --total missing
3 3 3 --listed-certificates stubs
3 3 3 --listed-certificates none
3 3 3 --no-listed-public-key
2 2 2 --wrapped-answers data
2 2 2 --wrapped-answers list
4 4 4 --asynchronous-signatures 1
5 5 5 --asynchronous-signatures 1 --late-records 1
2 2 2 --unknown-path web-page
SWITCHES

keeps_secrets
