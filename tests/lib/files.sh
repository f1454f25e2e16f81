# shellcheck shell=bash
# Files to sign, changed copies of them, and client configuration made from the files in config/.

# The place of the module in config/, as the Debian package installs it.
INSTALLED=/usr/lib/x86_64-linux-gnu/pkcs11/libstm_pkcs11.so

# configuration FILE: a copy of config/FILE with the module under test in it; prints its path.
configuration() {
    local copy=$WORK/config/$1
    mkdir -p "$WORK/config"
    grep -q "$INSTALLED" "$ROOT/config/$1" || { echo "config/$1 does not name $INSTALLED" >&2; return 1; }
    sed "s#$INSTALLED#$MODULE#g" "$ROOT/config/$1" >"$copy"
    echo "$copy"
}

# text FILE [LINES]: something worth signing; a single line fits one C_Sign, thousands go through C_SignUpdate.
text() {
    seq -f 'line %g of a file to sign' "${2:-200}" >"$1"
}

# changed FILE COPY [OFFSET]: a copy with one bit changed; in the middle unless told where; -1 is the last byte.
changed() {
    local size byte offset
    size=$(stat -c %s "$1")
    offset=${3:-$((size / 2))}
    [[ $offset -ge 0 ]] || offset=$((size + offset))
    cp "$1" "$2"
    byte=$(od -An -tu1 -j "$offset" -N1 "$1")
    printf '%b' "\\x$(printf '%02x' $((byte ^ 1)))" | dd of="$2" bs=1 seek="$offset" conv=notrunc status=none
}

# to_der FILE: r and s, one after the other, become the DER that openssl verifies.
to_der() {
    local half
    half=$(($(stat -c %s "$1") / 2))
    printf 'asn1=SEQUENCE:rs\n[rs]\nr=INTEGER:0x%s\ns=INTEGER:0x%s\n' \
        "$(head -c "$half" "$1" | od -An -tx1 -v | tr -d ' \n')" "$(tail -c "$half" "$1" | od -An -tx1 -v | tr -d ' \n')" >"$1.cnf"
    openssl asn1parse -genconf "$1.cnf" -noout -out "$1"
}
