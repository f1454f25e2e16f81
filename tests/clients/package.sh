#!/usr/bin/env bash
# what: the packages: made, installed, used by programs that find the module by themselves, and removed without a trace
# alone: it installs the packages on this machine, which others would find
# needs: dpkg-deb dpkg
# needs: objdump binutils
# needs: git git
# needs: jq jq
# needs: curl curl
# needs: openssl openssl
# needs: certtool gnutls-bin
# needs: p11-kit p11-kit
# needs: jarsigner default-jdk-headless
# not under qemu: packaging/package and packaging/sbom call cargo, a program of this machine
source "$(dirname "$0")/../lib/client.sh"

start_service
text file
certificates_of demo-rsa-3072
built=$WORK/built
mkdir "$built"
cp "$MODULE" "$COMPANION" "$EMULATOR" "$built"
target=$(HOME=$USER_HOME rustc -vV | sed -n 's/^host: //p')
make_packages() { # OUT
    (cd "$ROOT" && HOME=$USER_HOME SOURCE_DATE_EPOCH=1700000000 packaging/package "$target" "$built" "$1")
}
check "packages are made" make_packages "$WORK/out"
cp "$SAID" made
check "  and again" make_packages "$WORK/out2"
same "  with the same bytes" "$(cd out && sha256sum -- *)" "$(cd out2 && sha256sum -- *)"
same "  three for Debian, an archive, and the list of its components" "$(wc -l <made)" 5

# What a release has beside them.
release() {
    HOME=$USER_HOME "$ROOT/packaging/release" "$WORK/out" "$1"
}
check "a release has its components and checksums" release "v$(sed -n 's/^version = "\(.*\)"/\1/p' "$ROOT/Cargo.toml" | head -1)"
sums_agree() {
    cd out && sha256sum --check --quiet SHA256SUMS && [[ $(wc -l <SHA256SUMS) -eq $(find . -type f ! -name SHA256SUMS | wc -l) ]]
}
check "  and the checksums are those of all its files" sums_agree
same "  and the components have licences" "$(jq '[.components[] | select(.licenses[0].expression == "NONE")] | length' out/sbom.cdx.json)" 0
same "  and say which advisory does not apply to one of them" \
    "$(jq -r '.components[]."bom-ref" as $part | .vulnerabilities[] | select(.affects[].ref == $part) | "\(.id) \(.analysis.state)"' out/sbom.cdx.json)" \
    'RUSTSEC-2023-0071 not_affected'
refuses "  and another tag than the version is refused" release v99.0.0
same "  because it is another" "$(grep -c 'the tag is v99.0.0, and the version in Cargo.toml is' "$SAID")" 1

# What it needs of the system is what it says.
deb=$(grep '/stm-pkcs11_' made)
needs=$(objdump -T built/libstm_pkcs11.so built/stm-pkcs11 | grep -oE 'GLIBC_[0-9.]+' | sort -uV | tail -1)
same "the package depends on the glibc that its files need" "$(dpkg-deb --field "$deb" Depends)" "libc6 (>= ${needs#GLIBC_})"
same "  and the module on no other library" "$(objdump -p built/libstm_pkcs11.so | 
    awk '$1 == "NEEDED" && $2 !~ /^(libc|libm|libpthread|libdl|libgcc_s|ld-linux[^ ]*)\.so/ { print $2 }')" ''

# Installed, and away again whatever happens.
removed() {
    as_root dpkg --purge stm-pkcs11-smctl stm-pkcs11 stm-emulator
}
# shellcheck source=tests/lib/packages.sh
source "$ROOT/tests/lib/packages.sh"
trap 'removed >/dev/null 2>&1; end' EXIT
before=$(find /usr/bin /usr/lib /usr/include /usr/share -name '*stm*pkcs11*' -o -name '*stm-emulator*' | sort)
check "they are installed" as_root dpkg --install "$deb" "$(grep '/stm-emulator_' made)"
installed=$(dpkg -L stm-pkcs11 | grep '/libstm_pkcs11.so$')
says "p11-kit knows the token" 'token: STM$' p11-kit list-modules
# A user without a setting sees no token, and nothing on standard error.
unset_all=() && while read -r name; do unset_all+=(-u "$name"); done < <(compgen -e | grep -E '^(SM_|STM_PKCS11_)')
env "${unset_all[@]}" HOME="$WORK/nobody" XDG_CONFIG_HOME="$WORK/nobody" p11-kit list-modules >listed 2>complaints
same "  for a user without settings the module has no token" "$(grep -c 'token: STM' listed || true)" 0
same "  is there all the same" "$(grep -c '^module: stm-pkcs11\|^stm-pkcs11:' listed || true)" 1
same "  and says nothing" "$(grep -i 'stm-pkcs11' complaints || true)" ''
signs_once "certtool signs by URI alone" certtool --p7-detached-sign --outder --hash sha256 --infile file --outfile file.p7s \
    --load-privkey 'pkcs11:token=STM;object=demo-rsa-3072;type=private' --load-certificate demo-rsa-3072.pem
cat "$ROOT_PEM" demo-rsa-3072-chain.pem >issuers.pem
check "  and it verifies up to the root" openssl cms -verify -binary -inform DER -purpose any -CAfile issuers.pem \
    -in file.p7s -content file -out verified
says "the companion finds the module" "^library = \"$installed\"$" /usr/bin/stm-pkcs11 config java
check "the doctor is content" /usr/bin/stm-pkcs11 doctor
says "the emulator is there" 'stm-emulator' /usr/bin/stm-emulator --help
for page in stm-pkcs11 stm-pkcs11-doctor stm-pkcs11-config; do
    check "the manual has $page" gzip --test "/usr/share/man/man1/$page.1.gz"
done
# shellcheck disable=SC2016 # the inner shell expands it
says "bash completes" 'doctor' bash -c 'source /usr/share/bash-completion/completions/stm-pkcs11
    function=$(complete -p stm-pkcs11 | sed "s/.*-F \([^ ]*\) .*/\1/")
    COMP_WORDS=(stm-pkcs11 doc) COMP_CWORD=1; "$function" stm-pkcs11 doc stm-pkcs11; echo "${COMPREPLY[@]}"'
same "smctl is not there unasked" "$(dpkg -L stm-pkcs11 stm-emulator | grep -c '/smctl$' || true)" 0
check "  and is, with the package for it" as_root dpkg --install "$(grep '/stm-pkcs11-smctl_' made)"
says "  which is this program" "^stm-pkcs11 [0-9.]+: follows the commands of DigiCert's smctl" /usr/bin/smctl --version
says "  and lists the keypairs" ' demo-rsa-3072 ' /usr/bin/smctl keypair ls
check "they are removed" removed
same "  without a trace" "$(find /usr/bin /usr/lib /usr/include /usr/share -name '*stm*pkcs11*' -o -name '*stm-emulator*' | sort)" "$before"

# The archive works where it is unpacked, and where it is moved to.
mkdir 'one place' 'another place'
check "the archive is unpacked" tar -C 'one place' -xzf "$(grep 'tar.gz$' made)"
mv 'one place'/* 'another place'
tool=$(echo "$WORK/another place"/*/bin/stm-pkcs11)
check "its companion makes a script for jarsigner" "$tool" config jarsigner --keypair demo-rsa-3072 --out sign.sh
jar --create --file program.jar file
signs_once "  which signs with its module" env TIMESTAMP= sh sign.sh program.jar
says "  and the archive verifies" 'jar verified' jarsigner -verify program.jar

keeps_secrets
