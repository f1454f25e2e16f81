#!/usr/bin/env bash
# what: a signing host and builders without credentials: PKCS#11 by p11-kit over ssh
# clients: p11-kit over ssh=p11-kit
# signs: files of twenty builders at once
# needs: osslsigncode osslsigncode
# needs: jarsigner default-jdk-headless
# needs: sshd openssh-server
# needs: ssh openssh-client
# needs: ssh-keygen openssh-client
# needs: p11-kit p11-kit
# needs: file:/usr/lib/*-linux-gnu/p11-kit-proxy.so libp11-kit0
# needs: pkcs11-tool opensc
# needs: certtool gnutls-bin
# needs: unshare util-linux
# needs: pgrep procps
# needs: openssl openssl
# needs: curl curl
# needs: jq jq
source "$(dirname "$0")/../lib/client.sh"

PROXY=$LIBRARIES/p11-kit-proxy.so
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
    : >log/sshd.out
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

# The companion on a builder: it has no account, and finds the host's keys by p11-kit.
cp "$COMPANION" stm-pkcs11
sign_file() { # NAME FILE [OPTION...]
    on "$1" "$WORK/stm-pkcs11" sign-file --keypair demo-rsa-3072 --no-timestamp "${@:3}" "$WORK/signed/$2"
}
authentic() { # FILE
    osslsigncode verify -CAfile "$ROOT_PEM" -in "signed/$1" | grep -q '^Signature verification: ok'
}
"$COMPANION" sample pe program.exe
fresh() { # FILE...
    local name
    for name in "$@"; do
        cp program.exe "signed/$name"
        chmod 0666 "signed/$name"
    done
    [[ ${#nobody[@]} -eq 0 ]] || chown 65534:65534 "${@/#/signed/}"
}
fresh one.exe
signs 1 3 1 "sign-file signs a program through the host" sign_file one one.exe
check "  and it verifies" authentic one.exe
jar --create --file signed/one.jar file
[[ ${#nobody[@]} -eq 0 ]] || chown 65534:65534 signed/one.jar
signs 1 6 2 "  and an archive, with jarsigner and p11-kit's module" sign_file one one.jar
says "  which verifies" 'jar verified' jarsigner -verify signed/one.jar
fresh wrong.exe
says "a keypair that this builder may not use is not found, and those that it may are named" 'shows only demo-rsa-3072' \
    bash -c "! $(printf '%q ' "${nobody[@]}" env -i "PATH=$PATH" "HOME=$WORK/one" "XDG_CONFIG_HOME=$WORK/one/.config") ./stm-pkcs11 sign-file --keypair demo-ec-p256 --no-timestamp signed/wrong.exe 2>&1"
check "  and the file is as it was" cmp program.exe signed/wrong.exe

twenty() {
    local number children=() child status=0
    for number in $(seq 20); do
        sign_file "$([[ $((number % 2)) -eq 0 ]] && echo all || echo one)" "$number.exe" >"log/$number.out" 2>&1 &
        children+=($!)
    done
    for child in "${children[@]}"; do wait "$child" || status=1; done
    [[ $status -eq 0 ]] || cat log/[0-9]*.out
    return $status
}
mapfile -t names < <(seq -f '%g.exe' 20)
fresh "${names[@]}"
signs 20 60 20 "twenty builders sign a file each at once" twenty
for name in "${names[@]}"; do authentic "$name" || echo "$name"; done >unverified
same "  and all twenty verify" "$(cat unverified)" ''
spent() { STM_PKCS11_LEDGER=$host/ledger "$COMPANION" ledger list --json | jq 'map(select(.outcome == "signed")) | length'; }
same "  and the host's ledger has every signature of all builders" "$(spent)" 23

# How long a signature takes from a builder, beside one on the host itself: told, not judged.
took() { # COMMAND...
    local begun=$EPOCHREALTIME number
    for number in 1 2 3 4 5; do "$@" >/dev/null 2>&1 || return 1; done
    echo $(((${EPOCHREALTIME/./} - ${begun/./}) / 5000))
}
direct() { fresh timed.exe && ./stm-pkcs11 sign-file --keypair demo-rsa-3072 --no-timestamp --force signed/timed.exe; }
remote() { fresh timed.exe && sign_file one timed.exe; }
says "a program signed through the host, and directly: the times" 'ms' echo "from a builder: $(took remote) ms; on the host: $(took direct) ms"
sed 's/^/     | /' "$SAID"

# A builder that is killed, and a host whose sshd is: the file is the original, byte by byte, and nothing is left on the host.
curl -sSf -X PUT "$ADMIN/latency" -d '{"sign_ms": 3000}' >/dev/null
asked() { requests | jq '[.[] | select(.method == "POST" and (.path | endswith("/sign")))] | length'; }
# begin FILE: signs in the background, until the service has the request
begin() {
    fresh "$1"
    forget_requests
    setsid "${nobody[@]}" env -i "PATH=$PATH" "HOME=$WORK/one" "XDG_CONFIG_HOME=$WORK/one/.config" \
        ./stm-pkcs11 sign-file --keypair demo-rsa-3072 --no-timestamp "signed/$1" >"log/$1.out" 2>&1 &
    BUILDER=$!
    for _ in $(seq 200); do [[ $(asked) -gt 0 ]] && break; sleep 0.05; done
}
remotes() { (pgrep -f "p11-kit.*remote.*$WORK/libstm_pkcs11.so" || true) | wc -l; }
with_children() { # PID -> it, and all below
    local child
    echo "$1"
    for child in $(pgrep -P "$1" || true); do with_children "$child"; done
}
begin killed.exe
kill -KILL -- "-$BUILDER"
wait "$BUILDER" 2>/dev/null || true
check "a builder that is killed leaves the file as it was" cmp program.exe signed/killed.exe
for _ in $(seq 200); do [[ $(remotes) -eq 0 ]] && break; sleep 0.05; done
same "  and no process on the host" "$(remotes)" 0
begin cut.exe
# Its processes for each connection outlive it.
# shellcheck disable=SC2046 # words are wanted
kill -KILL $(with_children "$SSHD_PID")
status=0
wait "$BUILDER" || status=$?
same "a builder whose host goes away fails" "$((status > 0 && status < 128))" 1
says "  and says so" 'failed: sign with demo-rsa-3072' cat log/cut.exe.out
check "  and its file is as it was" cmp program.exe signed/cut.exe
says "while it is away, the next one is told where no keypair was found" 'nor is there one in /usr/lib/.*/p11-kit-proxy.so: it shows no keypair' \
    bash -c "! $(printf '%q ' "${nobody[@]}" env -i "PATH=$PATH" "HOME=$WORK/one" "XDG_CONFIG_HOME=$WORK/one/.config") ./stm-pkcs11 sign-file --no-timestamp signed/cut.exe 2>&1"
curl -sSf -X PUT "$ADMIN/latency" -d '{"sign_ms": 0}' >/dev/null
start_sshd
fresh again.exe
signs 1 3 1 "when the host is back, the next one signs" sign_file one again.exe
check "  and it verifies" authentic again.exe

# What the script for both halves refuses: each line is read by sshd, ssh and two shells.
# shellcheck disable=SC2016 # they are to be refused as they stand
for keypairs in "a'b" 'a"b' 'a$(b)' $'a\nb' 'a`b`'; do
    refuses "fleet.sh refuses keypairs that cannot stand in authorized_keys: ${keypairs@Q}" sh fleet.sh host one/key.pub "$keypairs"
    same "  and says what to write instead" "$(grep -c 'write ? for it' "$SAID")" 1
done
printf 'command="id" %s\n' "$(cat one/key.pub)" >options.pub
cat one/key.pub all/key.pub >two.pub
echo 'not a key' >none.pub
for key in options two none; do
    refuses "fleet.sh refuses $key.pub" sh fleet.sh host $key.pub
    same "  and says why" "$(grep -Ec 'is not a public key of OpenSSH|has more than one line' "$SAID")" 1
done

keeps_secrets
