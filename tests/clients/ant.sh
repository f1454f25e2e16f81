#!/usr/bin/env bash
# what: Ant's signjar signs Java archives, four at a time
# clients: ant=ant
# signs: Java archives, in parallel
# needs: ant ant
# needs: jarsigner default-jdk-headless
# needs: openssl openssl
# needs: curl curl
# needs: jq jq
source "$(dirname "$0")/../lib/client.sh"

start_service
# Ant's own Java is that of the release: older versions of Ant do not start with Java 25.
cfg=$(configuration sunpkcs11.cfg)
cat >build.xml <<'XML'
<project name="release" default="sign" basedir=".">
  <macrodef name="sign">
    <attribute name="jar"/>
    <sequential>
      <signjar jar="@{jar}" destDir="signed" alias="${alias}" keystore="NONE" storetype="PKCS11" storepass="none"
        providerclass="sun.security.pkcs11.SunPKCS11" providerarg="${cfg}"/>
    </sequential>
  </macrodef>
  <target name="sign">
    <mkdir dir="signed"/>
    <parallel threadCount="4">
      <sign jar="1.jar"/> <sign jar="2.jar"/> <sign jar="3.jar"/> <sign jar="4.jar"/>
    </parallel>
  </target>
  <target name="one">
    <mkdir dir="signed"/>
    <sign jar="1.jar"/>
  </target>
</project>
XML

trust=(-keystore trust.p12 -storetype PKCS12 -storepass changeit)
keytool -importcert -noprompt -alias root -file "$ROOT_PEM" "${trust[@]}" >/dev/null 2>&1
text file
for number in 1 2 3 4; do jar --create --file "$number.jar" file; done

signs_once "Ant signs an archive with demo-rsa-3072" ant -q -Dcfg="$cfg" -Dalias=demo-rsa-3072 one
says "  and it verifies strictly" 'jar verified' jarsigner -verify -strict "${trust[@]}" signed/1.jar
for alias in demo-rsa-3072 demo-ec-p256; do
    rm -rf signed
    # Each is a process of its own; one of them lists the keypairs for all.
    signs 4 8 4 "Ant signs four archives at a time with $alias" ant -q -Dcfg="$cfg" -Dalias="$alias"
    for number in 1 2 3 4; do
        jarsigner -verify -strict "${trust[@]}" "signed/$number.jar" >/dev/null 2>&1 || echo "$number"
    done >unverified
    same "  and all of them verify strictly" "$(cat unverified)" ''
done
mkdir -p other
echo 'not what was signed' >other/file
jar --update --file signed/1.jar -C other file
refuses "  and a changed archive is refused" jarsigner -verify -strict "${trust[@]}" signed/1.jar

rm -rf signed
forget_requests
refuses "an alias that does not exist fails the build" ant -Dcfg="$cfg" -Dalias=no-such-keypair one
cp "$SAID" told
says "  and jarsigner says why" 'Certificate chain not found for: no-such-keypair' cat told
read -r made _ <<<"$(bill)"
same "  for no signature" "$made" 0

keeps_secrets
