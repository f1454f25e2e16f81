# shellcheck shell=bash disable=SC2154
# The command lines of docs/clients/windows.md, taken from the page and run in its order, each by wine's cmd. A part of tests/windows/run, which
# reads this file after machines.sh. What is not run here is in not_here, with the reason; a line that neither runs nor is there fails.

key=demo-rsa-3072
own='stm-pkcs11 Key Storage Provider'
# As the page has it: C:\stm-pkcs11 is in PATH, with signtool; the 32-bit build is beside.
mkdir -p page/digests "$WINEPREFIX/drive_c/stm-pkcs11/x86"
cp programs/* "$WINEPREFIX/drive_c/stm-pkcs11/"
cp any.cer page/ # for the stand-in, as in signtool.sh
cp x86.dll "$WINEPREFIX/drive_c/stm-pkcs11/x86/stm_pkcs11.dll"

# not_here LINE: why the test does not run it
not_here() {
    case $1 in
        cargo\ *) echo 'it is for Linux' ;;
        'set SM_'*) echo 'the settings of the test are in the environment' ;;
        'nuget '* | 'dotnet '* | 'mage '*) echo 'there is no .NET' ;;
        jarsigner\ *) echo 'there is no Java for Windows' ;;
        'signtool verify '*) echo 'wine cannot check it; osslsigncode does' ;;
        'signtool sign /di '*) echo 'wine cannot put a signature into a file' ;;
    esac
}
# with_names LINE: with the names of this account and machine
with_names() {
    local line=${1//release-key/$key}
    line=${line//\"NAME\"/\"$own\"}
    line=${line//THUMBPRINT/$(thumbprint_of "$key")}
    # Wine cannot ask for a time stamp.
    echo "${line// \/tr http:\/\/timestamp.digicert.com \/td SHA256/}"
}
in_cmd() { # LINE
    printf '@%s\r\n' "$1" >page/line.cmd
    (cd page && WINEPATH='C:\stm-pkcs11' windows cmd /c line.cmd)
}
# page_runs WHEN
page_runs() {
    local line command ran=0
    openssl x509 -in "$key.pem" -outform DER -out page/cert.cer
    openssl x509 -in "$key-chain.pem" -outform DER -out page/chain.cer
    while read -r line <&3; do
        [[ ! $(not_here "$line") ]] || continue
        command=$(with_names "$line")
        [[ $line == *' /ds '* ]] || cp hello.exe page/program.exe
        check "$1: $line" in_cmd "$command"
        ran=$((ran + 1))
        case $line in
            *' windows certsync '*) same "  the certificate is in the store" "$(stored "$key")" "$(thumbprint_of "$key")" ;;
            *' windows certdesync release-key') same "  the certificate is no longer in the store" "$(stored "$key")" "" ;;
            'signtool sign /dg '*) check "  there is a digest" test -s page/digests/program.exe.dig ;;
            'signtool sign /ds '*) check "  there is a signature" test -s page/digests/program.exe.dig.signed ;;
            'signtool sign '*) check "  osslsigncode accepts it" osslsigncode verify -CAfile "$key-issuers.pem" -in page/program.exe ;;
        esac
    done 3< <(python3 "$ROOT/tests/lib/blocks.py" lines "$ROOT/docs/clients/windows.md" bat)
    if [[ $ran -ge 15 ]]; then ok "$1: $ran lines of the page were run"; else not_ok "$1: the lines of the page were run" "only $ran"; fi
}
