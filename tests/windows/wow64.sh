# shellcheck shell=bash disable=SC2154
# 64-bit Windows, where 32-bit programs run beside the others: one registration serves both kinds, each with its own library. A part of
# tests/windows/run, which reads this file after signtool32.sh.

export WINEPREFIX=$TARGET/test-wine-wow64 WINEARCH=win64 LOADER=wine64
check "64-bit Windows starts" windows wineboot --init
system32=$WINEPREFIX/drive_c/windows/system32 syswow64=$WINEPREFIX/drive_c/windows/syswow64
forget_providers
rm -f "$syswow64"/stm_pkcs11*
# As the archive for 64-bit Windows has them.
mkdir -p wide/x86
cp "$wide/stm_pkcs11.dll" wide/
cp stm_pkcs11.dll wide/x86/
sed 's/bcrypt\.dll/cngreg.dll/' "$wide/stm-pkcs11.exe" >wide/stm-pkcs11.exe
for_64_bits() { local compiler=x86_64-w64-mingw32-gcc && "$@"; }
for_64_bits library wide/bcryptprimitives.dll "$ROOT/tests/windows/bcryptprimitives.c" -ladvapi32
for_64_bits library wide/cngreg.dll "$ROOT"/tests/windows/signtool/cngreg.{c,def} -ladvapi32
signtools 64 wide
forget_requests

says "one command registers for both" "^registered: $provider, C:.*System32.*dll \(x86-64\), C:.*SysWOW64.*dll \(x86\)" \
    windows wide/stm-pkcs11.exe windows register --name "$provider"
for alias in demo-rsa-3072 demo-ec-p256; do
    for program in wide/signtool.exe signtool_2017.exe; do
        says "$program signs by /csp with $alias" '^Successfully signed' \
            signtool $program /fd SHA256 /csp "$provider" /kc "$alias" /f "$alias.cer"
        verifies "$alias-issuers.pem" "$alias"
        costs "  for one signature and one look" 1 2
    done
done
says "certsync links the certificates for both" '^demo-rsa-3072 +[0-9A-F]{40} +20..-..-.. +new$' windows wide/stm-pkcs11.exe windows certsync
forget_requests
thumbprint=$(sha1sum <demo-rsa-3072.cer | cut -d' ' -f1)
for program in wide/signtool.exe signtool_2017.exe signtool_2009.exe; do
    says "$program signs out of the store" '^Successfully signed' signtool $program /fd SHA256 /sha1 "$thumbprint"
    verifies "$ROOT_PEM" demo-rsa-3072
    costs "  for one signature and one look" 1 2
done
rm "$syswow64"/stm_pkcs11*.dll
refuses "without its library a 32-bit signtool does not sign" \
    signtool signtool_2017.exe /fd SHA256 /csp "$provider" /kc demo-rsa-3072 /f demo-rsa-3072.cer
check "  and says that it failed" grep -a 'SignTool Error' wine.err
costs "  and nothing is signed" 0 0
says "  where a 64-bit one does" '^Successfully signed' \
    signtool wide/signtool.exe /fd SHA256 /csp "$provider" /kc demo-rsa-3072 /f demo-rsa-3072.cer
says "  and status shows which programs are served" "^registered: $provider; C:.*System32.* is there \(x86-64\)$" \
    windows wide/stm-pkcs11.exe windows status
check "the provider is unregistered" windows wide/stm-pkcs11.exe windows unregister
same "  and nothing is left" "$(find "$system32" "$syswow64" -maxdepth 1 -name 'stm_pkcs11*')" ""
