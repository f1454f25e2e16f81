#!/usr/bin/env bash
# what: sbsign and pesign sign EFI programs for Secure Boot
# clients: sbsign=sbsigntool pesign=pesign
# signs: EFI programs
# needs: sbsign sbsigntool
# needs: pesign pesign
# needs: certutil libnss3-tools
# needs: modutil libnss3-tools
# needs: openssl openssl
# needs: engine:pkcs11 libengine-pkcs11-openssl
# needs: curl curl
# needs: jq jq
source "$(dirname "$0")/../lib/client.sh"

start_service
export PKCS11_MODULE_PATH=$MODULE
"$COMPANION" sample pe program.efi

for alias in demo-rsa-2048 demo-rsa-3072; do
    certificates_of "$alias"
    signs_once "sbsign signs with $alias" sbsign --engine pkcs11 --key "pkcs11:object=$alias;type=private" \
        --cert "$alias.pem" --output sb.efi program.efi
    check "  and sbverify accepts it" sbverify --cert "$alias.pem" sb.efi
    changed sb.efi changed.efi 512
    refuses "  and refuses a changed program" sbverify --cert "$alias.pem" changed.efi
done

mkdir nssdb
certutil -N -d "$WORK/nssdb" --empty-password
modutil -dbdir "$WORK/nssdb" -force -add stm -libfile "$MODULE" >/dev/null 2>&1
for alias in demo-rsa-2048 demo-rsa-3072; do
    # pesign signs the same thing twice, wherever the key is.
    signs 2 4 1 "pesign signs with $alias" \
        pesign --force --certdir "$WORK/nssdb" -t STM -c "$alias" -s -i program.efi -o pe.efi
    certificates_of "$alias"
    check "  and sbverify accepts it" sbverify --cert "$alias.pem" pe.efi
    changed pe.efi changed.efi 512
    refuses "  and refuses a changed program" sbverify --cert "$alias.pem" changed.efi
done

keeps_secrets
