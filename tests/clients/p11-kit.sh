#!/usr/bin/env bash
# what: p11-kit: the module file, its proxy, and a token served to another process
# clients: p11-kit=p11-kit
# signs: by module file, proxy and server
# needs: p11-kit p11-kit
# needs: file:/usr/lib/x86_64-linux-gnu/pkcs11/p11-kit-client.so p11-kit-modules
# needs: file:/usr/lib/x86_64-linux-gnu/p11-kit-proxy.so libp11-kit0
# needs: certtool gnutls-bin
# needs: pkcs11-tool opensc
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
sign_with /usr/lib/x86_64-linux-gnu/p11-kit-proxy.so "pkcs11-tool signs through p11-kit's proxy"

"${user[@]}" p11-kit server --provider "$MODULE" --foreground --name "$WORK/socket" 'pkcs11:token=STM' >log/server.out 2>&1 &
CHILDREN+=($!)
for _ in $(seq 100); do [[ -S $WORK/socket ]] && break; sleep 0.05; done
export P11_KIT_SERVER_ADDRESS=unix:path=$WORK/socket
sign_with /usr/lib/x86_64-linux-gnu/pkcs11/p11-kit-client.so "pkcs11-tool signs through p11-kit's server"

keeps_secrets
