#!/usr/bin/env bash
# what: crypto11 over miekg/pkcs11 signs from Go, with the program of the page
# clients: crypto11=golang-github-thalesignite-crypto11-dev miekg/pkcs11=golang-github-miekg-pkcs11-dev
# signs: files
# needs: go golang-go
# needs: gcc gcc
# needs: file:/usr/share/gocode/src/github.com/ThalesIgnite/crypto11 golang-github-thalesignite-crypto11-dev
# needs: file:/usr/share/gocode/src/github.com/miekg/pkcs11 golang-github-miekg-pkcs11-dev
# needs: openssl openssl
# needs: curl curl
# needs: jq jq
source "$(dirname "$0")/../lib/client.sh"

start_service
text file
changed file changed-file
awk '/^```go$/ { code = 1; next } /^```/ { code = 0 } code' "$ROOT/docs/clients/programs.md" >sign.go
# Debian has the sources of Go's packages in one tree. What Go has compiled is kept for the next run.
export GO111MODULE=off GOPATH=/usr/share/gocode GOCACHE=$TARGET/test-go GOFLAGS=
check "the program of the page is compiled" timeout $((600 * ${STM_TEST_SLOWER:-1})) go build -o sign sign.go

for alias in demo-rsa-3072 demo-ec-p256; do
    certificates_of "$alias"
    signs_once "crypto11 signs with $alias" env MODULE="$MODULE" KEYPAIR="$alias" ./sign
    check "  and it verifies" openssl dgst -sha256 -verify "$alias.pub" -signature file.sig file
    refuses "  and a changed file is refused" openssl dgst -sha256 -verify "$alias.pub" -signature file.sig changed-file
done
forget_requests
refuses "an alias that does not exist is refused" env MODULE="$MODULE" KEYPAIR=no-such-keypair ./sign
same "  and the program says why" "$(grep -c 'no keypair is called no-such-keypair' "$SAID")" 1
read -r made _ <<<"$(bill)"
same "  for no signature" "$made" 0

keeps_secrets
