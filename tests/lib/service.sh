# shellcheck shell=bash
# The emulated service: started with keypairs that are made once and copied for each test.

# start_service [EMULATOR OPTION...]: a service of the test's own, with the demo keypairs, and the environment set for it.
start_service() {
    STATE=$WORK/state
    if [[ ! -d $STATE ]]; then
        local made
        made=$(seed)
        cp -r "$made" "$STATE"
    fi
    run_emulator "$STATE" "$WORK/log" "$@"
    # shellcheck disable=SC1091
    source "$STATE/client.env"
    ROOT_PEM=$STATE/signing-root.pem
    # Everything that the module can tell is told, into a file; the last check of a script searches it for secrets.
    export SM_LOG_LEVEL=TRACE SM_LOG_OUTPUT=file SM_LOG_DIR=$WORK/log
}

# The folder of a state with the demo keypairs; made by the first test that needs it, for this build of the emulator.
seed() {
    local folder
    folder=$SEEDS/$(sha256sum "$EMULATOR" | cut -c1-16)
    mkdir -p "$SEEDS"
    (
        flock 9
        if [[ ! -e $folder/complete ]]; then
            rm -rf "$folder" "$folder.new"
            mkdir -p "$folder.new"
            run_emulator "$folder.new" "$folder.new"
            kill "$EMULATOR_PID"
            wait "$EMULATOR_PID" 2>/dev/null || true
            touch "$folder.new/complete"
            mv "$folder.new" "$folder"
        fi
    ) 9>"$SEEDS/lock"
    echo "$folder"
}

# run_emulator STATE LOGS [OPTION...]: sets EMULATOR_PID, SERVICE (https://...) and ADMIN (http://...).
run_emulator() {
    local state=$1 logs=$2 line='' deadline=$((SECONDS + 180 * ${STM_TEST_SLOWER:-1}))
    shift 2
    : >"$logs/emulator.out"
    # shellcheck disable=SC2094 # the file is written by the emulator and read by the loop below
    "$EMULATOR" --state "$state" --seed demo --listen 127.0.0.1:0 --admin 127.0.0.1:0 "$@" \
        >"$logs/emulator.out" 2>"$logs/emulator.err" </dev/null 9>&- &
    EMULATOR_PID=$!
    CHILDREN+=("$EMULATOR_PID")
    until line=$(grep -m1 '^ready ' "$logs/emulator.out"); do
        if ! kill -0 "$EMULATOR_PID" 2>/dev/null || [[ $SECONDS -gt $deadline ]]; then
            echo "FAIL the emulator did not become ready:" >&2
            tail -n 20 "$logs/emulator.err" >&2
            kill "$EMULATOR_PID" 2>/dev/null || true
            return 1
        fi
        sleep 0.05
    done
    read -r _ SERVICE _ ADMIN <<<"$line"
}

stop_service() {
    kill "$EMULATOR_PID"
    wait "$EMULATOR_PID" 2>/dev/null || true
}

# The requests since the last forget_requests, as a JSON array.
requests() {
    curl -sSf "$ADMIN/requests"
}

forget_requests() {
    curl -sSf -X DELETE "$ADMIN/requests" >/dev/null
}

# SIGNATURES REQUESTS CONNECTIONS
bill() {
    requests | jq -r '"\([.[] | select(.method == "POST" and (.path | endswith("/sign")))] | length)
        \(length) \([.[].connection] | unique | length)"' | tr -s ' \n' ' '
}

# Removes everything that the module stores between processes.
forget_cache() {
    rm -rf "$XDG_CACHE_HOME" "$HOME/.cache" "$HOME/.signingmanager/cache"
}

# service_get PATH: the service's response, without the module.
service_get() {
    curl -sSf --cacert "$SM_CA_FILE" --cert "$STATE/client.pem" -H "x-api-key: $SM_API_KEY" \
        "${SM_HOST%/}/signingmanager/api/v1/$1"
}

# certificates_of ALIAS: writes ALIAS.pem (the leaf), ALIAS-chain.pem (its issuers) and ALIAS.pub (its public key), asked
# from the service itself so that verification owes nothing to the module.
certificates_of() {
    local alias=$1
    service_get "keypairs?alias=$alias" |
        jq --arg alias "$alias" '.items[] | select(.alias == $alias) | .certificates[] | select(.default_cert)' >"$alias.json"
    jq -r .cert "$alias.json" | pem >"$alias.pem"
    jq -r '.chain[].blob' "$alias.json" | pem >"$alias-chain.pem"
    openssl x509 -in "$alias.pem" -pubkey -noout >"$alias.pub"
}

# Lines of base64 -> PEM certificates.
pem() {
    local line
    while read -r line; do
        echo '-----BEGIN CERTIFICATE-----'
        fold -w 64 <<<"$line"
        echo '-----END CERTIFICATE-----'
    done
}

# keeps_secrets [FILE...]: no log and none of the named files holds the API key, the password or the private key.
keeps_secrets() {
    local secrets=$WORK/secrets
    {
        echo "$SM_API_KEY"
        echo "$SM_CLIENT_CERT_PASSWORD"
        # Any line of the private key's base64 body would do; the first is always the same ASN.1 header.
        sed -n '/PRIVATE KEY/,/END/p' "$STATE/client.pem" | grep -v -- '---' | sed -n '2,4p'
    } | grep -v '^$' >"$secrets"
    COMMAND=''
    : >"$SAID"
    if [[ $(wc -l <"$secrets") -lt 4 ]]; then
        not_ok "no secret is in any log" "the test does not know the secrets to look for"
    elif [[ -z $(find "$WORK/log" -name '*.log' -size +0) ]]; then
        not_ok "no secret is in any log" "there is no log at all at TRACE"
    elif grep -rlFf "$secrets" "$WORK/log" "$@" >"$SAID"; then
        not_ok "no secret is in any log" "a secret is in:"
    else
        ok "no secret is in any log, though it tells everything"
    fi
}
