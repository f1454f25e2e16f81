#!/usr/bin/env bash
# what: the ledger, the budget and reuse, with jarsigner and the companion
# needs: jarsigner default-jdk-headless
# needs: curl curl
# needs: jq jq
# needs: openssl openssl
source "$(dirname "$0")/../lib/client.sh"

start_service
cfg=$(configuration sunpkcs11.cfg)
store=(-keystore NONE -storetype PKCS11 -storepass none -providerClass sun.security.pkcs11.SunPKCS11 -providerArg "$cfg")
text file
jar --create --file hello.jar file
signatures() {
    bill | cut -d' ' -f1
}

export STM_PKCS11_LEDGER=$WORK/log/ledger STM_PKCS11_REUSE=1h STM_PKCS11_BUDGET=5/day
# jarsigner of JDK 17 and later signs the time too, so each of its signatures is another one: the same bytes are signed here.
job() {
    "$COMPANION" sign demo-rsa-3072 hello.jar --format raw --out "$1"
}
forget_requests
check "a file is signed" job one.sig
same "  with one signature" "$(signatures)" 1
forget_requests
check "the same job runs again" job two.sig
same "  with no sign request" "$(signatures)" 0
check "  and the same bytes" cmp one.sig two.sig
certificates_of demo-rsa-3072
check "  which are a signature" openssl dgst -sha256 -verify demo-rsa-3072.pub -signature two.sig hello.jar

id=$(service_get 'keypairs?alias=demo-rsa-3072' | jq -r '.items[0].id')
service_get "keypairs/$id" | jq -c --arg path "/signingmanager/api/v1/keypairs/$id" \
    '[{method: "GET", path: $path, body: (.status = "OFFLINE" | .keypair_status = "OFFLINE" | .key_status = "OFFLINE")}]' >offline.json
forget_requests
curl -sSf -X PUT "$ADMIN/faults" -d @offline.json >/dev/null
check "a keypair that is OFFLINE now gets no stored signature" job three.sig
same "  but asks the service" "$(signatures)" 1
curl -sSf -X PUT "$ADMIN/faults" -d '[]' >/dev/null
SM_API_KEY_BEFORE=$SM_API_KEY
forget_requests
export SM_API_KEY=01_another_identity
refuses "another identity gets none either" job four.sig
export SM_API_KEY=$SM_API_KEY_BEFORE
unset STM_PKCS11_REUSE

check "the budget lets three more through" bash -c "for number in 1 2 3; do '$COMPANION' sign demo-ec-p256 file >/dev/null 2>&1 || exit 1; done"
forget_requests
says "and the next is refused, by the companion with its own status" 'STM_PKCS11_BUDGET=5/day is spent, so the request was not sent' \
    bash -c "'$COMPANION' sign demo-ec-p256 file 2>&1; [[ \$? -eq 5 ]]"
says "  and by jarsigner" 'CKR_FUNCTION_REJECTED' bash -c "
    cd '$WORK' && ! jarsigner ${store[*]@Q} -signedjar five.jar hello.jar demo-rsa-2048 2>&1"
same "  before anything is sent" "$(signatures)" 0

says "the ledger lists who signed what" "stm-pkcs11 +demo-rsa-3072 +SHA256WithRSA +signed" "$COMPANION" ledger list
says "  and what was reused" "stm-pkcs11 +demo-rsa-3072 +SHA256WithRSA +reused" "$COMPANION" ledger list
says "  by keypair" '^demo-ec-p256 +3 +3 +0 +0 +0$' "$COMPANION" ledger summary --by keypair
says "  by outcome, as CSV" '^reused,0,0,1,0,0' "$COMPANION" ledger summary --by outcome --csv
says "  in bars" '^demo-ec-p256 +#{50} 3$' "$COMPANION" ledger summary --by keypair --chart
same "  only those of a program" "$("$COMPANION" ledger list --command stm-pkcs11 --json | jq length)" 6
same "  none since the day after tomorrow" "$("$COMPANION" ledger list --since "$(date -u -d '+2 days' +%F)" --csv | wc -l)" 1
says "the doctor shows the budget" '5/day: 5 spent, 0 left' "$COMPANION" doctor
says "  and the ledger" 'sign requests, 0 unfinished' "$COMPANION" doctor
check "the service's records agree" "$COMPANION" ledger reconcile
head=$("$COMPANION" ledger verify --json | jq -r .head)
check "the ledger verifies, with the hash that was noted" "$COMPANION" ledger verify --noted "$head"
sed '2s/demo-rsa/demo-dsa/' "$STM_PKCS11_LEDGER" >changed
says "a changed line is detected" 'WRONG: changed line 3: the hash of the line before it is another' \
    bash -c "! '$COMPANION' ledger verify --file changed"
sed '$d' "$STM_PKCS11_LEDGER" >short
says "lines that are cut off are missed by the noted hash" 'the noted hash is not in it' \
    bash -c "! '$COMPANION' ledger verify --file short --noted $head 2>&1"
says "a file that is not a ledger is refused" 'is not a ledger of stm-pkcs11' bash -c "! '$COMPANION' ledger list --file file 2>&1"

keeps_secrets
