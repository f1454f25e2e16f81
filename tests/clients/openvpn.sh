#!/usr/bin/env bash
# what: OpenVPN: a client whose certificate and key are in the token, and a server that knows its fingerprint
# clients: openvpn=openvpn
# signs: handshakes of TLS 1.2 and 1.3
# needs: openvpn openvpn
# needs: openssl openssl
# needs: python3 python3
# needs: curl curl
# needs: jq jq
source "$(dirname "$0")/../lib/client.sh"

start_service
openssl req -x509 -newkey rsa:2048 -nodes -keyout server.key -out server.pem -subj '/CN=server' -days 2 2>/dev/null
fingerprint() { # FILE
    openssl x509 -in "$1" -noout -fingerprint -sha256 | cut -d= -f2
}
free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# serve OPTION...: a server for one client, without the module and the account. `dev null` needs no network device. Sets PORT and SERVER.
serve() {
    PORT=$(free_port)
    : >log/server.out
    env -i PATH="$PATH" openvpn --tls-server --dev null --proto tcp-server --local 127.0.0.1 --port "$PORT" --verb 3 --dh none \
        --cert server.pem --key server.key "$@" >log/server.out 2>&1 </dev/null &
    SERVER=$!
    CHILDREN+=("$SERVER")
    for _ in $(seq 200); do
        ! grep -q 'Listening for incoming TCP connection' log/server.out || return 0
        kill -0 "$SERVER" 2>/dev/null || break
        sleep 0.05
    done
    cat log/server.out >&2
    return 1
}
stop_server() {
    kill "$SERVER"
    wait "$SERVER" 2>/dev/null || true
}

# join ID [OPTION...]: a client that ends when it is connected, or when it says that it never will be.
join() {
    local client
    : >client.out
    openvpn --tls-client --dev null --proto tcp-client --remote 127.0.0.1 "$PORT" --nobind --verb 3 --tls-exit \
        --pkcs11-providers "$MODULE" --pkcs11-id "$1" --peer-fingerprint "$(fingerprint server.pem)" "${@:2}" >client.out 2>&1 </dev/null &
    client=$!
    for _ in $(seq 600); do
        ! grep -qE 'Initialization Sequence Completed|Connection reset, restarting' client.out || break
        kill -0 $client 2>/dev/null || break
        sleep 0.05
    done
    kill $client 2>/dev/null || true
    wait $client || true
    cat client.out
    grep -q 'Initialization Sequence Completed' client.out
}

forget_requests
says "openvpn lists the certificates of the token" 'Serialized id: .*STM' openvpn --show-pkcs11-ids "$MODULE"
cp "$SAID" ids
read -r made _ <<<"$(bill)"
same "  for no signature" "$made" 0
# OpenVPN's name of a certificate ends with its CKA_ID.
id_of() { # ALIAS
    sed -n 's/.*Serialized id: *//p' ids | grep -i "/$("$COMPANION" keypair show "$1" --only cka-id)$"
}

for alias in demo-rsa-3072 demo-ec-p256 demo-ec-p384; do
    certificates_of "$alias"
    for version in 1.3 1.2; do
        serve --peer-fingerprint "$(fingerprint "$alias.pem")"
        signs_once "openvpn connects with $alias and TLS $version" join "$(id_of "$alias")" --tls-version-max $version
        says "  by that version" "Control Channel: TLSv$version," cat client.out
        says "  and the server has verified its signature" "\[$alias\] Peer Connection Initiated" cat log/server.out
        stop_server
    done
done

alias=demo-rsa-3072
serve --peer-fingerprint "$(fingerprint demo-ec-p256.pem)"
refuses "a server that knows another fingerprint refuses the client" join "$(id_of $alias)"
says "  and says so" 'certificate hash verification failed' cat log/server.out
stop_server

# A certificate for code is not a certificate for TLS clients.
serve --ca $alias-chain.pem
refuses "a server that asks a CA refuses a certificate for code" join "$(id_of $alias)"
says "  and says so" 'VERIFY ERROR: .*unsuitable certificate purpose' cat log/server.out
stop_server

forget_requests
serve --peer-fingerprint "$(fingerprint $alias.pem)"
refuses "an id that is not in the token is refused" join "$(id_of $alias | sed 's/....$/0000/')"
says "  and openvpn says which" 'Cannot load certificate ".*0000" using PKCS#11 interface' cat client.out
read -r made _ <<<"$(bill)"
same "  for no signature" "$made" 0
certificates_of demo-offline
stop_server
serve --peer-fingerprint "$(fingerprint demo-offline.pem)"
export SM_LOG_OUTPUT=stderr SM_LOG_LEVEL=ERROR
refuses "an OFFLINE keypair is refused" join "$(id_of demo-offline)"
says "  and the module says why" 'keypair demo-offline: HTTP 403: .*OFFLINE' cat client.out
stop_server

keeps_secrets
