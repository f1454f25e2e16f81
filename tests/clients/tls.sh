#!/usr/bin/env bash
# what: TLS with the key in the token: openssl s_server, nginx (whose workers are forks), stunnel, curl as client
# clients: s_server=openssl nginx=nginx stunnel=stunnel4 curl=curl
# signs: handshakes, forked workers, client certificates
# needs: openssl openssl
# needs: engine:pkcs11 libengine-pkcs11-openssl
# needs: nginx nginx-light
# needs: stunnel stunnel4
# needs: curl curl
# needs: jq jq
source "$(dirname "$0")/../lib/client.sh"

start_service
OPENSSL_CONF=$(configuration openssl-engine.cnf)
export OPENSSL_CONF

# openssl for keys in files.
plain() {
    env -u OPENSSL_CONF openssl "$@"
}

# A signing certificate is no server certificate: a CA of the test's own certifies the same public keys for TLS.
plain req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -subj '/CN=Test CA' -days 2 2>/dev/null
certify() { # ALIAS
    printf 'subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth,clientAuth\n' >extensions
    plain x509 -new -force_pubkey "$1.pub" -CA ca.pem -CAkey ca.key -subj "/CN=$1" -days 2 -extfile extensions \
        -out "$1-tls.pem" 2>/dev/null
}
# until_open PORT: waits until something listens there.
until_open() {
    local try
    for try in $(seq 200); do
        (: <"/dev/tcp/127.0.0.1/$1") 2>/dev/null && return 0
        sleep 0.05
    done
    echo "nothing listens on port $1 after ${try} tries" >&2
    return 1
}
free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}
get() { # PORT
    curl -sS --fail --cacert ca.pem "https://localhost:$1/" -o page
}

# serves PROMISE PORT PID: five handshakes; one signature each, and one look at the keypairs for all of them.
serves() {
    local promise=$1 port=$2 pid=$3 made asked opened
    check "$promise" get "$port"
    for _ in 1 2 3 4; do get "$port" || true; done
    read -r made asked opened <<<"$(bill)"
    same "  and five handshakes are five signatures" "$made" 5
    COMMAND=''
    if [[ $asked -le 8 ]]; then ok "  for $asked requests on $opened connections"; else not_ok "  without asking more than needed" "$asked requests"; fi
    refuses "  and a client that trusts another CA refuses it" curl -sS --cacert "$ROOT_PEM" "https://localhost:$port/"
    kill "$pid"
    wait "$pid" 2>/dev/null || true
}

for alias in demo-rsa-2048 demo-ec-p256; do
    certificates_of "$alias"
    certify "$alias"
    key="pkcs11:object=$alias;type=private"

    forget_cache
    forget_requests
    port=$(free_port)
    openssl s_server -engine pkcs11 -keyform engine -key "$key" -cert "$alias-tls.pem" \
        -accept "127.0.0.1:$port" -www -quiet >log/s_server.out 2>&1 </dev/null &
    CHILDREN+=($!)
    server=$!
    until_open "$port"
    # until_open's own connection is no handshake.
    serves "s_server serves with $alias" "$port" "$server"

    forget_cache
    forget_requests
    port=$(free_port)
    sed 's/^init = 0/init = 1/' "$OPENSSL_CONF" >nginx-openssl.cnf
    mkdir -p www
    echo page >www/index.html
    cat >nginx.conf <<NGINX
daemon off;
user root;
worker_processes 2;
pid $WORK/nginx.pid;
error_log $WORK/log/nginx-error.log;
env OPENSSL_CONF; env HOME; env XDG_CACHE_HOME;
env SM_HOST; env SM_API_KEY; env SM_CLIENT_CERT_FILE; env SM_CLIENT_CERT_PASSWORD; env SM_CA_FILE;
env SM_LOG_LEVEL; env SM_LOG_OUTPUT; env SM_LOG_DIR;
events {}
http {
    access_log off;
    client_body_temp_path $WORK/t1; proxy_temp_path $WORK/t2; fastcgi_temp_path $WORK/t3;
    uwsgi_temp_path $WORK/t4; scgi_temp_path $WORK/t5;
    server {
        listen 127.0.0.1:$port ssl;
        server_name localhost;
        ssl_certificate $WORK/$alias-tls.pem;
        ssl_certificate_key "engine:pkcs11:$key";
        root $WORK/www;
    }
}
NGINX
    [[ $(id -u) -eq 0 ]] || sed -i '/^user /d' nginx.conf
    OPENSSL_CONF=$WORK/nginx-openssl.cnf nginx -c "$WORK/nginx.conf" -e "$WORK/log/nginx-error.log" >log/nginx.out 2>&1 &
    CHILDREN+=($!)
    server=$!
    if until_open "$port"; then
        serves "nginx serves with $alias, from forked workers" "$port" "$server"
    else
        cat log/nginx-error.log log/nginx.out >"$SAID"
        not_ok "nginx serves with $alias, from forked workers" "it did not start"
    fi

    forget_cache
    forget_requests
    port=$(free_port)
    inner=$(free_port)
    python3 -m http.server --bind 127.0.0.1 --directory www "$inner" >log/http.out 2>&1 &
    CHILDREN+=($!)
    until_open "$inner"
    cat >stunnel.conf <<STUNNEL
foreground = yes
pid =
engine = pkcs11
engineCtrl = MODULE_PATH:$MODULE
[tls]
accept = 127.0.0.1:$port
connect = 127.0.0.1:$inner
cert = $WORK/$alias-tls.pem
key = $key
engineId = pkcs11
STUNNEL
    env -u OPENSSL_CONF stunnel stunnel.conf >log/stunnel.out 2>&1 &
    CHILDREN+=($!)
    server=$!
    if until_open "$port"; then
        serves "stunnel serves with $alias" "$port" "$server"
    else
        cp log/stunnel.out "$SAID"
        not_ok "stunnel serves with $alias" "it did not start"
    fi

    # The other way round: the client's key is in the token.
    port=$(free_port)
    plain req -new -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=localhost 2>/dev/null
    plain x509 -req -in server.csr -CA ca.pem -CAkey ca.key -days 2 -extfile extensions -out server.pem 2>/dev/null
    openssl s_server -cert server.pem -key server.key -CAfile ca.pem -Verify 1 -verify_return_error \
        -accept "127.0.0.1:$port" -www -quiet >log/s_server-mtls.out 2>&1 </dev/null &
    CHILDREN+=($!)
    server=$!
    until_open "$port"
    signs_once "curl shows a client certificate with $alias" curl -sS --fail --cacert ca.pem --cert "$alias-tls.pem" \
        --engine pkcs11 --key-type ENG --key "$key" "https://localhost:$port/" -o page
    refuses "  and is refused without it" curl -sS --fail --cacert ca.pem "https://localhost:$port/"
    kill "$server"
    wait "$server" 2>/dev/null || true
done

keeps_secrets
