# shellcheck shell=bash
# What must be installed. Each script in tests/clients/ says so itself, in lines of its head:
#
#   # needs: PROBE PACKAGE
#   # needs with VARIABLE: PROBE PACKAGE      only if the variable is set: without it the script does not run
#   # needs except on SUITE: PROBE PACKAGE   only on other releases
#   # not on SUITE: REASON                    the release has no such client; the script does not run there
#   # not in a root: REASON                  not with tests/run --on
#   # not under qemu: REASON                 not with tests/run --on SUITE --arch ARCHITECTURE
#
# PROBE is a command, `engine:NAME` or `provider:NAME` (of OpenSSL), `python:MODULE` or `file:PATH` (or a pattern); PACKAGE is Debian's; one that
# ends with * is the newest whose name begins so.

# The name of this machine's release.
codename() {
    # shellcheck disable=SC1091
    (. /etc/os-release && echo "${VERSION_CODENAME:-none}")
}

# needs FILE: its "PROBE PACKAGE" lines.
needs() {
    local variable suite need
    sed -n 's/^# needs: //p' "$1"
    sed -n 's/^# needs except on \([a-z]*\): /\1 /p' "$1" | while read -r suite need; do
        [[ $suite == "$(codename)" ]] || echo "$need"
    done
    sed -n 's/^# needs with \([A-Z_]*\): /\1 /p' "$1" | while read -r variable need; do
        [[ -z ${!variable:-} ]] || echo "$need"
    done
}

# not_here FILE: why this release has no use for the script; nothing if it has.
not_here() {
    sed -n "s/^# not on $(codename): //p" "$1"
    [[ ! ${IN_ROOT:-} ]] || sed -n "s/^# not in a root: //p" "$1"
    [[ ! ${UNDER_QEMU:-} ]] || sed -n "s/^# not under qemu: //p" "$1"
}

present() { # PROBE
    case $1 in
        engine:*) command -v openssl >/dev/null && openssl engine "${1#engine:}" >/dev/null 2>&1 ;;
        provider:*) command -v openssl >/dev/null && openssl list -providers -provider "${1#provider:}" >/dev/null 2>&1 ;;
        python:*) python3 -c "import ${1#python:}" >/dev/null 2>&1 ;;
        file:*) compgen -G "${1#file:}" >/dev/null ;;
        *) command -v "$1" >/dev/null ;;
    esac
}

# missing_of FILE...: the "PROBE PACKAGE" lines whose probe finds nothing.
missing_of() {
    local file probe package
    for file in "$@"; do
        needs "$file" | while read -r probe package; do
            present "$probe" || echo "$probe $package"
        done
    done | sort -u
}

# How to become root without a question; fails when there is no way.
as_root() {
    if [[ $(id -u) -eq 0 ]]; then
        "$@"
    elif command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        sudo -n "$@"
    else
        return 1
    fi
}

# Whether this machine lets us install packages.
may_install() {
    [[ ! ${NO_INSTALL:-} ]] && command -v apt-get >/dev/null && as_root true
}

# install LOG "PROBE PACKAGE"-LINES: installs the packages when this machine lets us; what apt says goes to LOG.
install() {
    local log=$1 packages
    packages=$(cut -d' ' -f2- <<<"$2" | tr ' ' '\n' | sort -u | tr '\n' ' ')
    may_install || return 0
    echo "installing $packages..."
    # A policy of 101 keeps the servers among them (nginx, stunnel) from being started: only a test starts them.
    # shellcheck disable=SC2016,SC2086 # for the inner shell; a list of words
    as_root env DEBIAN_FRONTEND=noninteractive bash -c '
        policy=/usr/sbin/policy-rc.d
        if [[ ! -e $policy ]]; then
            trap "rm -f $policy" EXIT
            printf "#!/bin/sh\nexit 101\n" >$policy
            chmod +x $policy
        fi
        apt-get update -qq
        packages=()
        for package; do
            [[ $package != *"*" ]] || package=$(apt-cache pkgnames "${package%"*"}" | sort -V | tail -n 1)
            packages+=("$package")
        done
        $(command -v eatmydata) apt-get install -y -qq --no-install-recommends "${packages[@]}"' install $packages >"$log" 2>&1 ||
        tail -n 5 "$log"
}
