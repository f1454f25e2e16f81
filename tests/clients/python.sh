#!/usr/bin/env bash
# what: python-pkcs11 and PyKCS11 sign from Python
# clients: python-pkcs11=pip PyKCS11=pip
# signs: files
# needs: python3 python3
# needs: python:ensurepip python3-venv
# needs: openssl openssl
# needs: curl curl
# needs: jq jq
source "$(dirname "$0")/../lib/client.sh"
source "$ROOT/tests/lib/python.sh"

python_with python-pkcs11 PyKCS11
start_service
text file
changed file changed-file
export MODULE

cat >with-python-pkcs11.py <<'PY'
import os, sys
import pkcs11
from pkcs11.util.ec import encode_ecdsa_signature
alias, mechanism, pin = sys.argv[1], sys.argv[2], (sys.argv[3:] or [None])[0]
token = pkcs11.lib(os.environ["MODULE"]).get_token(token_label="STM")
with token.open(user_pin=pin) as session:
    key = session.get_key(object_class=pkcs11.ObjectClass.PRIVATE_KEY, label=alias)
    signature = key.sign(open("file", "rb").read(), mechanism=pkcs11.Mechanism[mechanism])
    open("sig", "wb").write(encode_ecdsa_signature(signature) if "ECDSA" in mechanism else signature)
PY
cat >with-pykcs11.py <<'PY'
import os, sys
import PyKCS11
from PyKCS11 import *
alias, mechanism = sys.argv[1], getattr(PyKCS11, "CKM_" + sys.argv[2])
library = PyKCS11Lib()
library.load(os.environ["MODULE"])
slot = library.getSlotList(tokenPresent=True)[0]
session = library.openSession(slot, CKF_SERIAL_SESSION)
if sys.argv[3:]:
    session.login(sys.argv[3])
key, = session.findObjects([(CKA_CLASS, CKO_PRIVATE_KEY), (CKA_LABEL, alias)])
signature = bytes(session.sign(key, open("file", "rb").read(), Mechanism(mechanism, None)))
if "ECDSA" in sys.argv[2]:
    from pkcs11.util.ec import encode_ecdsa_signature
    signature = encode_ecdsa_signature(signature)
open("sig", "wb").write(signature)
session.closeSession()
PY

for alias in demo-rsa-3072 demo-ec-p256; do
    certificates_of "$alias"
    case $alias in
        *rsa*) mechanism=SHA256_RSA_PKCS ;;
        *) mechanism=ECDSA_SHA256 ;;
    esac
    for program in with-python-pkcs11 with-pykcs11; do
        for pin in '' 1234; do
            # shellcheck disable=SC2086 # no PIN is no word
            signs_once "${program#with-} signs with $alias ${pin:+and a PIN}" "$PYTHON" "$program.py" "$alias" "$mechanism" $pin
            check "  and it verifies" openssl dgst -sha256 -verify "$alias.pub" -signature sig file
            refuses "  and a changed file is refused" openssl dgst -sha256 -verify "$alias.pub" -signature sig changed-file
        done
    done
done

keeps_secrets
