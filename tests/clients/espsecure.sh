#!/usr/bin/env bash
# what: espsecure signs firmware of the ESP32 for secure boot: RSA-PSS and ECDSA
# clients: esptool=pip
# signs: ESP32 firmware, RSA-PSS and ECDSA
# needs: python3 python3
# needs: python:ensurepip python3-venv
# needs: openssl openssl
# needs: curl curl
# needs: jq jq
source "$(dirname "$0")/../lib/client.sh"
source "$ROOT/tests/lib/python.sh"

python_with 'esptool[hsm]'
espsecure=$(dirname "$PYTHON")/espsecure
start_service
head -c 5000 /dev/zero >app.bin

for alias in demo-rsa-3072 demo-ec-p256; do
    certificates_of "$alias"
    cat >hsm.ini <<INI
[hsm_config]
pkcs11_lib = $MODULE
credentials = 1234
slot = 0
label = $alias
label_pubkey = $alias
INI
    signs_once "firmware is signed with $alias" \
        "$espsecure" sign-data --version 2 --hsm --hsm-config hsm.ini --output "$alias.bin" app.bin
    verify=("$espsecure" verify-signature --version 2 --keyfile "$alias.pub")
    says "  and verifies" 'Signature block 0 verification successful' "${verify[@]}" "$alias.bin"
    changed "$alias.bin" changed.bin 100
    refuses "  and changed firmware is refused" "${verify[@]}" changed.bin
done
sed 's/demo-ec-p256/nobody/' hsm.ini >nobody.ini
refuses "a keypair that is not there is refused" \
    "$espsecure" sign-data --version 2 --hsm --hsm-config nobody.ini --output nobody.bin app.bin
check "  and no firmware is written" test ! -e nobody.bin

keeps_secrets
