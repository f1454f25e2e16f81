#!/usr/bin/env bash
# what: missing and wrong settings: one line says which, why, and what to do; no secret is told
# not in a root: the companion reads its settings in the same way everywhere
# needs: openssl openssl
# needs: engine:pkcs11 libengine-pkcs11-openssl
# needs: curl curl
# needs: jq jq
# needs: certtool gnutls-bin
source "$(dirname "$0")/../lib/client.sh"

# Files with keys are for their owner alone; the module warns about others.
umask 077
# An account where the client certificate alone does not sign in.
start_service --require-api-key
export PKCS11_MODULE_PATH=$MODULE
text file
certificates_of demo-rsa-3072
sign=(openssl dgst -sha256 -engine pkcs11 -keyform engine
    -sign 'pkcs11:object=demo-rsa-3072;type=private' -out sig file)

# with NAME=VALUE|-NAME...: signs with these settings changed, all else as it should be, and with the log where it goes
# when nobody says anything: errors to stderr.
with() {
    local without=(-u SM_LOG_OUTPUT -u SM_LOG_LEVEL) set=() change
    for change in "$@"; do
        case $change in
            -*) without+=(-u "${change#-}") ;;
            *) set+=("$change") ;;
        esac
    done
    rm -f sig
    env "${without[@]}" "${set[@]}" "${sign[@]}"
}

# complains PROMISE REGEX,REGEX... CHANGE...: the client fails, and one line of the module's holds all the words.
complains() {
    local promise=$1 words=$2 word lines
    shift 2
    forget_cache
    STATUS=0
    COMMAND="with $*"
    with "$@" >"$SAID" 2>&1 </dev/null || STATUS=$?
    # The same once more with everything told, for the search for secrets at the end.
    with "$@" SM_LOG_LEVEL=TRACE SM_LOG_OUTPUT=stderr >>"$WORK/log/settings-trace.log" 2>&1 </dev/null || true
    cat "$SAID" >>"$WORK/log/settings.log"
    # What a client causes again is counted in a line of its own.
    lines=$(grep -i '^stm-pkcs11' "$SAID" | grep -Ev ': [0-9]+ more like this: ' || true)
    if [[ $STATUS -eq 0 ]]; then
        not_ok "$promise" "the client was content"
    elif broke "$STATUS"; then
        not_ok "$promise" "status $STATUS: the client broke"
    elif [[ $(wc -l <<<"$lines") -ne 1 || ! $lines ]]; then
        not_ok "$promise" "the module wrote $(grep -c . <<<"$lines" || true) lines; one is wanted"
    else
        for word in ${words//,/ }; do
            grep -Eqi -- "${word//_/ }" <<<"$lines" || { not_ok "$promise" "the line does not say: ${word//_/ }"; return 0; }
        done
        ok "$promise: ${lines:0:160}"
    fi
}

works() {
    local promise=$1
    shift
    signs_once "$promise" with "$@"
}

works "the settings are right to begin with"

# Missing.
complains "no SM_HOST" 'SM.HOST' -SM_HOST
complains "no SM_CLIENT_CERT_PASSWORD" 'SM.CLIENT.CERT.PASSWORD' -SM_CLIENT_CERT_PASSWORD
complains "no SM_API_KEY" 'SM.API.KEY_is_not_set' -SM_API_KEY
complains "no client certificate" 'SM.CLIENT.CERT.FILE' -SM_CLIENT_CERT_FILE -SM_CLIENT_CERT_PASSWORD
complains "nothing set at all" 'SM.HOST' -SM_HOST -SM_API_KEY -SM_CLIENT_CERT_FILE -SM_CLIENT_CERT_PASSWORD -SM_CA_FILE

# Wrong.
complains "a wrong API key" 'SM.API.KEY,401' SM_API_KEY=01wrongwrongwrong_0123456789
complains "a wrong password" 'SM.CLIENT.CERT.PASSWORD,client.p12' SM_CLIENT_CERT_PASSWORD=not-the-password
complains "a client certificate file that is not there" 'SM.CLIENT.CERT.FILE,/no/such/client.p12,no_such_file' \
    SM_CLIENT_CERT_FILE=/no/such/client.p12
echo 'no certificate at all' >rubbish
complains "a client certificate file with something else in it" 'SM.CLIENT.CERT.FILE,rubbish' \
    "SM_CLIENT_CERT_FILE=$WORK/rubbish"
complains "a CA file that is not there" 'SM.CA.FILE,/no/such/ca.pem,no_such_file' SM_CA_FILE=/no/such/ca.pem
complains "a CA that did not sign the service's certificate" 'SM.CA.FILE,certificate' "SM_CA_FILE=$ROOT_PEM"
complains "no SM_CA_FILE where the service needs one" 'SM.CA.FILE,certificate' -SM_CA_FILE
complains "a host with http://" 'SM.HOST,https' "SM_HOST=http://${SM_HOST#https://}"
complains "a host that is no address" 'SM.HOST' 'SM_HOST=not a host'
complains "a host name that does not exist" 'SM.HOST,no-such-host.invalid' SM_HOST=https://no-such-host.invalid
complains "a service that is down" 'SM.HOST,127.0.0.1:9,connection refused by' SM_HOST=https://127.0.0.1:9

# A client certificate of somebody else: the right form, made by a CA that the service does not know.
openssl req -x509 -newkey rsa:2048 -nodes -keyout other.key -out other.pem -subj /CN=stranger -days 2 2>/dev/null
cat other.pem other.key >stranger.pem
complains "a client certificate that the service does not know" 'SM.CLIENT.CERT.FILE' \
    "SM_CLIENT_CERT_FILE=$WORK/stranger.pem" -SM_CLIENT_CERT_PASSWORD

# Untidy, and understood.
works "a trailing slash in SM_HOST" "SM_HOST=$SM_HOST/"
works "two trailing slashes and spaces around SM_HOST" "SM_HOST= $SM_HOST// "
works "quotes around the file name" "SM_CLIENT_CERT_FILE=\"$SM_CLIENT_CERT_FILE\""
works "quotes and spaces around the API key" "SM_API_KEY= '$SM_API_KEY' "
works "a PEM file in place of the PKCS#12 one" "SM_CLIENT_CERT_FILE=$STATE/client.pem" -SM_CLIENT_CERT_PASSWORD
works "the PKCS#12 file as base64 in SM_CLIENT_CERT_FILE_B64" \
    "SM_CLIENT_CERT_FILE_B64=$(base64 -w0 "$SM_CLIENT_CERT_FILE")" -SM_CLIENT_CERT_FILE

# A PKCS#12 file with the encryption of twenty years ago, as old services hand out.
openssl pkcs12 -export -legacy -in "$STATE/client.pem" -out legacy.p12 -passout "pass:$SM_CLIENT_CERT_PASSWORD" 2>/dev/null
works "a PKCS#12 file with RC2 and 3DES" "SM_CLIENT_CERT_FILE=$WORK/legacy.p12"

# PEM keys with a password, as programs write them; the certificate in a file of its own.
sed '/-----BEGIN PRIVATE KEY-----/,$d' "$STATE/client.pem" >client.crt
openssl pkey -in "$STATE/client.pem" -out plain.key
as_key() { # FILE: the settings with which it is the key
    printf '%s\n' "SM_CLIENT_CERT_FILE=$WORK/client.crt" "SM_CLIENT_KEY_FILE=$WORK/$1"
}
encrypt() { # FILE ARGUMENT...: openssl pkcs8
    openssl pkcs8 -topk8 -in plain.key -out "$1" -passout "pass:$SM_CLIENT_CERT_PASSWORD" "${@:2}" 2>"$SAID"
}
encrypt aes.key
encrypt des3.key -v2 des3 -v2prf hmacWithSHA1
encrypt scrypt.key -scrypt
certtool --load-privkey plain.key --to-p8 --password "$SM_CLIENT_CERT_PASSWORD" --outfile gnutls.key 2>"$SAID"
for key in aes des3 scrypt gnutls; do
    mapfile -t settings < <(as_key "$key.key")
    works "a PEM key with a password, $key" "${settings[@]}"
done
mapfile -t settings < <(as_key aes.key)
complains "a wrong password for a PEM key" 'SM.CLIENT.KEY.FILE,aes.key,wrong_password_for,check_SM.CLIENT.CERT.PASSWORD' \
    "${settings[@]}" SM_CLIENT_CERT_PASSWORD=not-the-password
complains "no password for a PEM key" 'SM.CLIENT.KEY.FILE,aes.key,is_encrypted,set_SM.CLIENT.CERT.PASSWORD' \
    "${settings[@]}" -SM_CLIENT_CERT_PASSWORD
openssl pkey -in plain.key -aes256 -traditional -passout "pass:$SM_CLIENT_CERT_PASSWORD" -out traditional.key
encrypt pbes1.key -v1 PBE-SHA1-3DES
for key in traditional pbes1; do
    mapfile -t settings < <(as_key "$key.key")
    complains "an old form of a PEM key with a password, $key" "SM.CLIENT.KEY.FILE,$key.key,convert_it,openssl_pkcs8" "${settings[@]}"
    # The command of the message, and the file is right.
    openssl pkcs8 -topk8 -v2 aes-256-cbc -in "$key.key" -out client.key \
        -passin "pass:$SM_CLIENT_CERT_PASSWORD" -passout "pass:$SM_CLIENT_CERT_PASSWORD" 2>"$SAID"
    mapfile -t settings < <(as_key client.key)
    works "  converted with that command" "${settings[@]}"
done

# The properties file.
mkdir -p "$HOME/.signingmanager"
properties=$HOME/.signingmanager/ssm-config.properties
printf 'SM_HOST=%s\nSM_API_KEY=%s\nSM_CLIENT_CERT_FILE=%s\nSM_CLIENT_CERT_PASSWORD=%s\nSM_CA_FILE=%s\n' \
    "$SM_HOST" "$SM_API_KEY" "$SM_CLIENT_CERT_FILE" "$SM_CLIENT_CERT_PASSWORD" "$SM_CA_FILE" >"$properties"
chmod 600 "$properties"
works "everything from ~/.signingmanager/ssm-config.properties" \
    -SM_HOST -SM_API_KEY -SM_CLIENT_CERT_FILE -SM_CLIENT_CERT_PASSWORD -SM_CA_FILE
complains "the environment wins over the properties file" 'SM.HOST,127.0.0.1:9' SM_HOST=https://127.0.0.1:9

keeps_secrets
