#!/usr/bin/env bash
# what: the companion: keypairs, signatures, traces; and a doctor that names the one thing that is wrong
# needs: openssl openssl
# needs: curl curl
# needs: jq jq
# needs: pkcs11-tool opensc
# needs: script bsdutils
source "$(dirname "$0")/../lib/client.sh"

start_service
export STM_PKCS11_CACHE=off
text file
certificates_of demo-ec-p256
certificates_of demo-rsa-3072

# The tutorial of the service, as commands.
says "keypairs are listed" '^demo-rsa-3072 +RSA-3072 +ONLINE +PRODUCTION' "$COMPANION" keypair list
says "  and as JSON" '^demo-ec-p256 P-256$' bash -c \
    "\"$COMPANION\" keypair list --json | jq -r '.[] | select(.alias == \"demo-ec-p256\") | \"\(.alias) \(.key)\"'"
curl -sSf -X PUT "$ADMIN/faults" -d '[{"path": "/signingmanager", "delay_ms": 1200}]' >/dev/null
says "a list that takes long shows how far it is, on a terminal" 'reading the keypairs: 1 requests' \
    script -qec "'$COMPANION' keypair list" /dev/null
same "  and nowhere else" "$("$COMPANION" keypair list 2>&1 | grep -c reading || true)" 0
curl -sSf -X PUT "$ADMIN/faults" -d '[]' >/dev/null
says "one is shown with its certificate" '^default certificate +.*CN=demo-ec-p256.*ACTIVE' "$COMPANION" keypair show demo-ec-p256
refuses "one that is not there is an error" "$COMPANION" keypair show demo-ec-p257
says "  that names the nearest" 'did you mean demo-ec-p256' bash -c "'$COMPANION' keypair show demo-ec-p257 2>&1 || true"
says "a keypair is made" '^alias +made-here$' "$COMPANION" keypair create made-here --algorithm p-384 --type TEST
says "  as it was asked for" '^key +P-384$' "$COMPANION" keypair show made-here
says "  and not twice" 'failed: make the keypair made-here' bash -c "! '$COMPANION' keypair create made-here 2>&1"
says "one is made with nothing but a name" '^key +RSA-3072$' "$COMPANION" keypair create made-by-default
says "  and is there" '^made-by-default +RSA-3072 +ONLINE +PRODUCTION' "$COMPANION" keypair list

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
record=$("$COMPANION" sign demo-ec-p256 file 2>&1 >/dev/null | sed -n "s/.*record: //p")
says "the service's record of a signature is shown" '^status +(SUCCESS|COMPLETED)' "$COMPANION" signature show "$record"
says "  and as JSON" "$record" "$COMPANION" signature show "$record" --json

says "a trace tells calls and requests" 'C_FindObjectsInit: CKR_OK' \
    bash -c "'$COMPANION' trace -- pkcs11-tool --module '$MODULE' --list-objects 2>&1"
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

finds "no host" settings 'SM_HOST is not set.*set it to' SM_HOST=
finds "a host without https" settings 'https:// only' SM_HOST=http://h.example
finds "a host that asks for no client certificate" settings 'set SM_HOST to https://clientauth\.one' SM_HOST=https://one.digicert.com
finds "no credentials" settings 'SM_API_KEY and SM_CLIENT_CERT_FILE are not set' SM_API_KEY= SM_CLIENT_CERT_FILE=
finds "a value that is none" settings "STM_PKCS11_TIMEOUT.*'soon'.*seconds" STM_PKCS11_TIMEOUT=soon
finds "a file that is not there" settings 'SM_CLIENT_CERT_FILE.*no-such.p12.*check the path' SM_CLIENT_CERT_FILE=no-such.p12
echo 'tokenn = 1' >bad.toml
finds "a typing error in the settings file" settings "bad.toml line 1 has 'tokenn'.*did you mean 'token'" STM_PKCS11_CONFIG=bad.toml
finds "a wrong password" 'client certificate' 'the password does not open.*SM_CLIENT_CERT_PASSWORD' SM_CLIENT_CERT_PASSWORD=wrong
finds "a client certificate that ended" 'client certificate' 'expired on' SM_CLIENT_CERT_FILE="$STATE/client-expired.p12"
finds "a name that nobody has" 'host name' 'cannot be resolved.*SM_HOST' SM_HOST=https://no-such-service.invalid
finds "a port that nobody listens on" connection 'no connection.*firewall' SM_HOST=https://127.0.0.1:9
finds "a proxy that is not there" service 'proxy 127.0.0.1:9 is refused.*HTTPS_PROXY' HTTPS_PROXY=http://127.0.0.1:9 NO_PROXY= STM_PKCS11_TIMEOUT=2
finds "an authority that is not ours, as a firewall shows it" service 'firewall inspects.*SM_CA_FILE' SM_CA_FILE="$STATE/other-ca.pem"
finds "a client certificate that the service does not take" service 'client certificate' SM_CLIENT_CERT_FILE="$STATE/client-other.p12"
finds "an API key that the service does not take" service '401.*API key' SM_API_KEY=01_no_such_key
finds "a filter that lets nothing through" keypairs 'none has an alias like DEMO-.*case' STM_PKCS11_KEYPAIRS='DEMO-*'
finds "an alias in the wrong case" keypair 'case of an alias matters: it is demo-ec-p256' -- --keypair Demo-EC-P256
finds "an alias with a typing error" keypair 'did you mean demo-rsa-3072' -- --keypair demo-rsa-3073
finds "a keypair that is offline" keypair 'OFFLINE.*release window' -- --keypair demo-offline
curl -sSf -X PUT "$ADMIN/faults" -d '[{"path": "/signingmanager", "status": 403, "body": {"error": {"status": "access_denied", "message": "User does not have rights"}}}]' >/dev/null
finds "a user without rights" service 'does not have rights' STM_PKCS11_TIMEOUT=2
curl -sSf -X PUT "$ADMIN/faults" -d '[]' >/dev/null
read -r made _ <<<"$(bill)"
same "all of it without a signature" "$made" 0

keeps_secrets
