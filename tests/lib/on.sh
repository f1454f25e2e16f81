# shellcheck shell=bash
# The client scripts on another Debian release: what was built here runs in a root of that release, which target/on/SUITE keeps.

# shellcheck source=tests/lib/root.sh
source tests/lib/root.sh

# passed_on: "NAME=VALUE" of each variable that a root gets from this machine, and nothing else of the environment.
passed_on() {
    local name
    for name in $(compgen -e | grep -E '^(TERM|CI|NO_INSTALL|KEEP_WORK|CARGO_TERM_COLOR|(https?|no|all)_proxy|(HTTPS?|NO|ALL)_PROXY|PIP_.*|npm_config_.*|STM_TEST_.*)$'); do
        [[ $name == STM_TEST_JSIGN || $name == STM_TEST_CHECKED_CALLS ]] || echo "$name=${!name}"
    done
}

# on_suite SUITE RUN-ARGUMENT...: tests/run with these arguments, in a root of SUITE.
on_suite() {
    local suite=$1 kept root home=/root rust cargo file places=() words=()
    kept=$(realpath -m "$TARGET")/on/$suite
    shift
    root=$kept/root
    isolate || return 1
    mkdir -p "$kept/target/release"
    exec 8>"$kept/lock"
    flock --nonblock 8 || { echo "another tests/run --on $suite is running; wait for it to end" >&2; return 1; }
    if [[ ! -e $root ]]; then
        echo "making a root of $suite ..."
        make_root "$suite" "$root" >"$kept/debootstrap.log" 2>&1 8>&- || { tail -n 20 "$kept/debootstrap.log" >&2; return 1; }
    fi
    [[ " $* " == *" --only-install "* ]] || cp --remove-destination "${STM_PKCS11_MODULE:-$TARGET/release/libstm_pkcs11.so}" "${STM_EMULATOR:-$TARGET/release/stm-emulator}" \
        "${STM_PKCS11_COMPANION:-$TARGET/release/stm-pkcs11}" "$kept/target/release/" || return 1

    places=("$PWD=/stm/source" "$kept/target:=/stm/target")
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
