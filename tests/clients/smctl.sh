#!/usr/bin/env bash
# what: smctl's commands: what scripts read, exit statuses that are true, credentials that are kept, and the link
# needs: openssl openssl
# needs: osslsigncode osslsigncode
# needs: jarsigner default-jdk-headless
# needs: keytool default-jdk-headless
# needs: curl curl
# needs: jq jq
source "$(dirname "$0")/../lib/client.sh"

start_service
export STM_PKCS11_CACHE=off STM_PKCS11_TIMESTAMP=$STM_EMULATOR_TSA
text file
certificates_of demo-rsa-3072
certificates_of demo-ec-p256

# fails STATUS PROMISE REGEX COMMAND...: it ends with exactly this status, and says so
fails() {
    local status=$1 promise=$2 pattern=$3
    shift 3
    run "$@"
    if [[ $STATUS -ne $status ]]; then
        not_ok "$promise" "status $STATUS, not $status"
    elif grep -Eq -- "$pattern" "$SAID"; then
        ok "$promise"
    else
        not_ok "$promise" "no line matches: $pattern"
    fi
}
# quiet PROMISE COMMAND...: status 0, nothing on standard error, and none of the words that scripts take for a failure
quiet() {
    local promise=$1 status=0
    shift
    printf -v COMMAND '%q ' "$@"
    "$@" >out 2>err </dev/null || status=$?
    cat out err >"$SAID"
    if [[ $status -ne 0 || -s err ]]; then
        not_ok "$promise" "status $status, $(wc -c <err) bytes on standard error"
    elif grep -Eiq 'error|fail' out; then
        not_ok "$promise" "a word of failure is in it"
    else
        ok "$promise"
    fi
}
fault() {
    curl -sSf -X PUT "$ADMIN/faults" -d "$1" >/dev/null
}
REFUSED='[{"method": "POST", "path": "/signingmanager/api/v1/keypairs", "status": 403, "body": {"error": {"status": "access_denied", "message": "Signing is not permitted"}}}]'

# The link.
fails 2 "a link into a directory that is not there is refused" 'there is no such directory' "$COMPANION" smctl link links
mkdir links other
says "the link is made" '^linked: links/smctl to ' "$COMPANION" smctl link links
cp "$SAID" linked
says "  and what a shell finds is told" '^(on PATH: no smctl|first on PATH: .*which is another program)' cat linked
PATH=$WORK/links:$PATH
says "  and is left alone the second time" '^linked already: links/smctl' "$COMPANION" smctl link links
cp "$SAID" linked
says "  when it is first on the PATH" '^first on PATH: .*/links/smctl, which is this program' cat linked
printf '#!/bin/sh\necho theirs\n' >other/smctl
chmod +x other/smctl
fails 1 "what is somebody else's is not overwritten" 'it exists, and is not a link to stm-pkcs11' "$COMPANION" smctl link other
same "  and works as before" "$(other/smctl)" theirs
says "another program that comes first is named" 'first on PATH: .*/other/smctl, which is another program' env PATH="$WORK/other:$PATH" "$COMPANION" smctl link links
says "the other names are linked, too" '^linked: links/smksp_registrar' "$COMPANION" smctl link links --name smksp_registrar --name smctl-mac-x64 --name smksp_cert_sync
for name in smctl smctl-mac-x64; do
    says "$name says whose program it is" "^stm-pkcs11 [0-9.]+: follows the commands of DigiCert's smctl; not made or endorsed by DigiCert$" env -u SM_HOST -u SM_API_KEY "$name" --version
    same "  in one line" "$(wc -l <"$SAID")" 1
done
same "help begins with it" "$(smctl --help | head -1)" "stm-pkcs11: follows the commands of DigiCert's smctl; not made or endorsed by DigiCert"
same "  that of a command, too" "$(smctl sign verify-hash --help | head -1)" "stm-pkcs11: follows the commands of DigiCert's smctl; not made or endorsed by DigiCert"
for words in smksp_registrar\ list smksp_cert_sync smctl\ windows\ certsync\ --keypair-alias=x smctl\ windows\ certdesync smctl\ windows\ ksp\ register; do
    # shellcheck disable=SC2086 # words
    fails 2 "$words is refused by name here" 'failed: run smctl windows .*' $words
done

# Success is quiet: standard output alone, no word of failure, no part of a secret.
quiet "healthcheck" smctl healthcheck
cp out health
says "  is connected" '^Status: Connected$' cat health
says "  can sign" '^ +Can sign: Yes$' cat health
says "  maps the signing programs" '^ +Path: .*/osslsigncode$' cat health
for length in 4 5 6; do
    same "  and shows no $length letters of a secret" "$(grep -cF -e "${SM_API_KEY:0:length}" -e "${SM_API_KEY: -length}" -e "${SM_CLIENT_CERT_PASSWORD:0:length}" -e "${SM_CLIENT_CERT_PASSWORD: -length}" health || true)" 0
done
chmod 644 "$SM_CLIENT_CERT_FILE"
quiet "  with a certificate file that others can read" smctl healthcheck
says "    it says so on standard output" '^Notice: .*can be read by other users; run: chmod 600' cat out
chmod 600 "$SM_CLIENT_CERT_FILE"
quiet "keypair ls" smctl keypair ls
cp out keypairs
quiet "certificate ls" smctl certificate ls
cp out certificates
quiet "keypair describe" smctl keypair describe demo-ec-p256
quiet "certificate download" smctl certificate download --keypair-alias demo-ec-p256
quiet "sign-hash" smctl sign sign-hash --file file --signature-file s demo-ec-p256
quiet "verify-hash" smctl sign verify-hash --file file --signature-file s demo-ec-p256
for output in console stdout; do
    same "no line of the log is in a table (SM_LOG_OUTPUT=$output)" "$(SM_LOG_OUTPUT=$output SM_LOG_LEVEL=TRACE smctl keypair ls 2>/dev/null)" "$(cat keypairs)"
done

# Tables: cells by white space.
id=$(service_get 'keypairs?alias=demo-rsa-3072' | jq -r '.items[0].id')
certificate=$(jq -r .id demo-rsa-3072.json)
same "id first, alias third, certificate last" "$(awk '$3 == "demo-rsa-3072" { print $1, $3, $NF }' keypairs)" "$id demo-rsa-3072 $certificate"
same "a filter by alias is exact" "$(smctl kp ls -f "alias=demo-rsa-3072" | tail -n +2 | awk '{ print $3 }')" demo-rsa-3072
same "  in every spelling" "$(for words in '--filter alias=demo-rsa-3072' '--filter=alias=demo-rsa-3072' '-f=alias=demo-rsa-3072' '-falias=demo-rsa-3072'; do
    # shellcheck disable=SC2086 # words
    smctl keypair list $words; done | grep -c demo-rsa-3072)" 4
same "a filter by algorithm and status" "$(smctl kp ls -f key_alg=ecdsa,key_status=offline | tail -n +2 | awk '{ print $3 }')" demo-offline
same "  and by curve" "$(smctl kp ls -f curve=P-384 | tail -n +2 | awk '{ print $3 }')" demo-ec-p384
fails 2 "a filter that is not known is refused" "'name' is not a known filter" smctl kp ls -f name=x
same "certificates: id and alias first, the status a word of its own" "$(grep -w ACTIVE certificates | awk '$1 == "'"$certificate"'" { print $2, $3 }')" 'demo-rsa-3072-cert ACTIVE'
same "  with a fingerprint" "$(awk '$1 == "'"$certificate"'" { print $6 }' certificates)" "$(openssl x509 -in demo-rsa-3072.pem -noout -fingerprint -sha1 | sed 's/.*=//; s/://g' | tr A-F a-f)"
same "  by another hash, in base64" "$(smctl cert ls --cert-hash-alg sha256 --cert-hash-encoding base64 -f id="$certificate" | tail -1 | awk '{ print $6 }')" \
    "$(openssl x509 -in demo-rsa-3072.pem -outform DER | openssl dgst -sha256 -binary | base64)"

# Certificates as files.
check "a certificate has exactly the name that is asked for" smctl cert download --keypair-alias=demo-rsa-3072 --name=one.crt --out=other
same "  and is the leaf alone" "$(openssl x509 -in other/one.crt -outform DER | sha256sum) $(grep -c BEGIN other/one.crt)" "$(openssl x509 -in demo-rsa-3072.pem -outform DER | sha256sum) 1"
check "without a name it has its alias and .pem" test -s demo-ec-p256-cert.pem
check "DER by certificate id" smctl certificate save "$certificate" -f der -n leaf.der
check "  is the same" cmp leaf.der <(openssl x509 -in demo-rsa-3072.pem -outform DER)
check "with its chain, the root first" smctl certificate download --keypair-id "$id" -c --issuer-first -n chain.pem
same "  as the first" "$(openssl x509 -in chain.pem -noout -subject)" "$(openssl x509 -in "$ROOT_PEM" -noout -subject)"
check "as PKCS#12" smctl certificate download --keypair-alias demo-rsa-3072 --format p12 -p secret -c -n certs.p12
says "  with certificates" 'subject=.*demo-rsa-3072' openssl pkcs12 -in certs.p12 -passin pass:secret -nokeys
same "  and without a key" "$(openssl pkcs12 -in certs.p12 -passin pass:secret -nocerts -nodes | grep -c 'PRIVATE KEY' || true)" 0
check "a certificate is overwritten" smctl cert download --keypair-alias demo-ec-p256 -n one.crt -o other
fails 1 "  and nothing else" 'it exists, and is not a certificate' smctl cert download --keypair-alias demo-ec-p256 -n file
fails 6 "a wrong alias" 'did you mean demo-ec-p256' smctl cert download --keypair-alias demo-ec-p257 -n new.crt
check "  leaves no file" test ! -e new.crt

# Hashes.
for words in 'demo-rsa-3072 SHA256withRSA sha256' 'demo-rsa-3072 SHA512WithRSA sha512' 'demo-ec-p256 sha256withecdsa sha256' 'demo-ec-p256 SHA3-256WithECDSA sha3-256'; do
    read -r alias algorithm hash <<<"$words"
    signs 1 3 1 "sign-hash with $algorithm" smctl sign sign-hash --file file --hash-algorithm "$hash" --signature-algorithm "$algorithm" --signature-file s.b64 "$alias"
    base64 -d s.b64 >s.bin
    check "  and openssl verifies it" openssl dgst "-$hash" -verify "$alias.pub" -signature s.bin file
    check "  and verify-hash, binary" smctl sign verify-hash "$alias" --file file --hash-algorithm "$hash" --signature-algorithm "$algorithm" --signature-file s.bin
    check "  and verify-hash, base64" smctl sign verify-hash --file file --signature "$(cat s.b64)" "$alias" --signature-algorithm="$algorithm"
    changed file changed-file
    fails 1 "  and not for a changed file" 'does not match' smctl sign verify-hash --file changed-file --signature-algorithm "$algorithm" --signature-file s.bin "$alias"
done
check "a signature without ASN.1" smctl sign sign-hash --file file --binary --non-decorate-signature --signature-file rs demo-ec-p256
same "  has two halves" "$(stat -c %s rs)" 64
to_der rs
check "  and openssl verifies it" openssl dgst -sha256 -verify demo-ec-p256.pub -signature rs file
forget_requests
fails 2 "hash functions that differ are refused" 'use the same hash function in both' smctl sign sign-hash --file file --hash-algorithm SHA-256 --signature-algorithm SHA384WithRSA demo-rsa-3072
fails 2 "an algorithm of another kind of key" 'do not sign with SHA256WithECDSA' smctl sign sign-hash --file file --signature-algorithm SHA256WithECDSA demo-rsa-3072
fails 5 "an OFFLINE keypair" 'OFFLINE' smctl sign sign-hash --file file --signature-file none demo-offline
fault "$REFUSED"
fails 5 "a refused signature" 'Signing is not permitted' smctl sign sign-hash --file file --signature-file none demo-ec-p256
fault '[]'
check "  leaves no file" test ! -e none

# Credentials.
key=$SM_API_KEY password=$SM_CLIENT_CERT_PASSWORD
saved() { # COMMAND...: with nothing in the environment
    env -u SM_API_KEY -u SM_CLIENT_CERT_PASSWORD "$@"
}
properties=$HOME/.signingmanager/ssm-config.properties
mkdir -p "$(dirname "$properties")"
printf 'SM_TLS_SKIP_VERIFY=false\n# theirs' >"$properties"
cp "$properties" theirs
chmod 644 "$properties"
refuses "without credentials nothing works" saved smctl keypair ls
quiet "credentials are saved" saved smctl credentials save "$key" "$password"
says "  to a file that is named" "^Credentials saved to $properties \(mode 0600\)$" cat out
same "  for its owner alone" "$(stat -c %a "$properties")" 600
check "  and the next command reads them" saved smctl keypair ls
check "  and the companion's own" saved "$COMPANION" doctor
jar --create --file program.jar file
module_signs() {
    local cfg
    cfg=$(configuration sunpkcs11.cfg)
    saved jarsigner -keystore NONE -storetype PKCS11 -storepass none -providerClass sun.security.pkcs11.SunPKCS11 -providerArg "$cfg" program.jar demo-rsa-3072
}
check "  and the module" module_signs
fails 5 "  after the environment" 'Unauthorized|401|API key' env SM_API_KEY=0123456789abcdef_wrong smctl keypair ls
quiet "they are saved again" saved smctl creds save "$key" "$password"
same "  and are there once" "$(grep -c '^SM_API_KEY=' "$properties")" 1
quiet "they are deleted" saved smctl credentials delete
same "  and nothing else is" "$(cat "$properties")" "$(cat theirs)"
quiet "  also a second time" saved smctl credentials delete
refuses "  and nothing works" saved smctl keypair ls
# shellcheck disable=SC2016 # values with everything in them
for value in 'back\slash' ' blanks ' '"quoted"' 'a=b:c #!$x' "it's" 'pä$$wörd'; do
    PASSWORD=$value openssl pkcs12 -export -in "$STATE/client.pem" -out odd.p12 -passout env:PASSWORD
    smctl credentials save "$key" "$value" >/dev/null
    SM_CLIENT_CERT_FILE=$PWD/odd.p12 check "a password is read back as it was: $value" saved smctl healthcheck --user
done
printf '%s\n%s\n' "$key" "$password" >two-lines
check "the companion saves them from standard input" bash -c "'$COMPANION' credentials save <two-lines"
check "  and they are the right ones" saved smctl keypair ls
check "  and deletes them" "$COMPANION" credentials delete
fails 2 "a secret with a line break is refused" 'has a line break' smctl credentials save $'a\nb' x
mkdir "$HOME/elsewhere" && mv "$properties" "$HOME/elsewhere/real" && ln -s "$HOME/elsewhere/real" "$properties"
check "a link of the user's own is followed" saved smctl credentials save "$key" "$password"
check "  and stays" test -L "$properties"
check "  and leads to them" grep -q '^SM_API_KEY=' "$HOME/elsewhere/real"
smctl credentials delete >/dev/null

# Files. What is signed is looked at by a program that knows nothing of us.
authenticode() { # FILE [HASH]
    local said
    said=$(osslsigncode verify -CAfile "$ROOT_PEM" -TSA-CAfile "$ROOT_PEM" -in "$1")
    [[ $said == *'Signature verification: ok'* && ${said^^} == *"ALGORITHM"*": ${2:-SHA256}"* ]]
}
stamped() { # FILE
    osslsigncode verify -CAfile "$ROOT_PEM" -TSA-CAfile "$ROOT_PEM" -in "$1" | grep -Eq 'Timestamp verified using|[Tt]imestamp [Ss]erver Signature verification: ok'
}
unsigned() { # FILE...: are as they were
    local file
    for file in "$@"; do cmp "$file" hello.exe || return 1; done
}
spent() { # PROMISE NUMBER: signatures since the last forget_requests
    same "$1" "$(requests | jq '[.[] | select(.method == "POST" and (.path | endswith("/sign")) and .status < 300)] | length')" "$2"
}
"$COMPANION" sample pe hello.exe
cp hello.exe app.exe
quiet "a file is signed" smctl sign --keypair-alias demo-rsa-3072 --input app.exe
same "  with the line that scripts read, alone" "$(cat out)" 'signCommand command for file app.exe was SUCCESSFUL'
check "  and is" authenticode app.exe
check "  and has a time stamp" stamped app.exe
forget_requests
quiet "a signed file is left alone with --unsigned" smctl sign -k demo-rsa-3072 -i app.exe --unsigned
spent "  for nothing" 0
quiet "  and signed again without" smctl sign -k demo-ec-p256 -i app.exe --timestamp=false --digalg sha384
check "  by the other keypair" bash -c "osslsigncode verify -CAfile '$ROOT_PEM' -in app.exe | grep -q 'CN *= *demo-ec-p256'"
refuses "  without a time stamp" stamped app.exe
for spelling in "$(openssl x509 -in demo-ec-p256.pem -noout -fingerprint -sha1 | sed 's/.*=//')" "$(openssl x509 -in demo-ec-p256.pem -noout -fingerprint -sha256 | sed 's/.*=//; s/://g' | tr A-F a-f)"; do
    cp hello.exe app.exe
    check "by fingerprint: $spelling" smctl sign -f "$spelling" --input=app.exe
    check "  it is signed" authenticode app.exe
done
cp hello.exe app.exe
quiet "details are shown" smctl sign -vvv demo-rsa-3072 --input app.exe --simple --bulk --all-metadata --checksum-before-signing --config-file PKCS11_CONFIG --certificate /no/such.pem
says "  of program, time stamp and record" '^Program: osslsigncode' cat out
mkdir folder && cp hello.exe folder/a.exe && cp hello.exe folder/b.node && text folder/README && jar --create --file folder/c.jar file
quiet "a folder is signed" smctl sign --keypair-alias demo-rsa-3072 --input folder --failfast --exit-non-zero-on-fail
same "  each file in it that can be" "$(grep -c SUCCESSFUL out)" 3
check "  by its content" authenticode folder/b.node
says "  archives, too" 'jar verified' jarsigner -J-Duser.language=en -verify folder/c.jar
cp hello.exe folder/a.exe
jar --create --file folder/c.jar file && cp folder/c.jar before.jar
quiet "  with --tool only those that it signs" smctl sign --keypair-alias demo-rsa-3072 --input folder --tool signtool --unsigned
check "  and no others" cmp folder/c.jar before.jar
mkdir folder/below && cp hello.exe folder/below/d.exe && cp hello.exe folder/a.exe
forget_requests
fails 2 "a folder with files to sign below it is an error" 'the directory folder/below in it has files that can be signed' smctl sign --keypair-alias demo-rsa-3072 --input folder
rm -r folder/below
check "  and nothing is signed" unsigned folder/a.exe
echo text >notes.txt
cp hello.exe one.exe
fails 2 "a file that carries no signature is an error" '^signCommand command for file notes.txt FAILED$' smctl sign --keypair-alias demo-rsa-3072 --input notes.txt --input one.exe
cp "$SAID" reason
says "  with the reason before it" '^ files of this kind carry no signature; ' cat reason
check "  and nothing else is signed" unsigned one.exe
fails 1 "a file that is not there" '^signCommand command for file missing.exe FAILED$' smctl sign --keypair-alias demo-rsa-3072 --input missing.exe
fails 6 "a keypair that is not there" '^signCommand command for file one.exe FAILED$' smctl sign --keypair-alias demo-rsa-3073 --input one.exe
fails 2 "an alias that is empty" 'the alias is empty' smctl sign --keypair-alias= --input one.exe
fails 2 "an unquoted pattern: one input and other words" 'cannot be used with|unexpected argument' smctl sign --keypair-alias demo-rsa-3072 --input one.exe folder/a.exe
fails 6 "a fingerprint of nobody" '^signCommand command for file one.exe FAILED$' smctl sign --fingerprint 0123456789abcdef0123456789abcdef01234567 --input one.exe
mkdir empty
fails 2 "an empty folder" '^There were no files found for signing$' smctl sign --keypair-alias demo-rsa-3072 --input empty
fails 2 "a tool that does not sign such files" 'are not signed by jarsigner' smctl sign --keypair-alias demo-rsa-3072 --input one.exe --tool jarsigner
fails 2 "a hash function that nobody accepts" 'use SHA-256, SHA-384 or SHA-512' smctl sign --keypair-alias demo-rsa-3072 --input one.exe --digalg md5
fails 5 "an OFFLINE keypair" 'OFFLINE' smctl sign --keypair-alias demo-offline --input one.exe
refuses "a time-stamping server that is down" env STM_PKCS11_TIMESTAMP=http://127.0.0.1:9 smctl sign --keypair-alias demo-rsa-3072 --input one.exe
spent "  all of these spend nothing" 0
check "  and leave the file as it was" unsigned one.exe
fault "$REFUSED"
fails 5 "a refused signature" '^signCommand command for file one.exe FAILED$' smctl sign --keypair-alias demo-rsa-3072 --input one.exe
cp "$SAID" reason
says "  says why" '^ .*Signing is not permitted' cat reason
check "  status 0 only if that is written out" smctl sign --keypair-alias demo-rsa-3072 --input one.exe --exit-non-zero-on-fail=false
cp hello.exe two.exe
fails 5 "  with --failfast no further file is begun" '^signCommand command for file two.exe FAILED$' smctl sign --keypair-alias demo-rsa-3072 --input one.exe --input two.exe --failfast
fault '[]'
check "  and all are as they were" unsigned one.exe two.exe
says "with status 0 written out, what can be signed is" '^signCommand command for file one.exe was SUCCESSFUL$' \
    smctl sign --keypair-alias demo-rsa-3072 --input notes.txt --input one.exe --exit-non-zero-on-fail=false
check "  and is" authenticode one.exe

# Verified and removed, against the roots that this machine trusts: here the emulator's is one of them.
fails 1 "verify: a signature up to a root that nobody trusts" '^verifyCommand command for file app.exe FAILED$' smctl sign verify --input app.exe
export SSL_CERT_FILE=$ROOT_PEM
quiet "verify: a signed file" smctl sign verify --input app.exe --verbose
says "  with the words that scripts look for" '^verifyCommand command for file app.exe was SUCCESSFUL: signature Valid, Verified by ' cat out
quiet "  by its fingerprint" smctl sign verify -i app.exe -f "$(openssl x509 -in demo-rsa-3072.pem -noout -fingerprint -sha1 | sed 's/.*=//')"
fails 6 "  and not by another" 'it is signed by ' smctl sign verify -i app.exe -f "$(openssl x509 -in demo-ec-p256.pem -noout -fingerprint -sha1 | sed 's/.*=//')"
same "  in silence, if asked" "$(smctl sign verify --quiet --input app.exe 2>&1)" ''
changed app.exe broken.exe 512
fails 1 "verify: a changed file" '^verifyCommand command for file broken.exe FAILED$' smctl sign verify --input broken.exe
fails 1 "verify: a file without a signature" '^No signature found$' smctl sign verify --input hello.exe
fails 2 "verify: a file that carries none" '^verifyCommand command for file notes.txt FAILED$' smctl sign verify --input notes.txt
quiet "verify: an archive" bash -c "smctl sign -k demo-rsa-3072 -i folder/c.jar && smctl sign verify --input folder/c.jar"
quiet "a signature is removed" smctl sign remove --input app.exe
fails 1 "  and is gone" '^No signature found$' smctl sign verify --input app.exe
check "  and the file can be signed again" smctl sign -k demo-rsa-3072 --input app.exe --timestamp=false
fails 1 "a signature that is not there" 'the file is not signed' smctl sign remove -i hello.exe
fails 2 "a signature of another kind of file" 'from Windows programs, installers and cabinets only' smctl sign remove -i folder/c.jar
unset SSL_CERT_FILE

# Status is never 0 after a failure.
fails 2 "a flag that is not known" 'unknown flag: --exit-nonzero' smctl sign --keypair-alias x --input y --exit-nonzero
fails 2 "a command that is not known" 'unknown command "helthcheck" for "smctl"' smctl helthcheck
fails 2 "a command of no use is refused with what to do" 'run stm-pkcs11 keypair create ALIAS' smctl keypair generate rsa --alias x
for words in 'gpg list' 'release ls' 'scan x' 'user' 'logs' 'manual --dir x' 'kp rotate x' 'cert import x' 'sign in-toto cyclonedx a b'; do
    # shellcheck disable=SC2086 # words
    fails 2 "smctl $words" 'stm-pkcs11 does not have this command' smctl $words
done
fails 2 "another account is refused" 'the API key decides' smctl keypair ls --account-id 7
fails 2 "the Trust Assistant is refused" "requires DigiCert's Trust Assistant" smctl sign --dynamic-auth --keypair-alias x --input file
fails 5 "not connected: a wrong API key" '^Status: Not connected$' env SM_API_KEY=0123456789abcdef_wrong smctl healthcheck
fails 4 "not connected: nobody listens" '^Status: Not connected$' env SM_HOST=https://127.0.0.1:9 STM_PKCS11_TIMEOUT=2 smctl healthcheck
fails 3 "not connected: a wrong password" '^Status: Not connected$' env SM_CLIENT_CERT_PASSWORD=wrong smctl healthcheck
says "the programs are shown without an account" '^Osslsigncode:$' env -u SM_HOST smctl healthcheck --tools
fails 5 "connected, and no keypair that can sign" '^ +Can sign: No$' env STM_PKCS11_KEYPAIRS=demo-offline smctl healthcheck
for command in 'keypair ls' 'certificate ls' healthcheck 'keypair describe demo-ec-p256'; do
    # shellcheck disable=SC2016 # the inner shell expands it
    check "$command: a reader that closes early is no failure" bash -eo pipefail -c 'for _ in {1..10}; do smctl $1 | true; done' bash "$command"
done
fails 1 "a full disk is" 'no space left' bash -c 'smctl keypair ls >/dev/full'

keeps_secrets health keypairs certificates
