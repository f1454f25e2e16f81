# shellcheck shell=bash
# Java's programs, as they come, but without the second compiler: they live for a second, and half of their processor time would go to
# optimising code that has no time to run.

# quick_java FOLDER: programs in it with the names of Java's, first in PATH.
quick_java() {
    local name path
    mkdir -p "$1"
    for name in java jar jarsigner keytool; do
        path=$(command -v "$name") || continue
        local option=-J-XX:
        [[ $name != java ]] || option=-XX:
        printf '#!/bin/sh\nexec %q %sTieredStopAtLevel=1 %s+UseSerialGC "$@"\n' "$path" "$option" "$option" >"$1/$name"
        chmod +x "$1/$name"
    done
    export PATH=$1:$PATH
}

# jdks: the directory of each that has Java 11 or later, in the order of their versions.
jdks() {
    local program jdk version
    for program in $(compgen -G '/usr/lib/jvm/*/bin/jarsigner' | xargs -r -n 1 readlink -f | sort -u); do
        jdk=${program%/bin/jarsigner}
        version=$(jdk_version "$jdk")
        [[ ${version%%.*} -lt 11 ]] || echo "$version $jdk"
    done | sort -V | cut -d' ' -f2-
}

jdk_version() { # DIRECTORY
    "$1/bin/java" -version 2>&1 | sed -n 's/.* version "\([^"]*\)".*/\1/p'
}

# each_jdk FUNCTION: calls it once for each JDK, which is the first on the PATH, in a directory of its own.
each_jdk() {
    local jdk path=$PATH found=()
    mapfile -t found < <(jdks)
    [[ ${#found[@]} -gt 0 ]] || { echo "FAIL /usr/lib/jvm has no JDK" >&2; return 1; }
    for jdk in "${found[@]}"; do
        echo "with Java $(jdk_version "$jdk"), $jdk:"
        mkdir "$WORK/${jdk##*/}"
        cd "$WORK/${jdk##*/}" || return
        export JAVA_HOME=$jdk PATH=$jdk/bin:$path
        quick_java "$WORK/quick/${jdk##*/}"
        "$@"
    done
    export PATH=$path
    unset JAVA_HOME
    cd "$WORK" || return
}
