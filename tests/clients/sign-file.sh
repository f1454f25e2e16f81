#!/usr/bin/env bash
# what: stm-pkcs11 sign-file and verify-file: every kind of file, RSA and EC, verified by others; nothing spent in vain, all or nothing
# clients: osslsigncode=osslsigncode jarsigner=java apksigner=apksigner
# signs: any file, by one command: stm-pkcs11 sign-file
# needs: osslsigncode osslsigncode
# needs: jarsigner default-jdk-headless
# needs: keytool default-jdk-headless
# needs: apksigner apksigner
# needs: gcab gcab
# needs: msibuild msitools
# needs: openssl openssl
# needs: zip zip
# needs: python3 python3
# needs: python:jsonschema python3-jsonschema
# needs: unzip unzip
# needs: curl curl
# needs: jq jq
# needs: python:jsonschema python3-jsonschema
source "$(dirname "$0")/../lib/client.sh"
source "$ROOT/tests/lib/signable.sh"

start_service
export STM_PKCS11_TIMESTAMP=$STM_EMULATOR_TSA
sign_file=("$COMPANION" sign-file --module "$MODULE")
jsign=${STM_TEST_JSIGN:-}
[[ -z $jsign ]] || PATH=$jsign:$PATH
: >matrix

tsa() { # JSON: what is wrong with the time-stamping server
    curl -sSf -X PUT "$STM_EMULATOR_ADMIN/tsa" -d "$1" >/dev/null
}
signatures() {
    local bill
    bill=$(bill)
    echo "${bill%% *}"
}
# spends N PROMISE COMMAND...: it succeeds, for exactly N signatures.
spends() {
    local count=$1 promise=$2
    shift 2
    forget_requests
    check "$promise" "$@"
    same "  for $count signatures" "$(signatures)" "$count"
}
# in_vain PROMISE PATTERN COMMAND...: it fails with a message that says why, and spends nothing.
in_vain() {
    local promise=$1 pattern=$2
    shift 2
    forget_requests
    refuses "$promise" "$@"
    cp "$SAID" refused
    says "  and says why: $pattern" "$pattern" cat refused
    same "  for no signature" "$(signatures)" 0
}
# leaves_nothing: no directory of a run is left beside the files.
leaves_nothing() {
    same "  and leaves nothing behind" "$(find . -name '.stm-pkcs11-*')" ''
}

# One unsigned file of each kind: unsigned/*
signable unsigned
vsix unsigned/demo.vsix
kinds=(program.exe release.msi release.cab release.cat program.jar app.apk)
[[ -z $jsign ]] || kinds+=(release.vbs demo.nupkg demo.appx)
# A script, if a program here signs it. Version 2.5 of osslsigncode, that of Debian 12, does not.
script=release.ps1
if [[ $jsign ]] || osslsigncode_reads release.ps1; then kinds+=(release.ps1); else script=release.cat; fi
# to_verify NAME: what verify-file says to do about such a file, if no program here verifies it.
to_verify() {
    case $1 in
        *.vbs | *.nupkg) echo 'verify the file on the system that uses it' ;;
        *) echo 'install osslsigncode 2.8 or later' ;;
    esac
}

for alias in demo-rsa-3072 demo-ec-p256; do
    appx_for "$alias" unsigned/demo.appx
    mkdir "$alias"
    for name in "${kinds[@]}"; do
        file=$alias/$name
        cp "unsigned/$name" "$file"
        chmod 640 "$file"
        forget_cache
        spends 1 "$name is signed with $alias" "${sign_file[@]}" --keypair "$alias" --json "$file"
        bill=$(bill)
        read -r made asked _ <<<"$bill"
        [[ $STATUS -ne 0 ]] || cp "$SAID" answer.json
        "${sign_file[@]}" --keypair "$alias" --force --dry-run --json "$file" >plan.json 2>/dev/null || echo '[{}]' >plan.json
        printf '%s\t%s\t%s\t%s\t%s\n' "$(jq -r '.[0].kind' plan.json)" "$(jq -r '.[0].program' plan.json)" \
            "$([[ $name == *.apk ]] && echo 'has none' || echo yes)" "$asked" "$made" >>matrix
        check "  and verifies up to the root by another program" verifies "$file"
        [[ $name == *.apk ]] || check "  and is stamped" is_stamped "$file"
        altered "$file" changed
        refuses "  and a changed file is refused" verifies changed/"$name"
        same "  its mode is kept" "$(stat -c %a "$file")" 640
        in_vain "  it is not signed again" 'the file is signed already' "${sign_file[@]}" --keypair "$alias" "$file"
        if osslsigncode_reads "$name"; then
            check "  verify-file accepts it" "$COMPANION" verify-file --ca-file "$ROOT_PEM" "$file"
            refuses "  verify-file refuses a changed one" "$COMPANION" verify-file --ca-file "$ROOT_PEM" "changed/$name"
        else
            refuses "  verify-file does not vouch for it" "$COMPANION" verify-file --ca-file "$ROOT_PEM" "$file"
            cp "$SAID" refused
            says "  and says why" 'why: no program here verifies an? ' cat refused
            says "  and what to do" "to do: $(to_verify "$name")" cat refused
        fi
        refuses "  verify-file refuses an unsigned one" "$COMPANION" verify-file --ca-file "$ROOT_PEM" "unsigned/$name"
        cp "$SAID" refused
        says "  and says why" 'the file is not signed' cat refused
    done
    leaves_nothing
done
if [[ -z $jsign ]]; then
    echo 'scripts other than PowerShell and NuGet packages are not signed: they need jsign; set STM_TEST_JSIGN to its folder'
fi

# A file that no program here signs is refused before another one is signed.
# refused_file PROMISE PATTERN REMEDY FILE [WORD...]: with these words before the command.
refused_file() {
    local promise=$1 pattern=$2 remedy=$3 file=$4
    shift 4
    in_vain "$promise" "$pattern" "$@" "${sign_file[@]}" --keypair demo-rsa-3072 --out refused-files unsigned/program.exe "$file"
    says "  and what to do: $remedy" "to do: .*$remedy" cat refused
    same "  and writes nothing" "$(ls refused-files)" ''
}
mkdir refused-files
if ! command -v jsign >/dev/null; then
    refused_file "a NuGet package without jsign is refused" 'jsign is not installed' 'install the package of .*jsign' unsigned/demo.nupkg
    refused_file "  and so is a Windows script" 'jsign is not installed' 'install the package of .*jsign' unsigned/release.vbs
    appx_for demo-rsa-3072 unsigned/demo.appx
    for name in release.ps1 demo.appx; do
        osslsigncode_reads "$name" || refused_file "this osslsigncode is too old for $name" 'osslsigncode .* is too old for files of this kind: version 2.8 or later signs them' \
            'install osslsigncode 2.8 or later .*bookworm-backports.*, or jsign 7.0 or later' "unsigned/$name"
    done
fi

# What verify-file tells
schema sign-file "${sign_file[@]}" --keypair demo-rsa-3072 --force --dry-run --json demo-rsa-3072/program.exe
schema verify-file "$COMPANION" verify-file --ca-file "$ROOT_PEM" --json demo-rsa-3072/program.exe
"$COMPANION" verify-file --ca-file "$ROOT_PEM" --json demo-rsa-3072/program.exe demo-ec-p256/program.jar >told.json
same "verify-file names the signer" "$(jq -r '.[].signatures[0].signer' told.json | grep -c 'CN=demo-')" 2
same "  the time" "$(jq -r '.[].signatures[0].timestamp' told.json | cut -c1-4 | sort -u)" "$(date -u +%Y)"
same "  and the server" "$(jq -r '.[0].signatures[0].timestamp_server' told.json | grep -c 'Time Stamping')" 1
refuses "verify-file refuses roots that have nothing to do with it" "$COMPANION" verify-file --ca-file "$SM_CA_FILE" demo-rsa-3072/program.exe

# Names say nothing: content does.
mkdir named && cp unsigned/program.exe named/addon.node && cp unsigned/program.exe named/setup.e32.tmp && cp unsigned/program.exe "named/two words & \$(x).pyd"
spends 3 "programs under any names are signed" "${sign_file[@]}" --keypair demo-rsa-3072 named/*
for file in named/*; do check "  $file verifies" osslsigncode_verifies "$file"; done
mkdir -p tree/inner && cp unsigned/program.exe unsigned/release.ps1 tree && cp unsigned/program.exe tree/inner && text tree/readme.txt
in_vain "a directory is refused without --recursive" 'use --recursive' "${sign_file[@]}" --keypair demo-rsa-3072 tree
[[ $script == release.ps1 ]] || in_vain "  and as a whole where a script in it cannot be signed" 'version 2.8 or later signs them' "${sign_file[@]}" --keypair demo-rsa-3072 --recursive tree
[[ $script == release.ps1 ]] || mv tree/release.ps1 tree/release.txt
[[ $script == release.ps1 ]] || cp "unsigned/$script" tree
spends 3 "a directory is signed with --recursive" "${sign_file[@]}" --keypair demo-rsa-3072 --recursive tree
spends 0 "  and skipped as a whole with --skip-signed" "${sign_file[@]}" --keypair demo-rsa-3072 --recursive --skip-signed tree

# Which keypair
cp unsigned/program.exe chosen.exe
certificates_of demo-rsa-2048
sha1=$(openssl x509 -in demo-rsa-2048.pem -noout -fingerprint -sha1 | cut -d= -f2)
sha256=$(openssl x509 -in demo-rsa-2048.pem -noout -fingerprint -sha256 | cut -d= -f2 | tr -d : | tr A-F a-f)
spends 1 "the certificate's SHA-1 with colons chooses the keypair" "${sign_file[@]}" --fingerprint "$sha1" chosen.exe
says "  and it is that certificate's" "$(tr -d : <<<"$sha1" | tr A-F a-f)" "$COMPANION" verify-file --ca-file "$ROOT_PEM" --json chosen.exe
spends 1 "its SHA-256 in small letters does, too" "${sign_file[@]}" --fingerprint "$sha256" --force chosen.exe
in_vain "a fingerprint of no certificate is refused" 'no keypair that this user sees has such a certificate' "${sign_file[@]}" --fingerprint "${sha256//[0-4]/5}" --force chosen.exe
in_vain "a fingerprint that is none is refused" 'neither a SHA-1' "${sign_file[@]}" --fingerprint 1234 --force chosen.exe
cp unsigned/program.exe only.exe
in_vain "of several keypairs none is chosen" 'keypairs can sign code: .*demo-ec-p256' "${sign_file[@]}" only.exe
STM_PKCS11_KEYPAIRS=demo-ec-p384 spends 1 "the only one is" env STM_PKCS11_KEYPAIRS=demo-ec-p384 "${sign_file[@]}" only.exe

# Options
cp unsigned/program.exe told.exe
in_vain "a hash function that signs no code is refused, with those that do" 'use SHA-256, SHA-384 or SHA-512' "${sign_file[@]}" --hash sha1 told.exe
spends 1 "description, URL and hash are in the signature" "${sign_file[@]}" --keypair demo-rsa-4096 --hash sha384 \
    --description 'Grüße' --url https://example.org/x told.exe
osslsigncode verify -CAfile "$ROOT_PEM" -TSA-CAfile "$ROOT_PEM" -in told.exe >told.txt 2>&1 || true
for text in 'Grüße' 'https://example.org/x' 'Message digest algorithm: SHA384'; do
    says "  $text" "$text" cat told.txt
done
for name in program.exe release.cab release.msi program.jar; do
    cp "demo-rsa-3072/$name" "two-$name"
    spends 1 "a second signature is added to $name" "${sign_file[@]}" --keypair demo-ec-p256 --append "two-$name"
    same "  and both are there" "$("$COMPANION" verify-file --ca-file "$ROOT_PEM" --json "two-$name" | jq '.[0].signatures | length')" 2
    spends 1 "  --force leaves one" "${sign_file[@]}" --keypair demo-ec-p256 --force "two-$name"
    same "  the new one" "$("$COMPANION" verify-file --ca-file "$ROOT_PEM" --json "two-$name" | jq -r '.[0].signatures | map(.signer | contains("demo-ec-p256")) | tostring')" '[true]'
done
for name in release.cat "$script"; do
    in_vain "a second signature is not added to $name" 'room for one signature' "${sign_file[@]}" --keypair demo-ec-p256 --append "demo-rsa-3072/$name"
done
mkdir out
spends 2 "--out leaves the originals" "${sign_file[@]}" --keypair demo-rsa-3072 --out out unsigned/program.exe "unsigned/$script"
check "  as they were" cmp unsigned/program.exe named/../unsigned/program.exe
refuses "  unsigned" osslsigncode_verifies unsigned/program.exe
check "  and writes signed ones" osslsigncode_verifies out/program.exe
in_vain "--out overwrites nothing" 'there is such a file' "${sign_file[@]}" --keypair demo-rsa-3072 --out out unsigned/program.exe
cp unsigned/program.exe bare.exe
spends 1 "--no-timestamp leaves the stamp out" "${sign_file[@]}" --keypair demo-rsa-3072 --no-timestamp bare.exe
refuses "  really" is_stamped bare.exe
spends 0 "--dry-run spends nothing" "${sign_file[@]}" --keypair demo-rsa-3072 --dry-run unsigned/program.exe unsigned/program.jar
"${sign_file[@]}" --keypair demo-rsa-3072 --dry-run unsigned/program.exe unsigned/program.jar >dry
says "  and names program and cost" 'osslsigncode' cat dry
says "  of both" 'would spend 2 signatures' cat dry
cp unsigned/program.exe linked.exe && ln -s linked.exe link.exe
spends 1 "a link's file is signed, and the link stays" "${sign_file[@]}" --keypair demo-rsa-3072 link.exe
same "  a link" "$(readlink link.exe)" linked.exe
cp unsigned/program.exe twice.exe
spends 1 "a file that is named twice is signed once" "${sign_file[@]}" --keypair demo-rsa-3072 twice.exe ./twice.exe

# Programs that lack what a later version has: each says so of itself, and sign-file reads it before it spends anything.
real=$(command -v osslsigncode)
mkdir old old-jsign old-apksigner aged
cat >old/osslsigncode <<OLD
#!/bin/sh
case \$1 in
    --help) $real --help 2>&1 | grep -v extract-data ;;
    extract-data) echo 'unknown command' && exit 1 ;;
    *) exec $real "\$@" ;;
esac
OLD
printf '#!/bin/sh\necho "commands: sign (default), timestamp"; echo "timestamp:"; echo "signs executable files, MSI and scripts (PowerShell)"\n' >old-jsign/jsign
# shellcheck disable=SC2016 # for the inner shell
printf '#!/bin/sh\n[ "$2" = --help ] && echo "--min-sdk-version --v1-signing-enabled --v2-signing-enabled --v3-signing-enabled"\n' >old-apksigner/apksigner
chmod +x old*/*
# Before 2.8 osslsigncode has no extract-data: the content is read from a worthless signature of a copy.
certificates_of demo-ec-p256
cp demo-ec-p256.pub aged.pub
cp demo-ec-p256.pem aged.pem
for name in program.exe release.msi release.cab release.cat; do
    cp "unsigned/$name" aged
    spends 1 "$name is signed with an older osslsigncode" env PATH="$PWD/old:$PATH" "${sign_file[@]}" --keypair demo-ec-p256 "aged/$name"
    check "  and verifies" verifies "aged/$name"
done
appx_for demo-ec-p256 unsigned/demo.appx
for name in release.ps1 demo.appx; do
    if [[ -n $jsign ]]; then
        cp "unsigned/$name" aged
        # shellcheck disable=SC2016 # for the inner shell
        spends 1 "$name is signed by jsign, beside an older osslsigncode that cannot verify it" \
            bash -c '"$@" >unverified 2>&1' - env PATH="$PWD/old:$PATH" "${sign_file[@]}" --keypair demo-ec-p256 "aged/$name"
        says "  and says that nobody has verified the file" 'no program here verifies an? .*; its signature was verified' cat unverified
        check "  which it is nevertheless" verifies "aged/$name"
    else
        refused_file "$name is not" 'version 2.8 or later signs them' 'install osslsigncode 2.8 or later' "unsigned/$name" env PATH="$PWD/old:$PATH"
    fi
    in_vain "$name is refused where --tool names the older one" 'version 2.8 or later signs them' env PATH="$PWD/old:$PATH" \
        "${sign_file[@]}" --keypair demo-ec-p256 --tool osslsigncode "unsigned/$name"
done
refused_file "a NuGet package is refused with a jsign that does not know it" 'jsign .* is too old for files of this kind: its help does not name NuGet' \
    'install jsign 7.0 or later' unsigned/demo.nupkg env PATH="$PWD/old-jsign:$PATH"
refused_file "a Visual Studio extension is refused, since no version of jsign signs it" 'does not sign files of this kind: its help does not name VSIX' \
    'sign the extension on Windows' unsigned/demo.vsix env PATH="$PWD/old-jsign:$PATH"
refused_file "an Android package is refused with an apksigner that does not know scheme v4" 'apksigner .* is too old: it does not know --v4-signing-enabled' \
    'install the Android build tools, 30.0 or later' unsigned/app.apk env PATH="$PWD/old-apksigner:$PATH"
if [[ -n $jsign ]]; then
    refused_file "  and with the jsign of today" 'does not sign files of this kind: its help does not name VSIX' 'sign the extension on Windows' unsigned/demo.vsix
fi

# What scripts read
schema sign-file "${sign_file[@]}" --keypair demo-rsa-3072 --dry-run --json --skip-signed unsigned/program.exe demo-rsa-3072/program.jar
same "  with a planned file and a skipped one" "$(jq -r 'map(.status) | sort | join(" ")' answer.json)" 'planned skipped'
cp unsigned/program.exe json.exe
schema sign-file "${sign_file[@]}" --keypair demo-rsa-3072 --json json.exe
same "  with a signed file" "$(jq -r '.[0].status' answer.json)" signed
schema sign-file "${sign_file[@]}" --keypair demo-rsa-3072 --json json.exe
same "  and with one that is refused" "$(jq -r '.[0].status' answer.json)" failed
schema verify-file "$COMPANION" verify-file --ca-file "$ROOT_PEM" --json json.exe unsigned/program.exe
same "  a good one and a bad one" "$(jq -c 'map(.valid)' answer.json)" '[true,false]'

# Nothing is spent in vain: one bad file of ten, and nothing is signed.
mkdir ten
for number in 1 2 3 4 5 6 7 8 9; do cp unsigned/program.exe "ten/$number.exe"; done
text ten/10.txt
sums=$(sha256sum ten/*)
in_vain "one file that cannot be signed keeps nine from being signed" 'files of this kind carry no signature' "${sign_file[@]}" --keypair demo-rsa-3072 ten/*
same "  and all are as they were" "$(sha256sum ten/*)" "$sums"
rm ten/10.txt
cp unsigned/program.exe ten/10.exe
sums=$(sha256sum ten/*)
head -c 600 unsigned/program.exe >cut.exe
in_vain "a file that is cut off is refused" 'is not whole' "${sign_file[@]}" --keypair demo-rsa-3072 ten/1.exe cut.exe
in_vain "a file that is not there is refused" 'No such file' "${sign_file[@]}" --keypair demo-rsa-3072 ten/1.exe nothing.exe
in_vain "an alias that is not there is refused" 'no such keypair' "${sign_file[@]}" --keypair nobody ten/1.exe
in_vain "an Ed25519 keypair is refused" 'do not sign code' "${sign_file[@]}" --keypair demo-ed25519 ten/1.exe
in_vain "a program that is not for the kind is refused" 'does not sign files of this kind' "${sign_file[@]}" --keypair demo-rsa-3072 --tool jarsigner ten/1.exe
in_vain "a missing program is refused with its package" 'apt-get install osslsigncode' env PATH=/nowhere "${sign_file[@]}" --keypair demo-rsa-3072 ten/1.exe
in_vain "a module that is not there is refused" 'no such file' "$COMPANION" sign-file --module nowhere.so --keypair demo-rsa-3072 unsigned/program.jar
in_vain "a place that is not there is refused" 'No such file' "${sign_file[@]}" --keypair demo-rsa-3072 --out nowhere/x.exe ten/1.exe
in_vain "a budget that is too small is refused" 'the budget 5 has 5 left' env STM_PKCS11_BUDGET=5 "${sign_file[@]}" --keypair demo-rsa-3072 ten/*
in_vain "a URL that is none is refused" 'is not a URL of a time-stamping server' "${sign_file[@]}" --keypair demo-rsa-3072 --timestamp timestamp ten/1.exe
for fault in down garbage rejection wrong_digest; do
    tsa "{\"fault\": \"$fault\"}"
    in_vain "a time-stamping server with the fault '$fault' stops the run" 'get a time stamp from' "${sign_file[@]}" --keypair demo-rsa-3072 ten/*
done
tsa '{}'
if [[ $(id -u) -ne 0 ]]; then
    mkdir locked && cp unsigned/program.exe locked && chmod 555 locked
    in_vain "a directory without room for it is refused" 'Permission denied' "${sign_file[@]}" --keypair demo-rsa-3072 locked/program.exe
    chmod 755 locked
fi
same "after all that the ten files are as they were" "$(sha256sum ten/*)" "$sums"

# A stamp that fails after the signature is tried again, and the signature is not.
tsa '{"delay_ms": 1200}'
cp unsigned/program.exe slow.exe
spends 1 "a slow server is waited for" "${sign_file[@]}" --keypair demo-rsa-3072 slow.exe
check "  and the file is stamped" is_stamped slow.exe
for name in program.exe program.jar; do
    cp "unsigned/$name" "again-$name"
    forget_requests
    tsa '{"delay_ms": 700}'
    "${sign_file[@]}" --keypair demo-rsa-3072 "again-$name" >again.txt 2>&1 </dev/null &
    job=$!
    # The question beforehand is answered late: by then the server is down, until the signature was there for two seconds.
    until [[ $(curl -sSf "$STM_EMULATOR_ADMIN/tsa" | jq .queries) -gt 0 || $(signatures) -gt 0 ]]; do sleep 0.05; done
    until [[ $(signatures) -gt 0 ]]; do sleep 0.02; done
    tsa '{"fault": "garbage"}'
    sleep 2
    tsa '{}'
    wait "$job" && done=0 || done=$?
    same "$name: a server that fails after the signature is asked again" "$done" 0
    same "  for one signature" "$(signatures)" 1
    check "  and the file is stamped" is_stamped "again-$name"
done

# A signature that is refused, or lost: the script notices, and the file is as it was.
sign_path=/signingmanager/api/v1/keypairs
cp unsigned/program.exe refused.exe
curl -sSf -X PUT "$ADMIN/faults" -d "[{\"method\": \"POST\", \"path\": \"$sign_path\", \"status\": 403}]" >/dev/null
for name in program.exe program.jar app.apk; do
    cp "unsigned/$name" "refused-$name"
    refuses "$name: a refused signature is a failure" "${sign_file[@]}" --keypair demo-rsa-3072 "refused-$name"
    check "  and the file is as it was" cmp "unsigned/$name" "refused-$name"
done
curl -sSf -X PUT "$ADMIN/faults" -d '[]' >/dev/null
leaves_nothing

# Killed at any moment, each file is the original or signed and valid.
killed=${STM_TEST_KILLS:-12}
mkdir kills
for number in 0 1 2 3 4 5 6 7 8 9; do cp unsigned/program.exe "kills/$number.exe"; done
chmod 751 kills/*.exe
original=$(sha256sum unsigned/program.exe | cut -d' ' -f1)
damaged=0 signed=0 ended=0
for ((round = 0; round < killed; round++)); do
    for file in kills/*.exe; do cmp -s "$file" unsigned/program.exe || cp unsigned/program.exe "$file"; done
    "${sign_file[@]}" --keypair demo-rsa-2048 --no-timestamp --jobs 2 kills/*.exe >/dev/null 2>&1 </dev/null &
    job=$!
    sleep "0.$(printf '%03d' $((RANDOM % 900)))"
    kill -9 "$job" 2>/dev/null || true
    wait "$job" 2>/dev/null && ended=$((ended + 1))
    for file in kills/*.exe; do
        [[ $(stat -c %a "$file") == 751 ]] || damaged=$((damaged + 1))
        [[ $(sha256sum "$file" | cut -d' ' -f1) == "$original" ]] && continue
        if osslsigncode_verifies "$file" >/dev/null 2>&1; then signed=$((signed + 1)); else damaged=$((damaged + 1)); fi
    done
    rm -rf kills/.stm-pkcs11-*
done
same "killed $killed times, no file is neither the original nor signed ($signed were signed, $ended runs were done before)" "$damaged" 0

# The table of the README
mkdir -p "$TARGET/test-logs"
[[ -z $jsign ]] || sort -u matrix | awk -F'\t' '{ key = $1 FS $2 FS $3; if (!(key in most) || $4 > most[key]) most[key] = $4; spent[key] = $5 }
    END { for (key in most) print key FS most[key] FS spent[key] }' | sort >"$TARGET/test-logs/sign-file.matrix"
if [[ -n $jsign ]]; then
    awk '/<!-- kinds: end/ { on = 0 } on; /<!-- kinds: written/ { on = 1 }' "$ROOT/README.md" >kinds
    # Beside an older osslsigncode jsign signs scripts and packages, with one request more.
    osslsigncode_reads release.ps1 || sed -i -E '/^\| (APPX|PowerShell) /s/ osslsigncode (.*) 2 \| 1 \|$/ jsign \1 3 | 1 |/' kinds
    same "the README's table of kinds is the one of this run" "$("$ROOT/tests/matrix" --kinds)" "$(cat kinds)"
fi

keeps_secrets
