#!/usr/bin/env bash
# what: OpenSSH: ssh-keygen -D, ssh-agent, file signatures, git commits signed by ssh
# clients: ssh-keygen=openssh-client git=git
# signs: files, git commits; an agent
# needs: ssh-keygen openssh-client
# needs: ssh-agent openssh-client
# needs: git git
# needs: openssl openssl
# needs: curl curl
# needs: jq jq
source "$(dirname "$0")/../lib/client.sh"

start_service
text file
changed file changed-file

forget_requests
run ssh-keygen -D "$MODULE"
cp "$SAID" listed
same "ssh-keygen -D asks the service for a list and nothing else" "$(bill)" "0 1 1 "

# ssh-agent opens only modules that it is told of; ssh-add gets the PIN from a program.
eval "$(ssh-agent -P "$(realpath "$MODULE")" -a "$WORK/agent" | head -2)" >/dev/null
CHILDREN+=("$SSH_AGENT_PID")
# shellcheck disable=SC2016 # the program expands it
printf '#!/bin/sh\necho "$PIN"\n' >askpass
chmod +x askpass
export SSH_ASKPASS=$WORK/askpass SSH_ASKPASS_REQUIRE=force PIN=''

check "ssh-agent takes the module without a PIN" ssh-add -s "$MODULE"
for alias in demo-rsa-3072 demo-ec-p256 demo-ec-p384; do
    certificates_of "$alias"
    ssh-keygen -i -m PKCS8 -f "$alias.pub" >"$alias.ssh.pub"
    key=$(cut -d' ' -f2 "$alias.ssh.pub")
    if grep -qF "$key" listed; then
        ok "ssh-keygen -D shows $alias"
    else
        not_ok "ssh-keygen -D shows $alias" "its public key is not listed"
    fi
    echo "someone@example.org $(cut -d' ' -f1,2 "$alias.ssh.pub")" >allowed
    rm -f file.sig
    signs 1 3 1 "ssh-keygen -Y signs a file with $alias in the agent" \
        ssh-keygen -Y sign -n file -f "$alias.ssh.pub" file
    verify() {
        ssh-keygen -Y verify -n file -f allowed -I someone@example.org -s file.sig <"$1"
    }
    check "  and it verifies" verify file
    refuses "  and a changed file is refused" verify changed-file
done

check "the agent gives the module back" ssh-add -e "$MODULE"
export PIN=1234
check "and takes it with a PIN" ssh-add -s "$MODULE"

git init -q repository
cd repository
git config user.name Someone
git config user.email someone@example.org
git config gpg.format ssh
git config user.signingkey "$WORK/demo-ec-p256.ssh.pub"
git config gpg.ssh.allowedSignersFile "$WORK/signers"
echo "someone@example.org $(cut -d' ' -f1,2 "$WORK/demo-ec-p256.ssh.pub")" >"$WORK/signers"
cp ../file .
git add file
signs 1 3 1 "git signs a commit" git commit -q -S -m 'A signed commit'
check "  and verifies it" git verify-commit HEAD
# The same signature over another message is no signature.
forged=$(git cat-file commit HEAD | sed 's/A signed commit/Another commit/' | git hash-object -t commit -w --stdin)
refuses "  and refuses it under another message" git verify-commit "$forged"
cd ..

keeps_secrets
