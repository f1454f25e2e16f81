#!/usr/bin/env bash
# what: osslsigncode signs installers, cabinets, catalogues and scripts
# clients: osslsigncode=osslsigncode
# signs: MSI, CAB, CAT, PowerShell
# needs: osslsigncode osslsigncode
# needs: openssl openssl
# needs: engine:pkcs11 libengine-pkcs11-openssl
# needs: gcab gcab
# needs: msibuild msitools
# needs: curl curl
# needs: jq jq
source "$(dirname "$0")/../lib/client.sh"

start_service
engine=$(openssl version -e | cut -d'"' -f2)/pkcs11.so

text payload 50
gcab -c release.cab payload
printf 'Write-Output "hello"\r\n' >release.ps1

msibuild release.msi -s Demo Example ';1033' '{12345678-1234-1234-1234-123456789012}'
# shellcheck disable=SC2016 # the quotes of the installer's SQL
msibuild release.msi -q \
    'CREATE TABLE `Property` (`Property` CHAR(72) NOT NULL, `Value` LONGCHAR NOT NULL PRIMARY KEY `Property`)'
# shellcheck disable=SC2016
msibuild release.msi -q "INSERT INTO \`Property\` (\`Property\`, \`Value\`) VALUES ('ProductName', 'Demo')"
msibuild release.msi -a Binary.payload payload

# A catalogue with one member: a signed message of PKCS#7 without signers around a list of digests.
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
openssl asn1parse -genconf catalogue.cnf -noout -out release.cat

# alter FORMAT IN OUT: changes what the signature covers, and nothing that would make the file unreadable.
alter() {
    case $1 in
        cab) changed "$2" "$3" $(($(grep -abo 'payload' "$2" | head -1 | cut -d: -f1) + 20)) ;;
        ps1) sed 's/hello/hallo/' "$2" >"$3" ;;
        msi) changed "$2" "$3" "$(grep -abo 'line 10 of a file' "$2" | head -1 | cut -d: -f1)" ;;
        cat) LC_ALL=C sed 's/payload/payloud/' "$2" >"$3" ;;
    esac
}

for alias in demo-rsa-3072 demo-ec-p256; do
    certificates_of "$alias"
    for format in cab msi ps1 cat; do
        signs_once "a .$format file is signed with $alias" osslsigncode sign -pkcs11engine "$engine" -pkcs11module "$MODULE" \
            -h sha256 -certs "$alias.pem" -ac "$alias-chain.pem" -key "pkcs11:object=$alias;type=private" \
            -in "release.$format" -out "$alias.$format"
        verify=(osslsigncode verify -CAfile "$ROOT_PEM" -in)
        check "  and verifies up to the root" "${verify[@]}" "$alias.$format"
        alter "$format" "$alias.$format" "changed.$format"
        refuses "  and a changed file is refused" "${verify[@]}" "changed.$format"
    done
done

keeps_secrets
