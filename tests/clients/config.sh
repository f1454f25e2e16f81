#!/usr/bin/env bash
# what: the ready-made files: scripts sign, pipelines run, every file is what its program reads
# needs: openssl openssl
# needs: osslsigncode osslsigncode
# needs: engine:pkcs11 libengine-pkcs11-openssl
# needs: jarsigner default-jdk-headless
# needs: git git
# needs: ssh-keygen openssh-client
# needs: ssh-agent openssh-client
# needs: modutil libnss3-tools
# needs: certutil libnss3-tools
# needs: python:yaml python3-yaml
# needs: xmllint libxml2-utils
# needs: curl curl
# needs: jq jq
source "$(dirname "$0")/../lib/client.sh"

start_service
PATH=$(dirname "$COMPANION"):$PATH
alias=demo-rsa-3072
certificates_of "$alias"
cp "$MODULE" libstm_pkcs11.so
MODULE=$WORK/libstm_pkcs11.so
# made CLIENT: the file with the module under test and an alias in it
made() {
    "$COMPANION" config "$1" --module "$MODULE" --keypair "${2:-$alias}"
}

# The command itself.
says "clients are listed" '^openssl-engine +OpenSSL' "$COMPANION" config
says "without an alias one of the account's stands in the file" '<alias>demo-[a-z0-9-]+</alias>' "$COMPANION" config maven --module "$MODULE"
says "the module is found beside the program" '^library = ".*/libstm_pkcs11.so"$' "$COMPANION" config java
says "a client's name with a typing error names the nearest" "similar value.*'osslsigncode'" bash -c "'$COMPANION' config oslsigncode 2>&1 || true"
says "a module that is not there is an error" 'there is no such file' bash -c "'$COMPANION' config java --module nowhere.so 2>&1 || true"
check "a file can be written" "$COMPANION" config java --module "$MODULE" --out sunpkcs11.cfg
same "  and has the module's path" "$(sed -n 's/^library = //p' sunpkcs11.cfg)" "\"$MODULE\""
same "  without an account the alias is left to fill in" \
    "$(env -u SM_HOST "$COMPANION" config maven --module "$MODULE" 2>note | sed -n 's/.*<alias>\(.*\)<\/alias>/\1/p') $(grep -c 'KEYPAIR in it stands for' note)" 'KEYPAIR 1'
made osslsigncode >osslsigncode.sh
made jarsigner >jarsigner.sh
says "an alias that the account does not have is refused, with the nearest" 'to do: did you mean demo-rsa-3072[?]' \
    bash -c "! '$COMPANION' config jarsigner --module '$MODULE' --keypair demo-rsa-3027 2>&1"
check "  and nothing is written" bash -c "! '$COMPANION' config jarsigner --module '$MODULE' --keypair demo-rsa-3027 --out refused.sh 2>&1 && [[ ! -e refused.sh ]]"
says "  unless no credentials are set" 'note: the alias nobodys was not checked against the account: no usable credentials are set' \
    bash -c "env -u SM_HOST '$COMPANION' config jarsigner --module '$MODULE' --keypair nobodys 2>&1 >unchecked.sh"
same "  when the file has it" "$(grep -c "'nobodys'" unchecked.sh)" 1
says "  or the service does not answer" 'note: the alias nobodys was not checked against the account: .*refused' \
    bash -c "SM_HOST=https://127.0.0.1:9 STM_PKCS11_CACHE=off STM_PKCS11_TIMEOUT=2 '$COMPANION' config jarsigner --module '$MODULE' --keypair nobodys 2>&1 >/dev/null"
forget_requests
"$COMPANION" config java --module "$MODULE" >/dev/null
same "a file without an alias asks for nothing" "$(bill)" "0 0 0 "
made msbuild >Directory.Build.targets
check "the targets for MSBuild are XML" python3 -c 'import sys, xml.dom.minidom as x; x.parse(sys.argv[1])' Directory.Build.targets
same "  with the alias in them" "$(grep -c ">$alias<" Directory.Build.targets)" 1
says "the commands for pkcs11-tool say why they sign by id" '^# By id: version 0\.23 ignores --label when it signs' made pkcs11-tool

# The scripts.
export TIMESTAMP=
"$COMPANION" sample pe one.exe
"$COMPANION" sample pe two.exe
chmod 750 one.exe
signs 2 12 6 "the script for osslsigncode signs two programs" sh osslsigncode.sh one.exe two.exe
for file in one.exe two.exe; do
    says "  and $file verifies up to the root" '^Signature verification: ok' osslsigncode verify -CAfile "$ROOT_PEM" -in "$file"
done
same "  and the file's mode is what it was" "$(stat -c %a one.exe)" 750
changed one.exe other.exe 512
refuses "  and a changed program is refused" osslsigncode verify -CAfile "$ROOT_PEM" -in other.exe
text file
jar --create --file one.jar file
keytool -importcert -noprompt -alias root -file "$ROOT_PEM" -keystore trust.p12 -storetype PKCS12 -storepass changeit >/dev/null 2>&1
trust=(-keystore trust.p12 -storetype PKCS12 -storepass changeit)
signs 1 3 1 "the script for jarsigner signs an archive" sh jarsigner.sh one.jar
says "  and it verifies strictly" 'jar verified' jarsigner -verify -strict "${trust[@]}" one.jar
cp one.exe before.exe
SM_HOST="" made osslsigncode no-such-keypair >wrong.sh 2>/dev/null
refuses "a script with a wrong alias fails" sh wrong.sh one.exe
check "  and leaves the file as it was" cmp one.exe before.exe

# Pipelines: their own steps, run here. A secret store gives the client certificate as base64.
export SM_CLIENT_CERT_FILE_B64
SM_CLIENT_CERT_FILE_B64=$(base64 -w0 "$SM_CLIENT_CERT_FILE")
cat >steps.py <<'PY'
import ast, re, sys, yaml
path, wanted = sys.argv[1], sys.argv[2:]
text = open(path).read()
if path.endswith("Jenkinsfile"):
    # Groovy's escapes are Python's.
    print(ast.literal_eval(re.search(r"sh ('''.*?(?<!\\)''')", text, re.S).group(1)))
    sys.exit()
tree = yaml.safe_load(text)
if "jobs" in tree:  # GitHub
    steps = {step.get("name"): step.get("run") for step in tree["jobs"]["sign"]["steps"]}
elif "steps" in tree:  # Azure
    steps = {step.get("displayName"): step.get("script") for step in tree["steps"]}
else:  # GitLab
    steps = {"sign": "\n".join(tree["sign"]["script"])}
print("\n".join(steps[name] for name in wanted))
PY
export STM_PKCS11_TIMESTAMP=$STM_EMULATOR_TSA
# pipeline CLIENT FILE STEP...: two files are signed, for two signatures, and verify
pipeline() {
    local client=$1 file=$2
    shift 2
    mkdir -p "$client/dist"
    "$COMPANION" sample pe "$client/dist/program.exe"
    jar --create --file "$client/dist/program.jar" file
    made "$client" >"$client/$file"
    python3 steps.py "$client/$file" "$@" >"$client/steps.sh"
    # shellcheck disable=SC2016 # the inner shell expands it
    signs 2 30 15 "the pipeline for $client signs a program and an archive" \
        env -u SM_CLIENT_CERT_FILE bash -c 'cd "$1" && set -e && . ./steps.sh' bash "$client"
    says "  and the program verifies up to the root" '^Signature verification: ok' \
        osslsigncode verify -CAfile "$ROOT_PEM" -in "$client/dist/program.exe"
    says "  and the archive strictly" 'jar verified' jarsigner -verify -strict "${trust[@]}" "$client/dist/program.jar"
}
pipeline github github-actions.yml check sign
pipeline gitlab gitlab-ci.yml sign
pipeline azure azure-pipelines.yml sign
pipeline jenkins Jenkinsfile
unset SM_CLIENT_CERT_FILE_B64

# The one with the emulator brings a service of its own; CI ends its processes, here the script does.
emulated() {
    mkdir -p emulated/dist
    "$COMPANION" sample pe emulated/dist/program.exe
    jar --create --file emulated/dist/program.jar file
    made github-emulator >emulated/try.yml
    python3 steps.py emulated/try.yml service >emulated/service.sh
    python3 steps.py emulated/try.yml check sign verify >emulated/steps.sh
    (
        unset "${!SM_@}" TIMESTAMP
        # shellcheck disable=SC2030,SC2031 # it is this pipeline's
        export HOME=$WORK/emulated-home GITHUB_ENV=$WORK/emulated/env
        mkdir -p "$HOME/stm"
        cp -r "$(seed)/." "$HOME/stm"
        cd emulated
        # shellcheck disable=SC1091 # written above
        set -e && . ./service.sh
        set -a && . ./env && set +a
        # shellcheck disable=SC1091
        . ./steps.sh
    )
}
check "the pipeline with the emulator signs and verifies, with no account at all" emulated
kill "$(cat "$WORK/emulated-home/stm/pid")"
says "  and its program is signed" '^Signature verification: ok' \
    osslsigncode verify -CAfile "$WORK/emulated-home/stm/signing-root.pem" -in emulated/dist/program.exe

# Files of programs.
made openssl-engine >openssl-engine.cnf
check "openssl's engine reads its file" env OPENSSL_CONF="$WORK/openssl-engine.cnf" openssl dgst -sha256 -engine pkcs11 \
    -keyform engine -sign "pkcs11:object=$alias;type=private" -out file.sig file
check "  and its signature verifies" openssl dgst -sha256 -verify "$alias.pub" -signature file.sig file
made openssl-provider >openssl-provider.cnf
check "openssl reads the provider's file" env OPENSSL_CONF="$WORK/openssl-provider.cnf" openssl version
check "maven's is XML" xmllint --noout <(made maven)
# What maven-jarsigner-plugin and Ant's signjar make of them: the same words on jarsigner's command line.
element() { # NAME
    made maven | xmllint --xpath "string(//configuration/$1)" -
}
jar --create --file maven.jar file
signs 1 3 1 "  and its words sign with jarsigner" jarsigner -keystore "$(element keystore)" -storetype "$(element storetype)" \
    -storepass "$(element storepass)" -providerClass "$(element providerClass)" -providerArg sunpkcs11.cfg maven.jar "$(element alias)"
for word in "alias: '$alias'" "keystore: 'NONE'" "storetype: 'PKCS11'" "providerclass: 'sun.security.pkcs11.SunPKCS11'"; do
    check "gradle's says $word" grep -qF "$word" <(made gradle)
done
made ssh >ssh_config
says "ssh reads its file" "pkcs11provider $MODULE" ssh -G -F ssh_config build.example.org
mkdir nssdb
certutil -N -d sql:nssdb --empty-password
printf '\n' >>nssdb/pkcs11.txt
made nss >>nssdb/pkcs11.txt
says "NSS reads its lines" 'token: STM' modutil -dbdir sql:nssdb -list
says "git reads its file" "user.signingkey=~/.ssh/$alias.pub" git config --list --file <(made git)

# git, by the lines in the file's head.
# shellcheck disable=SC2031
mkdir -p "$HOME/.ssh" repository
# shellcheck disable=SC2031
made git >"$HOME/.gitconfig"
by_the_head() {
    made git | sed -n 's/^#   //p' >head.sh
    # shellcheck disable=SC1091
    . ./head.sh
    cd repository
    git init -q .
    git -c user.name=Someone -c user.email=releases@example.org commit -q --allow-empty -S -m signed
    git verify-commit HEAD
    ssh-agent -k
}
printf '#!/bin/sh\n' >askpass
chmod +x askpass
SSH_ASKPASS=$WORK/askpass SSH_ASKPASS_REQUIRE=force says "git signs as its file's head says" 'Good "git" signature for releases@example.org' by_the_head

made settings >settings.toml
chmod 600 settings.toml
sed -i "s#^host = .*#host = \"$SM_HOST\"#; s#^client_cert_file = .*#client_cert_file = \"$SM_CLIENT_CERT_FILE\"#
    s#^client_cert_password = .*#client_cert_password = \"$SM_CLIENT_CERT_PASSWORD\"\nca_file = \"$SM_CA_FILE\"#" settings.toml
says "the module reads its own" '^ok +service' env -u SM_HOST -u SM_CLIENT_CERT_FILE -u SM_CLIENT_CERT_PASSWORD -u SM_CA_FILE \
    STM_PKCS11_CONFIG="$WORK/settings.toml" "$COMPANION" doctor

keeps_secrets
