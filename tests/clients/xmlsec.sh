#!/usr/bin/env bash
# what: the XML Security Library with NSS signs XML documents, with the program of the page; xmlsec1 verifies with OpenSSL
# clients: xmlsec-nss=libxmlsec1-dev
# signs: XML documents
# needs: xmlsec1 xmlsec1
# needs: gcc gcc
# needs: pkg-config pkg-config
# needs: file:/usr/include/xmlsec1/xmlsec/xmlsec.h libxmlsec1-dev
# needs: modutil libnss3-tools
# needs: certutil libnss3-tools
# needs: engine:pkcs11 libengine-pkcs11-openssl
# needs: openssl openssl
# needs: curl curl
# needs: jq jq
source "$(dirname "$0")/../lib/client.sh"

start_service
# part FILE: what the page writes to FILE
part() {
    awk -v first="cat > $1 <<" 'index($0, first) == 1 { on = 1; next } on && /^END$/ { exit } on' "$ROOT/docs/clients/xml.md"
}
part sign-xml.c >program.c
# shellcheck disable=SC2046 # words for the compiler
check "the program of the page is compiled" gcc -Wall -Wextra -Werror -o sign-xml program.c $(pkg-config --cflags --libs xmlsec1-nss libxml-2.0)
mkdir nssdb
certutil -N -d sql:nssdb --empty-password
modutil -dbdir sql:nssdb -force -add stm -libfile "$MODULE" >/dev/null

# template ALIAS ALGORITHM: unsigned.xml
template() {
    # shellcheck disable=SC2016 # as the page writes it
    part template.xml | sed "s/\$KEYPAIR/$1/; s/rsa-sha256/$2/" >unsigned.xml
}
sign() {
    ./sign-xml sql:nssdb unsigned.xml >signed.xml
}

for kind in rsa-sha256:demo-rsa-3072 rsa-sha512:demo-rsa-2048 ecdsa-sha256:demo-ec-p256 ecdsa-sha384:demo-ec-p384; do
    alias=${kind#*:} kind=${kind%:*}
    certificates_of "$alias"
    template "$alias" "$kind"
    signs_once "NSS signs a document with $alias, $kind" sign
    verify=(xmlsec1 --verify --enabled-key-data x509 --trusted-pem "$ROOT_PEM" --untrusted-pem "$alias-chain.pem")
    check "  and xmlsec1 verifies it up to the root" "${verify[@]}" signed.xml
    same "  with the keypair's certificate in it" \
        "$(sed -n '/<X509Certificate>/,/<\/X509Certificate>/p' signed.xml | sed 's/<[^>]*>//g' | openssl base64 -d | sha256sum)" \
        "$(openssl x509 -in "$alias.pem" -outform DER | sha256sum)"
    sed 's#<version>1<#<version>2<#' signed.xml >changed.xml
    says "  and refuses a changed document" 'SignedInfo References \(ok/all\): 0/1' failing "${verify[@]}" changed.xml
    refuses "  by its status, too" "${verify[@]}" changed.xml
done

# refused_without_signature PROMISE REGEX COMMAND...
refused_without_signature() {
    local promise=$1 words=$2
    shift 2
    forget_requests
    refuses "$promise" "$@"
    cp "$SAID" told
    says "  and the message says why" "$words" cat told
    same "  for no signature" "$(requests | jq '[.[] | select(.method == "POST" and .status < 300)] | length')" 0
}
template no-such-keypair rsa-sha256
refused_without_signature "an alias that does not exist is refused" 'key is not found' sign
template demo-offline ecdsa-sha256
refused_without_signature "an OFFLINE keypair is refused" 'keypair demo-offline: HTTP 403: .*OFFLINE' \
    env SM_LOG_OUTPUT=stderr SM_LOG_LEVEL=ERROR ./sign-xml sql:nssdb unsigned.xml

# Why the page has a program of its own.
template demo-rsa-3072 rsa-sha256
refused_without_signature "xmlsec1 itself has no NSS" 'dynamic xmlsec-crypto library loading is disabled' \
    xmlsec1 --sign --crypto nss --crypto-config sql:nssdb unsigned.xml
OPENSSL_CONF=$(configuration openssl-engine.cnf)
refused_without_signature "  and does not recognise the RSA keys of an engine" 'key is not found' env OPENSSL_CONF="$OPENSSL_CONF" \
    xmlsec1 --sign --privkey-openssl-engine 'pkcs11;pkcs11:object=demo-rsa-3072;type=private' unsigned.xml
template demo-ec-p256 ecdsa-sha256
forget_requests
refuses "  and fails with an EC key" env OPENSSL_CONF="$OPENSSL_CONF" \
    xmlsec1 --sign --privkey-openssl-engine 'pkcs11;pkcs11:object=demo-ec-p256;type=private' unsigned.xml
read -r made _ <<<"$(bill)"
same "  after a signature" "$made" 1

keeps_secrets
