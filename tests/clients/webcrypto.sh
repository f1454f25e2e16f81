#!/usr/bin/env bash
# what: node-webcrypto-p11 signs from Node.js, with the program of the page; it lists keys and exports certificates
# clients: node-webcrypto-p11=npm
# signs: files, RSA-PSS too
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

node_with pkcs11js@2 node-webcrypto-p11@2
export MODULE
start_service
text file
changed file changed-file
awk '/^cat > sign.js <</ { on = 1; next } on && /^END$/ { exit } on' "$ROOT/docs/clients/webcrypto.md" >sign.js
id_of() { # ALIAS
    "$COMPANION" keypair show "$1" --only cka-id
}

# signs_with ALIAS ALGORITHM VERIFY-OPTION...: in WebCrypto's JSON, and how openssl verifies it.
signs_with() {
    local alias=$1 algorithm=$2
    shift 2
    certificates_of "$alias"
    signs_once "node-webcrypto-p11 signs with $alias, $(jq -r .name <<<"$algorithm")" node sign.js "$(id_of "$alias")" "$algorithm"
    [[ $alias != *ec* ]] || to_der file.sig
    check "  and it verifies" openssl dgst "$@" -verify "$alias.pub" -signature file.sig file
    refuses "  and a changed file is refused" openssl dgst "$@" -verify "$alias.pub" -signature file.sig changed-file
}
signs_with demo-rsa-3072 '{"name": "RSASSA-PKCS1-v1_5", "hash": "SHA-256"}' -sha256
signs_with demo-rsa-2048 '{"name": "RSASSA-PKCS1-v1_5", "hash": "SHA-512"}' -sha512
for pss in 256:32 384:48 512:64; do
    signs_with demo-rsa-3072 "{\"name\": \"RSA-PSS\", \"hash\": \"SHA-${pss%:*}\", \"saltLength\": ${pss#*:}}" \
        "-sha${pss%:*}" -sigopt rsa_padding_mode:pss -sigopt "rsa_pss_saltlen:${pss#*:}"
done
for curve in 256:256 384:384 521:512; do
    signs_with "demo-ec-p${curve%:*}" "{\"name\": \"ECDSA\", \"namedCurve\": \"P-${curve%:*}\", \"hash\": \"SHA-${curve#*:}\"}" "-sha${curve#*:}"
done

cat >list.js <<'JS'
const fs = require("fs");
const { Crypto } = require("node-webcrypto-p11");
async function list(id) {
    const crypto = new Crypto({ library: process.env.MODULE, name: "STM", slot: 0, pin: "1234" });
    const name = (await crypto.certStorage.keys()).find((name) => name.endsWith(`-${id}`));
    fs.writeFileSync("exported.der", Buffer.from(await crypto.certStorage.exportCert("raw", await crypto.certStorage.getItem(name))));
    const keys = await crypto.keyStorage.keys();
    const key = await crypto.keyStorage.getItem(keys.find((name) => name.startsWith("private-") && name.endsWith(`-${id}`)));
    console.log(`${key.algorithm.label} ${key.extractable} ${key.usages}`);
    crypto.close();
}
list(process.argv[2]).catch((error) => { console.error(error); process.exit(1); });
JS
forget_requests
says "with a PIN, it lists a key that signs and cannot be exported" '^demo-rsa-3072 false sign$' node list.js "$(id_of demo-rsa-3072)"
same "  and exports its certificate" "$(sha256sum <exported.der)" "$(openssl x509 -in demo-rsa-3072.pem -outform DER | sha256sum)"
read -r made _ <<<"$(bill)"
same "  for no signature" "$made" 0

# told PROMISE REGEX COMMAND...: it fails, spends no signature, and says why.
told() {
    local promise=$1 words=$2
    shift 2
    forget_requests
    refuses "$promise" env SM_LOG_OUTPUT=stderr SM_LOG_LEVEL=ERROR "$@"
    cp "$SAID" told
    says "  and says why" "$words" cat told
    same "  for no signature" "$(requests | jq '[.[] | select(.method == "POST" and .status < 300)] | length')" 0
}
told "an id that is not in the token is refused" 'no private key has the id 00112233' node sign.js 00112233 '{"name": "ECDSA"}'
told "PSS with another salt is refused" 'a salt of 32 bytes only .*; set the salt length to the digest length' \
    node sign.js "$(id_of demo-rsa-3072)" '{"name": "RSA-PSS", "hash": "SHA-256", "saltLength": 20}'
told "an OFFLINE keypair is refused" 'keypair demo-offline: HTTP 403: .*OFFLINE' \
    node sign.js "$(id_of demo-offline)" '{"name": "ECDSA", "namedCurve": "P-256", "hash": "SHA-256"}'

keeps_secrets
