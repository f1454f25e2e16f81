# shellcheck shell=bash
# The client scripts on another Debian release: what was built here runs in a root of that release, which target/on/SUITE keeps. For arm64, what
# packaging/build made runs in a root of arm64 under qemu, which target/on/SUITE-arm64 keeps.

# shellcheck source=tests/lib/root.sh
source tests/lib/root.sh

# passed_on: "NAME=VALUE" of each variable that a root gets from this machine, and nothing else of the environment.
passed_on() {
    local name
    for name in $(compgen -e | grep -E '^(TERM|CI|NO_INSTALL|KEEP_WORK|CARGO_TERM_COLOR|(https?|no|all)_proxy|(HTTPS?|NO|ALL)_PROXY|PIP_.*|npm_config_.*|STM_TEST_.*)$'); do
        [[ $name == STM_TEST_JSIGN || $name == STM_TEST_CHECKED_CALLS ]] || echo "$name=${!name}"
    done
}

# static_qemu: prints the path of a static qemu-aarch64, which starts in a root that has no library of this machine. Without one, Debian's package is
# unpacked in target/on/qemu: to install it would change how this whole machine starts programs for arm64.
static_qemu() {
    local kept program
    kept=$(realpath -m "$TARGET")/on/qemu program=$(command -v qemu-aarch64-static) || program=$kept/usr/bin/qemu-aarch64-static
    if [[ ! -x $program ]]; then
        mkdir -p "$kept"
        (cd "$kept" && apt-get download qemu-user-static >log 2>&1 && dpkg-deb -x qemu-user-static_*.deb .) || {
            echo "qemu-aarch64-static is missing, and apt could not download the package qemu-user-static; install it" >&2
            return 1
        }
        # From Debian 13 on, all programs of qemu-user are static.
        [[ -x $program ]] || program=$(command -v qemu-aarch64) || { echo "qemu-aarch64 is missing; install the package qemu-user" >&2; return 1; }
    fi
    echo "$program"
}

# on_suite SUITE ARCHITECTURE RUN-ARGUMENT...: tests/run with these arguments, in a root of SUITE; of this machine's architecture, if none is named.
on_suite() {
    local suite=$1 architecture=$2 kept root home=/root rust cargo file built=$TARGET/release qemu='' places=() words=()
    kept=$(realpath -m "$TARGET")/on/$suite${architecture:+-$architecture}
    shift 2
    root=$kept/root
    if [[ $architecture ]]; then
        qemu=$(static_qemu) || return 1
        built=$ARM64/release
        words+=(UNDER_QEMU=1 "STM_TEST_SLOWER=${STM_TEST_SLOWER:-10}")
    fi
    isolate "$qemu" || return 1
    mkdir -p "$kept/target/release"
    exec 8>"$kept/lock"
    flock --nonblock 8 || { echo "another tests/run --on $suite is running; wait for it to end" >&2; return 1; }
    if [[ ! -e $root ]]; then
        echo "making a root of $suite${architecture:+ for $architecture} ..."
        make_root "$suite" "$root" "$architecture" >"$kept/debootstrap.log" 2>&1 8>&- || { tail -n 20 "$kept/debootstrap.log" >&2; return 1; }
    fi
    [[ " $* " == *" --only-install "* ]] || cp --remove-destination "${STM_PKCS11_MODULE:-$built/libstm_pkcs11.so}" "${STM_EMULATOR:-$built/stm-emulator}" \
        "${STM_PKCS11_COMPANION:-$built/stm-pkcs11}" "$kept/target/release/" || return 1

    places=("$PWD=/stm/source" "$kept/target:=/stm/target")
    # The whole-module tests read files of the repository where it was when they were built.
    [[ ! $architecture || ! -d $ARM64/module-tests ]] || places+=("$PWD=$PWD" "$ARM64/module-tests:=/stm/target/module-tests")
    # packaging/package asks cargo for the list of components.
    rust=$(rustc --print sysroot) cargo=${CARGO_HOME:-$HOME/.cargo}
    mkdir -p "$cargo/registry"
    places+=("$rust=/stm/rust" "$cargo/registry=/stm/cargo/registry")
    [[ ! -e $cargo/config.toml ]] || places+=("$cargo/config.toml=/stm/cargo/config.toml")
    # Where pip and npm find their registries.
    for file in /etc/pip.conf "$HOME/.config/pip/pip.conf" "$HOME/.pip/pip.conf" "$HOME/.npmrc"; do
        [[ ! -e $file ]] || places+=("$file=${file/#$HOME/$home}")
    done
    if [[ ${STM_TEST_JSIGN:-} ]]; then
        places+=("$STM_TEST_JSIGN=/stm/jsign")
        words+=(STM_TEST_JSIGN=/stm/jsign)
    fi
    mapfile -t -O "${#words[@]}" words < <(passed_on)
    in_root "$root" "${places[@]}" -- /usr/bin/env -i "${words[@]}" HOME=$home LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
        PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/stm/rust/bin \
        CARGO_HOME=/stm/cargo CARGO_NET_OFFLINE=true RUSTC_WRAPPER='' CARGO_TARGET_DIR=/stm/target IN_ROOT=1 \
        /bin/bash /stm/source/tests/run --no-build "$@" </dev/null
}
