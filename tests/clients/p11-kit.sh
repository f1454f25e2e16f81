#!/usr/bin/env bash
# what: p11-kit: the module file, its proxy, and a token served to another process
# clients: p11-kit=p11-kit
# signs: by module file, proxy and server
# needs: p11-kit p11-kit
# needs: file:/usr/lib/*-linux-gnu/pkcs11/p11-kit-client.so p11-kit-modules
# needs: file:/usr/lib/*-linux-gnu/p11-kit-proxy.so libp11-kit0
# needs: certtool gnutls-bin
# needs: pkcs11-tool opensc
# needs: p11tool gnutls-bin
# needs: pgrep procps
# needs: openssl openssl
# needs: curl curl
# needs: jq jq
source "$(dirname "$0")/../lib/client.sh"

start_service
text file
changed file changed-file

# p11-kit reads a user's module files for everybody but root: root becomes somebody else, who must be able to read it all.
cp "$MODULE" "$WORK/libstm_pkcs11.so"
MODULE=$WORK/libstm_pkcs11.so
mkdir -p "$XDG_CONFIG_HOME/pkcs11/modules"
cp "$(configuration p11-kit.module)" "$XDG_CONFIG_HOME/pkcs11/modules/stm-pkcs11.module"
user=()
if [[ $(id -u) -eq 0 ]]; then
    user=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    chown -R 65534:65534 "$WORK"
fi

says "the module file makes the token known" 'token: STM$' "${user[@]}" p11-kit list-modules
for alias in demo-rsa-3072 demo-ec-p256; do
    certificates_of "$alias"
    cat "$ROOT_PEM" "$alias-chain.pem" >issuers.pem
    [[ ${#user[@]} -eq 0 ]] || chown -R 65534:65534 "$WORK"
    signs_once "certtool signs with $alias by URI alone" "${user[@]}" certtool --p7-detached-sign --outder \
        --load-privkey "pkcs11:token=STM;object=$alias;type=private" --load-certificate "$alias.pem" --hash sha256 \
        --infile file --outfile file.p7s
    verify=(openssl cms -verify -binary -inform DER -purpose any -CAfile issuers.pem -in file.p7s -out verified)
    check "  and it verifies up to the root" "${verify[@]}" -content file
    refuses "  and a changed file is refused" "${verify[@]}" -content changed-file
done

# sign_with LIBRARY PROMISE: pkcs11-tool through another library, which loads or asks for the module.
sign_with() {
    local tool=("${user[@]}" pkcs11-tool --module "$1" --token-label STM) id
    id=$("${tool[@]}" --list-objects --type privkey 2>/dev/null </dev/null |
        awk '$1 == "label:" { found = ($2 == "demo-rsa-3072") } $1 == "ID:" && found { print $2; exit }')
    [[ ${#user[@]} -eq 0 ]] || chown -R 65534:65534 "$WORK"
    # A server has listed the keypairs already; it still may look at them again.
    signs 1 3 1 "$2" "${tool[@]}" --sign --id "$id" --mechanism SHA256-RSA-PKCS --input-file file --output-file sig
    check "  and it verifies" openssl dgst -sha256 -verify demo-rsa-3072.pub -signature sig file
    refuses "  and a changed file is refused" openssl dgst -sha256 -verify demo-rsa-3072.pub -signature sig changed-file
}
sign_with "$LIBRARIES/p11-kit-proxy.so" "pkcs11-tool signs through p11-kit's proxy"

"${user[@]}" p11-kit server --provider "$MODULE" --foreground --name "$WORK/socket" 'pkcs11:token=STM' >log/server.out 2>&1 &
CHILDREN+=($!)
for _ in $(seq 100); do [[ -S $WORK/socket ]] && break; sleep 0.05; done
export P11_KIT_SERVER_ADDRESS=unix:path=$WORK/socket
sign_with "$LIBRARIES/pkcs11/p11-kit-client.so" "pkcs11-tool signs through p11-kit's server"

# A build container: nothing of the account, the socket alone. All eight at once.
client=$LIBRARIES/pkcs11/p11-kit-client.so
bare=("${user[@]}" env -i "PATH=$PATH" "P11_KIT_SERVER_ADDRESS=$P11_KIT_SERVER_ADDRESS")
id=$("${bare[@]}" pkcs11-tool --module "$client" --token-label STM --list-objects --type privkey 2>/dev/null |
    awk '$1 == "label:" { found = ($2 == "demo-rsa-3072") } $1 == "ID:" && found { print $2; exit }')
mkdir -m 0777 eight
eight() {
    local number children=() child status=0
    for number in $(seq 8); do
        "${bare[@]}" pkcs11-tool --module "$client" --token-label STM --sign --id "$id" --mechanism SHA256-RSA-PKCS \
            --input-file file --output-file "eight/$number" >"eight/$number.out" 2>&1 &
        children+=($!)
    done
    for child in "${children[@]}"; do wait "$child" || status=1; done
    [[ $status -eq 0 ]] || cat eight/*.out
    return $status
}
signs 8 16 8 "eight clients without credentials sign at once through the socket" eight
for number in $(seq 8); do
    openssl dgst -sha256 -verify demo-rsa-3072.pub -signature "eight/$number" file >/dev/null 2>&1 || echo "$number"
done >unverified
same "  and all eight verify" "$(cat unverified)" ''

# The server lives on: a process for each client, which ends with it, and nothing while there is none.
server=${CHILDREN[-1]}
workers() { (pgrep -P "$server" || true) | wc -l; }
for _ in $(seq 100); do [[ $(workers) -eq 0 ]] && break; sleep 0.05; done
same "no process is left behind" "$(workers)" 0
forget_requests
sleep 3
same "an idle server asks the service nothing" "$(requests | jq length)" 0
"${bare[@]}" sh -c "timeout --signal=KILL 0.3 pkcs11-tool --module $client --token-label STM --list-objects >/dev/null 2>&1" || true
says "a client that is killed leaves the server alive" 'demo-rsa-3072' \
    "${bare[@]}" pkcs11-tool --module "$client" --token-label STM --list-objects --type privkey

# What changes while it runs reaches the next client: keypairs by their name, credentials with their files.
new='{"alias": "new-key", "key_alg": "ECDSA", "key_storage": "HSM", "key_type": "TEST", "status": "ONLINE",
    "properties": {"curve": "P-256"}, "generate_cert": true}'
curl -sSf --cacert "$SM_CA_FILE" --cert "$STATE/client.pem" -H "x-api-key: $SM_API_KEY" -H 'Content-Type: application/json' \
    -d "$new" "$SM_HOST/signingmanager/api/v1/keypairs" >/dev/null
says "a keypair that was made meanwhile is found by its alias" 'new-key' \
    "${bare[@]}" p11tool --provider "$client" --list-all 'pkcs11:token=STM;object=new-key'
cp "$STATE/client.p12" kept.p12
cp "$STATE/client-expired.p12" "$STATE/client.p12"
sign_one() {
    "${bare[@]}" pkcs11-tool --module "$client" --token-label STM --sign --id "$id" --mechanism SHA256-RSA-PKCS \
        --input-file file --output-file one.sig
}
touch one.sig && chmod 0666 one.sig
refuses "credentials that expire are refused at the next client" sign_one
says "  and the server's standard error says why" 'client certificate|SM_CLIENT_CERT_FILE' cat log/server.out
cp kept.p12 "$STATE/client.p12"
check "credentials that are renewed work at the next client, without a restart" sign_one
check "  and it verifies" openssl dgst -sha256 -verify demo-rsa-3072.pub -signature one.sig file

# Version 0.24 of p11-kit has no room for arrays of mechanisms in its protocol.
allowed() { # LIBRARY
    "${bare[@]}" env "SM_HOST=$SM_HOST" "SM_API_KEY=$SM_API_KEY" "SM_CLIENT_CERT_FILE=$SM_CLIENT_CERT_FILE" "SM_CA_FILE=$SM_CA_FILE" \
        "SM_CLIENT_CERT_PASSWORD=$SM_CLIENT_CERT_PASSWORD" STM_PKCS11_CACHE=off \
        pkcs11-tool --module "$1" --token-label STM --list-objects --type privkey 2>/dev/null | grep -c 'Allowed mechanisms' || true
}
same "CKA_ALLOWED_MECHANISMS is there directly" "$(($(allowed "$MODULE") > 0))" 1
same "  and not through p11-kit 0.24, as the page says" "$(allowed "$client")" 0

keeps_secrets
