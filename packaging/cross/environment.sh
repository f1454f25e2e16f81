# shellcheck shell=bash
# Sourced: tools for builds for other machines, and what cargo has to know of them.

# All targets of a release.
# shellcheck disable=SC2034 # for those who source this
TARGETS=(
    x86_64-unknown-linux-gnu aarch64-unknown-linux-gnu x86_64-unknown-linux-musl aarch64-unknown-linux-musl
    x86_64-pc-windows-gnu i686-pc-windows-gnu aarch64-pc-windows-gnullvm
    aarch64-apple-darwin x86_64-apple-darwin
)
CROSS=$(realpath "$(dirname "${BASH_SOURCE[0]}")")
# The oldest glibc and macOS on which they run.
GLIBC=2.28 MACOS=11.0

# cross_tools DIRECTORY: installs zig and cargo-zigbuild from PyPI there, unless they are, and puts them into PATH
cross_tools() {
    local tools=$1 llvm
    [[ -x $tools/bin/cargo-zigbuild ]] || {
        python3 -m venv "$tools"
        "$tools/bin/pip" --quiet install ziglang==0.15.2 cargo-zigbuild==0.24.0
    }
    tools=$(realpath "$tools")
    # shellcheck disable=SC2016 # for the program
    printf '#!/bin/sh\nexec "%s/bin/python-zig" "$@"\n' "$tools" >"$tools/bin/zig"
    # shellcheck disable=SC2016
    printf '#!/bin/sh\nexec "%s/bin/python-zig" ar "$@"\n' "$tools" >"$tools/bin/zig-ar"
    chmod +x "$tools/bin/zig" "$tools/bin/zig-ar"
    local target
    for target in aarch64-windows-gnu "aarch64-macos.$MACOS" "x86_64-macos.$MACOS"; do
        ln -sfn "$CROSS/cc" "$tools/bin/$target-cc"
    done
    PATH=$tools/bin:$PATH
    # Debian's LLVM has its tools in PATH with a version, and here without.
    for llvm in /usr/lib/llvm-*/bin; do [[ ! -d $llvm ]] || PATH=$PATH:$llvm; done
    export PATH
}

# cross_environment TARGET DIRECTORY: exports what cargo needs to build for the target. Paths of this machine become /build, /cargo and /rust.
cross_environment() {
    local target=$1 tools name upper zig cargo=${CARGO_HOME:-$HOME/.cargo} c
    tools=$(realpath "$2")
    name=${target//-/_}
    upper=${name^^}
    local flags=(
        "--remap-path-prefix=$cargo=/cargo"
        "--remap-path-prefix=$(rustc --print sysroot)=/rust"
        "--remap-path-prefix=$PWD=/build"
        "--remap-path-prefix=$PWD/target/packaging/source=/build"
    )
    # The C of aws-lc names its files in errors. Its build script replaces their paths only with `opt-level = "s"`, not with ours.
    c=$(sed -n 's/^AWS_LC_SYS_CFLAGS = "\(.*\)"$/\1/p' .cargo/config.toml)
    export AWS_LC_SYS_CFLAGS="$c -ffile-prefix-map=$cargo=/cargo"
    case $target in
        # A module in a musl program uses that program's libc.
        *-musl) flags+=('-C' 'target-feature=-crt-static') ;;
        *-windows-gnullvm) zig=${target%%-*}-windows-gnu ;;
        # No time of the build in the header.
        *-windows-gnu) flags+=('-C' 'link-arg=-Wl,--no-insert-timestamp') ;;
        *-apple-darwin) zig=${target%%-*}-macos.$MACOS ;;
    esac
    if [[ ${zig:-} ]]; then
        export "CC_$name=$zig-cc" "AR_$name=zig-ar" "CARGO_TARGET_${upper}_LINKER=$zig-cc"
    fi
    if [[ $target == *-apple-darwin ]]; then
        [[ -d $tools/macos/System ]] || "$CROSS/macos" "$tools/macos"
        export "CARGO_TARGET_${upper}_LINKER=$CROSS/ld64"
        export SDKROOT=$tools/macos MACOSX_DEPLOYMENT_TARGET=$MACOS
        flags+=('-C' 'linker-flavor=ld64.lld')
    fi
    export "CARGO_TARGET_${upper}_RUSTFLAGS=${flags[*]}"
}
