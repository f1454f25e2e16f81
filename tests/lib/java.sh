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
