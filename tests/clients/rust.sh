#!/usr/bin/env bash
# what: the cryptoki crate signs from Rust
# clients: cryptoki=crate
# signs: files
# needs: openssl openssl
# needs: curl curl
# needs: jq jq
source "$(dirname "$0")/../lib/client.sh"

start_service
text file
changed file changed-file
for alias in demo-rsa-3072 demo-ec-p256; do
    certificates_of "$alias"
    mechanism=sha256-rsa-pkcs
    [[ $alias == *rsa* ]] || mechanism=ecdsa-sha256
    signs_once "a program with the crate signs with $alias" \
        "$COMPANION" sign-through --module "$MODULE" --label "$alias" --mechanism "$mechanism" file
    sed -n '/^{/,/^}/p' "$SAID" | jq -r .signature | base64 -d >sig
    [[ $alias != *ec* ]] || to_der sig
    check "  and it verifies" openssl dgst -sha256 -verify "$alias.pub" -signature sig file
    refuses "  and a changed file is refused" openssl dgst -sha256 -verify "$alias.pub" -signature sig changed-file
done

keeps_secrets
