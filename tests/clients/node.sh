#!/usr/bin/env bash
# what: pkcs11js signs from Node.js
# clients: pkcs11js=npm
# signs: files
# needs: node nodejs
# needs: npm npm
# needs: g++ g++
# needs: make make
# needs: python3 python3
# needs: openssl openssl
# needs: curl curl
# needs: jq jq
source "$(dirname "$0")/../lib/client.sh"
# shellcheck source=tests/lib/node.sh
source "$ROOT/tests/lib/node.sh"

node_with pkcs11js@2
export MODULE
start_service
text file
changed file changed-file

cat >sign.js <<'JS'
const fs = require("fs"), pkcs11js = require("pkcs11js");
const [alias, mechanism, pin] = process.argv.slice(2);
const pkcs11 = new pkcs11js.PKCS11();
pkcs11.load(process.env.MODULE);
pkcs11.C_Initialize();
const slot = pkcs11.C_GetSlotList(true)[0];
const session = pkcs11.C_OpenSession(slot, pkcs11js.CKF_SERIAL_SESSION);
if (pin) pkcs11.C_Login(session, pkcs11js.CKU_USER, pin);
pkcs11.C_FindObjectsInit(session, [
    { type: pkcs11js.CKA_CLASS, value: pkcs11js.CKO_PRIVATE_KEY }, { type: pkcs11js.CKA_LABEL, value: alias }]);
const key = pkcs11.C_FindObjects(session);
pkcs11.C_FindObjectsFinal(session);
pkcs11.C_SignInit(session, { mechanism: pkcs11js[mechanism] }, key);
fs.writeFileSync("sig", pkcs11.C_Sign(session, fs.readFileSync("file"), Buffer.alloc(1024)));
pkcs11.C_CloseSession(session);
pkcs11.C_Finalize();
JS

for alias in demo-rsa-3072 demo-ec-p256; do
    certificates_of "$alias"
    for pin in '' 1234; do
        case $alias in
            *rsa*) mechanism=CKM_SHA256_RSA_PKCS ;;
            *) mechanism=CKM_ECDSA_SHA256 ;;
        esac
        # shellcheck disable=SC2086 # no PIN is no word
        signs_once "pkcs11js signs with $alias${pin:+ and a PIN}" node sign.js "$alias" "$mechanism" $pin
        [[ $alias != *ec* ]] || to_der sig
        check "  and it verifies" openssl dgst -sha256 -verify "$alias.pub" -signature sig file
        refuses "  and a changed file is refused" openssl dgst -sha256 -verify "$alias.pub" -signature sig changed-file
    done
done

keeps_secrets
