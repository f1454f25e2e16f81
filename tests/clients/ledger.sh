#!/usr/bin/env bash
# what: the ledger, the budget and reuse, with jarsigner and the companion
# needs: jarsigner default-jdk-headless
# needs: unzip unzip
# needs: curl curl
# needs: jq jq
# needs: openssl openssl
source "$(dirname "$0")/../lib/client.sh"

start_service
cfg=$(configuration sunpkcs11.cfg)
store=(-keystore NONE -storetype PKCS11 -storepass none -providerClass sun.security.pkcs11.SunPKCS11 -providerArg "$cfg")
text file
jar --create --file hello.jar file
signatures() {
    bill | cut -d' ' -f1
}

export STM_PKCS11_LEDGER=$WORK/log/ledger STM_PKCS11_REUSE=1h STM_PKCS11_BUDGET=5/day
# jarsigner's own engine, without a signing time in what is signed: the command has no option for that.
cat >Job.java <<'JAVA'
import java.io.FileOutputStream;
import java.security.*;
import java.security.cert.CertificateFactory;
import java.util.*;
import java.util.zip.ZipFile;
import jdk.security.jarsigner.JarSigner;

class Job {
    public static void main(String[] words) throws Exception {
        Provider provider = Security.getProvider("SunPKCS11").configure(words[0]);
        KeyStore store = KeyStore.getInstance("PKCS11", provider);
        store.load(null, null);
        PrivateKey key = (PrivateKey) store.getKey("demo-rsa-3072", null);
        var path = CertificateFactory.getInstance("X.509").generateCertPath(List.of(store.getCertificateChain("demo-rsa-3072")));
        JarSigner signer = new JarSigner.Builder(key, path).digestAlgorithm("SHA-256")
            .signatureAlgorithm("SHA256withRSA", provider).setProperty("directsign", "true").build();
        try (ZipFile in = new ZipFile("hello.jar"); FileOutputStream out = new FileOutputStream(words[1])) {
            signer.sign(in, out);
        }
    }
}
JAVA
job() {
    java Job.java "$cfg" "$1"
}
forget_requests
check "a jar is signed" job one.jar
same "  with one signature" "$(signatures)" 1
forget_requests
check "the same job runs again" job two.jar
same "  with no sign request" "$(signatures)" 0
unzip -p one.jar 'META-INF/*.RSA' >one.p7
unzip -p two.jar 'META-INF/*.RSA' >two.p7
check "  and the same bytes" cmp one.p7 two.p7
check "  which are a signature" test -s one.p7

id=$(service_get 'keypairs?alias=demo-rsa-3072' | jq -r '.items[0].id')
service_get "keypairs/$id" | jq -c --arg path "/signingmanager/api/v1/keypairs/$id" \
    '[{method: "GET", path: $path, body: (.status = "OFFLINE" | .keypair_status = "OFFLINE" | .key_status = "OFFLINE")}]' >offline.json
forget_requests
curl -sSf -X PUT "$ADMIN/faults" -d @offline.json >/dev/null
check "a keypair that is OFFLINE now gets no stored signature" job three.jar
same "  but asks the service" "$(signatures)" 1
curl -sSf -X PUT "$ADMIN/faults" -d '[]' >/dev/null
SM_API_KEY_BEFORE=$SM_API_KEY
forget_requests
export SM_API_KEY=01_another_identity
refuses "another identity gets none either" job four.jar
export SM_API_KEY=$SM_API_KEY_BEFORE
unset STM_PKCS11_REUSE

check "the budget lets three more through" bash -c "for number in 1 2 3; do '$COMPANION' sign demo-ec-p256 file >/dev/null 2>&1 || exit 1; done"
forget_requests
says "and the next is refused, by the companion with its own status" 'STM_PKCS11_BUDGET=5/day is spent, so the request was not sent' \
    bash -c "'$COMPANION' sign demo-ec-p256 file 2>&1; [[ \$? -eq 5 ]]"
says "  and by jarsigner" 'CKR_FUNCTION_REJECTED' bash -c "
    cd '$WORK' && ! jarsigner ${store[*]@Q} -signedjar five.jar hello.jar demo-rsa-2048 2>&1"
same "  before anything is sent" "$(signatures)" 0

says "the ledger lists who signed what" "java +demo-rsa-3072 +SHA256WithRSA +signed" "$COMPANION" ledger list
says "  and what was reused" "java +demo-rsa-3072 +SHA256WithRSA +reused" "$COMPANION" ledger list
says "  by keypair" '^demo-ec-p256 +3 +3 +0 +0 +0$' "$COMPANION" ledger summary --by keypair
says "  by outcome, as CSV" '^reused,0,0,1,0,0' "$COMPANION" ledger summary --by outcome --csv
says "  in bars" '^demo-ec-p256 +#{50} 3$' "$COMPANION" ledger summary --by keypair --chart --command stm-pkcs11
same "  only those of a program" "$("$COMPANION" ledger list --command stm-pkcs11 --json | jq length)" 3
same "  none since the day after tomorrow" "$("$COMPANION" ledger list --since "$(date -u -d '+2 days' +%F)" --csv | wc -l)" 1
says "the doctor shows the budget" '5/day: 5 spent, 0 left' "$COMPANION" doctor
says "  and the ledger" 'sign requests, 0 unfinished' "$COMPANION" doctor
check "the service's records agree" "$COMPANION" ledger reconcile
head=$("$COMPANION" ledger verify --json | jq -r .head)
check "the ledger verifies, with the hash that was noted" "$COMPANION" ledger verify --noted "$head"
sed '3s/demo-rsa/demo-dsa/' "$STM_PKCS11_LEDGER" >changed
says "a changed line is detected" 'WRONG: changed line 4: the hash of the line before it is another' \
    bash -c "! '$COMPANION' ledger verify --file changed"
sed '$d' "$STM_PKCS11_LEDGER" >short
says "lines that are cut off are missed by the noted hash" 'the noted hash is not in it' \
    bash -c "! '$COMPANION' ledger verify --file short --noted $head 2>&1"
says "a file that is not a ledger is refused" 'is not a ledger of stm-pkcs11' bash -c "! '$COMPANION' ledger list --file file 2>&1"

keeps_secrets
