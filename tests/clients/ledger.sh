#!/usr/bin/env bash
# what: the ledger, the budget and reuse, with jarsigner and the companion
# needs: jarsigner default-jdk-headless
# needs: curl curl
# needs: jq jq
# needs: openssl openssl
# needs: faketime faketime
source "$(dirname "$0")/../lib/client.sh"

start_service
cfg=$(configuration sunpkcs11.cfg)
store=(-keystore NONE -storetype PKCS11 -storepass none -providerClass sun.security.pkcs11.SunPKCS11 -providerArg "$cfg")
text file
jar --create --file hello.jar file
signatures() {
    bill | cut -d' ' -f1
}

export STM_PKCS11_LEDGER=$WORK/log/ledger STM_PKCS11_REUSE=1h STM_PKCS11_BUDGET=20/day

# jarsigner signs the time too. A job whose clock stands still, as reproducible builds have it, signs the same bytes again.
now=$(date +'%F %T')
jar_job() {
    DONT_FAKE_MONOTONIC=1 faketime -f "$now" jarsigner "${store[@]}" -signedjar "$1" hello.jar demo-rsa-3072
}
forget_requests
says "jarsigner signs an archive" 'jar signed' jar_job first.jar
same "  with one signature" "$(signatures)" 1
forget_requests
says "the same jarsigner job runs again" 'jar signed' jar_job second.jar
same "  with no sign request" "$(signatures)" 0
check "  and the same bytes" cmp first.jar second.jar
says "  which are signed" 'jar verified' jarsigner -verify second.jar

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

# What the service says of the keypair when the same is signed once more: then nothing that is stored is returned.
id=$(service_get 'keypairs?alias=demo-rsa-3072' | jq -r '.items[0].id')
service_get "keypairs/$id" >keypair.json
service_get 'keypairs?alias=demo-rsa-2048' | jq '.items[0]' >other.json
# asks_again WHAT FILTER
asks_again() {
    jq -c --arg path "/signingmanager/api/v1/keypairs/$id" --slurpfile other other.json \
        "[{method: \"GET\", path: \$path, body: ($2)}]" keypair.json >changed.json
    curl -sSf -X PUT "$ADMIN/faults" -d @changed.json >/dev/null
    forget_requests
    check "a keypair $1 gets no stored signature" job three.sig
    same "  but asks the service" "$(signatures)" 1
    curl -sSf -X PUT "$ADMIN/faults" -d '[]' >/dev/null
}
asks_again "that is OFFLINE now" '.status = "OFFLINE" | .keypair_status = "OFFLINE" | .key_status = "OFFLINE"'
# shellcheck disable=SC2016 # jq fills in
asks_again "with another public key now" '.public_key = $other[0].public_key'
# shellcheck disable=SC2016
asks_again "with another certificate now" '.certificates = $other[0].certificates'
asks_again "whose certificate was revoked" '.certificates[0].certificate_status = "REVOKED" | .certificates[0].status = "REVOKED"'
forget_requests
check "as it was, the keypair gets the stored one" job five.sig
same "  with no sign request" "$(signatures)" 0
check "  of the same bytes" cmp one.sig five.sig
SM_API_KEY_BEFORE=$SM_API_KEY
forget_requests
export SM_API_KEY=01_another_identity
refuses "another identity gets none either" job four.sig
export SM_API_KEY=$SM_API_KEY_BEFORE
unset STM_PKCS11_REUSE

export STM_PKCS11_BUDGET=9/day
check "the budget lets three more through" bash -c "for number in 1 2 3; do '$COMPANION' sign demo-ec-p256 file >/dev/null 2>&1 || exit 1; done"
forget_requests
says "and the next is refused, by the companion with its own status" 'STM_PKCS11_BUDGET=9/day is spent, so the request was not sent' \
    bash -c "'$COMPANION' sign demo-ec-p256 file 2>&1; [[ \$? -eq 5 ]]"
says "  and by jarsigner" 'CKR_FUNCTION_REJECTED' bash -c "
    cd '$WORK' && ! jarsigner ${store[*]@Q} -signedjar five.jar hello.jar demo-rsa-2048 2>&1"
same "  before anything is sent" "$(signatures)" 0

says "the ledger lists who signed what" "stm-pkcs11 +demo-rsa-3072 +SHA256WithRSA +signed" "$COMPANION" ledger list
says "  and what was reused" "stm-pkcs11 +demo-rsa-3072 +SHA256WithRSA +reused" "$COMPANION" ledger list
says "  by keypair" '^demo-ec-p256 +3 +3 +0 +0 +0$' "$COMPANION" ledger summary --by keypair
says "  by outcome, as CSV" '^reused,0,0,3,0,0' "$COMPANION" ledger summary --by outcome --csv
says "  in bars" '^demo-rsa-3072 +#{50} 6$' "$COMPANION" ledger summary --by keypair --chart
same "  only those of a program" "$("$COMPANION" ledger list --command stm-pkcs11 --json | jq length)" 10
same "  none since the day after tomorrow" "$("$COMPANION" ledger list --since "$(date -u -d '+2 days' +%F)" --csv | wc -l)" 1
says "the doctor shows the budget" '9/day: 9 spent, 0 left' "$COMPANION" doctor
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
