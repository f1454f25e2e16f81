#!/usr/bin/env bash
# what: the companion: keypairs, signatures, traces; and a doctor that names the one thing that is wrong
# needs: openssl openssl
# needs: curl curl
# needs: jq jq
# needs: pkcs11-tool opensc
# needs: script bsdutils
# needs: xxd xxd
# needs: python:jsonschema python3-jsonschema
source "$(dirname "$0")/../lib/client.sh"

start_service
export STM_PKCS11_CACHE=off
text file
certificates_of demo-ec-p256
certificates_of demo-rsa-3072
certificates_of demo-ec-p384

# The tutorial of the service, as commands.
says "keypairs are listed" '^demo-rsa-3072 +RSA-3072 +ONLINE +PRODUCTION' "$COMPANION" keypair list
says "  and as JSON" '^demo-ec-p256 P-256$' bash -c \
    "\"$COMPANION\" keypair list --json | jq -r '.[] | select(.alias == \"demo-ec-p256\") | \"\(.alias) \(.key)\"'"
curl -sSf -X PUT "$ADMIN/faults" -d '[{"path": "/signingmanager", "delay_ms": 1200}]' >/dev/null
says "a list that takes long shows how far it is, on a terminal" 'reading the keypairs: 1 request,' \
    script -qec "'$COMPANION' keypair list" /dev/null
same "  and nowhere else" "$("$COMPANION" keypair list 2>&1 | grep -c reading || true)" 0
curl -sSf -X PUT "$ADMIN/faults" -d '[]' >/dev/null
says "one is shown with its certificate" '^default certificate +.*CN=demo-ec-p256.*ACTIVE' "$COMPANION" keypair show demo-ec-p256
refuses "one that is not there is an error" "$COMPANION" keypair show demo-ec-p257
says "  that names the nearest" 'did you mean demo-ec-p256' bash -c "'$COMPANION' keypair show demo-ec-p257 2>&1 || true"
says "a keypair is made" '^alias +made-here$' "$COMPANION" keypair create made-here --algorithm p-384 --type TEST
says "  as it was asked for" '^key +P-384$' "$COMPANION" keypair show made-here
says "  and not twice" 'failed: create the keypair made-here' bash -c "! '$COMPANION' keypair create made-here 2>&1"
says "one is made with nothing but a name" '^key +RSA-3072$' "$COMPANION" keypair create made-by-default
says "  and is there" '^made-by-default +RSA-3072 +ONLINE +PRODUCTION' "$COMPANION" keypair list

same "what would be asked for is shown" "$("$COMPANION" keypair create not-made --algorithm rsa-4096 --type test --storage disk --status offline --dry-run 2>not-sent |
    jq -c .)" '{"alias":"not-made","key_alg":"RSA","key_storage":"DISK","key_type":"TEST","properties":{"key_size":4096},"status":"OFFLINE"}'
same "  with where it would go" "$(cat not-sent)" "not sent: POST $SM_HOST/signingmanager/api/v1/keypairs"
refuses "  and nothing is made" "$COMPANION" keypair show not-made
says "a word that is none of the choices is refused" "possible values: PRODUCTION, TEST" bash -c "! '$COMPANION' keypair create not-made --type TESTING 2>&1"
for output in stdout console; do
    same "no line of the log is in a command's output (SM_LOG_OUTPUT=$output)" \
        "$(SM_LOG_OUTPUT=$output SM_LOG_LEVEL=TRACE "$COMPANION" keypair list --json demo-ec-p256 2>/dev/null | jq -r '.[].alias')" demo-ec-p256
done
same "keypairs are listed by pattern" "$("$COMPANION" keypair list 'demo-ec-*' made-here --json | jq -r '.[].alias' | sort | tr '\n' ' ')" 'demo-ec-p256 demo-ec-p384 demo-ec-p521 made-here '
same "one value alone is printed" "$("$COMPANION" keypair show demo-ec-p256 --only id | tr -d -)" "$("$COMPANION" keypair show demo-ec-p256 --only cka-id)"
check "the public key is the certificate's" diff <("$COMPANION" keypair public-key demo-ec-p256) demo-ec-p256.pub
says "  and is shown" '^-----BEGIN PUBLIC KEY-----$' "$COMPANION" keypair show demo-ec-p256
check "a certificate is written as DER" diff <("$COMPANION" keypair certificate demo-ec-p256 --leaf --der | openssl x509 -inform DER) <(openssl x509 -in demo-ec-p256.pem)
same "certificates are written root first" "$("$COMPANION" keypair certificate demo-ec-p256 --root-first | openssl x509 -noout -subject)" \
    "$(openssl x509 -in "$ROOT_PEM" -noout -subject)"
says "certificates are listed" '^demo-ec-p256 +ACTIVE +20..-..-.. +default +.*CN=demo-ec-p256' "$COMPANION" certificate list

signs 1 3 1 "a file is signed with demo-ec-p256" "$COMPANION" sign demo-ec-p256 file --format raw --out file.sig
check "  and openssl verifies it" openssl dgst -sha256 -verify demo-ec-p256.pub -signature file.sig file
check "  and so does the companion" "$COMPANION" verify demo-ec-p256 file file.sig
changed file other 3
refuses "  and a changed file is refused" "$COMPANION" verify demo-ec-p256 other file.sig
signs 1 3 1 "a file is signed with demo-rsa-3072 and PSS" "$COMPANION" sign demo-rsa-3072 file --pss --hash sha384 --out pss.b64
base64 -d pss.b64 >pss.sig
check "  and openssl verifies it" openssl dgst -sha384 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest \
    -verify demo-rsa-3072.pub -signature pss.sig file
for alias in demo-ed25519 demo-rsa-2048 demo-ec-p521; do
    check "$alias signs" "$COMPANION" sign "$alias" file --format hex --out "$alias.hex"
    check "  and it verifies" "$COMPANION" verify "$alias" file "$alias.hex"
done
openssl dgst -sha3-512 -binary file >file.sha3
signs 1 3 1 "a digest that was made elsewhere is signed" "$COMPANION" sign demo-rsa-3072 --digest file.sha3 --sig-alg SHA3-512WithRSA/PSS --format raw --out sha3.sig
check "  and openssl verifies it" openssl dgst -sha3-512 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:digest -verify demo-rsa-3072.pub \
    -signature sha3.sig file
check "  as hexadecimal and as base64 text, too" bash -c "'$COMPANION' verify demo-rsa-3072 --digest \"\$(xxd -p -c99 file.sha3)\" --sig-alg sha3-512withrsa/pss sha3.sig &&
    '$COMPANION' verify demo-rsa-3072 --digest \"\$(base64 -w0 file.sha3)\" --sig-alg SHA3-512WithRSA/PSS sha3.sig"
for hash in SHA1 SHA256 SHA384 SHA512 SHA3-256; do
    for key in RSA:demo-rsa-3072 ECDSA:demo-ec-p384; do
        openssl dgst "-${hash,,}" file >file.digest
        check "a digest is signed with ${hash}With${key%:*}" "$COMPANION" sign "${key#*:}" --digest file.digest --sig-alg "${hash}With${key%:*}" --format raw --out digest.sig
        check "  and openssl verifies it" openssl dgst "-${hash,,}" -verify "${key#*:}.pub" -signature digest.sig file
    done
done
check "a file is signed with SHA-3" "$COMPANION" sign demo-ec-p384 file --hash sha3-384 --format raw --out digest.sig
check "  and openssl verifies it" openssl dgst -sha3-384 -verify demo-ec-p384.pub -signature digest.sig file
forget_requests
says "a digest of another length is refused" 'it has 64 bytes, where SHA-256 makes 32' \
    bash -c "! '$COMPANION' sign demo-rsa-3072 --digest file.sha3 --sig-alg SHA256WithRSA 2>&1"
says "an algorithm of another family is refused" 'is not for RSA-3072 keys' \
    bash -c "! '$COMPANION' sign demo-rsa-3072 --digest file.sha3 --sig-alg SHA512WithECDSA 2>&1"
says "a place that cannot be written to is refused" 'No such file or directory' \
    bash -c "! '$COMPANION' sign demo-rsa-3072 file --out no-such-folder/file.sig 2>&1"
read -r made _ <<<"$(bill)"
same "  before a signature is paid" "$made" 0
says "a message that is sent whole is announced" 'ED25519 signs the data itself: all [0-9]+ bytes are sent' \
    bash -c "'$COMPANION' sign demo-ed25519 file 2>&1"

record=$("$COMPANION" sign demo-ec-p256 file 2>&1 >/dev/null | sed -n "s/.*record: //p")
says "the service's record of a signature is shown" '^status +(SUCCESS|COMPLETED)' "$COMPANION" signature show "$record"
says "  and as JSON" "$record" "$COMPANION" signature show "$record" --json

curl -sSf -X PUT "$ADMIN/faults" -d '[{"method": "GET", "path": "/signingmanager/api/v1/signatures", "status": 200, "body": {"id": "x", "signing_status": "PENDING"}, "times": 1},
    {"method": "GET", "path": "/signingmanager/api/v1/signatures", "status": 200, "body": {"id": "x", "signing_status": "FAILED"}, "times": 1}]' >/dev/null
says "a signature that is under way is no success" 'its status is PENDING' bash -c "! '$COMPANION' signature show x 2>&1"
says "  nor one that failed" 'its status is FAILED' bash -c "! '$COMPANION' signature show x 2>&1"
curl -sSf -X PUT "$ADMIN/faults" -d '[{"method": "GET", "path": "/signingmanager/api/v1/signatures", "status": 200, "body": {"id": "x", "signing_status": "PENDING"}, "times": 1}]' >/dev/null
says "  and is waited for" '^status +(SUCCESS|COMPLETED)' "$COMPANION" signature show "$record" --wait 20
curl -sSf -X PUT "$ADMIN/faults" -d '[{"method": "POST", "path": "/signingmanager", "drop": "after_execution"}]' >/dev/null
says "after an answer that was lost it is said where to look" 'Signature logs\).* for a signature of SHA256WithECDSA by demo-ec-p256' \
    bash -c "! '$COMPANION' sign demo-ec-p256 file 2>&1"
curl -sSf -X PUT "$ADMIN/faults" -d '[]' >/dev/null

# ends STATUS PROMISE COMMAND...: it ends with exactly this status
ends() {
    local status=$1 promise=$2
    shift 2
    run "$@"
    if [[ $STATUS -eq $status ]]; then ok "$promise"; else not_ok "$promise" "status $STATUS, not $status"; fi
}
says "a pattern that matches nothing is said on stderr" '^note: no keypair matches zzz\*: the account lists [0-9]+ keypairs$' \
    bash -c "'$COMPANION' keypair list 'zzz*' 2>&1 >/dev/null"
same "  and is an empty list" "$("$COMPANION" keypair list 'zzz*' --json 2>/dev/null)" '[]'
ends 0 "  not a failure" "$COMPANION" keypair list 'zzz*'
env -u SM_HOST -u SM_API_KEY -u SM_CLIENT_CERT_FILE STM_PKCS11_TIMEOUT=soon "$COMPANION" keypair list >problems 2>&1 || true
says "two problems of settings are a list of causes" 'why: [(]1[)] .*TIMEOUT is invalid .*, [(]2[)] SM_HOST and the credentials .* are not set' cat problems
says "  and of fixes" 'to do: [(]1[)] use .*, [(]2[)] set them to' cat problems
says "the command for Windows says where it exists" 'only the Windows build of stm-pkcs11 has this command' \
    bash -c "! '$COMPANION' windows certsync --help 2>&1"
says "  and its page" 'docs/clients/windows.md' bash -c "! '$COMPANION' windows 2>&1"
ends 2 "  with the status of a wrong command line" "$COMPANION" windows status

ends 2 "a wrong command line has a status of its own" "$COMPANION" keypair lits
ends 3 "  so has a wrong setting" env SM_HOST=http://h.example "$COMPANION" keypair list
ends 3 "  and a wrong password" env SM_CLIENT_CERT_PASSWORD=wrong "$COMPANION" keypair list
ends 4 "  a service that is not reached" env SM_HOST=https://127.0.0.1:9 STM_PKCS11_TIMEOUT=2 "$COMPANION" keypair list
ends 5 "  one that says no" env SM_API_KEY=01_no_such_key "$COMPANION" keypair list
ends 6 "  and a keypair that is not there" "$COMPANION" keypair show no-such-keypair
ends 6 "  the doctor has the status of what it found" "$COMPANION" doctor --keypair no-such-keypair
ends 3 "  such as settings" env SM_HOST= "$COMPANION" doctor
ends 1 "a signature of another file is none of these" "$COMPANION" verify demo-ec-p256 other file.sig

# Whoever reads a command's output may stop at any time, and a disk may be full.
set +o pipefail
for command in 'keypair list' 'keypair list --json' 'keypair show demo-rsa-3072' 'keypair public-key demo-rsa-3072' \
    'keypair certificate demo-rsa-3072' 'certificate list' "signature show $record" doctor 'doctor --json' config 'config osslsigncode' \
    'completions bash' 'sign demo-ec-p256 file' 'verify demo-ec-p256 file file.sig' --help --version; do
    # shellcheck disable=SC2086 # words are wanted
    {
        "$COMPANION" $command 2>closed.err | true
        same "a reader that closes its end does not disturb: $command" "${PIPESTATUS[0]} $(grep -Ev '^the service.s record' closed.err || true)" '0 '
        says "  and a full disk is an error: $command" 'no space left' bash -c "! '$COMPANION' $command 2>&1 >/dev/full"
    }
done
check "standard error may be gone, too" bash -c "'$COMPANION' sign demo-ec-p256 file 2>/dev/full"
"$COMPANION" doctor --keypair no-such-keypair 2>/dev/null | true
same "a doctor whose reader is gone still says by its status what it found" "${PIPESTATUS[0]}" 6
set -o pipefail

# Every command that prints JSON follows its schema. sign-file.sh tests sign-file and verify-file, tests/windows those of Windows.
schema 'keypair list' "$COMPANION" keypair list --json
schema 'keypair show' "$COMPANION" keypair show demo-bare --json
schema 'keypair create' "$COMPANION" keypair create made-for-json --algorithm p-256 --json
schema 'keypair certificate' "$COMPANION" keypair certificate demo-rsa-3072 --json
same "  which are the certificates of the PEM output" "$(jq -j '.[].pem' answer.json)" "$("$COMPANION" keypair certificate demo-rsa-3072)"
schema 'keypair public-key' "$COMPANION" keypair public-key demo-rsa-3072 --json
same "  which is the key of the PEM output" "$(jq -j .pem answer.json)" "$("$COMPANION" keypair public-key demo-rsa-3072)"
schema 'certificate list' "$COMPANION" certificate list --json
schema 'signature show' "$COMPANION" signature show "$record" --json
schema verify "$COMPANION" verify demo-ec-p256 file file.sig --json
schema doctor "$COMPANION" doctor --json
schema doctor "$COMPANION" doctor --json --keypair no-such-keypair
schema config "$COMPANION" config --json
export STM_PKCS11_LEDGER=$WORK/ledger
"$COMPANION" sign demo-ec-p256 file >/dev/null 2>&1
schema 'ledger list' "$COMPANION" ledger list --json
schema 'ledger summary' "$COMPANION" ledger summary --by outcome --json
schema 'ledger verify' "$COMPANION" ledger verify --json
schema 'ledger reconcile' "$COMPANION" ledger reconcile --json
unset STM_PKCS11_LEDGER
same "  and every schema is tried" "$(jq -r '."$defs" | keys[]' "$ROOT/docs/companion.schema.json" | grep -Evx 'keypair|certificate|windows .*' | while read -r name; do
    grep -qE "^schema '?$name'? " "$ROOT/tests/clients/companion.sh" "$ROOT/tests/clients/sign-file.sh" || echo "$name"
done)" ''

says "a trace tells calls and requests" 'C_FindObjectsInit: CKR_OK' \
    bash -c "'$COMPANION' trace -- pkcs11-tool --module '$MODULE' --list-objects 2>&1"
says "  with the template of a search" 'C_FindObjectsInit[(].*CKA_CLASS=CKO_PRIVATE_KEY' \
    bash -c "'$COMPANION' trace -- pkcs11-tool --module '$MODULE' --sign --id 00 --mechanism ECDSA --input-file file 2>&1 || true"
"$COMPANION" trace -- pkcs11-tool --module "$MODULE" --list-objects >traced 2>&1
says "  and one line for many reads" 'C_GetAttributeValue x[0-9]+, [0-9]+ attributes: CKR_OK' cat traced
same "  none of which follows another" "$(grep -o 'TRACE C_[A-Za-z]*' traced | uniq -d | grep -c C_GetAttributeValue || true)" 0
says "  and the program's own failure is a failure" 'failed: run false|never initialised' \
    bash -c "'$COMPANION' trace -- false 2>&1 || true"
for shell in bash zsh fish; do
    says "completions for $shell" 'stm-pkcs11' "$COMPANION" completions "$shell"
done
check "manual pages are written" "$COMPANION" man pages
says "  one for each command" 'doctor' ls pages

# The doctor: what is right, and each of what can be wrong. None of it costs a signature.
forget_requests
says "the doctor finds nothing wrong" '^ok +service' "$COMPANION" doctor
says "  and as JSON" '^true$' bash -c "'$COMPANION' doctor --json | jq .fine"
says "  and says at the end how many keypairs can sign" '^ready: [0-9]+ keypairs can sign; [0-9]+ warnings$' bash -c "'$COMPANION' doctor | tail -1"
says "  or only one" '^ready: 1 keypair can sign; [0-9]+ warnings?$' bash -c "'$COMPANION' doctor --keypair demo-rsa-3072 | tail -1"
says "  or why none" '^not ready: settings: SM_HOST is not set' bash -c "! env -u SM_HOST '$COMPANION' doctor 2>/dev/null >told; tail -1 told"

# finds WHAT STEP WORDS [VARIABLE=VALUE...] [-- OPTION...]: exactly this step is wrong, and its line and remedy say so
finds() {
    local what=$1 step=$2 words=$3 options=() settings=()
    shift 3
    while [[ $# -gt 0 && $1 != -- ]]; do settings+=("$1"); shift; done
    [[ $# -gt 0 ]] && shift && options=("$@")
    run env "${settings[@]}" "$COMPANION" doctor --json "${options[@]}"
    local wrong
    wrong=$(sed -n '/^{/,/^}/p' "$SAID" | jq -r '.steps[] | select(.result == "wrong") | "\(.step): \(.detail); \(.remedy)"')
    if [[ $STATUS -eq 0 ]]; then
        not_ok "the doctor finds: $what" "it found nothing"
    elif [[ $(wc -l <<<"$wrong") -ne 1 || $wrong != "$step: "* ]] || ! grep -Eq -- "$words" <<<"$wrong"; then
        not_ok "the doctor finds: $what" "it found: $wrong"
    else
        ok "the doctor finds: $what"
    fi
}

finds "no host" settings 'SM_HOST is not set.*set it to' -uSM_HOST
finds "an empty host" settings 'SM_HOST is empty.*unset the variable' SM_HOST=
finds "a host without https" settings 'use https://h\.example' SM_HOST=http://h.example
finds "a host that asks for no client certificate" settings 'set SM_HOST to https://clientauth\.one' SM_HOST=https://one.digicert.com
finds "no credentials" settings 'SM_API_KEY and SM_CLIENT_CERT_FILE are not set' -uSM_API_KEY -uSM_CLIENT_CERT_FILE
finds "a value that is none" settings "STM_PKCS11_TIMEOUT.*'soon'.*seconds" STM_PKCS11_TIMEOUT=soon
finds "a file that is not there" settings 'SM_CLIENT_CERT_FILE.*no-such.p12.*check the path' SM_CLIENT_CERT_FILE=no-such.p12
echo 'tokenn = 1' >bad.toml
finds "a typing error in the settings file" settings "bad.toml line 1 has 'tokenn'.*did you mean 'token'" STM_PKCS11_CONFIG=bad.toml
finds "a wrong password" 'client certificate' 'wrong password for.*SM_CLIENT_CERT_PASSWORD' SM_CLIENT_CERT_PASSWORD=wrong
finds "a client certificate that ended" 'client certificate' 'expired on' SM_CLIENT_CERT_FILE="$STATE/client-expired.p12"
finds "a name that nobody has" 'host name' 'cannot be resolved.*SM_HOST' SM_HOST=https://no-such-service.invalid
finds "a port that nobody listens on" connection 'no connection.*firewall' SM_HOST=https://127.0.0.1:9
finds "a proxy that is not there" service 'refused by the proxy 127.0.0.1:9.*HTTPS_PROXY' HTTPS_PROXY=http://127.0.0.1:9 NO_PROXY= STM_PKCS11_TIMEOUT=2
finds "an authority that is not ours, as a firewall shows it" service 'firewall inspects.*SM_CA_FILE' SM_CA_FILE="$STATE/other-ca.pem"
finds "a client certificate that the service does not take" service 'client certificate' SM_CLIENT_CERT_FILE="$STATE/client-other.p12"
finds "an API key that the service does not take" service '401.*API key' SM_API_KEY=01_no_such_key
finds "a filter that lets nothing through" keypairs 'none has an alias like DEMO-.*case' STM_PKCS11_KEYPAIRS='DEMO-*'
finds "an alias in the wrong case" keypair 'aliases are case-sensitive: did you mean demo-ec-p256' -- --keypair Demo-EC-P256
finds "an alias with a typing error" keypair 'did you mean demo-rsa-3072' -- --keypair demo-rsa-3073
finds "only keypairs that are offline" keypairs 'this user sees 1 keypair, and can sign with none; set one ONLINE' STM_PKCS11_KEYPAIRS=demo-offline
finds "a keypair that is offline" keypair 'OFFLINE.*release window' -- --keypair demo-offline
curl -sSf -X PUT "$ADMIN/faults" -d '[{"path": "/signingmanager", "status": 403, "body": {"error": {"status": "access_denied", "message": "User does not have rights"}}}]' >/dev/null
finds "a user without rights" service 'does not have rights' STM_PKCS11_TIMEOUT=2
# So the service answers a path that it does not know: status 200, and the page of its web application.
curl -sSf -X PUT "$ADMIN/faults" -d '[{"method": "GET", "path": "/signingmanager/api/v1/keypairs", "status": 200, "headers": {"Content-Type": "text/html"},
    "body": "<!doctype html><title>Software Trust Manager</title>"}]' >/dev/null
finds "a path that the service does not know, by its name" service \
    'GET https://[^ ]*/signingmanager/api/v1/keypairs[^ ]*: HTTP 200: a web page and not the service.s answer: Software Trust Manager; check SM_HOST'
curl -sSf -X PUT "$ADMIN/faults" -d '[]' >/dev/null

# Certificates that the module does not show, and those at which programs fail: the service's own answer, with one of them in it.
openssl req -x509 -newkey rsa:2048 -nodes -keyout other.key -subj /CN=other -days 30 -out other.pem 2>/dev/null
# listed CERTIFICATE [jq FILTER [ISSUER]]: demo-rsa-3072 has this certificate (in PEM) as its default one; of this issuer (base64)
listed() {
    local der
    curl -sSf -X PUT "$ADMIN/faults" -d '[]' >/dev/null
    der=$(openssl x509 -in "$1" -outform DER | base64 -w0)
    service_get 'keypairs?limit=100' | jq --arg der "$der" "[{path: \"/signingmanager/api/v1/keypairs\", status: 200, body: (
        (.items[] | select(.alias == \"demo-rsa-3072\") | .certificates) |= ([.[0] | .cert = \$der | .id = \"odd-one\" ${3:+| .chain = [{blob: \"$3\"\}]}] + ${2:-[]}))}]" |
        curl -sSf -X PUT "$ADMIN/faults" -d @- >/dev/null
}
# warns WHAT WORDS: the doctor has a warning with these words, and nothing is wrong
warns() {
    says "the doctor warns: $1" "$2" bash -c "'$COMPANION' doctor --json --keypair demo-rsa-3072 |
        jq -r '.steps[] | select(.result == \"warning\") | \"\(.step): \(.detail); \(.remedy)\"'"
}
listed other.pem
warns "a certificate of another key" "keypair: demo-rsa-3072: the certificate odd-one belongs to another key than the keypair's; it is not shown; make another"
says "  which keypair certificate refuses" "the certificate odd-one belongs to another key" bash -c "! '$COMPANION' keypair certificate demo-rsa-3072 2>&1"
same "  and the module does not show" "$(pkcs11-tool --module "$MODULE" --list-objects --type cert 2>/dev/null | grep -c 'label: *demo-rsa-3072$' || true)" 0
openssl x509 -new -force_pubkey demo-rsa-3072.pub -subj / -CA other.pem -CAkey other.key -CAcreateserial -days 30 -out empty.pem 2>/dev/null
listed empty.pem
warns "a certificate with an empty subject" 'client programs: demo-rsa-3072: its certificate has an empty subject, at which Java reads no keypair'
openssl x509 -new -force_pubkey demo-rsa-3072.pub -subj /CN=ended -CA other.pem -CAkey other.key -days 0 -out ended.pem 2>/dev/null
sleep 1.1 # no version of openssl makes a certificate that has ended already
listed ended.pem
finds "a certificate that ended" keypair 'its certificate ended on .*renew it' -- --keypair demo-rsa-3072
# issued FILE ARGUMENT...: a certificate of demo-rsa-3072
issued() {
    openssl x509 -new -force_pubkey demo-rsa-3072.pub -subj /CN=issued -CA other.pem -CAkey other.key -days 30 -out "$1" "${@:2}" 2>/dev/null
}
printf 'extendedKeyUsage = serverAuth\n' >server.ext
issued server.pem -extfile server.ext
listed server.pem
warns "a certificate that is not for code" 'client programs: demo-rsa-3072: its certificate is not for code signing .*; issue a code signing certificate'
issued negative.pem -set_serial -5
listed negative.pem
warns "a negative serial number" 'client programs: demo-rsa-3072: its certificate has a negative serial number.*; issue another certificate'
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit -nodes -keyout explicit.key -subj /CN=other \
    -days 30 -out explicit.pem 2>/dev/null
issued good.pem
listed good.pem '' "$(openssl x509 -in explicit.pem -outform DER | base64 -w0)"
warns "an issuer that writes out its curve" "client programs: demo-rsa-3072: the issuer's certificate 'CN=other' writes out the parameters of its curve.*STM_PKCS11_CHAIN=off"
curl -sSf -X PUT "$ADMIN/faults" -d '[]' >/dev/null
says "the doctor warns: Ed25519 certificates and pdfsig" 'client programs: demo-ed25519 has an Ed25519 certificate, which makes pdfsig .*; set STM_PKCS11_MODERN_SLOT=off' \
    bash -c "'$COMPANION' doctor --json | jq -r '.steps[] | select(.result == \"warning\") | \"\(.step): \(.detail); \(.remedy)\"'"
same "  which is silent where it is hidden" "$(STM_PKCS11_MODERN_SLOT=off "$COMPANION" doctor --json | grep -c pdfsig || true)" 0
finds "a certificate that nobody has" keypairs 'STM_PKCS11_CERTIFICATE .nobodys. does not name.*certificate list shows' STM_PKCS11_CERTIFICATE=nobodys
id_of_certificate=$("$COMPANION" certificate list --keypair demo-rsa-3072 --json | jq -r '.[0].id')
same "  and one that it has is chosen" "$(STM_PKCS11_CERTIFICATE=$id_of_certificate "$COMPANION" certificate list --json | jq -r '[.[] | select(.chosen).keypair] | join(" ")')" demo-rsa-3072
listed ended.pem '[.[0] | .default_cert = false | .id = "good-one"]'
warns "one that ended, beside a valid one" 'ended on .*and is still the default one; make the certificate good-one the default one'
curl -sSf -X PUT "$ADMIN/faults" -d '[]' >/dev/null
read -r made _ <<<"$(bill)"
same "all of it without a signature" "$made" 0

keeps_secrets
