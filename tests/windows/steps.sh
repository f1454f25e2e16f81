# shellcheck shell=bash disable=SC2154
# The steps around signtool, in the order of docs/clients/windows.md, whose lines are run as they are there, and of scripts for the vendor's
# tools: register, certsync, sign, renew, certsync, sign, remove; twice, at the same time, and after what a killed command leaves. A part of
# tests/windows/run, which reads this file after page.sh.

names=('DigiCert Signing Manager KSP' 'DigiCert Software Trust Manager KSP')
forget_providers
registry delete 'HKCU\Software\Microsoft\SystemCertificates' /f
# Another build: a program may have anything behind its end.
mkdir -p newer
cat stm_pkcs11.dll <(printf newer) >newer/stm_pkcs11.dll
cp -r programs vendor
for name in smksp_registrar smksp_cert_sync; do cp stm-pkcs11.exe "vendor/$name.exe"; done
vendor() { windows "./vendor/$1.exe" "${@:2}"; }
signing() { # NUMBER OPTION...
    cp hello.exe "vendor/$1.exe"
    windows ./vendor/signtool.exe sign /fd SHA256 "${@:2}" "vendor/$1.exe"
}
accepted() { osslsigncode verify -CAfile "$ROOT_PEM" -in "vendor/$1.exe"; }
# stored: thumbprints of an alias in the user's store, as status has them
stored() {
    { companion status --json 2>/dev/null || true; } | jq -r --arg alias "$1" '.certificates[] | select(.alias == $alias and .store == "user").thumbprint'
}
keypair_id() { service_get "keypairs?alias=$1" | jq -r --arg alias "$1" '.items[] | select(.alias == $alias).id'; }
# renew ALIAS: another certificate for the keypair, which becomes its default
renew() {
    local page
    page=$ADMIN/console/keypairs/$(keypair_id "$1")
    curl -sSf -o renewed.html -d "token=$(curl -sSf "$page" | sed -n 's/.*name="token" value="\([^"]*\)".*/\1/p' | head -1)" \
        -d certificate=years -d default=on "$page/renew"
    certificates_of "$1"
}
# revoked_by_the_service ALIAS: lists say so of the default certificate
revoked_by_the_service() {
    service_get 'keypairs?limit=100' | jq --arg alias "$1" '[{method: "GET", path: "/signingmanager/api/v1/keypairs", status: 200,
        body: (.items |= map(if .alias == $alias then .certificates |= map(if .default_cert then .certificate_status = "REVOKED" else . end) else . end))}]' |
        curl -sSf -o faults -X PUT "$ADMIN/faults" -d @-
}
nobody_is_asked() { SM_HOST=https://127.0.0.1:9 SM_CONN_TIMEOUT=1 STM_PKCS11_TIMEOUT=2 companion "$@"; }
thumbprint_of() { openssl x509 -in "$1.pem" -outform DER | sha1sum | cut -d' ' -f1 | tr a-f A-F; }
at_once() { # FUNCTION NUMBER: so many at the same time; fails if one does
    local pids=() pid status=0
    for ((i = 1; i <= $2; i++)); do
        { AT_ONCE=.$i && "$1" "$i" || exit; } >"at_once.$i" 2>&1 &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do wait "$pid" || status=1; done
    cat at_once.*
    return $status
}
issuers='HKCU\Software\Microsoft\SystemCertificates\CA\Certificates'

for round in first second; do
    # The page's commands; they register the first of the vendor's names. Both names are registered then.
    page_runs "$round round"
    if [[ $round == first ]]; then
        check "the certificate is renewed" renew "$key"
        page_runs "$round round, after a renewal"
    fi
    says "the page's own name is taken back" "^unregistered: $own" companion unregister --name "$own"
    says "ksp register registers the other of the vendor's names" "^registered: ${names[1]}, " companion ksp register
    says "  again: nothing is left to do" "^registered already: ${names[0]}, " companion ksp register
    image=$(sed -n 's/.*\\\(stm_pkcs11-.*dll\).*/\1/p' "$SAID" | tail -n 1)
    says "  status has it" "^registered: ${names[1]}; .* is there" companion status
    says "certsync chooses the first of the names, and says so" "^provider: ${names[0]} \(--provider chooses another: ${names[1]}\)" \
        companion certsync --keypair-alias="$key"
    same "  for the keypair's certificate" "$(stored "$key")" "$(thumbprint_of "$key")"
    # Wine does not write changed properties of a certificate that its registry has, so it is taken out in between.
    says "certdesync takes it out" "^removed: $key " companion certdesync "$key"
    says "certsync takes the name that it is given" "^provider: ${names[1]} " companion certsync --provider "${names[1]}" "$key"
    says "  and stays with the name that its links have" "^provider: ${names[1]} " companion certsync "$key"
    check "  a second time" companion certdesync "$key"
    says "  and begins with the first again" "^provider: ${names[0]} " companion certsync "$key"
    says "signtool /sha1 signs" '^Successfully signed' signing sha1 /sha1 "$(thumbprint_of "$key")"
    check "  and osslsigncode accepts it" accepted sha1
    for name in "${names[@]}"; do
        openssl x509 -in "$key.pem" -outform DER -out "$key.cer"
        says "signtool /csp \"$name\" signs" '^Successfully signed' signing csp /csp "$name" /kc "$key" /f "$key.cer"
    done

    # The vendor's lines.
    says "ksp register: nothing is left to do" "^registered already: ${names[1]}" vendor smctl windows ksp register
    says "ksp list" "^${names[0]}" vendor smctl windows ksp list
    says "smksp_registrar list" "^${names[1]}" vendor smksp_registrar list
    says "smctl windows certsync" "^$key +[0-9A-F]{40}" vendor smctl windows certsync --keypair-alias="$key" --store=user --keypair-type=production
    says "  with the first word changed" "^$key +[0-9A-F]{40}" companion certsync --keypair-alias="$key" --store=user --keypair-type=production
    says "  a keypair of another type is left out" "^left out: $key .it is of the type PRODUCTION" companion certsync --keypair-alias="$key" --keypair-type=test
    says "smksp_cert_sync leaves OFFLINE keypairs out, and says so" '^left out: demo-offline \(the keypair is OFFLINE\)' vendor smksp_cert_sync
    same "  they are not in the store" "$(stored demo-offline)" ""
    refuses "an account id is refused by name" companion certsync --account-id=7
    told "  with the reason" 'why: the API key decides on the account'
    refuses "an empty alias is refused" companion certsync --keypair-alias=
    told "  by that name" 'why: an alias is empty'

    # A renewal: the subject stays, so two certificates of it would be one too many for /n.
    check "the certificate is renewed" renew "$key"
    check "certsync --keep keeps the old one" companion certsync --keep "$key"
    same "  beside the new one" "$(stored "$key" | wc -l)" 2
    says "certsync removes the old one, and says so" "^removed: $key [0-9A-F]{40} \(the keypair has another default certificate\)" companion certsync "$key"
    same "  and the new one stays" "$(stored "$key")" "$(thumbprint_of "$key")"
    says "signtool /n signs" '^Successfully signed' signing subject /n "$key"
    check "  and osslsigncode accepts it" accepted subject

    # Ten signatures while the provider is removed and another build is registered.
    curl -sSf -o latency -X PUT "$ADMIN/latency" -d '{"sign_ms": 5000}'
    forget_requests
    slow() { signing "slow$1" /csp "${names[$(($1 % 2))]}" /kc "$key" /f "$key.cer"; }
    openssl x509 -in "$key.pem" -outform DER -out "$key.cer"
    at_once slow 10 >slow.said 2>&1 &
    slow=$!
    for ((i = 0; i < 600; i++)); do
        [[ $(requests | jq '[.[] | select(.method == "POST")] | length') -lt 10 ]] || break
        sleep 0.1
    done
    for name in "${names[@]}"; do
        says "remove $name, while ten sign" "^unregistered: $name" companion remove --name "$name"
    done
    cp "$SAID" removed
    says "  the library is in use" "^(in use|kept): .*$image" cat removed
    for name in "${names[@]}"; do
        says "register $name from another build, while ten sign" "^registered: $name, " companion register --name "$name" --dll newer/stm_pkcs11.dll --dll x86.dll
    done
    newer=$(sed -n 's/.*\\\(stm_pkcs11-.*dll\).*/\1/p' "$SAID")
    same "  under a name of its own" "$([[ $newer != "$image" ]] && echo other)" other
    if wait "$slow"; then ok "all ten sign"; else cp slow.said "$SAID" && not_ok "all ten sign" "one did not"; fi
    same "  each of them" "$(grep -ac '^Successfully signed' slow.said)" 10
    for ((i = 1; i <= 10; i++)); do accepted "slow$i" >accepted.said || not_ok "osslsigncode accepts number $i" "$(tail -1 accepted.said)"; done
    curl -sSf -o latency -X PUT "$ADMIN/latency" -d '{}'
    says "signtool signs with the new build" '^Successfully signed' signing after /csp "${names[0]}" /kc "$key" /f "$key.cer"

    # An upgrade, or the way back: one step for all names.
    says "register of the first build" "^registered: ${names[0]}, .*$image" companion register --name "${names[0]}"
    same "  leads both names to it, and leaves nothing behind" "$(cd "$system32" && ls stm_pkcs11*)" "$image"
    check "  also for 32-bit programs" cmp x86.dll "$syswow64/$image"
    check "  and both sign" signing after /csp "${names[1]}" /kc "$key" /f "$key.cer"

    # What a killed command leaves: a half-written file, a name that is not in the list, a library that was replaced.
    printf half >"$system32/$image.new77"
    printf old >"$system32/$image.old1"
    registry delete "$cryptography\\Configuration\\Local\\Default\\00010001\\KEY_STORAGE" /v "${names[0]}" /f
    printf half >"$system32/$image"
    says "status shows what a killed command left" '^left over: .*new77' companion status
    says "register repairs it" "^registered: ${names[0]}, " companion register --name "${names[0]}"
    same "  and tidies up" "$(cd "$system32" && ls stm_pkcs11*)" "$image"
    says "  and the provider signs" '^Successfully signed' signing after /csp "${names[0]}" /kc "$key" /f "$key.cer"
    for ((i = 1; i <= 3; i++)); do
        /usr/lib/wine/wine64 ./stm-pkcs11.exe windows register --name "${names[0]}" --dll "$([[ $i -eq 2 ]] && echo newer/)stm_pkcs11.dll" >/dev/null 2>&1 &
        killed=$!
        sleep 0.$((i * 2))
        kill -9 $killed 2>/dev/null || true
        wait $killed 2>/dev/null || true
    done
    check "  also after three that were killed" companion register --name "${names[0]}"
    same "  with nothing left behind" "$(cd "$system32" && ls stm_pkcs11*)" "$image"

    # At the same time.
    each() {
        companion register --name "${names[$(($1 % 2))]}" && companion certsync "$key" && companion status && companion certdesync demo-ec-p256
    }
    check "every command three times at once" at_once each 3
    same "  and the store is as it was" "$(stored "$key")" "$(thumbprint_of "$key")"

    # Back: ours, and only ours.
    openssl x509 -in demo-ec-p256.pem -outform DER -out demo-ec-p256.cer
    promises "another program" windows ./doors.exe link demo-ec-p256.cer demo-ec-p256 "${names[0]}"
    check "certdesync of another keypair" companion certdesync --keypair-alias=demo-rsa-3072-x
    same "  removes nothing" "$(stored "$key")" "$(thumbprint_of "$key")"
    says "certdesync of what has expired" '^certsync has put no such certificate' companion certdesync --certificate-status expired
    says "  and of what is revoked" '^certsync has put no such certificate' companion certdesync --certificate-status REVOKED
    says "  and of what is invalid" '^certsync has put no such certificate' vendor smctl windows certdesync --certificate-status=invalid
    says "  and of another certificate" '^certsync has put no such certificate' companion certdesync --certificate-alias="$key"
    refuses "an empty certificate alias is refused" companion certdesync --certificate-alias=
    told "  by that name" 'why: an alias is empty'
    same "  all of which removes nothing" "$(stored "$key")" "$(thumbprint_of "$key")"
    says "certdesync of a certificate by its alias" "^removed: $key $(thumbprint_of "$key")" \
        vendor smctl windows certdesync --certificate-alias="$(jq -r .alias "$key.json")"
    check "  is followed by a certsync" companion certsync "$key"
    for status in REVOKED revoke invalid; do
        refuses "certdesync of what is $status, where the service cannot be asked" nobody_is_asked certdesync --certificate-status "$status"
        told "  says so" 'connection refused by 127.0.0.1'
        revoked_by_the_service "$key"
        says "certdesync of what is $status" "^removed: $key $(thumbprint_of "$key")" companion certdesync --certificate-status "$status"
        curl -sSf -o faults -X PUT "$ADMIN/faults" -d '[]'
        check "  is followed by a certsync" companion certsync "$key"
    done
    same "  which brings it back" "$(stored "$key")" "$(thumbprint_of "$key")"
    says "certdesync removes what certsync put there" "^removed: $key " vendor smctl windows certdesync
    same "  all of it" "$(stored "$key")" ""
    same "  and nothing of another program's" "$(stored demo-ec-p256)" "$(thumbprint_of demo-ec-p256)"
    same "  with the issuer that its certificate needs" "$({ windows reg query "$issuers" || true; } | grep -c '[0-9A-F]\{40\}')" 1
    says "  again: nothing is left to do" '^certsync has put no such certificate' companion certdesync
    registry delete 'HKCU\Software\Microsoft\SystemCertificates\MY' /f
    says "ksp unregister" "^unregistered: ${names[1]}" vendor smctl windows ksp unregister
    check "  again: nothing is left to do" vendor smctl windows ksp unregister
    says "  also with the page's line" "^not registered: ${names[0]}" companion unregister --name "${names[0]}"
    same "  and no file is left" "$(find "$system32" "$syswow64" -maxdepth 1 -name 'stm_pkcs11*')" ""
done
[[ ! $made_here ]] || rmdir "$syswow64"

# The machine's store. Wine shows what is in it in the user's store as well, which Windows does not.
machines='HKLM\Software\Microsoft\SystemCertificates'
in_machine() { { companion status --json 2>/dev/null || true; } | jq -r '.certificates[] | select(.store == "system") | "\(.alias) \(.thumbprint) \(.by_certsync)"'; }
check "register for the machine's store" companion register --name "${names[0]}"
for option in --machine --store=system; do
    says "certsync $option" "^$key +$(thumbprint_of "$key") .* new$" companion certsync $option "$key"
    same "  puts the certificate into the machine's store" "$(in_machine)" "$key $(thumbprint_of "$key") true"
    says "  which is in the machine's part of the registry" "$(thumbprint_of "$key")" windows reg query "$machines\MY\Certificates"
    same "  and not in the user's" "$({ windows reg query 'HKCU\Software\Microsoft\SystemCertificates\MY\Certificates' || true; } | { grep -c "$(thumbprint_of "$key")" || true; })" 0
    says "  signtool /sm /sha1 signs" '^Successfully signed' signing machine /sm /sha1 "$(thumbprint_of "$key")"
    check "  and osslsigncode accepts it" accepted machine
    says "certdesync $option takes it out" "^removed: $key $(thumbprint_of "$key")" companion certdesync $option
    same "  and nothing is left" "$(in_machine)" ""
    same "  also of its issuers" "$({ windows reg query "$machines\CA\Certificates" || true; } | { grep -c '[0-9A-F]\{40\}' || true; })" 0
done
check "unregister it" companion unregister

# What a refused or unreachable account costs; and the file that scripts print after a failure.
check "register for what follows" companion register --name "${names[0]}"
logs=$WINEPREFIX/drive_c/users/$wine_user/.signingmanager/logs
openssl x509 -in "$key.pem" -outform DER -out "$key.cer"
by_csp() { signing refused /csp "${names[0]}" /kc "$key" /f "$key.cer"; }
wrong_key() { SM_API_KEY=wrong by_csp; }
forget_requests
refuses "signtool /csp with a wrong API key" wrong_key
costs "  for one request" 0 1
nobody_listens() { SM_HOST=https://127.0.0.1:9 SM_CONN_TIMEOUT=4 by_csp; }
begun=$SECONDS
refuses "signtool /csp where nobody listens" nobody_listens
told "  says so" 'connection refused by 127.0.0.1'
if [[ $((SECONDS - begun)) -lt 10 ]]; then ok "  within one connection time-out, not four"; else
    not_ok "  within one connection time-out, not four" "it took $((SECONDS - begun)) s, and the time-out is 4 s"
fi
# Connections are accepted, and then nothing.
python3 - >silent <<'EOF' &
import socket
listening = socket.create_server(("127.0.0.1", 0))
print(listening.getsockname()[1], flush=True)
connections = []
while True:
    connections.append(listening.accept())
EOF
CHILDREN+=($!)
until [[ -s silent ]]; do sleep 0.05; done
nobody_answers() { SM_HOST=https://127.0.0.1:$(cat silent) STM_PKCS11_TIMEOUT=4 by_csp; }
begun=$SECONDS
refuses "signtool /csp where nobody answers" nobody_answers
told "  says so" 'no (answer|connection).* within 4 s|no connection to 127.0.0.1 in time'
if [[ $((SECONDS - begun)) -lt 10 ]]; then ok "  within one time-out, not four"; else
    not_ok "  within one time-out, not four" "it took $((SECONDS - begun)) s, and the time-out is 4 s"
fi
without_log_settings() {
    unset SM_LOG_DIR SM_LOG_OUTPUT SM_LOG_LEVEL
    "$@"
}
rm -rf "$logs"
refuses "a wrong API key without any setting of the log" without_log_settings wrong_key
check "  is also in the file that scripts print" grep -E '^20.* ERROR .*(401|API key)' "$logs/smksp.log"
same "  which nothing else is in" "$(ls "$logs")" smksp.log
refuses "smctl with an alias that is not there" without_log_settings vendor smctl windows certsync --keypair-alias demo-rsa-307
check "  is in its own file" grep -E '^20.* ERROR find the keypair demo-rsa-307: .*did you mean demo-rsa-3072' "$logs/smctl.log"
check "register a name of one's own" companion register --name 'Release Keys'
other_name() { SM_API_KEY=wrong signing refused /csp 'Release Keys' /kc "$key" /f "$key.cer"; }
rm -rf "$logs"
refuses "with a name of one's own" without_log_settings other_name
check "  no file is written" test ! -e "$logs"
forget_providers
