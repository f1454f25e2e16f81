# shellcheck shell=bash disable=SC2154
# Microsoft's signtool with the DLL, by /dlib and by /csp, on a PE file. A part of tests/windows/run, which reads this file after signtools.sh.

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
