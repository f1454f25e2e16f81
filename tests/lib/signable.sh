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
        *.vbs) vbs_verifies "$1" ;;
        *) osslsigncode_verifies "$1" ;;
    esac
}

# The signature of a script is a message in its last lines, each after "'' SIG '' ". It is of the text in UTF-16 with its number of
# characters behind it.
vbs_verifies() { # FILE
    local folder=${1%/*} body=script.body attributes
    sed -n "s/^'' SIG '' //p" "$1" | tr -d '\r' | grep -v 'signature block' | base64 -d >script.p7
    head -c "$(stat -c %s unsigned/release.vbs)" "$1" >"$body"
    openssl asn1parse -inform DER -in script.p7 >script.asn1
    # The digest in the message, the signed attributes, and the signature: at depths 7 and 5 of the message.
    grep -q "d=7 .*OCTET STRING .*:$({ iconv -t UTF-16LE "$body" && printf '\x10\0\0\0'; } | sha256sum | cut -d' ' -f1 | tr a-f A-F)" script.asn1 || return 1
    attributes=$(sed -nE 's/^ *([0-9]+):d=5 .*cont \[ 0 \].*/\1/p' script.asn1 | tail -1)
    openssl asn1parse -inform DER -in script.p7 -strparse "$attributes" -noout -out script.set
    python3 - "$attributes" <<'PYTHON'
import sys
message, at = open("script.p7", "rb").read(), int(sys.argv[1])
def whole(at):
    first = message[at + 1]
    head, length = (2, first) if first < 128 else (2 + first - 128, int.from_bytes(message[at + 2:at + 2 + first - 128], "big"))
    return head, length
head, length = whole(at)
open("script.set", "wb").write(b"\x31" + message[at + 1:at + head + length])
at += head + length
head, length = whole(at)  # the signature algorithm
at += head + length
head, length = whole(at)
open("script.sig", "wb").write(message[at + head:at + head + length])
PYTHON
    [[ -e $folder.pub ]] || certificates_of "$folder"
    openssl dgst -sha256 -verify "$folder.pub" -signature script.sig script.set
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
