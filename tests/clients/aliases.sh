#!/usr/bin/env bash
# what: aliases of every kind, times every client that `config` writes for: its file signs with that keypair, and runs nothing
# not in a root: what `config` writes is quoted in the same way everywhere
# needs: openssl openssl
# needs: osslsigncode osslsigncode
# needs: engine:pkcs11 libengine-pkcs11-openssl
# needs except on bookworm: provider:pkcs11 pkcs11-provider
# needs: jarsigner default-jdk-headless
# needs: git git
# needs: ssh-keygen openssh-client
# needs: python:yaml python3-yaml
# needs: xmllint libxml2-utils
# needs: curl curl
# needs: jq jq
source "$(dirname "$0")/../lib/client.sh"

start_service
# The list of keypairs is asked for once.
export STM_PKCS11_CACHE=3600
mkdir bin
ln -s "$COMPANION" bin/stm-pkcs11
export PATH=$WORK/bin:$PATH TIMESTAMP=

# A module in a folder whose name means something in every language.
folder="$WORK/it's \$(touch ran) & <a> \`touch ran\` #1; ü"
mkdir "$folder"
cp "$MODULE" "$folder/module.so"
export ODD_MODULE=$folder/module.so

# The aliases, the keypairs, and what is tried with each: one program, since each step is a check of a few milliseconds.
python3 "$ROOT/tests/lib/aliases.py" "$STATE" "$ROOT_PEM" "$MODULE" >results || not_ok "the aliases are tried" "$(tail -n 3 results)"
while IFS=$'\t' read -r verdict promise reason; do
    COMMAND=''
    : >"$SAID"
    if [[ $verdict == ok ]]; then ok "$promise"; else not_ok "$promise" "$reason"; fi
done <results
same "at least thirty aliases were tried" "$(grep -c $'^[a-z]*\talias ' results | awk '{ print ($1 >= 30) }')" 1
same "nothing else ran" "$(find "$WORK" -name 'ran*' | head -n 3)" ''

keeps_secrets
