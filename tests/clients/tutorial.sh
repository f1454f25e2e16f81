#!/usr/bin/env bash
# what: the emulator: the three calls of the service's own tutorial, as written there, for each algorithm
# not in a root: the emulator alone runs here, and does the same everywhere
# needs: curl curl
# needs: jq jq
# needs: openssl openssl
source "$(dirname "$0")/../lib/client.sh"

start_service

# The tutorial has the client certificate as two files, and a host of its own.
openssl x509 -in "$STATE/client.pem" -out client.crt
openssl pkey -in "$STATE/client.pem" -out client.key
export CURL_CA_BUNDLE=$SM_CA_FILE
text myfile.exe

# The calls of https://dev.digicert.com/software-trust-api/tutorials/create-a-keypair-and-sign-a-file-hash.html. Its words in capitals, and
# the values of its examples, are filled in by sed; nothing else is changed.
cat >create.sh <<'CALL'
curl -X POST "https://clientauth.demo.one.digicert.com/signingmanager/api/v1/keypairs" \
--cert client.crt \
--key client.key \
-H "Content-Type: application/json" \
-d '{
"alias": "my_new_keypair",
"key_alg": "KEY_ALG",
"key_storage": "KEY_STORAGE",
"key_type": "KEY_TYPE",
"properties": {
"key_size": 0,
"curve": "curve_value"
},
"status": "STATUS"
}' | jq '.'
CALL
cat >sign.sh <<'CALL'
curl -X POST "https://clientauth.demo.one.digicert.com/signingmanager/api/v1/keypairs/KEYPAIR_ID/sign" \
--cert client.crt \
--key client.key \
-H "Content-Type: application/json" \
-d '{
"hash": "eeUnw3ky7+hI7Kawc9NnZ4CCCenu8rDDfV+YTwNutt+JHXX3LZsVRRjBzViDUobR",
"sig_alg": "SHA3-512WithRSA/PSS"
}' | jq '.'
CALL
cat >record.sh <<'CALL'
curl -X GET "https://clientauth.demo.one.digicert.com/signingmanager/api/v1/signatures/SIGNATURE_ID" \
--cert client.crt \
--key client.key | jq '.'
CALL

# call SCRIPT FROM=TO...: the script with each FROM replaced; its answer.
call() {
    local script=$1 change filled
    shift
    filled=$(sed "s,https://clientauth.demo.one.digicert.com,$SM_HOST," "$script")
    for change in "$@"; do
        filled=${filled//"${change%%=*}"/"${change#*=}"}
    done
    sh -c "$filled" 2>/dev/null
}

digest=$(openssl dgst -sha256 -binary myfile.exe | openssl base64)
sample='eeUnw3ky7+hI7Kawc9NnZ4CCCenu8rDDfV+YTwNutt+JHXX3LZsVRRjBzViDUobR'

# tutorial ALG KEY_SIZE CURVE SIG_ALG: all three steps.
tutorial() {
    local alias=tutorial-$1 made id signed record
    made=$(call create.sh my_new_keypair="$alias" KEY_ALG="$1" KEY_STORAGE=HSM KEY_TYPE=PRODUCTION '"key_size": 0="key_size": '"$2" \
        curve_value="$3" '"STATUS"="ONLINE"')
    id=$(jq -r .id <<<"$made")
    same "$1: step 1 creates a keypair" "$(jq -r '.alias + " " + .key_alg + " " + .key_status' <<<"$made")" "$alias $1 ONLINE"
    signed=$(call sign.sh KEYPAIR_ID="$id" "$sample=$digest" SHA3-512WithRSA/PSS="$4")
    record=$(call record.sh SIGNATURE_ID="$(jq -r .id <<<"$signed")")
    same "  step 2 signs, step 3 shows the record" \
        "$(jq -r '.signing_status + " " + .keypair_id + " " + .sig_alg + " " + .hash' <<<"$record")" "SUCCESS $id $4 $digest"
    same "  with the signature that was answered" "$(jq -r .signature <<<"$record")" "$(jq -r .signature <<<"$signed")"
    jq -r .public_key <<<"$made" | openssl base64 -d -A | openssl pkey -pubin -inform DER -out "$alias.pub"
    jq -r .signature <<<"$signed" | openssl base64 -d -A >"$alias.sig"
    openssl base64 -d <<<"$digest" >digest.bin
    changed digest.bin changed-digest.bin
    if [[ $1 == EdDSA ]]; then
        verify=(openssl pkeyutl -verify -pubin -inkey "$alias.pub" -sigfile "$alias.sig" -rawin)
    else
        verify=(openssl pkeyutl -verify -pubin -inkey "$alias.pub" -sigfile "$alias.sig" -pkeyopt digest:sha256)
    fi
    check "  that verifies" "${verify[@]}" -in digest.bin
    refuses "  and not for another digest" "${verify[@]}" -in changed-digest.bin
}
tutorial RSA 2048 curve_value SHA256WithRSA
tutorial ECDSA 0 P-256 SHA256WithECDSA
tutorial EdDSA 0 Ed25519 ED25519
same "none of the calls had an API key, all a client certificate" \
    "$(requests | jq -r '[.[] | .client_certificate] | all')" true

# The tutorial's "Common errors", each by the mistake that it names.
id=$(service_get 'keypairs?alias=tutorial-RSA' | jq -r '.items[0].id')
refused() { # PROMISE CODE MESSAGE ANSWER
    same "$1" "$(jq -r '.errors[0].code + ": " + .errors[0].message' <<<"$4")" "$2: $3"
}
refused "an unknown algorithm" INVALID_KEY_ALG 'Invalid key algorithm specified' "$(call create.sh)"
refused "properties that are not the algorithm's" INVALID_PROPERTIES 'Key properties are required for the specified algorithm' \
    "$(call create.sh KEY_ALG=ECDSA KEY_STORAGE=HSM KEY_TYPE=TEST '"STATUS"="ONLINE"')"
refused "a signature algorithm of another key" INVALID_SIG_ALG 'Signature algorithm is not compatible with keypair algorithm' \
    "$(call sign.sh KEYPAIR_ID="$id" "$sample=$digest" SHA3-512WithRSA/PSS=SHA256WithECDSA)"
refused "a keypair that is not there" KEYPAIR_NOT_FOUND 'Keypair not found or you do not have access' "$(call sign.sh)"

stop_service
start_service --require-api-key
same "an account with --require-api-key refuses them all" \
    "$(for script in create sign record; do call "$script.sh" | jq -r .error.code; done | sort | uniq -c | tr -s ' ')" ' 3 invalid_api_key'
