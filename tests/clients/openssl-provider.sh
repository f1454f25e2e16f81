#!/usr/bin/env bash
# what: openssl 3 with pkcs11-provider: dgst, pkeyutl, cms, req, x509, ca, storeutl, s_server; the kernel's sign-file
# clients: pkcs11-provider=pkcs11-provider openssl=openssl sign-file=linux-kbuild-*
# signs: files, CMS, certificates and requests, PSS, handshakes, kernel modules
# not on bookworm: Debian 12 has pkcs11-provider in its backports only
# needs: openssl openssl
# needs: provider:pkcs11 pkcs11-provider
# needs: file:/usr/lib/linux-kbuild-*/scripts/sign-file linux-kbuild-6*
# needs: osslsigncode osslsigncode
# needs: python3 python3
# needs: curl curl
# needs: jq jq
source "$(dirname "$0")/../lib/client.sh"

start_service
OPENSSL_CONF=$(configuration openssl-provider.cnf)
export OPENSSL_CONF
text file
changed file changed-file

# openssl for keys in files.
plain() {
    env -u OPENSSL_CONF openssl "$@"
}

for alias in demo-rsa-3072 demo-ec-p256 demo-rsa-2048 demo-rsa-4096 demo-ec-p384 demo-ec-p521; do
    certificates_of "$alias"
    signs_once "dgst signs with $alias" openssl dgst -sha256 -sign "pkcs11:object=$alias;type=private" -out sig file
    check "  and the certificate's public key verifies it" plain dgst -sha256 -verify "$alias.pub" -signature sig file
    refuses "  and refuses a changed file" plain dgst -sha256 -verify "$alias.pub" -signature sig changed-file
done

for alias in demo-rsa-3072 demo-ec-p256; do
    key="pkcs11:object=$alias;type=private"
    signs_once "dgst signs with $alias, with the token and a PIN in the URI" \
        openssl dgst -sha256 -sign "pkcs11:token=STM;object=$alias;type=private?pin-value=1234" -out sig file
    check "  and it verifies" plain dgst -sha256 -verify "$alias.pub" -signature sig file
    for digest in sha384 sha512; do
        signs_once "dgst signs with $alias and $digest" openssl dgst "-$digest" -sign "$key" -out sig file
        check "  and it verifies" plain dgst "-$digest" -verify "$alias.pub" -signature sig file
    done

    for digest in file changed-file; do openssl dgst -sha256 -binary -out "$digest.digest" "$digest"; done
    signs_once "pkeyutl signs a digest with $alias" openssl pkeyutl -sign -inkey "$key" -pkeyopt digest:sha256 -in file.digest -out sig
    verify=(openssl pkeyutl -verify -pubin -inkey "$alias.pub" -sigfile sig)
    check "  and it verifies" plain "${verify[@]:1}" -pkeyopt digest:sha256 -in file.digest
    refuses "  and another digest is refused" plain "${verify[@]:1}" -pkeyopt digest:sha256 -in changed-file.digest
    signs_once "pkeyutl signs bytes as they are with $alias" openssl pkeyutl -sign -inkey "$key" -in file.digest -out sig
    check "  and it verifies" plain "${verify[@]:1}" -in file.digest
    refuses "  and other bytes are refused" plain "${verify[@]:1}" -in changed-file.digest
    signs_once "pkeyutl hashes and signs a file with $alias" openssl pkeyutl -sign -rawin -digest sha256 -inkey "$key" -in file -out sig
    check "  and it verifies" plain "${verify[@]:1}" -rawin -digest sha256 -in file
    refuses "  and a changed file is refused" plain "${verify[@]:1}" -rawin -digest sha256 -in changed-file

    cms=(plain cms -verify -binary -inform DER -purpose any -CAfile "$ROOT_PEM" -out verified -in file.p7s)
    signs_once "cms signs with $alias" openssl cms -sign -binary -outform DER -md sha256 -inkey "$key" \
        -signer "$alias.pem" -certfile "$alias-chain.pem" -in file -out file.p7s
    check "  and it verifies up to the root" "${cms[@]}" -content file
    refuses "  and refuses a changed file" "${cms[@]}" -content changed-file
    # The certificate is on the token, too.
    signs_once "cms signs with $alias, with the certificate of the token" openssl cms -sign -binary -outform DER -md sha256 -inkey "$key" \
        -signer "pkcs11:object=$alias;type=cert" -certfile "$alias-chain.pem" -in file -out file.p7s
    check "  and it verifies up to the root" "${cms[@]}" -content file
    refuses "  and refuses a changed file" "${cms[@]}" -content changed-file

    signs_once "req makes a certificate request for $alias" \
        openssl req -new -sha256 -key "$key" -subj "/O=Example/CN=$alias" -outform DER -out request.der
    check "  and the request proves possession of the key" plain req -verify -inform DER -in request.der -noout
    same "  and it holds the certificate's public key" "$(plain req -inform DER -in request.der -pubkey -noout)" "$(cat "$alias.pub")"
    changed request.der changed.der -1
    says "  and a changed request is refused" 'self-signature verify failure' failing plain req -verify -inform DER -in changed.der -noout

    # A certification authority whose key is in the token.
    plain req -x509 -newkey rsa:2048 -nodes -keyout top.key -out top.pem -subj '/CN=Top' -days 2 2>/dev/null
    plain req -new -newkey rsa:2048 -nodes -keyout end.key -out end.csr -subj '/O=Example/CN=end' 2>/dev/null
    printf 'basicConstraints=critical,CA:TRUE\n' >extensions
    plain x509 -new -force_pubkey "$alias.pub" -CA top.pem -CAkey top.key -subj "/CN=$alias" -days 2 -extfile extensions \
        -out authority.pem 2>/dev/null
    signs_once "x509 issues a certificate with $alias" openssl x509 -req -in end.csr -CA authority.pem -CAkey "$key" -days 1 -out end.pem
    check "  and it verifies" plain verify -CAfile top.pem -untrusted authority.pem end.pem
    plain x509 -in end.pem -outform DER -out end.der
    changed end.der changed.der -1
    refuses "  and a changed certificate is refused" plain verify -CAfile top.pem -untrusted authority.pem changed.der
done

# RSA-PSS; the salt as long as the digest, which the service makes.
alias=demo-rsa-3072
pss=(-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest)
signs_once "dgst signs with PSS" openssl dgst -sha256 "${pss[@]}" -sign "pkcs11:object=$alias;type=private" -out sig file
check "  and it verifies as PSS" plain dgst -sha256 "${pss[@]}" -verify "$alias.pub" -signature sig file
refuses "  and refuses a changed file" plain dgst -sha256 "${pss[@]}" -verify "$alias.pub" -signature sig changed-file

# told PROMISE REGEX COMMAND...: it fails, spends no signature, and the module says why.
told() {
    local promise=$1 words=$2 made
    shift 2
    forget_requests
    refuses "$promise" env SM_LOG_OUTPUT=stderr SM_LOG_LEVEL=ERROR "$@"
    cp "$SAID" told
    says "  and the module says why" "$words" cat told
    made=$(requests | jq '[.[] | select(.method == "POST" and .status < 300)] | length')
    same "  and nothing is spent" "$made" 0
}
for length in max 20; do
    told "PSS with a salt of length $length is refused" 'a salt of 32 bytes only .*; set the salt length to the digest length' \
        openssl dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt "rsa_pss_saltlen:$length" -sign "pkcs11:object=$alias;type=private" -out sig file
done
told "an alias that does not exist is refused" "there is no keypair 'no-such-keypair' .*; check the alias" \
    openssl dgst -sha256 -sign 'pkcs11:object=no-such-keypair;type=private' -out sig file
told "an OFFLINE keypair is refused" 'keypair demo-offline: HTTP 403: .*OFFLINE' \
    openssl dgst -sha256 -sign 'pkcs11:object=demo-offline;type=private' -out sig file

certificates_of demo-ed25519
signs_once "pkeyutl signs with Ed25519, which is in the second slot" \
    openssl pkeyutl -sign -rawin -inkey 'pkcs11:object=demo-ed25519;type=private' -in file -out sig
check "  and it verifies" plain pkeyutl -verify -rawin -pubin -inkey demo-ed25519.pub -in file -sigfile sig
refuses "  and a changed file is refused" plain pkeyutl -verify -rawin -pubin -inkey demo-ed25519.pub -in changed-file -sigfile sig

forget_requests
openssl storeutl -noout -text 'pkcs11:token=STM' >stored 2>/dev/null
same "storeutl lists the private keys, each with its URI" \
    "$(grep -oE '^URI pkcs11:.*object=demo-rsa-3072;type=[a-z]+' stored | sed 's/.*;object=//')" 'demo-rsa-3072;type=private'
says "  and exports a certificate" 'BEGIN CERTIFICATE' openssl storeutl -certs 'pkcs11:object=demo-ec-p256;type=cert'
same "  which is the keypair's" "$(plain x509 -in "$SAID" -noout -fingerprint)" "$(plain x509 -in demo-ec-p256.pem -noout -fingerprint)"
read -r made _ <<<"$(bill)"
same "  for no signature" "$made" 0

# The kernel's own program. Its CMS, the length of which stands in front of the mark, lies behind the module.
sign_file=$(compgen -G '/usr/lib/linux-kbuild-*/scripts/sign-file' | sort -V | tail -n 1)
for alias in demo-rsa-3072 demo-ec-p256; do
    cp file module.ko
    signs_once "sign-file signs a kernel module with $alias, which PKCS11_PROVIDER_MODULE is enough for" \
        env -u OPENSSL_CONF PKCS11_PROVIDER_MODULE="$MODULE" "$sign_file" sha256 "pkcs11:object=$alias;type=private" "$alias.pem" module.ko
    same "  which is marked" "$(tail -c 28 module.ko)" '~Module signature appended~'
    length=$((16#$(tail -c 32 module.ko | head -c 4 | od -An -tx1 | tr -d ' ')))
    tail -c $((length + 40)) module.ko | head -c "$length" >module.p7s
    cms=(plain cms -verify -binary -inform DER -noverify -certfile "$alias.pem" -in module.p7s -out verified)
    check "  and it verifies" "${cms[@]}" -content file
    refuses "  and a changed module is refused" "${cms[@]}" -content changed-file
done

# A server; eight clients at once, each a process of its own.
alias=demo-ec-p256
plain req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj '/CN=Test CA' -days 2 2>/dev/null
printf 'subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\n' >extensions
plain x509 -new -force_pubkey "$alias.pub" -CA ca.pem -CAkey ca.key -subj "/CN=$alias" -days 2 -extfile extensions -out tls.pem 2>/dev/null
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
forget_cache
forget_requests
openssl s_server -key "pkcs11:object=$alias;type=private" -cert tls.pem -accept "127.0.0.1:$port" -www -quiet >log/s_server.out 2>&1 </dev/null &
CHILDREN+=($!)
for _ in $(seq 200); do (: <"/dev/tcp/127.0.0.1/$port") 2>/dev/null && break; sleep 0.05; done
get() {
    curl -sS --fail --cacert "${1:-ca.pem}" "https://localhost:$port/" -o "page.${2:-0}"
}
eight() {
    local number children=() child status=0
    for number in $(seq 8); do
        get ca.pem "$number" &
        children+=($!)
    done
    for child in "${children[@]}"; do wait "$child" || status=1; done
    return $status
}
check "s_server serves eight clients at once" eight
read -r made asked _ <<<"$(bill)"
same "  with a signature for each" "$made" 8
same "  and one look at the keypairs" "$((asked - made <= 2))" 1
refuses "  and a client that trusts another CA refuses it" get "$ROOT_PEM"

keeps_secrets
