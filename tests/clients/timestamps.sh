#!/usr/bin/env bash
# what: time stamps: openssl ts, osslsigncode and jarsigner with the emulator's time-stamping server, and its faults
# needs: openssl openssl
# needs: engine:pkcs11 libengine-pkcs11-openssl
# needs: osslsigncode osslsigncode
# needs: jarsigner default-jdk-headless
# needs: keytool default-jdk-headless
# needs: curl curl
# needs: jq jq
source "$(dirname "$0")/../lib/client.sh"

start_service
text file
changed file changed-file

tsa() { # JSON: what is wrong with the server
    curl -sSf -X PUT "$STM_EMULATOR_ADMIN/tsa" -d "$1" >/dev/null
}
queries() {
    curl -sSf "$STM_EMULATOR_ADMIN/tsa" | jq .queries
}

# openssl: the query and the verification; curl takes it there. Nothing here is the emulator's but the server.
stamp() { # QUERY REPLY
    curl -sSf -H 'Content-Type: application/timestamp-query' --data-binary "@$1" -o "$2" "$STM_EMULATOR_TSA"
}
for digest in sha1 sha256 sha384 sha512; do
    openssl ts -query -data file "-$digest" -cert -out query 2>/dev/null
    check "openssl's query with $digest is stamped" stamp query reply
    verify=(openssl ts -verify -in reply -CAfile "$ROOT_PEM")
    says "  and verifies up to the root" '^Verification: OK' "${verify[@]}" -data file
    says "  as the reply to that query" '^Verification: OK' "${verify[@]}" -queryfile query
    refuses "  and not for a changed file" "${verify[@]}" -data changed-file
    openssl ts -query -data changed-file "-$digest" -cert -out other 2>/dev/null
    refuses "  and not as the reply to another query" "${verify[@]}" -queryfile other
done
openssl ts -query -data file -sha256 -no_nonce -out query 2>/dev/null
check "a query without nonce, and without certificates in the reply, is stamped" stamp query reply
openssl x509 -in "$STATE/pki/time-stamp-intermediate.pem" -out intermediate.pem
cat "$STATE/pki/time-stamper.pem" intermediate.pem >untrusted.pem
says "  and verifies with the certificates from elsewhere" '^Verification: OK' \
    openssl ts -verify -in reply -data file -CAfile "$ROOT_PEM" -untrusted untrusted.pem
openssl ts -reply -in reply -text >text 2>/dev/null
says "  it is of this minute" "$(date -u +'%b %e %H:%M')|$(date -u -d '-1 minute' +'%b %e %H:%M')" grep 'Time stamp:' text
says "the server's certificate is for time stamps alone, and says so critically" 'critical' \
    openssl x509 -in "$STATE/pki/time-stamper.pem" -noout -ext extendedKeyUsage
openssl ts -query -data file -sha256 -tspolicy 1.2.3.4 -out query 2>/dev/null
stamp query reply
says "another policy than the server's is refused" 'requested TSA policy is not supported' openssl ts -reply -in reply -text
openssl ts -query -data file -md5 -out query 2>/dev/null
stamp query reply
says "MD5 is refused" 'unrecognized or unsupported algorithm' openssl ts -reply -in reply -text

# osslsigncode
"$COMPANION" sample pe hello.exe
certificates_of demo-rsa-3072
osslsigncode_signs() { # OUT
    osslsigncode sign -pkcs11module "$MODULE" -h sha256 -ts "$STM_EMULATOR_TSA" -certs demo-rsa-3072.pem \
        -ac demo-rsa-3072-chain.pem -key 'pkcs11:object=demo-rsa-3072;type=private' -in hello.exe -out "$1"
}
before=$(queries)
signs_once "osslsigncode signs a program and stamps it" osslsigncode_signs stamped.exe
same "  with one query" "$(($(queries) - before))" 1
verify=(osslsigncode verify -CAfile "$ROOT_PEM" -TSA-CAfile "$ROOT_PEM")
says "  the signature verifies" '^Signature verification: ok' "${verify[@]}" -in stamped.exe
says "  and the stamp" '[Tt]imestamp [Ss]erver Signature verification: ok|Timestamp verified using' "${verify[@]}" -in stamped.exe
changed stamped.exe changed.exe 512
refuses "  and a changed program is refused" "${verify[@]}" -in changed.exe

# jarsigner
cp "$(configuration sunpkcs11.cfg)" sunpkcs11.cfg
jar --create --file program.jar file
keytool -importcert -noprompt -file "$ROOT_PEM" -alias root -storetype PKCS12 -keystore trust.p12 -storepass changeit >/dev/null 2>&1
jarsigner_signs() { # OUT
    jarsigner -J-Duser.language=en -keystore NONE -storetype PKCS11 -storepass none -providerClass sun.security.pkcs11.SunPKCS11 \
        -providerArg sunpkcs11.cfg -tsa "$STM_EMULATOR_TSA" -signedjar "$1" program.jar demo-ec-p256
}
before=$(queries)
says "jarsigner signs an archive and stamps it" '^jar signed' jarsigner_signs stamped.jar
same "  with one query" "$(($(queries) - before))" 1
says "  and finds the stamp again" 'The signer certificate|Timestamped by "CN=STM Emulator Time Stamping Server' \
    jarsigner -J-Duser.language=en -verify -verbose -certs -keystore trust.p12 -storepass changeit stamped.jar
cp "$SAID" verified
refuses "  and does not say that there is none" grep 'does not contain a timestamp\|without a timestamp' verified

# Faults: each client notices, by its own words.
tsa '{"fault": "down"}'
osslsigncode_signs_unpiped() { # a server that hangs up while it writes its query ends osslsigncode by SIGPIPE
    trap '' PIPE
    osslsigncode_signs "$1"
}
refuses "a server that is down: osslsigncode fails" osslsigncode_signs_unpiped down.exe
refuses "  jarsigner fails" jarsigner_signs down.jar
cp "$SAID" down
says "  because of the server" 'no response from the TSA|Unexpected end of file|Error writing to server' cat down
tsa '{"fault": "garbage"}'
refuses "garbage: osslsigncode fails" osslsigncode_signs garbage.exe
refuses "  jarsigner fails" jarsigner_signs garbage.jar
tsa '{"fault": "rejection"}'
refuses "a refusal: osslsigncode fails" osslsigncode_signs rejected.exe
refuses "  jarsigner fails" jarsigner_signs rejected.jar
tsa '{"fault": "wrong_digest"}'
openssl ts -query -data file -sha256 -cert -out query 2>/dev/null
check "a stamp of another digest is answered" stamp query reply
refuses "  and openssl refuses it" openssl ts -verify -in reply -CAfile "$ROOT_PEM" -queryfile query
cp "$SAID" mismatch
says "  for that reason" 'message imprint mismatch' cat mismatch
refuses "  jarsigner refuses it" jarsigner_signs wrong.jar
tsa '{"delay_ms": 1500}'
began=$(date +%s%N)
check "a slow server is waited for" stamp query reply
same "  as long as it was told" "$((($(date +%s%N) - began) / 1000000 >= 1500))" 1
says "  and is right" '^Verification: OK' openssl ts -verify -in reply -CAfile "$ROOT_PEM" -queryfile query
tsa '{}'
check "without a fault all is well again" osslsigncode_signs again.exe
COMMAND='' STATUS=0
refuses "a fault that is not known is refused by name" curl -sSf -X PUT "$STM_EMULATOR_ADMIN/tsa" -d '{"fault": "moody"}'
says "a GET is not a query" '^405$' curl -sS -o /dev/null -w '%{http_code}\n' "$STM_EMULATOR_TSA"

keeps_secrets
