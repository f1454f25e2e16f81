#!/usr/bin/env bash
# what: the GitHub action: its steps, as a runner runs them, with a release archive and the emulated service
# not in a root: the steps are shell, and the same everywhere
# needs: osslsigncode osslsigncode
# needs: jarsigner default-jdk-headless
# needs: python:yaml python3-yaml
# needs: dpkg-deb dpkg
# needs: objdump binutils
# needs: openssl openssl
# needs: curl curl
# needs: jq jq
source "$(dirname "$0")/../lib/client.sh"

start_service
export STM_PKCS11_CACHE=off STM_PKCS11_TIMESTAMP=$STM_EMULATOR_TSA
certificates_of demo-rsa-3072
action=$ROOT/packaging/github-action

# A release, as packaging/package makes it.
mkdir built
cp "$MODULE" "$COMPANION" "$EMULATOR" built
target=$(HOME=$USER_HOME rustc -vV | sed -n 's/^host: //p')
make_release() {
    (cd "$ROOT" && HOME=$USER_HOME SOURCE_DATE_EPOCH=1700000000 packaging/package "$target" "$WORK/built" "$WORK/out")
}
check "a release is made" make_release
archive=$(grep 'tar.gz$' "$SAID")

# The runner: each step by the shell that `shell: bash` stands for, with inputs filled in and what former steps left in the files.
cat >runner.py <<'PY'
import json, os, re, subprocess, sys, yaml
action, work = sys.argv[1], sys.argv[2]
given = dict(word.split("=", 1) for word in sys.argv[3:])
tree = yaml.safe_load(open(f"{action}/action.yml"))
unknown = set(given) - set(tree["inputs"])
assert not unknown, f"unknown inputs: {unknown}"
inputs = {name: given.get(name, row.get("default", "")) for name, row in tree["inputs"].items()}
missing = [name for name, row in tree["inputs"].items() if row.get("required") and not inputs[name]]
assert not missing, f"missing inputs: {missing}"
environment, path, outputs = dict(os.environ), os.environ["PATH"], {}
def fill(text):
    return re.sub(r"\$\{\{ inputs\.([a-z0-9-]+) \}\}", lambda found: inputs[found[1]], text)
def entries(text):
    lines, found = iter(text.splitlines()), {}
    for line in lines:
        name, mark = line.split("<<", 1) if "<<" in line else line.split("=", 1)
        if "<<" not in line:
            found[name] = mark
            continue
        value = []
        for line in lines:
            if line == mark:
                break
            value.append(line)
        else:
            raise AssertionError(f"{name} has no end")
        found[name] = "\n".join(value)
    return found
for step in tree["runs"]["steps"]:
    assert step["shell"] == "bash" and "\n" not in step["run"], "a step is one line for bash"
    files = {name: f"{work}/{step['id']}.{name}" for name in ("GITHUB_ENV", "GITHUB_PATH", "GITHUB_OUTPUT")}
    for file in files.values():
        open(file, "w").close()
    script = f"{work}/{step['id']}.sh"
    open(script, "w").write(fill(step["run"]) + "\n")
    of_step = {name: fill(value) for name, value in step.get("env", {}).items()}
    environment.update(PATH=path)
    done = subprocess.run(["bash", "--noprofile", "--norc", "-eo", "pipefail", script],
                          env={**environment, **of_step, **files, "GITHUB_ACTION_PATH": action, "RUNNER_TEMP": work})
    if done.returncode:
        sys.exit(done.returncode)
    environment.update(entries(open(files["GITHUB_ENV"]).read()))
    for folder in open(files["GITHUB_PATH"]).read().split("\n"):
        path = f"{folder}:{path}" if folder else path
    outputs[step["id"]] = entries(open(files["GITHUB_OUTPUT"]).read())
json.dump({"env": environment, "path": path, "outputs": outputs}, open(f"{work}/after.json", "w"))
PY
# without_file WORD...: the whole action with these inputs, in the current folder, as in a job whose secrets are variables; what it leaves is
# in after.json
without_file() {
    local file=$SM_CLIENT_CERT_FILE b64
    b64=$(base64 -w0 "$file")
    rm -rf "$WORK/runner" && mkdir "$WORK/runner"
    env -u SM_CLIENT_CERT_FILE SM_CLIENT_CERT_FILE_B64="$b64" python3 "$WORK/runner.py" "$action" "$WORK/runner" "$@"
}
after() { # FILTER: of what the action left
    jq -r "$1" "$WORK/runner/after.json"
}
signed() { # FILE
    osslsigncode verify -CAfile "$ROOT_PEM" -TSA-CAfile "$ROOT_PEM" -in "$1"
}
text payload
fresh() {
    rm -rf dist && mkdir -p dist/sub
    "$COMPANION" sample pe dist/app.exe
    "$COMPANION" sample pe 'dist/sub/two words.dll'
    jar --create --file dist/lib.jar payload
    echo text >dist/README
}

fresh
signs 3 30 15 "the action installs, checks and signs what is in a directory" without_file archive="$archive" input=dist keypair-alias=demo-rsa-3072
cp "$SAID" log
for file in dist/app.exe 'dist/sub/two words.dll'; do
    says "  $file is signed" '^Signature verification: ok' signed "$file"
done
says "  and the archive" 'jar verified' jarsigner -J-Duser.language=en -verify dist/lib.jar
same "  the client certificate is written for the steps that follow" "$(sha256sum <"$(after .env.SM_CLIENT_CERT_FILE)")" "$(sha256sum <"$SM_CLIENT_CERT_FILE")"
same "  for its owner alone" "$(stat -c %a "$(after .env.SM_CLIENT_CERT_FILE)")" 600
same "  PKCS11_CONFIG is a variable and an output" "$(after .env.PKCS11_CONFIG)" "$(after .outputs.configure.PKCS11_CONFIG)"
same "  and names the module" "$(sed -n 's/^library = //p' "$(after .env.PKCS11_CONFIG)")" "\"$(after .outputs.install.module)\""
for name in SM_HOST SM_API_KEY SM_CLIENT_CERT_PASSWORD; do
    same "  $name is there for the steps that follow" "$(after ".env.$name")" "${!name}"
done
refuses "  no smctl is on the PATH unasked" env PATH="$(after .path)" bash -c 'command -v smctl | grep runner'
jar --create --file later.jar payload
later() { # a step that follows, with Java's own program
    env PATH="$(after .path)" SM_CLIENT_CERT_FILE="$(after .env.SM_CLIENT_CERT_FILE)" jarsigner -keystore NONE -storetype PKCS11 -storepass none \
        -providerClass sun.security.pkcs11.SunPKCS11 -providerArg "$(after .env.PKCS11_CONFIG)" later.jar demo-rsa-3072
}
check "  and a step that follows signs with it" later

signs 0 30 15 "signed files are left alone, if asked" without_file archive="$archive" input=dist keypair-alias=demo-rsa-3072 unsigned=true
fresh
signs 1 30 15 "one file, without time stamp, with the link" without_file archive="$archive" input=dist/app.exe keypair-alias=demo-rsa-3072 timestamp=false \
    digest-alg=SHA-384 smctl=true sha256="$(sha256sum "$archive" | cut -d' ' -f1)"
says "  the link is on the PATH" "follows the commands of DigiCert's smctl" env PATH="$(after .path)" smctl --version
says "  and lists the keypairs" ' demo-rsa-3072 ' env PATH="$(after .path)" smctl keypair ls
fresh
signs 2 30 15 "several inputs, one a line" without_file archive="$archive" keypair-alias=demo-rsa-3072 input=$'  dist/app.exe\n\ndist/sub/two words.dll  \n'
signs 0 30 15 "without input nothing is signed" without_file archive="$archive"

# What goes wrong stops the job, and spends nothing.
# fails PROMISE REGEX COMMAND...: it refuses, and says so
fails() {
    local promise=$1 pattern=$2
    shift 2
    run "$@"
    if [[ $STATUS -eq 0 ]] || broke "$STATUS"; then
        not_ok "$promise" "status $STATUS"
    elif grep -Eq -- "$pattern" "$SAID"; then
        ok "$promise"
    else
        not_ok "$promise" "no line matches: $pattern"
    fi
}
with_password() { # PASSWORD WORD...
    local SM_CLIENT_CERT_PASSWORD=$1
    shift
    without_file "$@"
}
fresh
cp -r dist before
forget_requests
fails "a wrong alias fails" 'no-such-keypair' without_file archive="$archive" input=dist keypair-alias=no-such-keypair
fails "a wrong password fails before anything is signed" 'password' with_password wrong archive="$archive" input=dist
fails "a wrong checksum fails" '::error .*its SHA-256 is' without_file archive="$archive" sha256=00
fails "a URL without a checksum fails" '::error .*input sha256: it is empty' without_file archive=https://127.0.0.1:9/x.tar.gz
fails "plain HTTP fails" '::error .*is not an https URL' without_file archive=http://127.0.0.1:9/x.tar.gz
fails "an archive of something else fails" '::error .*packaging/package' without_file archive="$PWD/later.jar"
fails "a word that is neither true nor false fails" "::error .*'yes' is not a valid value" without_file archive="$archive" smctl=yes
curl -sSf -X PUT "$ADMIN/faults" -d '[{"method": "POST", "path": "/signingmanager/api/v1/keypairs", "status": 403,
    "body": {"error": {"status": "access_denied", "message": "Signing is not permitted"}}}]' >/dev/null
fails "a refused signature fails" 'Signing is not permitted' without_file archive="$archive" input=dist keypair-alias=demo-rsa-3072
says "  unless status 0 is asked for in so many words" '::warning .*not all files are signed' \
    without_file archive="$archive" input=dist keypair-alias=demo-rsa-3072 zero-exit-code-on-failure=true
curl -sSf -X PUT "$ADMIN/faults" -d '[]' >/dev/null
check "  and in all of these no file was changed" diff -r before dist

keeps_secrets log
