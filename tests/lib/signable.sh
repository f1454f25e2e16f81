# shellcheck shell=bash
# Files of every kind that can be signed, and how other programs verify them.

# signable FOLDER: one unsigned file of each kind, under the names program.exe, release.msi, ...
signable() {
    local folder=$1 types
    mkdir -p "$folder"
    text payload 50
    "$COMPANION" sample pe "$folder/program.exe"
    gcab -c "$folder/release.cab" payload
    printf 'Write-Output "hello"\r\n' >"$folder/release.ps1"
    printf 'MsgBox "hello"\r\n' >"$folder/release.vbs"
    msibuild "$folder/release.msi" -s Demo Example ';1033' '{12345678-1234-1234-1234-123456789012}'
    # shellcheck disable=SC2016 # the quotes of the installer's SQL
    msibuild "$folder/release.msi" -q \
        'CREATE TABLE `Property` (`Property` CHAR(72) NOT NULL, `Value` LONGCHAR NOT NULL PRIMARY KEY `Property`)'
    msibuild "$folder/release.msi" -a Binary.payload payload
    catalogue "$folder/release.cat"
    jar --create --file "$folder/program.jar" payload
    text classes.dex 2000
    text AndroidManifest.xml 20
    jar --create --no-manifest --file "$folder/app.apk" AndroidManifest.xml classes.dex
    types='<?xml version="1.0" encoding="utf-8"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    mkdir -p nuget appx
    echo "$types<Default Extension=\"nuspec\" ContentType=\"application/octet\"/></Types>" >'nuget/[Content_Types].xml'
    echo '<package><metadata><id>demo</id><version>1.0.0</version><authors>a</authors><description>d</description></metadata></package>' \
        >nuget/demo.nuspec
    (cd nuget && zip -q -X ../"$folder"/demo.nupkg '[Content_Types].xml' demo.nuspec)
    echo "$types<Override PartName=\"/AppxBlockMap.xml\" ContentType=\"application/vnd.ms-appx.blockmap+xml\"/></Types>" \
        >'appx/[Content_Types].xml'
    echo '<BlockMap xmlns="http://schemas.microsoft.com/appx/2010/blockmap" HashMethod="http://www.w3.org/2001/04/xmlenc#sha256"/>' \
        >appx/AppxBlockMap.xml
}

# appx_for ALIAS FILE: a package that names the subject of the certificate that it will be signed with.
appx_for() {
    echo '<Package xmlns="http://schemas.microsoft.com/appx/manifest/foundation/windows10">' \
        "<Identity Name=\"Demo\" Publisher=\"CN=$1, O=STM Emulator\" Version=\"1.0.0.0\"/></Package>" >appx/AppxManifest.xml
    rm -f "$2"
    (cd appx && zip -q -X ../"$2" AppxManifest.xml AppxBlockMap.xml '[Content_Types].xml')
}

# vsix FILE: a Visual Studio extension, which no program signs so far.
vsix() {
    mkdir -p vsix
    echo '<PackageManifest xmlns="http://schemas.microsoft.com/developer/vsx-schema/2011"/>' >vsix/extension.vsixmanifest
    echo '<?xml version="1.0" encoding="utf-8"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="vsixmanifest" ContentType="text/xml"/></Types>' \
        >'vsix/[Content_Types].xml'
    (cd vsix && zip -q -X ../"$1" '[Content_Types].xml' extension.vsixmanifest)
}

# catalogue FILE: one member: a signed message of PKCS#7 without signers around a list of digests.
catalogue() {
    cat >catalogue.cnf <<'CNF'
asn1 = SEQUENCE:message
[message]
type = OID:1.2.840.113549.1.7.2
content = EXPLICIT:0,SEQUENCE:signed_data
[signed_data]
version = INTEGER:1
digests = SET:none
content = SEQUENCE:list_message
signers = SET:none
[none]
[list_message]
type = OID:1.3.6.1.4.1.311.10.1
content = EXPLICIT:0,SEQUENCE:list
[list]
usage = SEQUENCE:usage
identifier = FORMAT:HEX,OCTETSTRING:00112233445566778899AABBCCDDEEFF
time = UTCTIME:260101000000Z
algorithm = SEQUENCE:algorithm
members = SEQUENCE:members
[usage]
oid = OID:1.3.6.1.4.1.311.12.1.1
[algorithm]
oid = OID:1.3.6.1.4.1.311.12.1.3
null = NULL
[members]
first = SEQUENCE:member
[member]
digest = FORMAT:HEX,OCTETSTRING:0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF
attributes = SET:attributes
[attributes]
name = SEQUENCE:attribute
[attribute]
type = OID:1.3.6.1.4.1.311.12.2.1
values = SET:values
[values]
name = SEQUENCE:value
[value]
tag = FORMAT:UTF8,BMPSTRING:File
flags = INTEGER:0x10010001
text = FORMAT:ASCII,OCTETSTRING:payload
CNF
    openssl asn1parse -genconf catalogue.cnf -noout -out "$1"
}

osslsigncode_verifies() { # FILE
    osslsigncode verify -CAfile "$ROOT_PEM" -TSA-CAfile "$ROOT_PEM" -in "$1" >verified 2>&1 &&
        grep -q '^Signature verification: ok' verified
}

# verifies FILE: whether its signature is good up to the root, by a program that knows nothing of the module or the companion.
verifies() {
    case $1 in
        *.jar)
            [[ -e trust.p12 ]] || keytool -importcert -noprompt -file "$ROOT_PEM" -alias root -storetype PKCS12 -keystore trust.p12 \
                -storepass changeit >/dev/null 2>&1
            jarsigner -J-Duser.language=en -verify -verbose -certs -keystore trust.p12 -storepass changeit "$1" >verified 2>&1 &&
                grep -q 'jar verified' verified && ! grep -q 'PKIX path building failed\|chain is invalid' verified
            ;;
        *.apk) apksigner verify --min-sdk-version 24 --verbose "$1" ;;
        *.nupkg)
            # A NuGet signature is a CMS message about the digest of the package without it.
            unzip -p "$1" .signature.p7s >signature.p7s 2>/dev/null &&
                openssl cms -verify -inform DER -in signature.p7s -purpose any -CAfile "$ROOT_PEM" -out properties &&
                cp "$1" bare.nupkg && zip -q -d bare.nupkg .signature.p7s &&
                unzip -t -q "$1" >/dev/null &&
                grep -qF "$(openssl dgst -sha256 -binary "unsigned/$(basename "$1")" | openssl base64)" properties &&
                cmp <(unzip -p "$1" demo.nuspec) <(unzip -p "unsigned/$(basename "$1")" demo.nuspec)
            ;;
        *) if osslsigncode_reads "$1"; then osslsigncode_verifies "$1"; else message_verifies "$1"; fi ;;
    esac
}

# osslsigncode_since VERSION: whether the installed one is that version or a later one.
osslsigncode_since() {
    local installed
    installed=$(osslsigncode --version | sed -n 's/^osslsigncode \([0-9.]*[0-9]\).*/\1/p')
    [[ $(printf '%s\n' "$1" "$installed" | sort -V | sed -n 1p) == "$1" ]]
}

# osslsigncode_reads FILE: whether the installed version signs and verifies such a file. Packages came with version 2.7, scripts with 2.8;
# sign-file requires 2.8 for both.
osslsigncode_reads() {
    case $1 in
        *.vbs | *.nupkg) false ;;
        *.ps1 | *.appx) osslsigncode_since 2.8 ;;
        *) true ;;
    esac
}

# message_of FILE: the message that is the signature of a script or a package, in message.p7. In a script it is in comments at the end.
message_of() {
    local comment
    case $1 in
        *.appx) unzip -p "$1" AppxSignature.p7x | tail -c +5 >message.p7 ;; # behind "PKCX"
        *)
            comment='# '
            [[ $1 != *.vbs ]] || comment="'' SIG '' "
            sed -n "/^${comment}.*Begin signature block/,/^${comment}.*End signature block/s/^$comment//p" "$1" | tr -d '\r' |
                grep -v 'signature block' | base64 -d >message.p7
            ;;
    esac
}

# message_verifies FILE: whether the message in it is of the file, has a good signature of the keypair that its folder is called after, and the
# issuers of its certificate. For files that the installed osslsigncode does not read.
message_verifies() {
    local folder=${1%/*} digest
    message_of "$1" && digest=$(python3 "$ROOT/tests/lib/indirect.py" message.p7) || return 1
    case $1 in
        *.ps1) same_text "$digest" <(head -c "$(stat -c %s unsigned/release.ps1)" "$1" | iconv -t UTF-16LE) ;;
        # With the number of its characters behind it.
        *.vbs) same_text "$digest" <(head -c "$(stat -c %s unsigned/release.vbs)" "$1" | iconv -t UTF-16LE && printf '\x10\0\0\0') ;;
        # Digests of all before the signature, of the list of types, and of the list of blocks.
        *.appx)
            digests_of_appx "$1" >appx.digests
            [[ $digest == 41505058*41585043"$(sed -n 1p appx.digests)"41584344*41584354"$(sed -n 2p appx.digests)"4158424d"$(sed -n 3p appx.digests)"* ]]
            ;;
    esac || return 1
    [[ -e $folder.pub ]] || certificates_of "$folder"
    openssl pkcs7 -inform DER -in message.p7 -print_certs -out message.pem
    openssl verify -purpose any -CAfile "$ROOT_PEM" -untrusted message.pem "$folder.pem" || return 1
    openssl dgst -sha256 -verify "$folder.pub" -signature message.p7.sig message.p7.set
}
same_text() { # SHA-256 FILE
    [[ $1 == "$(sha256sum <"$2" | cut -d' ' -f1)" ]]
}
digests_of_appx() {
    python3 - "$1" <<'PYTHON'
import hashlib, sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as package, open(sys.argv[1], "rb") as file:
    before = file.read(package.getinfo("AppxSignature.p7x").header_offset)
    for part in before, package.read("[Content_Types].xml"), package.read("AppxBlockMap.xml"):
        print(hashlib.sha256(part).hexdigest())
PYTHON
}

is_stamped() { # FILE
    case $1 in
        *.jar)
            jarsigner -J-Duser.language=en -verify -verbose -certs "$1" >verified 2>&1
            grep -q 'Timestamped by "CN=STM Emulator Time Stamping Server\|Timestamped by "' verified
            ;;
        *.nupkg)
            unzip -p "$1" .signature.p7s >signature.p7s
            openssl asn1parse -inform DER -in signature.p7s >signature.asn1
            grep -Eq 'id-smime-aa-timeStampToken|:1.3.6.1.4.1.311.3.3.1' signature.asn1
            ;;
        *)
            if ! osslsigncode_reads "$1"; then
                message_of "$1"
                openssl asn1parse -inform DER -in message.p7 >message.asn1
                grep -q ':1.3.6.1.4.1.311.3.3.1' message.asn1
                return
            fi
            osslsigncode verify -CAfile "$ROOT_PEM" -TSA-CAfile "$ROOT_PEM" -in "$1" >verified 2>&1
            grep -q 'Timestamp Server Signature verification: ok' verified
            ;;
    esac
}

# altered FILE FOLDER: a copy with something changed that the signature covers, and that leaves the file readable.
altered() {
    local copy=$2/${1##*/}
    mkdir -p "$2"
    case $1 in
        *.cab) changed "$1" "$copy" $(($(grep -abo 'payload' "$1" | head -1 | cut -d: -f1) + 20)) ;;
        *.ps1 | *.vbs) sed 's/hello/hallo/' "$1" >"$copy" ;;
        *.msi) changed "$1" "$copy" "$(grep -abo 'line 10 of a file' "$1" | head -1 | cut -d: -f1)" ;;
        *.cat) LC_ALL=C sed 's/payload/payloud/' "$1" >"$copy" ;;
        *.jar)
            cp "$1" "$copy"
            mkdir -p other && echo 'something else' >other/payload
            jar --update --file "$copy" -C other payload
            ;;
        *.nupkg | *.appx)
            cp "$1" "$copy"
            local member=demo.nuspec
            [[ $1 == *.nupkg ]] || member=AppxManifest.xml
            mkdir -p other && unzip -p "$1" "$member" | sed 's/[dD]emo/Domo/' >"other/$member"
            (cd other && zip -q -X "$OLDPWD/$copy" "$member")
            ;;
        *.apk) changed "$1" "$copy" 60 ;;
        *) changed "$1" "$copy" 512 ;;
    esac
}
