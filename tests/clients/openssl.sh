#!/usr/bin/env bash
# what: openssl 3 with the pkcs11 engine: dgst, cms, smime, req, ca, pkeyutl
# clients: openssl=openssl libp11=libengine-pkcs11-openssl
# signs: files, CMS, S/MIME, certificates and requests, PSS
# needs: openssl openssl
# needs: engine:pkcs11 libengine-pkcs11-openssl
# needs: curl curl
# needs: jq jq
source "$(dirname "$0")/../lib/client.sh"

start_service
OPENSSL_CONF=$(configuration openssl-engine.cnf)
export OPENSSL_CONF
engine=(-engine pkcs11 -keyform engine)
text file
changed file changed-file

for alias in demo-rsa-3072 demo-ec-p256 demo-rsa-2048 demo-rsa-4096 demo-ec-p384 demo-ec-p521; do
    certificates_of "$alias"
    key="pkcs11:object=$alias;type=private"
    signs_once "dgst signs with $alias" openssl dgst -sha256 "${engine[@]}" -sign "$key" -out sig file
    check "  and the certificate's public key verifies it" openssl dgst -sha256 -verify "$alias.pub" -signature sig file
    refuses "  and refuses a changed file" openssl dgst -sha256 -verify "$alias.pub" -signature sig changed-file
done

for alias in demo-rsa-3072 demo-ec-p256; do
    key="pkcs11:object=$alias;type=private"

    signs_once "dgst signs with $alias and a PIN in the URI" \
        openssl dgst -sha256 "${engine[@]}" -sign "$key;pin-value=1234" -out sig file
    check "  and it verifies" openssl dgst -sha256 -verify "$alias.pub" -signature sig file
    signs_once "dgst signs with $alias and the token named" \
        openssl dgst -sha256 "${engine[@]}" -sign "pkcs11:token=STM;object=$alias;type=private" -out sig file
    check "  and it verifies" openssl dgst -sha256 -verify "$alias.pub" -signature sig file

    for digest in sha384 sha512; do
        signs_once "dgst signs with $alias and $digest" openssl dgst "-$digest" "${engine[@]}" -sign "$key" -out sig file
        check "  and it verifies" openssl dgst "-$digest" -verify "$alias.pub" -signature sig file
    done

    cms=(openssl cms -verify -binary -inform DER -purpose any -CAfile "$ROOT_PEM" -out verified)
    signs_once "cms signs with $alias" openssl cms -sign -binary -outform DER -md sha256 "${engine[@]}" \
        -inkey "$key" -signer "$alias.pem" -certfile "$alias-chain.pem" -in file -out file.p7s
    check "  and it verifies up to the root" "${cms[@]}" -in file.p7s -content file
    refuses "  and refuses a changed file" "${cms[@]}" -in file.p7s -content changed-file

    smime=(openssl smime -verify -binary -inform DER -purpose any -CAfile "$ROOT_PEM" -out verified)
    signs_once "smime signs with $alias" openssl smime -sign -binary -outform DER -md sha256 "${engine[@]}" \
        -inkey "$key" -signer "$alias.pem" -certfile "$alias-chain.pem" -in file -out file.p7s
    check "  and it verifies up to the root" "${smime[@]}" -in file.p7s -content file
    refuses "  and refuses a changed file" "${smime[@]}" -in file.p7s -content changed-file

    signs_once "req makes a certificate request for $alias" \
        openssl req -new -sha256 "${engine[@]}" -key "$key" -subj "/O=Example/CN=$alias" -outform DER -out request.der
    # Versions before 3.4 end with status 0 whatever they found, and say it.
    says "  and the request proves possession of the key" 'signature verify OK' \
        openssl req -verify -inform DER -in request.der -noout
    same "  and it holds the certificate's public key" \
        "$(openssl req -inform DER -in request.der -pubkey -noout)" "$(cat "$alias.pub")"
    changed request.der changed.der -1
    says "  and a changed request is refused" 'signature verify failure' failing \
        openssl req -verify -inform DER -in changed.der -noout

    openssl dgst -sha256 -binary -out digest file
    openssl dgst -sha256 -binary -out changed-digest changed-file
    signs_once "pkeyutl signs a digest with $alias" \
        openssl pkeyutl -sign "${engine[@]}" -inkey "$key" -pkeyopt digest:sha256 -in digest -out sig
    verify=(openssl pkeyutl -verify -pubin -inkey "$alias.pub" -pkeyopt digest:sha256 -sigfile sig)
    check "  and it verifies" "${verify[@]}" -in digest
    refuses "  and another digest is refused" "${verify[@]}" -in changed-digest
done

# A certification authority whose key is in the token. Its own certificate has to be one for an authority.
plain() {
    env -u OPENSSL_CONF openssl "$@"
}
plain req -x509 -newkey rsa:2048 -nodes -keyout top.key -out top.pem -subj '/CN=Top' -days 2 2>/dev/null
plain req -new -newkey rsa:2048 -nodes -keyout end.key -out end.csr -subj '/O=Example/CN=end' 2>/dev/null
printf 'basicConstraints=critical,CA:TRUE\n' >extensions
mkdir -p issued
cat "$OPENSSL_CONF" - >ca.cnf <<'CNF'
[ca]
default_ca = authority
[authority]
database = index
new_certs_dir = issued
rand_serial = yes
default_days = 1
policy = any
[any]
commonName = supplied
organizationName = optional
CNF
for alias in demo-rsa-3072 demo-ec-p256; do
    plain x509 -new -force_pubkey "$alias.pub" -CA top.pem -CAkey top.key -subj "/CN=$alias" -days 2 -extfile extensions \
        -out authority.pem 2>/dev/null
    : >index
    signs_once "ca issues a certificate with $alias" openssl ca -config ca.cnf -batch -notext -md sha256 "${engine[@]}" \
        -keyfile "pkcs11:object=$alias;type=private" -cert authority.pem -in end.csr -out end.pem
    check "  and it verifies" openssl verify -CAfile top.pem -untrusted authority.pem end.pem
    openssl x509 -in end.pem -outform DER -out end.der
    changed end.der changed.der -1
    refuses "  and a changed certificate is refused" openssl verify -CAfile top.pem -untrusted authority.pem changed.der
done

pss=(-sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest)
signs_once "dgst signs with demo-rsa-3072 and PSS" \
    openssl dgst -sha256 "${engine[@]}" "${pss[@]}" -sign 'pkcs11:object=demo-rsa-3072;type=private' -out sig file
check "  and it verifies as PSS" openssl dgst -sha256 "${pss[@]}" -verify demo-rsa-3072.pub -signature sig file
refuses "  and refuses a changed file" openssl dgst -sha256 "${pss[@]}" -verify demo-rsa-3072.pub -signature sig changed-file

unset OPENSSL_CONF
export PKCS11_MODULE_PATH=$MODULE
signs_once "without a configuration file, PKCS11_MODULE_PATH is enough" \
    openssl dgst -sha256 "${engine[@]}" -sign 'pkcs11:object=demo-ec-p256;type=private' -out sig file
check "  and it verifies" openssl dgst -sha256 -verify demo-ec-p256.pub -signature sig file

forget_requests
refuses "an alias that does not exist is refused" \
    openssl dgst -sha256 "${engine[@]}" -sign 'pkcs11:object=no-such-keypair;type=private' -out sig file
refuses "an OFFLINE keypair is refused" \
    openssl dgst -sha256 "${engine[@]}" -sign 'pkcs11:object=demo-offline;type=private' -out sig file

keeps_secrets
