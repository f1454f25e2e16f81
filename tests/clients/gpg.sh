#!/usr/bin/env bash
# what: GnuPG signs through gnupg-pkcs11-scd
# clients: gpg=gnupg gnupg-pkcs11-scd=gnupg-pkcs11-scd
# signs: files, clear text, an OpenPGP key
# needs: gpg gnupg
# needs: gpg-agent gpg-agent
# needs: gnupg-pkcs11-scd gnupg-pkcs11-scd
# needs: openssl openssl
# needs: curl curl
# needs: jq jq
source "$(dirname "$0")/../lib/client.sh"

start_service
# The agent's sockets want a short path: not WORK, which may be deep.
GNUPGHOME=$(mktemp -d /tmp/gpg-XXXXXX)
export GNUPGHOME
trap 'gpgconf --kill all >/dev/null 2>&1; rm -rf "$GNUPGHOME"; end' EXIT
cp "$(configuration gnupg-pkcs11-scd.conf)" "$GNUPGHOME/gnupg-pkcs11-scd.conf"
# gnupg-pkcs11-scd cannot name the card's keys if one of them is no RSA key; GnuPG 2.4 then asks for the card without end.
export STM_PKCS11_KEYPAIRS='demo-rsa-*'
# Whoever asks for a PIN gets nothing.
printf 'scdaemon-program %s\npinentry-program /bin/false\n' "$(command -v gnupg-pkcs11-scd)" >"$GNUPGHOME/gpg-agent.conf"
text file
changed file changed-file

alias=demo-rsa-3072
certificates_of "$alias"
id=$(jq -r .keypair.id "$alias.json" | tr -d - | tr '[:lower:]' '[:upper:]')
forget_requests
says "gpg-agent finds the keypairs" "KEYPAIRINFO .*$id" gpg-connect-agent 'scd learn --force' /bye
grip=$(awk -v id="/$id$" '$2 == "KEYPAIRINFO" && $NF ~ id { print $3; exit }' "$SAID")
read -r signatures _ <<<"$(bill)"
same "  and that costs no signature" "$signatures" 0

cat >params <<PARAMS
Key-Type: RSA
Key-Grip: $grip
Key-Usage: sign,cert
Name-Real: Example Releases
Name-Email: releases@example.org
Expire-Date: 0
%commit
PARAMS
# gpg tells the agent about the card's keys in --card-status.
gpg --batch --card-status >/dev/null 2>&1 || true
signs 2 4 1 "gpg makes an OpenPGP key around $alias" gpg --batch --no-tty --gen-key params
signs 1 3 1 "gpg signs a file" gpg --batch --no-tty --yes -u releases@example.org --detach-sign -o file.sig file
says "  and it verifies" 'Good signature' gpg --batch --verify file.sig file
refuses "  and a changed file is refused" gpg --batch --verify file.sig changed-file
signs 1 3 1 "gpg signs a text in the clear" gpg --batch --no-tty --yes -u releases@example.org --clearsign -o file.asc file
says "  and it verifies" 'Good signature' gpg --batch --verify file.asc
sed 's/^line 7 of/line seven of/' file.asc >changed.asc
refuses "  and a changed text is refused" gpg --batch --verify changed.asc

gpg --batch --export releases@example.org >public.pgp
openssl x509 -in "$alias.pem" -noout -modulus | cut -d= -f2 | tr '[:upper:]' '[:lower:]' >modulus
same "the OpenPGP key holds the certificate's public key" \
    "$(od -An -tx1 -v public.pgp | tr -d ' \n' | grep -c "$(cat modulus)")" 1

keeps_secrets
