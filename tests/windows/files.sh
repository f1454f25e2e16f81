# shellcheck shell=bash
# Files signed by one command, under wine: sign-file with Microsoft's signtool, and smctl from the hooks of packagers. A part of
# tests/windows/run, which reads this file after signtool.sh.

# Programs on the PATH are found there, as on Windows.
mkdir -p programs out
cp signtool.exe stm-pkcs11.exe stm_pkcs11.dll MFC42.dll ncrypt.dll cngreg.dll mssign32.dll mssign32_2017.dll bcryptprimitives.dll programs/
cp stm-pkcs11.exe programs/smctl.exe
WINEPATH=$(/usr/lib/wine/wine64 winepath -w "$WORK/programs" 2>/dev/null | tr -d '\r\n')
export WINEPATH

forget_requests
sign_file() { # ALIAS [OPTION...]
    cp hello.exe program.exe
    windows ./programs/stm-pkcs11.exe sign-file --keypair "$1" --no-timestamp "${@:2}" program.exe
}
for alias in demo-rsa-3072 demo-ec-p256; do
    says "sign-file signs a program with $alias by signtool" 'program.exe +signtool' sign_file "$alias"
    verifies "$ROOT_PEM" "$alias"
    costs "  for one signature" 1 4
done
refuses "sign-file with an alias that is not there" sign_file demo-rsa-307
told "  suggests the right one" 'did you mean demo-rsa-3072\?'
check "  and leaves the file as it was" cmp hello.exe program.exe
costs "  for no signature" 0 4
cp file program.txt
refuses "sign-file with a file that carries no signature" windows ./programs/stm-pkcs11.exe sign-file --keypair demo-rsa-3072 --no-timestamp program.txt
told "  says so" 'files of this kind carry no signature'
costs "  for no signature" 0 4

# The hooks of packagers, as they are written for the vendor's program.
export SM_CODE_SIGNING_CERT_SHA1_HASH
SM_CODE_SIGNING_CERT_SHA1_HASH=$(openssl x509 -in demo-rsa-3072.pem -noout -fingerprint -sha1 | sed 's/.*=//; s/://g')
hook() { # NAME ALIAS FINGERPRINT
    cp hello.exe program.exe && cp hello.exe out/one.exe && cp hello.exe out/two.exe
    SM_KEYPAIR_ALIAS=$2 SM_CODE_SIGNING_CERT_SHA1_HASH=$3 windows cmd /c "$1.cmd" program.exe
}
for script in "$ROOT"/tests/windows/hooks/*.cmd; do
    name=$(basename "$script" .cmd)
    sed 's/$/\r/' "$script" >"$name.cmd"
    files=(program.exe)
    [[ $name != wix ]] || files=(out/one.exe out/two.exe)
    says "$name: $(sed -n 's/^rem what: //p' "$script")" 'was SUCCESSFUL' hook "$name" demo-rsa-3072 "$SM_CODE_SIGNING_CERT_SHA1_HASH"
    for file in "${files[@]}"; do
        check "  osslsigncode accepts $file" osslsigncode verify -CAfile "$ROOT_PEM" -in "$file"
    done
    costs "  for a signature each" "${#files[@]}" $((5 * ${#files[@]}))
    refuses "  a wrong alias or fingerprint is noticed" hook "$name" demo-rsa-307 "${SM_CODE_SIGNING_CERT_SHA1_HASH/%??/00}"
    for file in "${files[@]}"; do check "  and $file is as it was" cmp hello.exe "$file"; done
    costs "  for no signature" 0 $((5 * ${#files[@]}))
done
unset WINEPATH
