#!/usr/bin/env bash
# what: scripts in the shapes of the field, unchanged, with the link named smctl; each verified by a program that knows nothing of us
# needs: osslsigncode osslsigncode
# needs: jarsigner default-jdk-headless
# needs: keytool default-jdk-headless
# needs: apksigner apksigner
# needs: rauc rauc
# needs: mksquashfs squashfs-tools
# needs: engine:pkcs11 libengine-pkcs11-openssl
# needs: gcab gcab
# needs: msibuild msitools
# needs: node nodejs
# needs: make make
# needs: zip zip
# needs: unzip unzip
# needs: openssl openssl
# needs: curl curl
# needs: jq jq
#
# Each file of tests/field/ says in its head what it is given, how its result is checked, and how many signatures it spends. It runs
# with the right alias, with one that is not there, with signatures that are refused, and with a stand-in that prints what scripts
# look for and signs nothing. `tests/clients/field.sh NAME` runs those whose names begin so.
source "$(dirname "$0")/../lib/client.sh"
source "$ROOT/tests/lib/signable.sh"

start_service
export STM_PKCS11_CACHE=off STM_PKCS11_TIMESTAMP=$STM_EMULATOR_TSA RAUC_PKCS11_MODULE=$MODULE SM_LOG_OUTPUT=file
# The vendor's own verification asks the system, which here trusts the emulator.
export SSL_CERT_FILE=$ROOT_PEM
mkdir links fake given
check "the link is made" "$COMPANION" smctl link links
cat >fake/smctl <<'FAKE'
#!/bin/sh
# A stand-in that says what scripts like to read, and signs nothing.
input=''
for word in "$@"; do
    case $word in
        --input=* | -i=*) input=${word#*=} ;;
        *) [ "$before" != --input ] && [ "$before" != -i ] || input=$word ;;
    esac
    before=$word
done
case $* in
    *healthcheck*) printf 'Status: Connected\n        Can sign: Yes\n' ;;
    *version*) echo 1.0.0 ;;
    *) echo "signCommand command for file $input was SUCCESSFUL" ;;
esac
FAKE
chmod +x fake/smctl

# What devices and verifiers have: the root, and nothing of the module.
keytool -importcert -noprompt -file "$ROOT_PEM" -alias root -storetype PKCS12 -keystore trust.p12 -storepass changeit >/dev/null 2>&1
printf '[system]\ncompatible=Test Board\nbootloader=noop\n\n[keyring]\npath=%s\ncheck-purpose=codesign\n' "$ROOT_PEM" >system.conf
export PKCS11_CONFIG=$WORK/pkcs11properties.cfg
cp "$(configuration sunpkcs11.cfg)" "$PKCS11_CONFIG"

# One unsigned file of each kind.
text payload 50
"$COMPANION" sample pe given/pe
jar --create --file given/jar payload
mkdir apk && text apk/classes.dex 500 && text apk/AndroidManifest.xml 20
jar --create --no-manifest --file given/apk -C apk AndroidManifest.xml -C apk classes.dex
gcab -c given/cab payload
printf 'Write-Output "hello"\r\n' >given/ps1
text given/text 100
msibuild given/msi -s Demo Example ';1033' '{12345678-1234-1234-1234-123456789012}'
# shellcheck disable=SC2016 # the quotes of the installer's SQL
msibuild given/msi -q 'CREATE TABLE `Property` (`Property` CHAR(72) NOT NULL, `Value` LONGCHAR NOT NULL PRIMARY KEY `Property`)'
msibuild given/msi -a Binary.payload payload
mkdir given/rauc nuget
text given/rauc/rootfs.img
printf '[update]\ncompatible=Test Board\nversion=1\n\n[image.rootfs]\nfilename=rootfs.img\n' >given/rauc/manifest.raucm
echo '<?xml version="1.0" encoding="utf-8"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="nuspec" ContentType="application/octet"/></Types>' \
    >'nuget/[Content_Types].xml'
echo '<package><metadata><id>demo</id><version>1.0.0</version><authors>a</authors><description>d</description></metadata></package>' >nuget/demo.nuspec
(cd nuget && zip -q -X ../given/nupkg '[Content_Types].xml' demo.nuspec && mv ../given/nupkg.zip ../given/nupkg)

# head SCRIPT KEY: the values of a key in a script's head.
head_of() {
    sed -nE "s%^(#|//) $2: %%p" "$1"
}

# prepare SCRIPT FOLDER: a folder with what the script is given
prepare() {
    rm -rf "$2"
    mkdir -p "$2"
    local kind path
    head_of "$1" given | while read -r kind path; do
        mkdir -p "$2/$(dirname "$path")"
        cp -r "given/$kind" "$2/$path"
    done
}

# field FOLDER SCRIPT SMCTL: runs the script there, with SMCTL first on the PATH
field() {
    cd "$1" || return
    export PATH=$WORK/$3:$PATH
    case $2 in
        *.mk) make -s -f "$2" ;;
        *) "$2" ;;
    esac
}

# The verifiers. None of them loads the module, or asks the service.
authenticode() { # FILE [by-any]
    local said
    said=$(osslsigncode verify -CAfile "$ROOT_PEM" -TSA-CAfile "$ROOT_PEM" -in "$1") || { echo "$said"; return 1; }
    [[ $said == *'Signature verification: ok'* && ($said == *"CN=$ALIAS"* || $said == *"CN = $ALIAS"* || ${2:-} == by-any) ]]
}
jar_is_signed() { # FILE
    local said
    said=$(jarsigner -J-Duser.language=en -verify -verbose -certs -keystore "$WORK/trust.p12" -storepass changeit "$1")
    [[ $said == *'jar verified'* && $said == *"CN=$ALIAS"* ]]
}
nupkg() { # FILE
    unzip -p "$1" .signature.p7s >signature.p7s
    openssl cms -verify -inform DER -in signature.p7s -CAfile "$ROOT_PEM" -purpose any -out /dev/null
}
certificate() { # FILE
    diff <(openssl x509 -in "$1" -noout -fingerprint -sha256) <(openssl x509 -in "$WORK/$ALIAS.pem" -noout -fingerprint -sha256)
}
# verified SCRIPT: everything that the script was to sign is signed, in the current folder
verified() {
    local kind words
    head_of "$1" checked >checks
    while IFS= read -r line; do
        kind=${line%% *} words=${line#* }
        case $kind in
            authenticode)
                case $words in
                    *' by-any') authenticode "${words% by-any}" by-any ;;
                    *) authenticode "$words" ;;
                esac
                ;;
            jar) jar_is_signed "$words" ;;
            apk) apksigner verify --min-sdk-version 24 "$words" ;;
            rauc) rauc -c "$WORK/system.conf" info "$words" ;;
            nupkg) nupkg "$words" ;;
            certificate) certificate "$words" ;;
            public-key) diff <(openssl pkey -pubin -in "$words") "$WORK/$ALIAS.pub" ;;
            raw)
                # shellcheck disable=SC2086 # hash, file and signature
                set -- $words
                openssl dgst "-$1" -verify "$WORK/$ALIAS.pub" -signature "$3" "$2"
                ;;
            *) false ;;
        esac || { echo "not verified: $line"; return 1; }
    done <checks
    [[ -s checks ]]
}
verify_in() { # FOLDER SCRIPT
    cd "$1" && verified "$2"
}
both() { # FOLDER SCRIPT SMCTL: what a person would believe: the script ended well, and the files are signed
    (field "$@") && verify_in "$1" "$2"
}
made() { # how many signatures the service made since the last forget_requests
    requests | jq '[.[] | select(.method == "POST" and (.path | endswith("/sign")) and .status < 300)] | length'
}
as_given() { # FOLDER SCRIPT: what the script was given is as it was
    local kind path
    head_of "$2" given | while read -r kind path; do
        # rauc completes the manifest before it signs, and version 1.13 leaves its working directory.
        diff -r -x manifest.raucm -x .rauc-workdir "given/$kind" "$1/$path" || exit 1
    done
}

# too_old SCRIPT ALIAS: it is given a file that the installed osslsigncode is too old for. It fails with the version that is not, and spends nothing.
too_old() {
    local script=$1 name folder
    name=$(basename "$script")
    folder=$WORK/run/$name-$2
    export ALIAS=$2 SM_KEYPAIR_ALIAS=$2
    prepare "$script" "$folder"
    forget_requests
    refuses "$name: with osslsigncode before 2.8 the script notices" field "$folder" "$script" links
    cp "$SAID" refused
    says "  and says which version signs the file" 'osslsigncode .* is too old for files of this kind: version 2.8 or later signs them' cat refused
    says "  and where it is" 'install osslsigncode 2.8 or later .*bookworm-backports' cat refused
    same "  and nothing is spent" "$(made)" 0
    check "  and nothing is changed" as_given "$folder" "$script"
}

# field_test SCRIPT ALIAS
field_test() {
    local script=$1 name folder expected
    ALIAS=$2
    name="$(basename "$script") with $ALIAS"
    folder=$WORK/run/$(basename "$script")-$ALIAS
    export ALIAS SM_KEYPAIR_ALIAS=$ALIAS KEY_KIND=RSA
    [[ $ALIAS != *-ec-* ]] || KEY_KIND=ECDSA
    SM_CODE_SIGNING_CERT_SHA1_HASH=$(openssl x509 -in "$ALIAS.pem" -noout -fingerprint -sha1 | sed 's/.*=//; s/://g')
    export SM_CODE_SIGNING_CERT_SHA1_HASH
    expected=$(head_of "$script" signatures)

    prepare "$script" "$folder"
    forget_requests
    check "$name: $(head_of "$script" what)" field "$folder" "$script" links
    local spent
    spent=$(made)
    if [[ $expected == any ]]; then
        check "  it spends signatures" test "$spent" -gt 0
    else
        same "  it spends a signature for each" "$spent" "$expected"
    fi
    check "  and all is signed" verify_in "$folder" "$script"

    prepare "$script" "$folder"
    forget_requests
    if [[ $(head_of "$script" wrong) == keypairs ]]; then
        STM_PKCS11_KEYPAIRS=nothing-of-this-name refuses "  without a keypair the script notices" field "$folder" "$script" links
    else
        SM_KEYPAIR_ALIAS=no-such-keypair SM_CODE_SIGNING_CERT_SHA1_HASH=0123456789abcdef0123456789abcdef01234567 \
            refuses "  with an alias that is not there the script notices" field "$folder" "$script" links
    fi
    same "  and nothing is spent" "$(made)" 0
    check "  and nothing is changed" as_given "$folder" "$script"

    prepare "$script" "$folder"
    curl -sSf -X PUT "$ADMIN/faults" -d '[{"method": "POST", "path": "/signingmanager/api/v1/keypairs", "status": 403,
        "body": {"error": {"status": "access_denied", "message": "Signing is not permitted"}}}]' >/dev/null
    refuses "  when the service refuses the signature the script notices" field "$folder" "$script" links
    check "  and nothing is changed" as_given "$folder" "$script"
    curl -sSf -X PUT "$ADMIN/faults" -d '[]' >/dev/null

    prepare "$script" "$folder"
    refuses "  and a stand-in that signs nothing is found out" both "$folder" "$script" fake
}

for alias in demo-rsa-3072 demo-ec-p384; do
    certificates_of "$alias"
done
ran=0 own_path=$PATH
for script in "$ROOT/tests/field/${1:-}"*; do
    need=$(head_of "$script" needs)
    PATH=$own_path
    if [[ $need == jsign ]]; then
        # No package registry has jsign.
        [[ ${STM_TEST_JSIGN:-} ]] || { echo "not run: $(basename "$script"), STM_TEST_JSIGN is not set"; continue; }
        PATH=$own_path:$STM_TEST_JSIGN
    fi
    ran=$((ran + 1))
    if head_of "$script" given | grep -q '^ps1 ' && ! osslsigncode_since 2.8 && ! command -v jsign >/dev/null; then
        too_old "$script" demo-rsa-3072
        continue
    fi
    field_test "$script" demo-rsa-3072
    # Where the algorithm of the key matters to the script itself.
    case $(head_of "$script" checked) in
        *raw*) field_test "$script" demo-ec-p384 ;;
    esac
done
COMMAND='' STATUS=0
[[ $# -gt 0 ]] || check "at least twenty scripts were run" test "$ran" -ge 20

keeps_secrets "$WORK/run"
