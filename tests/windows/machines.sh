# shellcheck shell=bash disable=SC2154
# Which file serves which programs: builds for 64-bit and 32-bit programs are registered together, and what this machine cannot load is refused.
# A part of tests/windows/run, which reads this file after files.sh.

companion() { windows ./stm-pkcs11.exe windows "$@"; }
forget_providers
for_machine 14c x86.dll
for_machine aa64 arm64.dll
for_machine 1c4 arm32.dll
mkdir -p next
cat stm_pkcs11.dll <(printf next) >next/stm_pkcs11.dll
syswow64=$WINEPREFIX/drive_c/windows/syswow64
made_here='' # wine with 64 bits only does not have it; tests/windows/steps.sh removes it in the end
name='Release Keys'
register() { companion register --name "$name" "$@"; }

refuses "a library for ARM64 is refused" register --dll arm64.dll
told "  as one that this machine cannot load" 'why: it is for ARM64, and no program on this machine \(x86-64\) can load it$'
told "  with what to do" 'to do: use the build for x86-64 or x86$'
refuses "a library for another machine type is refused" register --dll arm32.dll
told "  by its number" 'why: its machine type is unknown \(0x01c4\)$'
refuses "a program is refused" register --dll stm-pkcs11.exe
told "  as that" 'why: it is a program, not a DLL$'
refuses "a text is refused" register --dll file
told "  as that" 'why: it is not a Windows DLL$'
if [[ ! -d $syswow64 ]]; then
    refuses "a library for x86 is refused where no such program runs" register --dll x86.dll
    told "  with the reason" 'why: it is for x86, and this Windows does not run such programs$'
    mkdir x86
    cp x86.dll x86/stm_pkcs11.dll
    says "  and left out where nobody named it" "^registered: $name, C:.*System32[^,]*dll \(x86-64\).?$" register
    check "  and unregistered" companion unregister
    rm -r x86
    mkdir "$syswow64"
    made_here=1
fi
refuses "two libraries for the same programs are refused" register --dll stm_pkcs11.dll --dll next/stm_pkcs11.dll
told "  by name" 'why: stm_pkcs11.dll .x86-64. and next/stm_pkcs11.dll .x86-64. would both be stm_pkcs11.dll in System32$'
same "  and nothing of these was put anywhere" "$(find "$system32" "$syswow64" -maxdepth 1 -name 'stm_pkcs11*')" ""

# places FILE FILE: that there is one image, with these contents for 64-bit and 32-bit programs
places() {
    image=$(cd "$system32" && ls stm_pkcs11*)
    same "  by one name" "$(cd "$syswow64" && ls stm_pkcs11*)" "$image"
    check "  with its own file for 64-bit programs" cmp "$1" "$system32/$image"
    check "  and for 32-bit programs" cmp "$2" "$syswow64/$image"
}
says "both builds are registered together" "^registered: $name, C:.*System32.*dll \(x86-64\), C:.*SysWOW64.*dll \(x86\)" \
    register --dll x86.dll --dll stm_pkcs11.dll
places stm_pkcs11.dll x86.dll
says "  again: nothing is left to do" "^registered already: $name, .*System32.*SysWOW64" register --dll stm_pkcs11.dll --library x86.dll
says "  also with one of the two" "^registered already: $name, .*System32.*SysWOW64" register
says "status has both" "^registered: $name; C:.*System32.* is there \(x86-64\), C:.*SysWOW64.* is there \(x86\)" companion status
schema 'windows status' companion status --json
same "  and the programs that they serve" "$(jq -r '.providers[0].programs | join(", ")' answer.json)" 'x86-64, x86'
says "signtool signs by the provider" '^Successfully signed' signtool signtool.exe /fd SHA256 /csp "$name" /kc demo-rsa-3072 /f demo-rsa-3072.cer
says "another build for 64-bit programs" "^registered: $name, C:.*System32.*dll \(x86-64\), C:.*SysWOW64.*dll \(x86\)" register --dll next/stm_pkcs11.dll
places next/stm_pkcs11.dll x86.dll
says "  which signs" '^Successfully signed' signtool signtool.exe /fd SHA256 /csp "$name" /kc demo-rsa-3072 /f demo-rsa-3072.cer
for_machine 14c next/x86.dll && printf next >>next/x86.dll
says "another build for 32-bit programs" "^registered: $name, C:.*System32.*dll \(x86-64\), C:.*SysWOW64.*dll \(x86\)" register --dll next/x86.dll
places next/stm_pkcs11.dll next/x86.dll
rm "$syswow64/$image"
says "status does not show what is missing" "^registered: $name; C:.*System32.* is there \(x86-64\)$" companion status
check "  and register brings it back" register --dll next/x86.dll
places next/stm_pkcs11.dll next/x86.dll
printf half >"$syswow64/$image.new7"
says "status shows what a killed command left there" '^left over: .*SysWOW64.*new7' companion status
says "unregister removes all" '^removed: C:.*SysWOW64.*dll$' companion unregister
same "  in both directories" "$(find "$system32" "$syswow64" -maxdepth 1 -name 'stm_pkcs11*')" ""
says "32-bit programs alone are served" "^registered: $name, C:.*SysWOW64.*dll \(x86\)" register --dll x86.dll
says "  again: nothing is left to do" "^registered already: $name, C:.*SysWOW64.*dll \(x86\)" register --dll x86.dll
same "  and nothing is where 64-bit programs look" "$(find "$system32" -maxdepth 1 -name 'stm_pkcs11*')" ""
check "unregister removes it" companion unregister
same "  all of it" "$(find "$system32" "$syswow64" -maxdepth 1 -name 'stm_pkcs11*')" ""

# What is packed for 64-bit Windows is registered without options.
mkdir 32
cp x86.dll 32/stm_pkcs11.dll
packed() {
    HOME=$USER_HOME X86=$WORK/32 COMPANION=$COMPANION "$ROOT/packaging/package" x86_64-pc-windows-gnu "$built" "$WORK/packed"
}
check "an archive for 64-bit Windows is packed with the library for 32-bit programs" packed
unzip -q packed/stm-pkcs11-*-x86_64-windows.zip -d unpacked
bin=$(echo unpacked/*/bin)
same "  which has both" "$(cd "$bin" && find . -name '*.dll' | sort | tr '\n' ' ')" './stm_pkcs11.dll ./x86/stm_pkcs11.dll '
mkdir x86
cp x86.dll x86/stm_pkcs11.dll
says "a companion with both beside it registers both without options" "^registered: $name, C:.*System32.*dll \(x86-64\), C:.*SysWOW64.*dll \(x86\)" register
places stm_pkcs11.dll x86.dll
says "  again: nothing is left to do" "^registered already: $name, .*System32.*SysWOW64" register
says "  and a library that is named replaces its own kind only" "^registered: $name, C:.*System32.*dll \(x86-64\), C:.*SysWOW64.*dll \(x86\)" register --dll next/stm_pkcs11.dll
places next/stm_pkcs11.dll x86.dll
check "unregister removes them" companion unregister
same "  all of them" "$(find "$system32" "$syswow64" -maxdepth 1 -name 'stm_pkcs11*')" ""
rm -r x86
