#!/usr/bin/env bash
# what: strongSwan's pki: self-signed certificates, requests, certificates and revocation lists of a CA with its key in the token
# clients: pki=strongswan-pki
# signs: certificates, requests, revocation lists; PSS from 6.0
# needs: pki strongswan-pki
# needs: file:/usr/lib/ipsec/plugins/libstrongswan-pkcs11.so libstrongswan-extra-plugins
# needs: file:/usr/lib/ipsec/plugins/libstrongswan-openssl.so libstrongswan-standard-plugins
# needs: openssl openssl
# needs: curl curl
# needs: jq jq
source "$(dirname "$0")/../lib/client.sh"

start_service
cat >strongswan.conf <<CONF
libstrongswan {
    plugins {
        pkcs11 {
            modules {
                stm {
                    path = $MODULE
                }
            }
        }
    }
}
CONF
export STRONGSWAN_CONF=$WORK/strongswan.conf
id_of() { # ALIAS
    "$COMPANION" keypair show "$1" --only cka-id
}

# pki asks the terminal for a PIN; without a terminal it reads standard input. What it makes goes to made.pem.
pki_with_pin() {
    setsid --wait pki "$@" --outform pem >made.pem <<<1234
}

openssl req -new -newkey rsa:2048 -nodes -keyout end.key -out end.csr -subj '/O=Example/CN=end' 2>/dev/null
for alias in demo-rsa-3072 demo-rsa-2048 demo-ec-p256 demo-ec-p384; do
    certificates_of "$alias"
    case $alias in
        *rsa*) type=rsa ;;
        *) type=ecdsa ;;
    esac
    signs_once "pki signs a certificate of its own with $alias" \
        pki_with_pin --self --ca --type $type --keyid "$(id_of "$alias")" --dn "O=Example, CN=$alias"
    cp made.pem ca.pem
    same "  of the keypair's public key" "$(openssl x509 -in ca.pem -noout -pubkey)" "$(cat "$alias.pub")"
    check "  and openssl verifies it" openssl verify -check_ss_sig -CAfile ca.pem ca.pem

    signs_once "pki makes a certificate request with $alias" \
        pki_with_pin --req --type $type --keyid "$(id_of "$alias")" --dn "O=Example, CN=$alias"
    says "  and openssl verifies it" 'signature verify OK' openssl req -verify -noout -in made.pem

    signs_once "pki issues a certificate with $alias" \
        pki_with_pin --issue --in end.csr --type pkcs10 --cacert ca.pem --cakeyid "$(id_of "$alias")" --lifetime 1
    cp made.pem end.pem
    check "  and openssl verifies it" openssl verify -CAfile ca.pem end.pem
    openssl x509 -in end.pem -outform DER -out end.der
    changed end.der changed.der -1
    says "  and refuses a changed one" 'certificate signature failure' failing openssl verify -CAfile ca.pem changed.der

    signs_once "pki revokes it with $alias" \
        pki_with_pin --signcrl --cacert ca.pem --cakeyid "$(id_of "$alias")" --cert end.pem
    says "  and openssl verifies the list" 'verify OK' openssl crl -in made.pem -CAfile ca.pem -noout
    says "  and refuses the certificate" 'certificate revoked' failing openssl verify -crl_check -CRLfile made.pem -CAfile ca.pem end.pem
done

alias=demo-rsa-3072
for digest in sha384 sha512; do
    signs_once "pki signs with $digest" pki_with_pin --self --digest $digest --type rsa --keyid "$(id_of $alias)" --dn CN=x
    says "  and it is in the certificate" "Signature Algorithm: ${digest}WithRSA" openssl x509 -in made.pem -noout -text
    check "  and openssl verifies it" openssl verify -check_ss_sig -CAfile made.pem made.pem
done
pss=(pki_with_pin --self --rsa-padding pss --type rsa --keyid "$(id_of $alias)" --dn CN=x)
if [[ $(pki --help 2>/dev/null | sed -n 's/^strongSwan \([0-9]*\)\..*/\1/p') -ge 6 ]]; then
    signs_once "pki signs with PSS" "${pss[@]}"
    says "  and it is in the certificate" 'Signature Algorithm: rsassaPss' openssl x509 -in made.pem -noout -text
    check "  and openssl verifies it" openssl verify -check_ss_sig -CAfile made.pem made.pem
else
    says "pki before 6.0 has no PSS with tokens" 'signature scheme RSA_EMSA_PSS not supported' failing "${pss[@]}"
fi

forget_requests
says "an id that is not in the token is refused" 'no PKCS#11 module found having a keyid' \
    failing pki_with_pin --self --type rsa --keyid 00112233 --dn CN=x
export SM_LOG_OUTPUT=stderr SM_LOG_LEVEL=ERROR
says "an OFFLINE keypair is refused, and the module says why" 'keypair demo-offline: HTTP 403: .*OFFLINE' \
    failing pki_with_pin --self --type ecdsa --keyid "$(id_of demo-offline)" --dn CN=x
same "  for no signature" "$(requests | jq '[.[] | select(.method == "POST" and .status < 300)] | length')" 0

keeps_secrets
