#!/usr/bin/env bash
# what: Knot DNS signs a zone: keymgr imports a keypair, kzonesign signs, BIND's dnssec-verify verifies
# clients: kzonesign=knot-dnssecutils
# signs: DNS zones, one signature for each set of records
# needs: kzonesign knot-dnssecutils
# needs: keymgr knot
# needs: dnssec-verify bind9-utils
# needs: openssl openssl
# needs: curl curl
# needs: jq jq
source "$(dirname "$0")/../lib/client.sh"

start_service
cat >zone <<'ZONE'
example.com. 3600 SOA ns.example.com. admin.example.com. 1 3600 600 86400 300
example.com. 3600 NS ns.example.com.
ns.example.com. 3600 A 192.0.2.1
www.example.com. 3600 TXT "release 1"
ZONE

for algorithm in rsasha256:demo-rsa-2048 ecdsap256sha256:demo-ec-p256; do
    alias=${algorithm#*:} algorithm=${algorithm%:*}
    place=$WORK/$alias
    mkdir "$place"
    cp zone "$place/example.com.zone"
    cat >"$place/knot.conf" <<CONF
server:
    rundir: "$place"
database:
    storage: "$place"
keystore:
  - id: stm
    backend: pkcs11
    config: "pkcs11:token=STM;pin-value=1234 $MODULE"
policy:
  - id: stm
    keystore: stm
    manual: on
    algorithm: $algorithm
zone:
  - domain: example.com
    storage: "$place"
    dnssec-signing: on
    dnssec-policy: stm
CONF
    id=$("$COMPANION" keypair show "$alias" --only cka-id)
    forget_requests
    check "keymgr imports $alias" keymgr -c "$place/knot.conf" example.com import-pkcs11 "$id" "algorithm=$algorithm" ksk=yes zsk=yes
    read -r made _ <<<"$(bill)"
    same "  for no signature" "$made" 0
    forget_cache
    forget_requests
    check "kzonesign signs a zone with $alias" kzonesign -c "$place/knot.conf" -o "$place" example.com
    read -r made _ <<<"$(bill)"
    signed=$place/example.com.zone
    same "  with a signature for each set of records" "$made" "$(grep -cE '[[:space:]]RRSIG[[:space:]]+[A-Z]+[[:space:]]+[0-9]' "$signed")"
    same "  of which there are eight" "$made" 8
    check "  and BIND verifies it" dnssec-verify -q -z -o example.com "$signed"
    sed 's/release 1/release 2/' "$signed" >changed
    refuses "  and refuses a changed zone" dnssec-verify -q -z -o example.com changed
done

keeps_secrets
