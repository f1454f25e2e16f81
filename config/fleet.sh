#!/bin/sh
# A signing host and its builders, by ssh and p11-kit: the host alone has credentials.
#
#   sh fleet.sh host BUILDER.pub [PATTERNS]        on the host, as the signing account: prints the builder's line for
#                                                  ~/.ssh/authorized_keys. PATTERNS: the keypairs that this builder may use,
#                                                  aliases or patterns, separated by commas
#   sh fleet.sh builder ACCOUNT@HOST [OPTION...]   on a builder: prints ~/.config/pkcs11/modules/stm-pkcs11.module (for all
#                                                  users: /usr/share/p11-kit/modules/). OPTION: for ssh, such as -i KEY, -p PORT
#
# Programs on the builder then load /usr/lib/x86_64-linux-gnu/p11-kit-proxy.so. They need p11-kit and p11-kit-modules, as the host.
set -eu
keypairs='KEYPAIR'
MODULE='/usr/lib/x86_64-linux-gnu/pkcs11/libstm_pkcs11.so'

stop() {
    echo "fleet.sh: $1" >&2
    exit 2
}

# Words that a shell, ssh and sshd read as they stand.
plain() {
    case $2 in
        *[!A-Za-z0-9_.,:@%+=/?*\ -]*) stop "$1 has a character that cannot stand there: $2${3+; $3}" ;;
    esac
}

host() {
    plain 'the list of keypairs' "${2-$keypairs}" 'write ? for it'
    plain 'the path of the module' "$MODULE"
    key=$(cat -- "$1")
    case $key in
        *"
"*) stop "$1 has more than one line" ;;
        ssh-* | ecdsa-* | sk-*) ssh-keygen -l -f "$1" >/dev/null || stop "$1 is not a public key of OpenSSH" ;;
        *) stop "$1 is not a public key of OpenSSH: it does not begin with the type of the key" ;;
    esac
    echo "restrict,command=\"STM_PKCS11_KEYPAIRS='${2-$keypairs}' exec p11-kit remote '$MODULE'\" $key"
}

builder() {
    plain 'the command line of ssh' "$*"
    echo "remote: |ssh -T -o BatchMode=yes -o ClearAllForwardings=yes $*"
}

case $# in
    0 | 1) sed -n '2,10s/^# \{0,1\}//p' "$0" >&2 && exit 2 ;;
esac
case $1 in
    host) shift && host "$@" ;;
    builder) shift && builder "$@" ;;
    *) stop "$1 is neither host nor builder" ;;
esac
