#!/usr/bin/env bash
# what: the commands of README, docs, packaging and the emulator's page, run in the order in which they stand
# needs: openssl openssl
# needs: osslsigncode osslsigncode
# needs: engine:pkcs11 libengine-pkcs11-openssl
# needs except on bookworm: provider:pkcs11 pkcs11-provider
# needs: jarsigner default-jdk-headless
# needs: pkcs11-tool opensc
# needs: curl curl
# needs: jq jq
# needs: python3 python3
source "$(dirname "$0")/../lib/client.sh"

# Every page with commands for users. tests/clients/pages.sh runs those of docs/clients.
cd "$ROOT"
mapfile -t pages < <(ls README.md CONTRIBUTING.md SECURITY.md config/README.md docs/*.md docs/clients/*.md packaging/*.md emulator/README.md)
cd "$WORK"
same "each block of commands is run, or says why it is not" "$(cd "$ROOT" && python3 tests/lib/blocks.py check "${pages[@]}")" ''
same "each link to a file or a heading of the repository leads there" \
    "$(cd "$ROOT" && python3 tests/lib/links.py "${pages[@]}" CHANGELOG.md fuzz/README.md tests/clients/README.md)" ''

# An account with the keypairs that the pages name.
start_service
for alias in KEYPAIR release-key; do
    curl -sSf --cacert "$SM_CA_FILE" --cert "$STATE/client.pem" -H "x-api-key: $SM_API_KEY" -H 'Content-Type: application/json' \
        "$SM_HOST/signingmanager/api/v1/keypairs" -d '{"alias": "'$alias'", "key_alg": "RSA", "key_storage": "HSM", "key_type": "TEST",
            "properties": {"key_size": 2048}, "status": "ONLINE", "generate_cert": true}' >"$alias.answer"
done

# What stands where the pages suppose it: a clone that is built, an installed companion, files to sign.
mkdir bin given given/target given/config
printf '#!/bin/sh\n# built by tests/run\n' >bin/cargo
chmod +x bin/cargo
ln -s "$COMPANION" bin/stm-pkcs11
export MODULE
MODULE=$(realpath "$MODULE")
PATH=$WORK/bin:$PATH
ln -s "$(dirname "$EMULATOR")" given/target/release
cp "$ROOT/README.md" given
cp "$(configuration sunpkcs11.cfg)" given/config
text given/file
"$COMPANION" sample pe given/program.exe
jar --create --file given/unsigned.jar -C given file
cp given/program.exe given/setup.exe
cp given/unsigned.jar given/app.jar
cp "$ROOT_PEM" given/root.pem
export STM_PKCS11_TIMESTAMP=$STM_EMULATOR_TSA
"$COMPANION" keypair certificate KEYPAIR --leaf --out given/cert.pem
"$COMPANION" keypair certificate KEYPAIR --issuers --out given/chain.pem

# as_it_stands PAGE: its blocks are run one after the other, by one shell, and stop at the first command that fails. There is no network here,
# so nothing gets a time stamp; and curl says it when it is refused.
as_it_stands() {
    local place=$WORK/${1//\//-}.d
    cp -r given "$place"
    {
        # shellcheck disable=SC2016 # for the page's shell
        echo 'set -eu; trap '\''jobs=$(jobs -p); [ -z "$jobs" ] || kill $jobs; [ ! -e ~/stm/pid ] || kill "$(cat ~/stm/pid)"'\'' EXIT; curl() { command curl -sSf "$@"; }'
        python3 "$ROOT/tests/lib/blocks.py" run "$ROOT/$1" | sed -E -e 's# -tsa? http://timestamp\.digicert\.com##' -e "s#/usr/lib/x86_64-linux-gnu/pkcs11/libstm_pkcs11\.so#$MODULE#"
    } >"$place/page.sh"
    # Its own home: pages keep the emulator's state there.
    mkdir "$place/home"
    cp -r "$STATE" "$place/home/stm"
    rm -f "$place/home/stm/pid" # of the emulator that all pages share
    (cd "$place" && HOME=$place/home XDG_CACHE_HOME=$place/home/.cache bash ./page.sh)
}
ran=0
for page in "${pages[@]}"; do
    [[ $page != docs/clients/* || $page == docs/clients/README.md ]] || continue
    [[ $(python3 "$ROOT/tests/lib/blocks.py" run "$ROOT/$page") ]] || continue
    ran=$((ran + 1))
    check "the commands of $page do what they say" as_it_stands "$page"
done
same "pages with commands were found" "$((ran >= 4))" 1
says "README: the program is signed" '^Signature verification: ok' \
    osslsigncode verify -CAfile "$WORK/README.md.d/home/stm/signing-root.pem" -in "$WORK/README.md.d/program-signed.exe"
says "  and the archives" 'jar verified' jarsigner -verify "$WORK/README.md.d/signed.jar"
jarsigner -J-Duser.language=en -verify "$WORK/README.md.d/program.jar" >stamped 2>&1
refuses "  and the one that the emulator stamped has its stamp" grep -i 'without a timestamp\|not contain a timestamp\|not include a timestamp' stamped
check "  and the certificate is the keypair's" cmp "$WORK/README.md.d/cert.der" <(openssl x509 -in "$WORK/README.md.d/cert.pem" -outform DER)

keeps_secrets
