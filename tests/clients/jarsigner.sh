#!/usr/bin/env bash
# what: jarsigner signs Java archives; keytool lists; the chain is complete
# clients: jarsigner=jdks
# signs: Java archives, RSASSA-PSS too; eight at a time in one process
# needs: jarsigner default-jdk-headless
# needs: keytool default-jdk-headless
# needs except on bookworm: file:/usr/lib/jvm/java-25-openjdk-*/bin/jarsigner openjdk-25-jdk-headless
# needs: openssl openssl
# needs: curl curl
# needs: jq jq
source "$(dirname "$0")/../lib/client.sh"

start_service
signs_archives() {
    cfg=$(configuration sunpkcs11.cfg)
    store=(-keystore NONE -storetype PKCS11 -providerClass sun.security.pkcs11.SunPKCS11 -providerArg "$cfg")
    trust=(-keystore trust.p12 -storetype PKCS12 -storepass changeit)
    keytool -importcert -noprompt -alias root -file "$ROOT_PEM" "${trust[@]}" >/dev/null 2>&1
    text file
    jar --create --file hello.jar file

    says "keytool lists demo-rsa-3072 with its private key" '^demo-rsa-3072, PrivateKeyEntry' \
        keytool -list "${store[@]}" -storepass none
    says "  and demo-ec-p256" '^demo-ec-p256, PrivateKeyEntry' keytool -list "${store[@]}" -storepass none
    says "  and its chain has three certificates" 'chain length: 3' \
        keytool -list -v -alias demo-rsa-3072 "${store[@]}" -storepass none

    # common_name FILE: of the first certificate
    common_name() {
        openssl x509 -in "$1" -noout -subject -nameopt multiline | sed -n 's/^ *commonName *= //p'
    }

    for alias in demo-rsa-3072 demo-rsa-2048 demo-rsa-4096 demo-ec-p256 demo-ec-p384 demo-ec-p521; do
        certificates_of "$alias"
        signs_once "a jar is signed with $alias" \
            jarsigner "${store[@]}" -storepass none -signedjar "$alias.jar" hello.jar "$alias"
        says "  and verifies strictly" 'jar verified' jarsigner -verify -strict -verbose -certs "${trust[@]}" "$alias.jar"
        cp "$SAID" verified
        for file in "$alias.pem" "$alias-chain.pem" "$ROOT_PEM"; do
            name=$(common_name "$file")
            says "  and shows $name" "X.509, .*CN=\"?$name" cat verified
        done
    done

    for alias in demo-rsa-3072 demo-ec-p256; do
        signs_once "a jar is signed with $alias and a PIN" \
            jarsigner "${store[@]}" -storepass 1234 -signedjar pin.jar hello.jar "$alias"
        says "  and verifies strictly" 'jar verified' jarsigner -verify -strict "${trust[@]}" pin.jar
        signs_once "a jar is signed with $alias without a word about a PIN (-protected)" \
            jarsigner "${store[@]}" -protected -signedjar protected.jar hello.jar "$alias"
        says "  and verifies strictly" 'jar verified' jarsigner -verify -strict "${trust[@]}" protected.jar

        mkdir -p other
        echo 'not what was signed' >other/file
        cp "$alias.jar" changed.jar
        jar --update --file changed.jar -C other file
        refuses "a jar signed with $alias is refused when a file in it was changed" \
            jarsigner -verify -strict "${trust[@]}" changed.jar
    done

    signs_once "RSASSA-PSS signs with demo-rsa-3072" \
        jarsigner "${store[@]}" -storepass none -sigalg RSASSA-PSS -signedjar pss.jar hello.jar demo-rsa-3072
    says "  and verifies strictly" 'jar verified' jarsigner -verify -strict "${trust[@]}" pss.jar

    # A build tool in one Java process, eight archives at a time.
    cat >Many.java <<'JAVA'
import java.io.FileOutputStream;
import java.security.*;
import java.security.cert.CertificateFactory;
import java.util.*;
import java.util.concurrent.*;
import java.util.zip.ZipFile;
import jdk.security.jarsigner.JarSigner;

class Many {
    public static void main(String[] words) throws Exception {
        Provider provider = Security.getProvider("SunPKCS11").configure(words[0]);
        KeyStore store = KeyStore.getInstance("PKCS11", provider);
        store.load(null, null);
        PrivateKey key = (PrivateKey) store.getKey(words[1], null);
        var path = CertificateFactory.getInstance("X.509").generateCertPath(List.of(store.getCertificateChain(words[1])));
        ExecutorService threads = Executors.newFixedThreadPool(8);
        List<Future<?>> all = new ArrayList<>();
        for (int i = 0; i < 24; i++) {
            String name = "many-" + i + ".jar";
            all.add(threads.submit(() -> {
                JarSigner signer = new JarSigner.Builder(key, path).signatureAlgorithm(words[2], provider).build();
                try (ZipFile in = new ZipFile("hello.jar"); FileOutputStream out = new FileOutputStream(name)) {
                    signer.sign(in, out);
                }
                return null;
            }));
        }
        for (Future<?> one : all) one.get();
        threads.shutdown();
    }
}
JAVA
    # Each archive's entries are read and verified, and the signer's chain ends at the root that is trusted.
    cat >Verify.java <<'JAVA'
import java.io.File;
import java.security.KeyStore;
import java.security.cert.*;
import java.util.*;
import java.util.jar.*;

class Verify {
    public static void main(String[] words) throws Exception {
        var parameters = new PKIXParameters(KeyStore.getInstance(new File(words[0]), "changeit".toCharArray()));
        parameters.setRevocationEnabled(false);
        int verified = 0;
        for (String name : List.of(words).subList(1, words.length)) {
            try (JarFile jar = new JarFile(name, true)) {
                boolean signed = false;
                for (JarEntry entry : Collections.list(jar.entries())) {
                    jar.getInputStream(entry).readAllBytes();
                    if (entry.isDirectory() || entry.getName().startsWith("META-INF/")) continue;
                    if (entry.getCodeSigners() == null) throw new SecurityException(name + ": " + entry + " is not signed");
                    for (var signer : entry.getCodeSigners()) {
                        CertPathValidator.getInstance("PKIX").validate(signer.getSignerCertPath(), parameters);
                    }
                    signed = true;
                }
                if (!signed) throw new SecurityException(name + ": nothing in it is signed");
            }
            verified++;
        }
        System.out.println(verified + " verified");
    }
}
JAVA
    for algorithm in SHA256withRSA SHA384withECDSA; do
        alias=demo-rsa-3072
        [[ $algorithm == *RSA ]] || alias=demo-ec-p384
        rm -f many-*.jar
        signs 24 26 8 "twenty-four archives, eight at a time, in one Java process with $algorithm" java Many.java "$cfg" "$alias" "$algorithm"
        says "  and all of them verify, with their chains" '^24 verified$' java Verify.java trust.p12 many-*.jar
        says "  the last strictly" 'jar verified' jarsigner -verify -strict "${trust[@]}" many-23.jar
    done

    refuses "an alias that does not exist is refused" \
        jarsigner "${store[@]}" -storepass none -signedjar no.jar hello.jar no-such-keypair
}
each_jdk signs_archives

keeps_secrets
