#!/usr/bin/env bash
# what: rauc makes signed update bundles
# clients: rauc=rauc
# signs: update bundles
# needs: rauc rauc
# needs: mksquashfs squashfs-tools
# needs: openssl openssl
# needs: engine:pkcs11 libengine-pkcs11-openssl
# needs: curl curl
# needs: jq jq
source "$(dirname "$0")/../lib/client.sh"

start_service
export RAUC_PKCS11_MODULE=$MODULE
mkdir content
text content/rootfs.img
printf '[update]\ncompatible=Test Board\nversion=1\n\n[image.rootfs]\nfilename=rootfs.img\n' >content/manifest.raucm
# What a device has: the root, and that the signer's certificate must be one for code.
printf '[system]\ncompatible=Test Board\nbootloader=noop\n\n[keyring]\npath=%s\ncheck-purpose=codesign\n' "$ROOT_PEM" >system.conf

for alias in demo-rsa-3072 demo-ec-p256; do
    certificates_of "$alias"
    bundle_with_pin() {
        RAUC_PKCS11_PIN=1234 bundle
    }
    bundle() {
        rm -f bundle.raucb
        rauc bundle --cert "$alias.pem" --intermediate "$alias-chain.pem" --key "pkcs11:object=$alias;type=private" \
            content bundle.raucb
    }
    signs_once "rauc makes a bundle signed with $alias" bundle
    says "  and it verifies up to the root" "Verified .* signature by '.*CN = $alias'" rauc -c system.conf info bundle.raucb
    changed bundle.raucb changed.raucb 100
    refuses "  and a changed bundle is refused" rauc -c system.conf info changed.raucb
    signs_once "rauc makes a bundle signed with $alias and a PIN" bundle_with_pin
    says "  and it verifies up to the root" "Verified .* signature by '.*CN = $alias'" rauc -c system.conf info bundle.raucb
done

keeps_secrets
