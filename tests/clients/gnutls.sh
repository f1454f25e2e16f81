#!/usr/bin/env bash
# what: GnuTLS: p11tool lists and exports, certtool signs messages and requests
# clients: certtool=gnutls-bin p11tool=gnutls-bin
# signs: messages, certificate requests; lists and exports
# needs: p11tool gnutls-bin
# needs: certtool gnutls-bin
# needs: openssl openssl
# needs: curl curl
# needs: jq jq
source "$(dirname "$0")/../lib/client.sh"

start_service
text file
changed file changed-file
provider=(--provider "$MODULE")

says "p11tool lists the token" 'Label: STM$' p11tool "${provider[@]}" --list-tokens
forget_requests
says "p11tool lists every object" 'Label: demo-ec-p521' p11tool "${provider[@]}" --list-all 'pkcs11:token=STM'
read -r signatures asked _ <<<"$(bill)"
same "  and that costs no signature" "$signatures" 0
same "  and, though it searches again for each object, one request" "$asked" 1

for alias in demo-rsa-3072 demo-ec-p256 demo-ec-p384; do
    certificates_of "$alias"
    url="pkcs11:token=STM;object=$alias"
    check "p11tool exports the certificate of $alias" \
        p11tool "${provider[@]}" --export "$url;type=cert" --outfile exported.pem
    same "  and it is the service's default certificate" \
        "$(openssl x509 -in exported.pem -outform DER | sha256sum)" "$(openssl x509 -in "$alias.pem" -outform DER | sha256sum)"
    check "p11tool exports the public key of $alias" \
        p11tool "${provider[@]}" --export-pubkey "$url;type=private" --outfile exported.pub
    same "  and it is the certificate's" "$(openssl pkey -pubin -in exported.pub -outform DER | sha256sum)" \
        "$(openssl pkey -pubin -in "$alias.pub" -outform DER | sha256sum)"

    # certtool puts the signer's certificate alone into the message.
    cat "$ROOT_PEM" "$alias-chain.pem" >issuers.pem
    verify=(openssl cms -verify -binary -inform DER -purpose any -CAfile issuers.pem -out verified)
    signs_once "certtool signs a file with $alias" certtool "${provider[@]}" --p7-detached-sign --outder \
        --load-privkey "$url;type=private" --load-certificate "$alias.pem" --hash sha256 --infile file --outfile file.p7s
    check "  and it verifies up to the root" "${verify[@]}" -in file.p7s -content file
    refuses "  and a changed file is refused" "${verify[@]}" -in file.p7s -content changed-file

    signs_once "certtool signs a file with $alias and a PIN" env GNUTLS_PIN=1234 certtool "${provider[@]}" --p7-detached-sign \
        --outder --load-privkey "$url;type=private" --load-certificate "$alias.pem" --hash sha256 --infile file --outfile file.p7s
    check "  and it verifies up to the root" "${verify[@]}" -in file.p7s -content file

    printf 'cn = "%s"\norganization = "Example"\n' "$alias" >template
    signs_once "certtool makes a certificate request for $alias" certtool "${provider[@]}" --generate-request \
        --load-privkey "$url;type=private" --load-pubkey "$alias.pub" --template template --outfile request.pem
    says "  and the request proves possession of the key" 'signature verify OK' openssl req -verify -in request.pem -noout
done

for kind in '--generate-rsa --bits 2048' '--generate-ecc --curve secp256r1'; do
    alias=made-by-p11tool-${kind:11:3}
    # shellcheck disable=SC2086 # words are wanted
    # p11tool sends a random id beside the label, whatever it is told.
    check "p11tool makes a keypair with ${kind%% --*}" env STM_PKCS11_KEY_ID=ignore p11tool "${provider[@]}" $kind --label "$alias" --outfile made.pub 'pkcs11:token=STM'
    printf 'cn = "made"\n' >template
    signs_once "  and it signs a certificate request" certtool "${provider[@]}" --generate-request \
        --load-privkey "pkcs11:token=STM;object=$alias;type=private" --load-pubkey made.pub --template template --outfile request.pem
    says "  which proves possession of the key" 'signature verify OK' openssl req -verify -in request.pem -noout
done

# As Knot's keymgr does by the same library: an id and no label, and from then on the key is found by its id.
id=$(printf '%02x' {1..20})
check "p11tool makes a keypair with an id and no label" \
    p11tool "${provider[@]}" --batch --generate-ecc --curve secp256r1 --id "$id" --outfile made.pub 'pkcs11:token=STM'
same "  which is named after the id" "$("$COMPANION" keypair show "key-$id" --only cka-id)" "$id"
url="pkcs11:token=STM;id=$(printf '%%%02x' {1..20})"
signs_once "  and, found by its id, signs a certificate request" certtool "${provider[@]}" --generate-request \
    --load-privkey "$url;type=private" --load-pubkey made.pub --template template --outfile request.pem
says "  which proves possession of the key" 'signature verify OK' openssl req -verify -in request.pem -noout

keeps_secrets
