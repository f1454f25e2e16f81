# shellcheck shell=bash disable=SC2154
# Microsoft's signtools for 32-bit programs, as packagers bring them, with the DLL for those. A part of tests/windows/run, which reads this file after
# signtools.sh.

for alias in demo-rsa-3072 demo-ec-p256; do
    says "a 32-bit signtool signs by /csp with $alias" '^Successfully signed' \
        signtool signtool_2017.exe /fd SHA256 /csp "$provider" /kc "$alias" /f "$alias.cer"
    verifies "$alias-issuers.pem" "$alias"
    costs "  for one signature and one look" 1 2
    says "a 32-bit signtool signs by /dlib with $alias" '^Successfully signed' \
        signtool signtool_2017.exe /fd SHA256 /f "$alias.cer" /dlib stm_pkcs11.dll /dmdf "$alias.json"
    verifies "$alias-issuers.pem" "$alias"
    costs "  for one signature and one look" 1 2
done
refuses "a 32-bit signtool with an alias that is not there" \
    signtool signtool_2017.exe /fd SHA256 /csp "$provider" /kc demo-rsa-307 /f demo-rsa-3072.cer
told "  and its output suggests one" "there is no keypair 'demo-rsa-307'.*did you mean 'demo-rsa-3072'"
costs "  for one look and the list" 0 2

registry delete 'HKCU\Software\Microsoft\SystemCertificates' /f
says "certsync puts the certificates into the user's store" '^demo-rsa-3072 +[0-9A-F]{40} +20..-..-.. +new$' \
    windows ./stm-pkcs11.exe windows certsync
forget_requests
for alias in demo-rsa-3072 demo-ec-p256; do
    thumbprint=$(sha1sum <"$alias.cer" | cut -d' ' -f1)
    for version in 2017 2009; do
        says "the 32-bit signtool of $version signs with $alias out of the store" '^Successfully signed' \
            signtool "signtool_$version.exe" /fd SHA256 /sha1 "$thumbprint"
        verifies "$ROOT_PEM" "$alias"
        costs "  for one signature and one look" 1 2
    done
done
