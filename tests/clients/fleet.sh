#!/usr/bin/env bash
# what: a signing host and builders without credentials: PKCS#11 by p11-kit over ssh
# clients: p11-kit over ssh=p11-kit
# signs: files of twenty builders at once
# needs: sshd openssh-server
# needs: ssh openssh-client
# needs: ssh-keygen openssh-client
# needs: p11-kit p11-kit
# needs: file:/usr/lib/x86_64-linux-gnu/p11-kit-proxy.so libp11-kit0
# needs: pkcs11-tool opensc
# needs: certtool gnutls-bin
# needs: unshare util-linux
# needs: openssl openssl
# needs: curl curl
# needs: jq jq
source "$(dirname "$0")/../lib/client.sh"

PROXY=/usr/lib/x86_64-linux-gnu/p11-kit-proxy.so
start_service
text file
changed file changed-file
certificates_of demo-rsa-3072
cat "$ROOT_PEM" demo-rsa-3072-chain.pem >issuers.pem

# The signing host: an account of its own, whose settings file has the credentials. Root makes the account for sshd alone, in a
# namespace where /etc/passwd has it; anybody else is the account.
SSHD=$(command -v sshd || echo /usr/sbin/sshd)
host=$WORK/host
mkdir -p "$host/.ssh" "$host/.config/stm-pkcs11"
cp "$MODULE" "$WORK/libstm_pkcs11.so"
cp "$STATE/client.p12" "$SM_CA_FILE" "$host/"
cat >"$host/.config/stm-pkcs11/stm-pkcs11.toml" <<TOML
[log]
level = "TRACE"
dir = "$WORK/log/host"
[ledger]
file = "$host/ledger"
budget = "1000/day"
[[token]]
name = "STM"
host = "$SM_HOST"
api_key = "$SM_API_KEY"
client_cert_file = "$host/client.p12"
client_cert_password = "$SM_CLIENT_CERT_PASSWORD"
ca_file = "$host/$(basename "$SM_CA_FILE")"
TOML
chmod 0600 "$host/.config/stm-pkcs11/stm-pkcs11.toml"
account=$(id -un) nobody=()
if [[ $(id -u) -eq 0 ]]; then
    account=stm-signer nobody=(setpriv --reuid=65534 --regid=65534 --clear-groups)
    { cat /etc/passwd; echo "$account:x:64999:64999::$host:/bin/sh"; } >passwd
    mkdir log/host
    chown -R 64999:64999 "$host" log/host
    chmod 0755 "$WORK"
    mkdir -p /run/sshd
fi
ssh-keygen -q -t ed25519 -N '' -f hostkey
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >sshd_config <<CONFIG
ListenAddress 127.0.0.1:$port
HostKey $WORK/hostkey
PidFile $WORK/sshd.pid
AuthorizedKeysFile $host/.ssh/authorized_keys
StrictModes no
UsePAM no
MaxStartups 100
# Where the account is the one that runs this test, its own settings are not asked.
SetEnv STM_PKCS11_CONFIG=$host/.config/stm-pkcs11/stm-pkcs11.toml
CONFIG
echo "[127.0.0.1]:$port $(cut -d' ' -f1,2 hostkey.pub)" >known_hosts
chmod 0644 known_hosts
start_sshd() {
    if [[ $account == stm-signer ]]; then
        # shellcheck disable=SC2016 # the inner shell's
        unshare --mount sh -c 'mount --bind "$1" /etc/passwd && shift && exec "$@"' - "$WORK/passwd" "$SSHD" -D -e -f sshd_config 2>>log/sshd.out &
    else
        "$SSHD" -D -e -f sshd_config 2>>log/sshd.out &
    fi
    SSHD_PID=$!
    CHILDREN+=("$SSHD_PID")
    for _ in $(seq 100); do grep -q 'Server listening' log/sshd.out && break; sleep 0.05; done
}
start_sshd

# Two builders: one may use every keypair of the demo, the other one alone.
"$COMPANION" config fleet --module "$WORK/libstm_pkcs11.so" --keypair demo-rsa-3072 --out fleet.sh
# builder NAME [KEYPAIRS]: a key, its line on the host, and the module file of a user who has nothing else
builder() {
    local name=$1
    mkdir -p "$name/.config/pkcs11/modules"
    ssh-keygen -q -t ed25519 -N '' -C "$name" -f "$name/key"
    sh fleet.sh host "$name/key.pub" "${@:2}" >>"$host/.ssh/authorized_keys"
    sh fleet.sh builder "$account@127.0.0.1" -F none -p "$port" -i "$WORK/$name/key" -o "UserKnownHostsFile=$WORK/known_hosts" \
        >"$name/.config/pkcs11/modules/stm-pkcs11.module"
    [[ ${#nobody[@]} -eq 0 ]] || chown -R 65534:65534 "$name"
}
builder all 'demo-*'
builder one
# on NAME COMMAND...: as that builder, without anything of the account
on() {
    "${nobody[@]}" env -i "PATH=$PATH" "HOME=$WORK/$1" "XDG_CONFIG_HOME=$WORK/$1/.config" LC_ALL=C.UTF-8 "${@:2}"
}
tool=(pkcs11-tool --module "$PROXY" --token-label STM)
says "a builder sees the keypairs of its line" 'label: +demo-ec-p256$' on all "${tool[@]}" --list-objects --type privkey
aliases() {
    on "$1" "${tool[@]}" --list-objects --type privkey 2>/dev/null | sed -n 's/^ *label: *//p' | sort -u | tr '\n' ' '
}
same "  and no other" "$(aliases one)" "demo-rsa-3072 "
check "the host is told only once what a builder may do: no shell" \
    bash -c "! $(printf '%q ' "${nobody[@]}") ssh -F none -p $port -i one/key -o UserKnownHostsFile=known_hosts -o BatchMode=yes $account@127.0.0.1 id </dev/null | grep -q uid"

# sign_as NAME OUT: a signed message with the file in it
sign_as() {
    on "$1" certtool --p7-detached-sign --outder --hash sha256 --load-privkey 'pkcs11:token=STM;object=demo-rsa-3072;type=private' \
        --load-certificate "$WORK/demo-rsa-3072.pem" --infile "$WORK/file" --outfile "$2"
}
verify=(openssl cms -verify -binary -inform DER -purpose any -CAfile issuers.pem -out verified)
mkdir -m 0777 signed
signs 1 3 1 "certtool signs through the signing host" sign_as one "$WORK/signed/one.p7s"
check "  and it verifies up to the root" "${verify[@]}" -in signed/one.p7s -content file
refuses "  and a changed file is refused" "${verify[@]}" -in signed/one.p7s -content changed-file

twenty() {
    local number children=() child status=0
    for number in $(seq 20); do
        sign_as "$([[ $((number % 2)) -eq 0 ]] && echo all || echo one)" "$WORK/signed/$number" >"log/$number.out" 2>&1 &
        children+=($!)
    done
    for child in "${children[@]}"; do wait "$child" || status=1; done
    [[ $status -eq 0 ]] || cat log/[0-9]*.out
    return $status
}
signs 20 60 20 "twenty builders sign at once" twenty
for number in $(seq 20); do
    "${verify[@]}" -in "signed/$number" -content file >/dev/null 2>&1 || echo "$number"
done >unverified
same "  and all twenty verify" "$(cat unverified)" ''
same "  and the host's ledger has them all" "$(STM_PKCS11_LEDGER=$host/ledger "$COMPANION" ledger list --json | jq 'map(select(.outcome == "signed")) | length')" 21

keeps_secrets
