# shellcheck shell=bash
# Root file systems of Debian releases: debootstrap makes them from the mirror of this machine's apt. Whatever runs in one has namespaces of its
# own (tests/lib/enter), so that neither a mount nor a process outlives it.

LIB=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# isolate [QEMU]: sets ISOLATED: the words before a command that may mount what it likes. Without root, the user becomes root in a user namespace, with
# the subordinate users of /etc/subuid. With QEMU, programs for arm64 start, too; for that, root gets a user namespace as well.
isolate() {
    local said
    ISOLATED=(unshare --mount --propagation private --pid --fork --kill-child)
    [[ $(id -u) -eq 0 ]] || ISOLATED=(unshare --user --map-root-user --map-auto "${ISOLATED[@]:1}")
    if [[ ${1:-} ]]; then
        [[ $(id -u) -ne 0 ]] || ISOLATED=("$LIB/mapped" "${ISOLATED[@]}")
        ISOLATED+=("$LIB/foreign" "$1")
    fi
    said=$("${ISOLATED[@]}" true 2>&1) && return 0
    echo "a root file system requires mount namespaces, and $(id -un) gets none ($said); run as root, or install uidmap and add $(id -un) to /etc/subuid and /etc/subgid" >&2
    return 1
}

# contained COMMAND...: runs it so. unshare ignores the signals that end a run, but nothing in its namespaces outlives it: when this shell gets
# one of them, all that runs there ends.
contained() {
    local status=0
    trap 'kill -KILL "$CONTAINED" 2>/dev/null; exit 143' HUP INT TERM
    "${ISOLATED[@]}" "$@" <&0 &
    CONTAINED=$!
    wait "$CONTAINED" || status=$?
    trap - HUP INT TERM
    return $status
}

# Where apt on this machine reads its own release: lines of "POCKET ADDRESS FILE"; POCKET is main, updates or security.
own_sources() {
    local own
    own=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
    # shellcheck disable=SC2016 # apt's own variables
    apt-get indextargets --no-release-info --format '$(RELEASE) $(COMPONENT) $(REPO_URI) $(SOURCESENTRY)' 'Created-By: Packages' |
        awk -v own="$own" '$2 == "main" && sub("^" own "-?", "", $1) && $1 ~ /^(updates|security)?$/ {
            sub(":[0-9]*$", "", $4); print ($1 == "" ? "main" : $1), $3, $4 }' | sort -u
}

# The keyring that FILE, a list of sources, names; or Debian's.
keyring_of() {
    local named
    named=$(sed -nE 's/^Signed-By: *(\/[^ ]+)$/\1/p; s/^deb .*signed-by=([^] ,]+).*/\1/p' "$1" | head -n 1)
    echo "${named:-/usr/share/keyrings/debian-archive-keyring.gpg}"
}

# make_root SUITE FOLDER [ARCHITECTURE]: a minimal system in FOLDER, unless it is there, which reads packages as this machine does; of another
# architecture if it is named.
make_root() {
    local suite=$1 folder=$2 architecture=${3:-} made=$2.new program pocket mirror='' keyring='' address file proxy=''
    [[ ! -e $folder ]] || return 0
    for program in debootstrap apt-get; do
        command -v $program >/dev/null || { echo "$program is missing; install it with this machine's package manager" >&2; return 1; }
    done
    read -r mirror file < <(own_sources | sed -n 's/^main //p')
    [[ $mirror ]] || { echo "apt on this machine has no source for this machine's own release, which $suite could be read from; add one to /etc/apt/sources.list.d" >&2; return 1; }
    keyring=$(keyring_of "$file")
    eval "$(apt-config shell proxy Acquire::http::Proxy)"
    remove_root "$made"
    mkdir -p "$made"
    # With container=lxc debootstrap needs no device nodes of its own.
    contained env container=lxc ${proxy:+http_proxy="$proxy"} \
        debootstrap ${architecture:+--arch="$architecture"} --variant=minbase --include=ca-certificates,eatmydata --keyring="$keyring" "$suite" "$made" "$mirror" || {
        echo "debootstrap could not make $suite from $mirror; its messages are above" >&2
        return 1
    }
    contained "$LIB/furnish" "$suite" "$made" "$keyring" < <(own_sources) && mv "$made" "$folder"
}

# remove_root FOLDER
remove_root() {
    [[ ! -e $1 ]] || "${ISOLATED[@]}" rm -rf --one-file-system "$1"
}

# in_root FOLDER [PLACE=PATH]... -- COMMAND...: COMMAND in the root, with each PLACE of this machine at PATH: read-only, or writable with PLACE:=PATH.
in_root() {
    contained "$LIB/enter" "$@"
}
