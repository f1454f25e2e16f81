#!/usr/bin/env bash
# what: PDF documents: pyHanko, and pdfsig through NSS
# clients: pyHanko=pip pdfsig=poppler-utils
# signs: PDF documents
# needs: python3 python3
# needs: python:ensurepip python3-venv
# needs: pdfsig poppler-utils
# needs: certutil libnss3-tools
# needs: modutil libnss3-tools
# needs: openssl openssl
# needs: curl curl
# needs: jq jq
source "$(dirname "$0")/../lib/client.sh"
source "$ROOT/tests/lib/python.sh"

python_with 'pyHanko[pkcs11]' pyhanko-cli
start_service

"$PYTHON" "$ROOT/tests/lib/blank_pdf.py" document.pdf

# The signature of a PDF lies in the document as a CMS message over all the rest of it.
cat >take_apart.py <<'PY'
import re, sys
document = open(sys.argv[1], "rb").read()
a, b, c, d = map(int, re.search(rb"/ByteRange\s*\[\s*(\d+)\s+(\d+)\s+(\d+)\s+(\d+)", document).groups())
open("signed-bytes", "wb").write(document[a:a + b] + document[c:c + d])
message = bytes.fromhex(document[b + 1:c - 1].decode())
# Zeros fill the place that was kept for it. A length of 0x80 means: to the end mark (NSS), else it is in the next bytes.
end = len(message) if message[1] == 0x80 else 4 + int.from_bytes(message[2:4], "big")
open("document.p7s", "wb").write(message[:end])
PY
# verifies FILE: with openssl, up to the root
verifies() {
    "$PYTHON" take_apart.py "$1" &&
        openssl cms -verify -binary -inform DER -purpose any -CAfile issuers.pem -in document.p7s -content signed-bytes -out verified
}

for alias in demo-rsa-3072 demo-ec-p256; do
    certificates_of "$alias"
    cat "$ROOT_PEM" "$alias-chain.pem" >issuers.pem
    signs_once "pyHanko signs with $alias" "$PYTHON" -m pyhanko sign addsig --field Signature pkcs11 --lib "$MODULE" \
        --token-label STM --cert-label "$alias" --skip-user-pin document.pdf signed.pdf
    check "  and the signature verifies up to the root" verifies signed.pdf
    sed 's/0 0 m 100 100 l/0 0 m 100 111 l/' signed.pdf >changed.pdf
    refuses "  and a changed document is refused" verifies changed.pdf
done

mkdir nssdb
certutil -N -d "sql:$WORK/nssdb" --empty-password
modutil -dbdir "sql:$WORK/nssdb" -force -add stm -libfile "$MODULE" >/dev/null 2>&1
certutil -A -d "sql:$WORK/nssdb" -n signing-root -t CT,C,C -a -i "$ROOT_PEM"
# Debian 12's pdfsig signs the same thing twice, wherever the key is; Ed25519 certificates, which crash it, stay out of sight.
export STM_PKCS11_MODERN_SLOT=off
times=2
[[ $(pdfsig -v 2>&1 | sed -n 's/^pdfsig version \([0-9]*\).*/\1/p') -lt 25 ]] || times=1
signs $times 4 1 "pdfsig signs with demo-rsa-3072" pdfsig -nssdir "sql:$WORK/nssdb" -add-signature -nick STM:demo-rsa-3072 \
    document.pdf pdfsig.pdf
cat "$ROOT_PEM" demo-rsa-3072-chain.pem >issuers.pem
check "  and the signature verifies up to the root" verifies pdfsig.pdf
sed 's/0 0 m 100 100 l/0 0 m 100 111 l/' pdfsig.pdf >changed.pdf
refuses "  and a changed document is refused" verifies changed.pdf

keeps_secrets
