# shellcheck shell=bash
# Sourced by every suite of others, after tests/lib/client.sh: where their source comes from, and how their results are judged.
#
# A suite's script writes "pass NAME", "fail NAME" or "skip NAME" for each of its tests and calls `judge`. The file
# expected/SUITE has a line for each test that does not pass: "fail NAME: KIND: REASON", or "skip ...". KIND says whose
# the matter is: `lacks` (what a token that only signs does not have), `assumes` (the suite assumes what the standard
# does not say; the reason has the clause) or `ours`. Any other result, better or worse, fails the run.
#
# A suite of thousands of tests, most of which skip themselves, has "rest skip: KIND: REASON" and names the tests that pass
# ("pass NAME") instead: a test that is not named must skip itself.

SUITES=$TARGET/suites
mkdir -p "$SUITES"

# debian_source PACKAGE: unpacks Debian's copy of the original source, once; prints its folder. Debian's index of sources is
# read from the machine's own mirror, into a folder of ours: what is installed here does not matter to it.
debian_source() {
    local package=$1 folder=$SUITES/$1 apt=$SUITES/apt site options
    if [[ ! -e $folder/complete ]]; then
        # shellcheck disable=SC2016 # apt-get's own variable
        site=$(apt-get indextargets --format '$(SITE)' 'Created-By: Packages' 'Origin: Debian' | grep -v security | head -n 1)
        [[ $site ]] || { echo "FAIL this machine has no Debian mirror" >&2; return 1; }
        mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial"
        echo "deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $site $RELEASE main" >"$apt/sources.list"
        options=(-qq -o "Dir::Etc::sourcelist=$apt/sources.list" -o Dir::Etc::sourceparts=/dev/null -o "Dir::State::lists=$apt/lists"
            -o "Dir::Cache=$apt/cache" -o APT::Sandbox::User=root -o Acquire::Languages=none)
        (
            flock 9
            [[ -e $apt/updated ]] || { apt-get "${options[@]}" update && touch "$apt/updated"; } >&2
            rm -rf "$folder"
            mkdir -p "$folder"
            cd "$folder" || exit 1
            apt-get "${options[@]}" source --tar-only --download-only "$package" >&2
            tar -xf "$package"_*.orig.tar.*
            touch complete
        ) 9>"$SUITES/lock"
    fi
    find "$folder" -mindepth 1 -maxdepth 1 -type d
}
# The release whose sources are taken: one, so that everybody has the same versions.
RELEASE=trixie

# version_of PACKAGE: of the source that was unpacked.
version_of() {
    find "$SUITES/$1" -maxdepth 1 -name '*.orig.tar.*' -printf '%f\n' | sed -E "s/^$1_(.*)\.orig\..*/\1/"
}

# new_python: an interpreter of Python 3.12 or later: one that is installed, or Debian's source of 3.13, built once. Prints its
# path.
new_python() {
    local candidate folder=$SUITES/python3.13
    for candidate in python3.13 python3.12 python3; do
        if "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 12))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    if [[ ! -e $folder/built/bin/python3.13 ]]; then
        (
            cd "$(debian_source python3.13)"
            ./configure --quiet --prefix="$folder/built"
            make --quiet -j "$(nproc)"
            make --quiet install
        ) >"$folder.log" 2>&1 || { tail -n 20 "$folder.log" >&2; return 1; }
    fi
    echo "$folder/built/bin/python3.13"
}

# cmocka FILE: its results out of cmocka's own output.
cmocka() {
    sed -nE 's/^\[ +OK +\] ([A-Za-z0-9_]+).*/pass \1/p; s/^\[ +FAILED +\] ([A-Za-z0-9_]+)$/fail \1/p; s/^\[ +SKIPPED +\] ([A-Za-z0-9_]+)$/skip \1/p' "$1" |
        awk '!seen[$2]++'
}

# judge SUITE VERSION RESULTS [RESULTS OF SOFTHSM]: compares with what is expected, and keeps the row of the table.
judge() {
    local suite=$1 version=$2 results=$3 beside=${4:-} expected=$ROOT/tests/suites/expected/$1 result name line rest=''
    local applies=0 passed=0 argued=0 elsewhere='-'
    local -A said=() ran=()
    [[ -s $results ]] || { not_ok "$suite ran" "there is not one result"; return; }
    while read -r line; do
        case $line in
            'rest skip: '*) rest=$line ;;
            'pass '*) said[${line#pass }]=pass ;;
            *) name=${line#* } && said[${name%%: *}]=$line ;;
        esac
    done <"$expected"
    while read -r result name; do
        ran[$name]=1
        line=${said[$name]:-}
        if [[ ! $line && $rest ]]; then line="skip $name: ${rest#*: }"; fi
        COMMAND="$suite: $name" SAID=$WORK/said
        : >"$SAID"
        if [[ $result == pass && ($line == pass || ! $line) ]]; then
            ok "$suite: $name"
            passed=$((passed + 1))
        elif [[ $line == "$result $name: "* ]]; then
            ok "$suite: $name does not pass: ${line#*: }"
            argued=$((argued + 1))
        else
            not_ok "$suite: $name" "the result is '$result' and expected/$suite says '${line:-pass}'"
        fi
        [[ $line == *": lacks: "* ]] || applies=$((applies + 1))
    done <"$results"
    for name in "${!said[@]}"; do
        [[ ${ran[$name]:-} ]] || not_ok "$suite: $name" "expected/$suite names a test that did not run"
    done
    [[ ! $beside ]] || elsewhere="$(grep -c '^pass ' "$beside") of $(wc -l <"$beside")"
    echo "| $suite | $version | $(wc -l <"$results") | $applies | $passed | $argued | $elsewhere |" >"$SUITES/$suite.row"
}

# softhsm [PIN [SO-PIN]]: a token of SoftHSM with an RSA and an EC keypair, beside which a suite can run; sets SOFTHSM.
softhsm() {
    local pin=${1:-1234} officer=${2:-12345678}
    SOFTHSM=/usr/lib/softhsm/libsofthsm2.so
    mkdir -p "$WORK/softhsm/tokens"
    printf 'directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n' "$WORK/softhsm/tokens" >"$WORK/softhsm.conf"
    export SOFTHSM2_CONF=$WORK/softhsm.conf
    softhsm2-util --init-token --free --label suite --pin "$pin" --so-pin "$officer" >/dev/null
    local kind id=1
    for kind in rsa:2048 EC:prime256v1; do
        pkcs11-tool --module "$SOFTHSM" --token-label suite --login --pin "$pin" --keypairgen --key-type "$kind" --label "$kind" \
            --id "0$id" >/dev/null 2>&1
        id=$((id + 1))
    done
}

# provisioned: a module whose token is set up already, as a suite's set-up would do it; SUITE_MODULE is behind it. Prints its path.
provisioned() {
    local library=$SUITES/provisioned.so source=$ROOT/tests/suites/c/provisioned.c
    [[ $library -nt $source ]] || cc -Wall -Wextra -Werror -O1 -shared -fPIC "$source" -o "$library" -ldl
    echo "$library"
}
