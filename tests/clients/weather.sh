#!/usr/bin/env bash
# what: signing goes on while the service limits, fails for a moment, or restarts; the user notices nothing but time
# alone: it counts on the clock: how long a program waits for a service that restarts
# not in a root: how the module waits for the service does not depend on the client
# needs: osslsigncode osslsigncode
# needs: jarsigner default-jdk-headless
# needs: openssl openssl
# needs: engine:pkcs11 libengine-pkcs11-openssl
# needs: curl curl
# needs: jq jq
source "$(dirname "$0")/../lib/client.sh"

start_service
"$COMPANION" sample pe hello.exe
text file
jar --create --file hello.jar file
certificates_of demo-rsa-3072
cfg=$(configuration sunpkcs11.cfg)
store=(-keystore NONE -storetype PKCS11 -providerClass sun.security.pkcs11.SunPKCS11 -providerArg "$cfg")
keytool -importcert -noprompt -alias root -file "$ROOT_PEM" -keystore trust.p12 -storetype PKCS12 -storepass changeit \
    >/dev/null 2>&1

program() {
    rm -f signed.exe
    osslsigncode sign -pkcs11module "$MODULE" -h sha256 -certs demo-rsa-3072.pem \
        -ac demo-rsa-3072-chain.pem -key "pkcs11:object=demo-rsa-3072;type=private" -in hello.exe -out signed.exe
}
archive() {
    rm -f signed.jar
    jarsigner "${store[@]}" -storepass none -signedjar signed.jar hello.jar demo-rsa-3072
}
program_verifies() { osslsigncode verify -CAfile "$ROOT_PEM" -in signed.exe; }
archive_verifies() { jarsigner -verify -strict -keystore trust.p12 -storetype PKCS12 -storepass changeit signed.jar; }

# recorded -> how many signatures the service has on record
recorded() { curl -sSf "$ADMIN/signatures" | jq length; }

# through WHAT SIGN: signs, verifies, and finds exactly one more signature on record
through() {
    local before after
    before=$(recorded)
    forget_cache
    check "$1: $2 signs" "$2"
    after=$(recorded)
    same "  with one signature" $((after - before)) 1
    check "  which verifies" "${2}_verifies"
}

faults() { curl -sSf -X PUT "$ADMIN/faults" -d "$1" >/dev/null; }

for sign in program archive; do
    faults '[{"path": "/signingmanager", "status": 429, "headers": {"Retry-After": "1"}, "times": 2}]'
    through "the service limits" "$sign"
    faults '[{"method": "POST", "path": "/signingmanager", "status": 429, "headers": {"Retry-After": "1"}, "times": 2}]'
    through "the service limits signatures" "$sign"
    faults '[{"method": "GET", "path": "/signingmanager", "status": 502, "times": 3}]'
    through "the service's gateway fails for a moment" "$sign"
    faults '[]'
done

# The service restarts while a client is at work: the answer to its first question never comes, and for a second nobody
# listens.
restart() {
    local api=${SERVICE#https://} admin=${ADMIN#http://}
    until [[ $(requests) != '[]' ]]; do sleep 0.05; done
    kill "$EMULATOR_PID"
    # It is another shell's child: wait would not.
    while kill -0 "$EMULATOR_PID" 2>/dev/null; do sleep 0.05; done
    sleep 1
    "$EMULATOR" --state "$STATE" --seed demo --listen "$api" --admin "$admin" >"$WORK/log/restarted.out" 2>&1 </dev/null &
    EMULATOR_PID=$!
    echo "$EMULATOR_PID" >"$WORK/restarted.pid"
}
for sign in program archive; do
    before=$(recorded)
    forget_cache
    curl -sSf -X PUT "$ADMIN/latency" -d '{"all_ms": 2500}' >/dev/null
    forget_requests
    restart &
    check "the service restarts: $sign signs" "$sign"
    wait $!
    EMULATOR_PID=$(cat "$WORK/restarted.pid")
    CHILDREN+=("$EMULATOR_PID")
    until curl -sSf "$ADMIN/stats" >/dev/null 2>&1; do sleep 0.1; done
    same "  with one signature" $(($(recorded) - before)) 1
    check "  which verifies" "${sign}_verifies"
done

keeps_secrets
