#!/usr/bin/env bash
# what: docs/clients: what each page says to type signs and verifies, for the price that it names
# needs: openssl openssl
# needs: engine:pkcs11 libengine-pkcs11-openssl
# needs except on bookworm: provider:pkcs11 pkcs11-provider
# needs: osslsigncode osslsigncode
# needs: jarsigner default-jdk-headless
# needs: keytool default-jdk-headless
# needs: ant ant
# needs: apksigner apksigner
# needs: pkcs11-tool opensc
# needs: certtool gnutls-bin
# needs: certutil libnss3-tools
# needs: p11-kit p11-kit
# needs: file:/usr/lib/*-linux-gnu/pkcs11/p11-kit-client.so p11-kit-modules
# needs: ssh-keygen openssh-client
# needs: git git
# needs: gpg gnupg
# needs: gnupg-pkcs11-scd gnupg-pkcs11-scd
# needs: sbsign sbsigntool
# needs: pesign pesign
# needs: rauc rauc
# needs: mksquashfs squashfs-tools
# needs: pdfsig poppler-utils
# needs: stunnel stunnel4
# needs: nginx nginx-light
# needs: python3 python3
# needs: python:ensurepip python3-venv
# needs: node nodejs
# needs: npm npm
# needs: kzonesign knot-dnssecutils
# needs: keymgr knot
# needs: dnssec-verify bind9-utils
# needs: openvpn openvpn
# needs: pki strongswan-pki
# needs: file:/usr/lib/ipsec/plugins/libstrongswan-pkcs11.so libstrongswan-extra-plugins
# needs: file:/usr/lib/ipsec/plugins/libstrongswan-openssl.so libstrongswan-standard-plugins
# needs: xmlsec1 xmlsec1
# needs: gcc gcc
# needs: pkg-config pkg-config
# needs: file:/usr/include/xmlsec1/xmlsec/xmlsec.h libxmlsec1-dev
# needs except on bookworm: ukify systemd-ukify
# needs except on bookworm: file:/usr/lib/systemd/boot/efi/linuxx64.efi.stub systemd-boot-efi
# needs except on bookworm: file:/usr/lib/*-linux-gnu/libtss2-esys.so.0 libtss2-esys-3.0.2-0t64
# needs except on bookworm: file:/usr/lib/*-linux-gnu/libtss2-rc.so.0 libtss2-rc0t64
# needs: objcopy binutils
# needs: g++ g++
# needs: make make
# needs: curl curl
# needs: jq jq
source "$(dirname "$0")/../lib/client.sh"
source "$ROOT/tests/lib/python.sh"
# shellcheck source=tests/lib/node.sh
source "$ROOT/tests/lib/node.sh"
# shellcheck source=tests/lib/packages.sh
source "$ROOT/tests/lib/packages.sh"

python_with python-pkcs11 PyKCS11 'pyHanko[pkcs11]' pyhanko-cli 'esptool[hsm]'
node_with pkcs11js@2 node-webcrypto-p11@2

start_service
export MODULE KEYPAIR=demo-rsa-3072 STM_PKCS11_TIMESTAMP=$STM_EMULATOR_TSA
MODULE=$(realpath "$MODULE")
PATH=$(dirname "$COMPANION"):${STM_TEST_JSIGN:+$STM_TEST_JSIGN:}$PATH
GNUPGHOME=$(mktemp -d /tmp/gpg-XXXXXX) # the agent's sockets want a short path
export GNUPGHOME
trap 'rm -rf "$GNUPGHOME"; end' EXIT

# What the pages expect to be there.
mkdir given given/bundle
"$COMPANION" keypair certificate "$KEYPAIR" --leaf --out given/cert.pem
"$COMPANION" keypair certificate "$KEYPAIR" --issuers --out given/chain.pem
cp "$ROOT_PEM" given/root.pem
text given/file
head -c 5000 /dev/zero >given/app.bin
"$COMPANION" sample pe given/program.exe
cp given/program.exe given/program.efi
jar --create --file given/program.jar -C given file
text given/classes.dex 2000
text given/AndroidManifest.xml
jar --create --no-manifest --file given/app.apk -C given AndroidManifest.xml -C given classes.dex
text given/bundle/rootfs.img
printf '[update]\ncompatible=Test Board\nversion=1\n\n[image.rootfs]\nfilename=rootfs.img\n' >given/bundle/manifest.raucm
"$PYTHON" "$ROOT/tests/lib/blank_pdf.py" given/document.pdf

# blocks PAGE HEADING: the commands under a heading; tests/clients/go.sh compiles those in Go
blocks() {
    awk -v heading="## $2" '/^## / { on = ($0 == heading) } /^```/ { open = !open; code = open && on && $0 == "```sh"; next } code' "$1"
}

# priced PAGE: the signatures that its commands use up: `<!-- signatures: NUMBER -->`, with `; on SUITE: NUMBER` where a release's client differs.
priced() {
    local line other
    line=$(sed -n 's/^<!-- signatures: \(.*\) -->$/\1/p' "$1")
    other=$(sed -n "s/.*; on $(codename): \([0-9]*\).*/\1/p" <<<"$line")
    echo "${other:-${line%%;*}}"
}

# path PAGE: the virtual environment is only for those who install with pip: programs of Debian in Python want Debian's modules.
path() {
    ! grep -q '^pip install\|`pip install' "$1" || printf '%s:' "$(dirname "$PYTHON")"
    echo "$PATH"
}

for page in "$ROOT"/docs/clients/*.md; do
    name=$(basename "$page" .md)
    [[ $name != README ]] || continue
    for heading in Install Configure Sign Verify 'What it costs' 'Troubleshooting'; do
        grep -qx "## $heading" "$page" || not_ok "$name.md has its parts" "'## $heading' is missing"
    done
    # tests/windows/run tries those of Windows.
    unrun=$(sed -n 's/^<!-- commands are not run: \(.*\) -->$/\1/p' "$page")
    if [[ $unrun ]]; then
        echo "$name.md is not tried: $unrun"
        continue
    fi
    not_on=$(sed -n "s/^<!-- not on $(codename): \(.*\) -->$/\1/p" "$page")
    if [[ $not_on ]]; then
        echo "$name.md is not tried: $not_on"
        continue
    fi
    if [[ $name == jsign && -z ${STM_TEST_JSIGN:-} ]]; then
        echo "jsign.md is not tried: no package registry has jsign; set STM_TEST_JSIGN to its folder"
        continue
    fi
    same "$name.md: the packages that it names are those that the tests install" \
        "$(blocks "$page" Install | sed -n 's/^apt-get install //p' | tr ' ' '\n' | while read -r package; do
            grep -q "^# needs: [^ ]* $package$" "$ROOT"/tests/clients/*.sh || echo "$package"
        done)" ''
    cp -r given "$name"
    {
        echo 'set -eu'
        for heading in Configure Sign Verify; do blocks "$page" "$heading"; done
    } >"$name/page.sh"
    forget_cache
    forget_requests
    # shellcheck disable=SC2016 # the inner shell expands it
    check "$name.md signs and verifies" env PATH="$(path "$page")" bash -c 'cd "$1" && . ./page.sh' bash "$name"
    read -r made _ <<<"$(bill)"
    same "  for the signatures that it names" "$made" "$(priced "$page")"
done

# The companion prints the same commands, filled in.
for name in android gnutls node openssl pdf pkcs11-tool python rauc uefi; do
    page=$name
    [[ $name != node ]] || page=programs
    mkdir -p "printed/$name"
    cp -r given/. "printed/$name"
    rm "printed/$name/cert.pem" "printed/$name/chain.pem"
    "$COMPANION" config "$name" --module "$MODULE" --keypair "$KEYPAIR" >"printed/$name/commands.sh"
    forget_requests
    # shellcheck disable=SC2016 # the inner shell expands it
    check "stm-pkcs11 config $name prints commands that sign" env -u MODULE -u KEYPAIR PATH="$(path "$ROOT/docs/clients/$page.md")" \
        bash -c 'cd "$1" && set -eu && . ./commands.sh' bash "printed/$name"
    read -r made _ <<<"$(bill)"
    same "  for the signatures that the page names" "$made" \
        "$(priced "$ROOT/docs/clients/$page.md")"
done

# Each page stands in the index, and each link of the pages leads somewhere.
for page in "$ROOT"/docs/clients/*.md "$ROOT"/docs/*.md "$ROOT"/README.md "$ROOT"/config/README.md; do
    { grep -oE '\]\([^)#]+' "$page" || true; } | cut -c3- | while read -r link; do
        [[ $link == http* || -e $(dirname "$page")/$link ]] || echo "${page#"$ROOT"/}: $link"
    done
done >broken
same "every link of the documentation leads to something" "$(cat broken)" ''
for page in "$ROOT"/docs/clients/*.md; do
    grep -qF "($(basename "$page"))" "$ROOT/docs/clients/README.md" || [[ $page == */README.md ]] || echo "$page"
done >unlisted
same "every page stands in the index" "$(cat unlisted)" ''

keeps_secrets
